package probe

import (
	"errors"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

func ipc() []Probe {
	get := func(number uintptr, key func(*Facts) int) func(*Facts) error {
		return func(f *Facts) error { return attempt.Call(number, uintptr(key(f))) }
	}
	return []Probe{
		{"ipc/shared-memory", "find a System V shared memory segment of the host", "ipc_namespaces(7)", Plain, get(unix.SYS_SHMGET, func(f *Facts) int { return f.Segment })},
		{"ipc/semaphore", "find a System V semaphore of the host", "ipc_namespaces(7)", Plain, get(unix.SYS_SEMGET, func(f *Facts) int { return f.Semaphore })},
		{"ipc/queue", "find a System V message queue of the host", "ipc_namespaces(7)", Plain, get(unix.SYS_MSGGET, func(f *Facts) int { return f.Queue })},
		{"ipc/posix-shared-memory", "open POSIX shared memory of the host", "shm_overview(7)", Plain, func(f *Facts) error { return attempt.Open(f.Shared, unix.O_RDWR) }},
		{"ipc/posix-queue", "open a POSIX message queue of the host", "mq_overview(7)", Plain, func(f *Facts) error {
			if f.Message == "" {
				return errors.New("the host has no /dev/mqueue")
			}
			return attempt.Open(f.Message, unix.O_RDWR)
		}},
		{"ipc/signal", "send a signal to a process of the host", "kill(2)", Plain, onBystander(func(pid int) error { return unix.Kill(pid, 0) })},
		{"ipc/pidfd", "get hold of a process of the host", "pidfd_open(2)", Plain, onBystander(func(pid int) error {
			fd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				return err
			}
			return attempt.Closing(fd, unix.PidfdSendSignal(fd, 0, nil, 0))
		})},
		{"ipc/trace", "trace a process of the host", "ptrace(2)", Plain, onBystander(unix.PtraceSeize)},
		{"ipc/limits", "set the resource limits of a process of the host", "prlimit(2)", Plain, onBystander(func(pid int) error {
			return unix.Prlimit(pid, unix.RLIMIT_CORE, nil, &unix.Rlimit{})
		})},
		{"ipc/priority", "see the priority of a process of the host", "getpriority(2)", Plain, onBystander(func(pid int) error {
			_, err := unix.Getpriority(unix.PRIO_PROCESS, pid)
			return err
		})},
	}
}

// onBystander acts on the host's process by its number, which inside of another
// namespace is nobody's, or somebody else's.
func onBystander(act func(pid int) error) func(*Facts) error {
	return func(f *Facts) error {
		if own, err := os.Readlink("/proc/self/ns/pid"); err == nil && own != f.Namespaces["pid"] {
			if _, err := f.bystander(); err != nil {
				return unix.ESRCH
			}
		}
		return act(f.Bystander)
	}
}

func terminal() []Probe {
	const typed = "CVE-2017-5226: commands typed into the terminal of whoever started it"
	request := func(number uintptr) func(*Facts) error {
		return always(func() error {
			return onTerminal(func(fd int) error { return attempt.Call(unix.SYS_IOCTL, uintptr(fd), number) })
		})
	}
	const pasteSelection = 0x541c // TIOCLINUX
	return []Probe{
		{"terminal/type", "type into the controlling terminal (TIOCSTI)", typed, Plain, request(unix.TIOCSTI)},
		{"terminal/type-wide", "the same with garbage in the upper half of the register", "CVE-2019-10063, CVE-2019-7303: filters compared 64 bits, the kernel reads 32", Plain,
			request(1<<32 | unix.TIOCSTI)},
		{"terminal/paste", "paste into a console (TIOCLINUX)", "CVE-2023-28100", Plain, request(pasteSelection)},
		{"terminal/discipline", "change the line discipline (TIOCSETD)", "CVE-2017-2636, CVE-2023-6546: n_hdlc, n_gsm", Plain, request(unix.TIOCSETD)},
		{"terminal/host", "open a pseudo-terminal of the host", "pts(4): what its user types", Plain, func(f *Facts) error {
			if f.Terminal == "" {
				return errors.New("the host can make none")
			}
			return attempt.Open(f.Terminal, unix.O_RDWR)
		}},
		{"terminal/controlling", "have the host program's controlling terminal", "tty(4): " + typed, Plain,
			always(func() error { return attempt.Open("/dev/tty", unix.O_RDWR) })},
		{"terminal/session", "be in the host program's session", "setsid(2): its terminal and its process groups", Plain, func(f *Facts) error {
			own, err := unix.Getsid(0)
			if err != nil {
				return err
			}
			return holds(own == f.Session || own == 0, "session %d", own)
		}},
	}
}

// onTerminal makes a pseudo-terminal, this process's controlling one, for an
// ioctl that should be refused. Any error but that shows that it was reached.
func onTerminal(act func(fd int) error) error {
	signal.Ignore(unix.SIGHUP) // at the end, when the terminal closes
	if _, err := unix.Setsid(); err != nil {
		return err
	}
	side, peer, _, err := attempt.OpenTerminal()
	if err != nil {
		return err
	}
	defer unix.Close(side)
	defer unix.Close(peer)
	if err := unix.IoctlSetInt(peer, unix.TIOCSCTTY, 0); err != nil {
		return err
	}
	err = act(peer)
	if errors.Is(err, unix.EIO) { // what the kernel answers where dev.tty.legacy_tiocsti is off
		return err
	}
	return reached(err)
}

func keys() []Probe {
	return []Probe{
		{"keys/session", "find the session keyring", "keyrings(7)", Plain, always(func() error {
			_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
			return err
		})},
		{"keys/host-key", "find a key of the host program's session", "keyrings(7): tickets, passwords of file systems", Plain, func(f *Facts) error {
			if f.Key == "" {
				return errors.New("the host has no keyrings")
			}
			_, err := unix.KeyctlSearch(unix.KEY_SPEC_SESSION_KEYRING, "user", f.Key, 0)
			return err
		}},
		{"keys/user", "find the keyring that all processes of the user share", "keyrings(7): keys are not namespaced", Plain, always(func() error {
			_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true)
			return err
		})},
		{"keys/add", "add a key", "CVE-2016-0728, and memory that no limit counts: add_key(2)", Plain, always(func() error {
			_, err := unix.AddKey("user", "probe", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
			return err
		})},
		{"keys/request", "reach request_key(2)", "request_key(2): a program that the host's root runs", Plain, reach(unix.SYS_REQUEST_KEY)},
		{"keys/join", "make a session keyring", "keyctl(2)", Plain, always(func() error {
			return attempt.Call(unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING)
		})},
		{"keys/persistent", "reach the user's persistent keyring", "persistent-keyring(7): keys that outlive a session", Plain, always(func() error {
			_, err := unix.KeyctlInt(unix.KEYCTL_GET_PERSISTENT, -1, unix.KEY_SPEC_PROCESS_KEYRING, 0, 0)
			return err
		})},
	}
}
