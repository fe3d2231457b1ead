package sandboxtest

import (
	"errors"
	"os"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

// carelessly calls f from a program, and on a thread, that pass on what they
// should not.
func (h *host) carelessly(f func() error) error {
	clean, err := h.spoilProcess()
	if err != nil {
		return err
	}
	defer clean()
	return onThread(func() error {
		if err := h.spoilThread(); err != nil {
			return err
		}
		return f()
	})
}

// onThread calls f on a thread that ends with it. The first thread of a process
// cannot end: what it did to itself would be what others see of the process.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread()
			done <- onThread(f) // while this one is taken
			return
		}
		done <- f()
	}()
	return <-done
}

// spoilProcess leaks descriptors with high numbers, a variable and an ignored
// signal: Go programs inherit that of SIGHUP and SIGINT alone.
func (h *host) spoilProcess() (clean func(), err error) {
	h.Variable = "SANDBOXTEST_SECRET"
	os.Setenv(h.Variable, h.Word)
	signal.Ignore(unix.SIGHUP)
	clean = func() {
		signal.Reset(unix.SIGHUP)
		os.Unsetenv(h.Variable)
	}
	for _, leak := range []struct {
		number *int
		path   string
		flags  int
	}{{&h.Directory, h.Dir, unix.O_RDONLY | unix.O_DIRECTORY}, {&h.File, h.Canary, unix.O_RDWR}} {
		if *leak.number, err = leaked(leak.path, leak.flags); err != nil {
			clean()
			return nil, err
		}
		before, fd := clean, *leak.number
		clean = func() { unix.Close(fd); before() }
	}
	return clean, nil
}

func leaked(path string, flags int) (int, error) {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fd)
	const high = 100
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD, high)
}

// spoilThread changes what Linux keeps for each thread and its children.
func (h *host) spoilThread() error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	unix.Umask(0)
	if err := unix.Chdir(h.Dir); err != nil {
		return err
	}
	if err := attempt.Call(unix.SYS_PERSONALITY, attempt.NoRandomAddresses); err != nil {
		return err
	}
	if attempt.Call(unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING) == nil {
		key := "sandboxtest-" + h.Word
		if _, err := unix.AddKey("user", key, []byte(h.Word), unix.KEY_SPEC_SESSION_KEYRING); err == nil {
			h.Key = key
		}
	}
	return h.inheritCapability()
}

// inheritCapability makes one inheritable, where there is one.
func (h *host) inheritCapability() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Inheritable |= data[0].Permitted & (1 << unix.CAP_KILL)
	if err := unix.Capset(&header, &data[0]); err != nil && !errors.Is(err, unix.EPERM) {
		return err
	}
	return nil
}
