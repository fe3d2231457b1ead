package sandbox_test

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

// attempts are single acts that a sandbox may refuse, by name. Each gets what
// follows the colon in "name:argument". Every one is harmless where it
// succeeds, in namespaces of its own.
func attempts() map[string]func(arg string) error {
	all := map[string]func(string) error{}
	for _, group := range []map[string]func(string) error{
		fileAttempts(), mountAttempts(), namespaceAttempts(), processAttempts(), kernelAttempts(), socketAttempts(), terminalAttempts(), reachAttempts(),
	} {
		for name, attempt := range group {
			all[name] = attempt
		}
	}
	return all
}

// always is an attempt without an argument, number one with a number.
func always(act func() error) func(string) error { return func(string) error { return act() } }

func number(act func(n int) error) func(string) error {
	return func(arg string) error {
		n, err := strconv.Atoi(arg)
		if err != nil {
			return err
		}
		return act(n)
	}
}

func fileAttempts() map[string]func(string) error {
	open := func(flags int) func(string) error {
		return func(p string) error { return attempt.Open(p, flags) }
	}
	return map[string]func(string) error{
		"open":        open(unix.O_RDONLY),
		"write":       open(unix.O_WRONLY),
		"create":      open(unix.O_WRONLY | unix.O_CREAT),
		"list":        attempt.List,
		"stat":        func(p string) error { _, err := os.Stat(p); return err },
		"readlink":    func(p string) error { _, err := os.Readlink(p); return err },
		"read":        func(p string) error { _, err := os.ReadFile(p); return err },
		"mkdir":       func(p string) error { return unix.Mkdir(p, 0o755) },
		"remove":      os.RemoveAll,
		"chmod":       func(p string) error { return unix.Chmod(p, 0o777) },
		"rewrite":     attempt.Rewrite,
		"chown":       func(p string) error { return unix.Chown(p, 1, 1) },
		"block":       func(p string) error { return unix.Mknod(p, unix.S_IFBLK, int(unix.Mkdev(7, 0))) },
		"device":      attempt.NullDevice,
		"rename":      attempt.RenameAcross,
		"truncate":    number(func(n int) error { return attempt.TruncateBeyond(int64(n)) }),
		"descriptors": number(attempt.OpenMany),
	}
}

func mountAttempts() map[string]func(string) error {
	in := func(fstype string) func(string) error {
		return always(func() error { return attempt.MountInTmp(fstype, "", nil) })
	}
	return map[string]func(string) error{
		"mount":             func(p string) error { return unix.Mount("tmpfs", p, "tmpfs", 0, "") },
		"bindmount":         func(p string) error { return unix.Mount(p, p, "", unix.MS_BIND, "") },
		"umount":            func(p string) error { return unix.Unmount(p, unix.MNT_DETACH) },
		"remount-bind":      func(p string) error { return unix.Mount("", p, "", unix.MS_REMOUNT|unix.MS_BIND, "") },
		"remount":           func(p string) error { return unix.Mount("", p, "", unix.MS_REMOUNT, "") },
		"make-writable":     func(p string) error { return attempt.SetAttr(p, unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}) },
		"make-writable-own": always(attempt.MakeOwnWritable),
		"mount-proc":        in("proc"),
		"mount-sysfs":       in("sysfs"),
		"mount-tmpfs":       in("tmpfs"),
		"fsopen":            always(func() error { return attempt.OpenFS("tmpfs") }),
		"open_tree":         attempt.CloneTree,
		"pivot_root":        func(p string) error { return unix.PivotRoot(p, p) },
	}
}

var cloneFlags = map[string]uintptr{
	"user": unix.CLONE_NEWUSER, "mnt": unix.CLONE_NEWNS, "pid": unix.CLONE_NEWPID, "ipc": unix.CLONE_NEWIPC,
	"uts": unix.CLONE_NEWUTS, "net": unix.CLONE_NEWNET, "cgroup": unix.CLONE_NEWCGROUP, "time": unix.CLONE_NEWTIME,
}

func namespaceAttempts() map[string]func(string) error {
	return map[string]func(string) error{
		"unshare":     func(kind string) error { return unix.Unshare(int(cloneFlags[kind])) },
		"clone":       func(kind string) error { return attempt.Clone(cloneFlags[kind]) },
		"setns":       func(kind string) error { return attempt.EnterNamespace("/proc/self/ns/"+kind, int(cloneFlags[kind])) },
		"setns-of":    func(p string) error { return attempt.EnterNamespace(p, 0) },
		"chroot":      unix.Chroot,
		"sethostname": func(name string) error { return unix.Sethostname([]byte(name)) },
	}
}

func processAttempts() map[string]func(string) error {
	kill := func(sig unix.Signal) func(string) error {
		return number(func(pid int) error { return unix.Kill(pid, sig) })
	}
	return map[string]func(string) error{
		"kill":              kill(unix.SIGKILL),
		"stop":              kill(unix.SIGSTOP),
		"signal":            kill(0),
		"ptrace":            number(unix.PtraceSeize),
		"ptrace-child":      always(func() error { return attempt.WithChild(unix.PtraceSeize) }),
		"read-memory":       number(attempt.ReadMemory),
		"pidfd_getfd":       number(attempt.StealDescriptor),
		"pidfd_getfd-child": always(func() error { return attempt.WithChild(attempt.StealDescriptor) }),
		"realtime":          always(attempt.RealTime),
		"nice":              number(func(n int) error { return unix.Setpriority(unix.PRIO_PROCESS, 0, n) }),
		"mlock":             number(attempt.LockMemory),
		"setuid":            number(attempt.SetUID),
		"shmget":            number(func(key int) error { _, err := unix.SysvShmGet(key, 0, 0); return err }),
	}
}

func kernelAttempts() map[string]func(string) error {
	call := func(number uintptr, args ...uintptr) func(string) error {
		return always(func() error { return attempt.Call(number, args...) })
	}
	const noCommand = 9999
	return map[string]func(string) error{
		"keyctl": always(func() error {
			_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
			return err
		}),
		"add_key": always(func() error {
			_, err := unix.AddKey("user", "sandbox-test", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
			return err
		}),
		"find-key": func(name string) error {
			_, err := unix.KeyctlSearch(unix.KEY_SPEC_SESSION_KEYRING, "user", name, 0)
			return err
		},
		"request_key":     call(unix.SYS_REQUEST_KEY),
		"bpf":             call(unix.SYS_BPF, noCommand),
		"perf_event_open": call(unix.SYS_PERF_EVENT_OPEN),
		"userfaultfd": always(func() error {
			return attempt.Closing(attempt.FD(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|1))
		}),
		"io_uring_setup":     call(unix.SYS_IO_URING_SETUP, 1),
		"kexec_load":         call(unix.SYS_KEXEC_LOAD),
		"init_module":        call(unix.SYS_INIT_MODULE),
		"delete_module":      call(unix.SYS_DELETE_MODULE),
		"reboot":             call(unix.SYS_REBOOT),
		"swapoff":            call(unix.SYS_SWAPOFF),
		"acct":               call(unix.SYS_ACCT, 1), // no such address
		"syslog":             call(unix.SYS_SYSLOG, 10),
		"quotactl":           call(unix.SYS_QUOTACTL),
		"open_by_handle_at":  call(unix.SYS_OPEN_BY_HANDLE_AT),
		"clock_settime":      always(attempt.SetClock),
		"clock_settime-null": call(unix.SYS_CLOCK_SETTIME),
		"personality":        call(unix.SYS_PERSONALITY, attempt.NoRandomAddresses),
		"clone3":             call(unix.SYS_CLONE3),
		"fanotify_init":      call(unix.SYS_FANOTIFY_INIT, 1<<30),
		"mbind":              call(unix.SYS_MBIND, 1),
		"unknown":            call(5000),
	}
}

func socketAttempts() map[string]func(string) error {
	open := func(family, kind, protocol int) func(string) error {
		return always(func() error { return attempt.Socket(family, kind, protocol) })
	}
	return map[string]func(string) error{
		"socket-unix":      open(unix.AF_UNIX, unix.SOCK_STREAM, 0),
		"socket-inet":      open(unix.AF_INET, unix.SOCK_STREAM, 0),
		"socket-inet6":     open(unix.AF_INET6, unix.SOCK_DGRAM, 0),
		"socket-route":     open(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE),
		"socket-audit":     open(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC),
		"socket-vsock":     open(unix.AF_VSOCK, unix.SOCK_STREAM, 0),
		"socket-packet":    open(unix.AF_PACKET, unix.SOCK_RAW, 0),
		"socket-raw":       open(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP),
		"socket-mptcp":     open(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP),
		"socket-smc":       open(unix.AF_SMC, unix.SOCK_STREAM, 0),
		"fastopen":         fastOpen,
		"socketpair-inet":  always(func() error { _, err := unix.Socketpair(unix.AF_INET, unix.SOCK_STREAM, 0); return err }),
		"listen":           attempt.Listen,
		"connect":          func(address string) error { return attempt.Dial("tcp", address) },
		"connect-abstract": func(name string) error { return attempt.Dial("unix", "@"+name) },
	}
}

func terminalAttempts() map[string]func(string) error {
	return map[string]func(string) error{
		"control-terminal": always(func() error {
			if v := terminal(); v.Control["TIOCSCTTY"] != "ok" {
				return fmt.Errorf("%+v", v)
			}
			return nil
		}),
	}
}
