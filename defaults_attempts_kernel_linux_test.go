package sandbox_test

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ignoring runs f while a signal has no effect.
func ignoring(sig unix.Signal, f func() error) error {
	signal.Ignore(sig)
	defer signal.Reset(sig)
	return f()
}

// raw makes a system call whose pointers are all null: one that a filter lets
// through reaches the kernel's own checks.
func raw(number uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	if _, _, errno := syscall.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
		return errno
	}
	return nil
}

func kernelAttempts() map[string]func(string) error {
	call := func(number uintptr, args ...uintptr) func(string) error {
		return func(string) error { return raw(number, args...) }
	}
	const (
		addrNoRandomize = 0x0040000
		noCommand       = 9999
	)
	return map[string]func(string) error{
		"keyctl": func(string) error {
			_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
			return err
		},
		"add_key": func(string) error {
			_, err := unix.AddKey("user", "sandbox-test", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
			return err
		},
		"find-key": func(name string) error {
			_, err := unix.KeyctlSearch(unix.KEY_SPEC_SESSION_KEYRING, "user", name, 0)
			return err
		},
		"request_key":        call(unix.SYS_REQUEST_KEY),
		"bpf":                call(unix.SYS_BPF, noCommand),
		"perf_event_open":    call(unix.SYS_PERF_EVENT_OPEN),
		"userfaultfd":        func(string) error { return closing(rawFD(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|1)) },
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
		"clock_settime":      func(string) error { return setClock() },
		"clock_settime-null": call(unix.SYS_CLOCK_SETTIME),
		"personality":        call(unix.SYS_PERSONALITY, addrNoRandomize),
		"clone3":             call(unix.SYS_CLONE3),
		"fanotify_init":      call(unix.SYS_FANOTIFY_INIT, 1<<30),
		"mbind":              call(unix.SYS_MBIND, 1),
		"unknown":            call(5000),
	}
}

func rawFD(number uintptr, args ...uintptr) (int, error) {
	var a [3]uintptr
	copy(a[:], args)
	fd, _, errno := syscall.Syscall(number, a[0], a[1], a[2])
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

func processAttempts() map[string]func(string) error {
	on := func(f func(pid int) error) func(string) error {
		return func(arg string) error {
			pid, err := strconv.Atoi(arg)
			if err != nil {
				return err
			}
			return f(pid)
		}
	}
	return map[string]func(string) error{
		"kill":   on(func(pid int) error { return unix.Kill(pid, unix.SIGKILL) }),
		"stop":   on(func(pid int) error { return unix.Kill(pid, unix.SIGSTOP) }),
		"signal": on(func(pid int) error { return unix.Kill(pid, 0) }),
		"ptrace": on(func(pid int) error { return unix.PtraceSeize(pid) }),
		"ptrace-child": func(string) error {
			return withChild(unix.PtraceSeize)
		},
		"read-memory": on(readMemory),
		"pidfd_getfd": on(func(pid int) error {
			pidfd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				return err
			}
			defer unix.Close(pidfd)
			return closing(unix.PidfdGetfd(pidfd, 0, 0))
		}),
		"pidfd_getfd-child": func(string) error {
			return withChild(func(pid int) error {
				pidfd, err := unix.PidfdOpen(pid, 0)
				if err != nil {
					return err
				}
				defer unix.Close(pidfd)
				return closing(unix.PidfdGetfd(pidfd, 0, 0))
			})
		},
		"realtime": func(string) error {
			return unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0)
		},
		"nice":  func(n string) error { v, _ := strconv.Atoi(n); return unix.Setpriority(unix.PRIO_PROCESS, 0, v) },
		"mlock": mlock,
		"setuid": func(n string) error {
			id, _ := strconv.Atoi(n)
			_, _, errno := syscall.RawSyscall(unix.SYS_SETUID, uintptr(id), 0, 0) // this thread alone
			if errno != 0 {
				return errno
			}
			return nil
		},
		"shmget": func(key string) error { n, _ := strconv.Atoi(key); _, err := unix.SysvShmGet(n, 0, 0); return err },
	}
}

// withChild does something to a child that waits for ever.
func withChild(act func(pid int) error) error {
	pid, errno := rawFork(0, true)
	if errno != 0 {
		return errno
	}
	defer func() {
		unix.Kill(pid, unix.SIGKILL)
		unix.Wait4(pid, nil, unix.WALL, nil)
	}()
	return act(pid)
}

// readMemory reads a word of another process, or of this one for 0.
func readMemory(pid int) error {
	if pid == 0 {
		pid = os.Getpid()
	}
	local := make([]byte, 8)
	var iov unix.Iovec
	iov.Base = &local[0]
	iov.SetLen(len(local))
	// Address 1 is mapped nowhere: who may read at all gets EFAULT.
	_, err := unix.ProcessVMReadv(pid, []unix.Iovec{iov}, []unix.RemoteIovec{{Base: 1, Len: 8}}, 0)
	return err
}

func mlock(bytes string) error {
	n, err := strconv.Atoi(bytes)
	if err != nil {
		return err
	}
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	defer unix.Munmap(b)
	return unix.Mlock(b)
}

// setClock sets the clock to the time that it has.
func setClock() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &now); err != nil {
		return err
	}
	return unix.ClockSettime(unix.CLOCK_REALTIME, &now)
}
