package soak

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// helperWord is the first argument that makes this program its own helper.
const helperWord = "soak-helper"

// Main is the helper, if the arguments say so: a program calls it first of all,
// with os.Args, and ends with the code.
func Main(args []string) (code int, isHelper bool) {
	if len(args) < 3 || args[1] != helperWord {
		return 0, false
	}
	act, ok := acts()[args[2]]
	if !ok {
		fmt.Fprintf(os.Stderr, "no act %q\n", args[2])
		return 99, true
	}
	if err := act(args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 98, true
	}
	return 0, true
}

const (
	block = mib
	most  = 256 * mib // a flood that nobody stops ends here
)

// acts are what the helper does, by name.
func acts() map[string]func(args []string) error {
	return map[string]func([]string) error{
		"output":           endless,
		"small writes":     writeBytes,
		"anonymous memory": func([]string) error { return fillMemory() },
		"memfd":            func([]string) error { return fillFile(unix.MemfdCreate("flood", unix.MFD_CLOEXEC)) },
		"shared memory":    func([]string) error { return fillFile(create("/dev/shm/flood")) },
		"tmpfs":            func([]string) error { return fillFile(create("/tmp/flood")) },
		"pipes": func([]string) error {
			return fillPairs(func(p []int) error { return unix.Pipe2(p, unix.O_NONBLOCK) }, 1)
		},
		"sockets":   func([]string) error { return fillPairs(socketPair, 0) },
		"disk":      func([]string) error { return fullDisk() },
		"inodes":    func([]string) error { return allInodes() },
		"processes": func([]string) error { return breed() },
		"threads":   func([]string) error { return spin() },
		"zombies":   func([]string) error { return neverWait() },
		"deafness":  func([]string) error { return hearNothing() },
		"host":      hostToBeKilled,
	}
}

func create(path string) (int, error) {
	return unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
}

func endless([]string) error {
	for b := make([]byte, 1<<16); ; {
		if _, err := os.Stdout.Write(b); err != nil {
			return err
		}
	}
}

func writeBytes(args []string) error {
	n, err := strconv.Atoi(args[0])
	for ; n > 0 && err == nil; n-- {
		_, err = os.Stdout.Write([]byte{'x'})
	}
	return err
}

func fillMemory() error {
	b, err := unix.Mmap(-1, 0, most, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	return err
}

// fillFile writes a file of memory until that is refused.
func fillFile(fd int, err error) error {
	b := make([]byte, block)
	for n := 0; n < most && err == nil; n += len(b) {
		_, err = unix.Write(fd, b)
	}
	if errors.Is(err, unix.ENOSPC) {
		return nil
	}
	return err
}

func socketPair(p []int) error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	copy(p, fds[:])
	return err
}

// fillPairs fills the buffers of as many pairs as can be had.
func fillPairs(pair func(p []int) error, writer int) error {
	b := make([]byte, 1<<16)
	for n := 0; n < most; {
		p := make([]int, 2)
		if err := pair(p); err != nil {
			return nil
		}
		for {
			m, err := unix.Write(p[writer], b)
			if err != nil || m == 0 {
				break
			}
			n += m
		}
	}
	return nil
}

func fullDisk() error {
	fd, err := create("/tmp/flood")
	if err != nil {
		return err
	}
	for n := 0; n < most; n += block {
		if _, err := unix.Write(fd, make([]byte, block)); errors.Is(err, unix.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return errors.New("no end of /tmp")
}

func allInodes() error {
	for i := range 1_000_000 {
		fd, err := create("/tmp/" + strconv.Itoa(i))
		if errors.Is(err, unix.ENOSPC) {
			return nil
		}
		if err != nil {
			return err
		}
		unix.Close(fd)
	}
	return errors.New("no end of inodes")
}

// breed starts processes for ever, in generations.
func breed() error {
	for {
		null, err := os.Open("/dev/null")
		if err != nil {
			return err
		}
		p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", "sleep 1000 & sleep 1000 & wait"}, &os.ProcAttr{Files: []*os.File{null, null, null}})
		null.Close()
		if err == nil {
			p.Release()
		} else {
			time.Sleep(time.Millisecond)
		}
	}
}

// spin starts threads until the Go runtime cannot.
func spin() error {
	for {
		ready := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(ready)
			unix.Pause()
		}()
		<-ready
	}
}

// neverWait leaves dead children until there is no room for another.
func neverWait() error {
	for range 100_000 {
		_, err := syscall.ForkExec("/bin/true", []string{"true"}, nil)
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return errors.New("no end of processes")
}

func hearNothing() error {
	signal.Ignore()
	for i := unix.Signal(1); i < 65; i++ {
		signal.Ignore(i)
	}
	for {
		time.Sleep(time.Hour)
	}
}
