package attempt

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Call makes a system call with these arguments and null for the rest: one that
// a filter lets through reaches the kernel's own checks.
func Call(number uintptr, args ...uintptr) error {
	_, err := call(number, args)
	return err
}

// FD makes a system call that returns a descriptor.
func FD(number uintptr, args ...uintptr) (int, error) {
	n, err := call(number, args)
	if err != nil {
		return -1, err
	}
	return int(n), nil
}

func call(number uintptr, args []uintptr) (uintptr, error) {
	var a [6]uintptr
	copy(a[:], args)
	n, _, errno := syscall.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return 0, errno
	}
	return n, nil
}

// Closing closes the descriptor that an attempt has got.
func Closing(fd int, err error) error {
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// SetClock sets the clock to the time that it has.
func SetClock() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &now); err != nil {
		return err
	}
	return unix.ClockSettime(unix.CLOCK_REALTIME, &now)
}

// Fork makes a child that does nothing but wait for ever, or exit. Nothing of
// the Go runtime runs in it.
//
//go:norace
func Fork(flags uintptr, stay bool) (int, syscall.Errno) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, _, errno := syscall.RawSyscall(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD), 0, 0)
	if errno != 0 || pid != 0 {
		return int(pid), errno
	}
	for stay {
		syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// Clone makes a child with these flags and waits for its end.
func Clone(flags uintptr) error {
	pid, errno := Fork(flags, false)
	if errno != 0 {
		return errno
	}
	_, err := unix.Wait4(pid, nil, unix.WALL, nil)
	return err
}

// WithChild does something to a child that waits for ever.
func WithChild(act func(pid int) error) error {
	pid, errno := Fork(0, true)
	if errno != 0 {
		return errno
	}
	defer func() {
		unix.Kill(pid, unix.SIGKILL)
		unix.Wait4(pid, nil, unix.WALL, nil)
	}()
	return act(pid)
}
