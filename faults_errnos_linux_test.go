package sandbox_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// errnoOfCall is one errno for each system call that the launcher makes, from
// the ERRORS section of its man page, and preferably one that happens: for
// want of memory or of descriptors, or by a security module. No call is here
// that cannot fail.
var errnoOfCall = map[string]unix.Errno{
	"capset":                  unix.EPERM,
	"chdir":                   unix.EACCES,
	"clone":                   unix.EAGAIN,
	"clone3":                  unix.EAGAIN,
	"clock_gettime":           unix.EINVAL,
	"close":                   unix.EIO,
	"close_range":             unix.ENOMEM,
	"dup3":                    unix.EMFILE,
	"execve":                  unix.E2BIG,
	"fchdir":                  unix.EACCES,
	"fstatfs":                 unix.EIO,
	"fchown":                  unix.EROFS,
	"fchownat":                unix.EROFS,
	"fsconfig":                unix.EINVAL,
	"fsmount":                 unix.EBUSY,
	"fsopen":                  unix.ENODEV,
	"futex":                   unix.EINVAL,
	"ioctl":                   unix.EPERM,
	"ioprio_set":              unix.EPERM,
	"keyctl":                  unix.EDQUOT,
	"kill":                    unix.EPERM,
	"landlock_add_rule":       unix.EBADFD,
	"landlock_create_ruleset": unix.ENOMEM,
	"landlock_restrict_self":  unix.E2BIG,
	"mkdirat":                 unix.ENOSPC,
	"mknodat":                 unix.EPERM,
	"mmap":                    unix.ENOMEM,
	"mount":                   unix.ENOMEM,
	"mount_setattr":           unix.EPERM,
	"move_mount":              unix.ELOOP,
	"open_tree":               unix.ENOMEM,
	"openat":                  unix.EMFILE,
	"openat2":                 unix.EXDEV,
	"personality":             unix.EINVAL,
	"pidfd_open":              unix.ENODEV,
	"pipe2":                   unix.EMFILE,
	"pivot_root":              unix.EBUSY,
	"ppoll":                   unix.ENOMEM,
	"prctl":                   unix.EINVAL,
	"prlimit64":               unix.EPERM,
	"read":                    unix.EIO,
	"recvfrom":                unix.ENOMEM,
	"recvmsg":                 unix.ENOMEM,
	"rt_sigaction":            unix.EFAULT,
	"rt_sigprocmask":          unix.EFAULT,
	"sched_setscheduler":      unix.EPERM,
	"seccomp":                 unix.ENOMEM,
	"sendmsg":                 unix.ENOBUFS,
	"sendto":                  unix.ENOBUFS,
	"setgroups":               unix.ENOMEM,
	"sethostname":             unix.EPERM,
	"setns":                   unix.ENOMEM,
	"setpriority":             unix.EACCES,
	"setresgid":               unix.EPERM,
	"setresuid":               unix.EAGAIN,
	"setsid":                  unix.EPERM,
	"signalfd4":               unix.EMFILE,
	"socket":                  unix.EACCES,
	"symlinkat":               unix.ENOSPC,
	"umount2":                 unix.EBUSY,
	"unshare":                 unix.ENOSPC,
	"wait4":                   unix.ECHILD,
	"write":                   unix.EIO,
}

// errnosOf are the errnos to let a call fail with: one that it does not expect,
// and one that it does.
func errnosOf(t *testing.T, c launcherCall) (out []uint32) {
	t.Helper()
	switch {
	case slices.Contains([]string{"exit_group", "getpid", "umask", "fail"}, c.name):
		return nil // these cannot fail
	case c.name == "close" && strings.Contains(c.text, "any error ignored"):
		return nil // the descriptor is closed even then
	case strings.Contains(c.text, "on any error go to"), c.name == "execve":
		return nil // tried again, with a candidate that does not exist or to report; internal/plan lets it fail
	}
	errno, ok := errnoOfCall[c.name]
	if !ok {
		t.Errorf("no errno for %s", c.name)
		return nil
	}
	out = append(out, uint32(errno))
	for _, form := range []string{", errno ", ", on errno "} {
		if _, after, found := strings.Cut(c.text, form); found {
			var expected uint32
			_, err := fmt.Sscan(after, &expected)
			repeated := expected == uint32(unix.EAGAIN)
			inPlace := c.name == "dup3" && expected == uint32(unix.EINVAL) // says that both numbers are the same
			if err == nil && !repeated && !inPlace {
				out = append(out, expected)
			}
		}
	}
	return out
}

func errnoOf(n uint32) error { return syscall.Errno(n) }
