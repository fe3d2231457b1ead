package sandbox

import (
	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/seccomp"
)

// closeWays refuses the system calls by which a command without namespaces and
// mounts would reach what is outside, past Landlock, whatever the policy allows.
//
// What it cannot see into is refused with it: calls of other architectures, and
// numbers that it does not know.
func (s *settings) closeWays(policy *seccomp.Policy) *seccomp.Policy {
	policy = policy.With()
	policy.Architectures, policy.ArchMap, policy.Unlisted = nil, nil, seccomp.UnlistedNoSys
	for _, w := range []struct {
		errno unix.Errno
		names []string
	}{
		// The host's own, for want of an IPC namespace.
		{unix.ENOSYS, []string{"mq_open", "mq_unlink"}},
		// By a path Landlock does not look at these.
		{unix.EPERM, []string{
			"chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "utime", "utimes", "futimesat", "file_setattr",
		}},
		{unix.EOPNOTSUPP, []string{
			"setxattr", "lsetxattr", "setxattrat", "removexattr", "lremovexattr", "removexattrat",
			"getxattr", "lgetxattr", "getxattrat", "listxattr", "llistxattr", "listxattrat",
		}},
		// They tell where the host has mounted what.
		{unix.ENOSYS, []string{"statmount", "listmount", "listns"}},
		// They tell what happens in directories that cannot be listed.
		{unix.EPERM, []string{"inotify_add_watch", "fanotify_mark", "fanotify_init"}},
		// Keys belong to the user, and so to the host's processes, too.
		{unix.EPERM, []string{"add_key", "request_key", "keyctl"}},
		{unix.EPERM, []string{"io_uring_setup", "io_uring_enter", "io_uring_register", "socketcall", "ipc"}},
	} {
		policy = policy.Deny(w.errno, w.names...)
	}
	if s.IPC != IPCHost {
		policy = policy.Deny(unix.ENOSYS, "shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv", "msgctl")
	}
	if s.readOnlyBinds() {
		// Of a file that can be read its owner could change these.
		policy = policy.Deny(unix.EPERM, "fchmod", "fchown").Deny(unix.EOPNOTSUPP, "fsetxattr", "fremovexattr").Deny(unix.EPERM, "utimensat")
	}
	return s.closeSockets(policy).With(othersProcesses()...)
}

// closeSockets leaves of Unix sockets pairs of streams, which cannot be connected
// to anything else: Landlock looks at no path of a socket, and behind one of the
// host's may be a service that runs programs for the user. Without a network nothing
// else is left either.
func (s *settings) closeSockets(policy *seccomp.Policy) *seccomp.Policy {
	if s.Network == NetworkNone {
		policy = policy.Deny(unix.EAFNOSUPPORT, "socket")
	}
	low := func(index uint, mask, value uint64) seccomp.Arg {
		return seccomp.Arg{Index: index, Op: seccomp.OpMaskedEqual, Value: mask, ValueTwo: value}
	}
	const kind = 0xf // the type without its flags
	return policy.With(
		refusal(unix.EAFNOSUPPORT, "Unix sockets of the host", []seccomp.Arg{low(0, 0xffffffff, unix.AF_UNIX)}, "socket"),
		refusal(unix.EAFNOSUPPORT, "pairs of Unix sockets alone", []seccomp.Arg{{Index: 0, Op: seccomp.OpNotEqual, Value: unix.AF_UNIX}}, "socketpair"),
		refusal(unix.EOPNOTSUPP, "a datagram can be sent to any socket", []seccomp.Arg{low(1, kind, unix.SOCK_DGRAM)}, "socketpair"),
		refusal(unix.EOPNOTSUPP, "the same as a datagram", []seccomp.Arg{low(1, kind, unix.SOCK_RAW)}, "socketpair"),
	)
}

// othersProcesses are calls with which processes of the same user outside could be
// looked at, slowed down or limited. Landlock looks at signals and ptrace(2).
func othersProcesses() []seccomp.Rule {
	not := func(index uint, value uint64) seccomp.Arg {
		return seccomp.Arg{Index: index, Op: seccomp.OpNotEqual, Value: value}
	}
	const processIO = 1 // IOPRIO_WHO_PROCESS
	own := "of the caller alone"
	return []seccomp.Rule{
		refusal(unix.EPERM, own, []seccomp.Arg{not(0, 0)}, "prlimit64"),
		refusal(unix.EPERM, own, []seccomp.Arg{not(0, 0)}, "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"),
		refusal(unix.EPERM, own, []seccomp.Arg{not(0, unix.PRIO_PROCESS)}, "setpriority", "getpriority"),
		refusal(unix.EPERM, own, []seccomp.Arg{not(1, 0)}, "setpriority", "getpriority"),
		refusal(unix.EPERM, own, []seccomp.Arg{not(0, processIO)}, "ioprio_set"),
		refusal(unix.EPERM, own, []seccomp.Arg{not(1, 0)}, "ioprio_set"),
		refusal(unix.EPERM, "by a path Landlock does not look at it", []seccomp.Arg{not(1, 0)}, "utimensat"),
	}
}

func refusal(errno unix.Errno, comment string, args []seccomp.Arg, names ...string) seccomp.Rule {
	return seccomp.Rule{Names: names, Action: seccomp.ActErrno, Errno: new(uint16(errno)), Comment: comment, Args: args}
}
