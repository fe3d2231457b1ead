package attempt

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// StealDescriptor copies another process's standard input.
func StealDescriptor(pid int) error {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	return Closing(unix.PidfdGetfd(pidfd, 0, 0))
}

// ReadMemory reads a word of another process, or of this one for 0. Address 1
// is mapped nowhere: who may read at all gets EFAULT.
func ReadMemory(pid int) error {
	if pid == 0 {
		pid = os.Getpid()
	}
	local := make([]byte, 8)
	iov := unix.Iovec{Base: &local[0]}
	iov.SetLen(len(local))
	_, err := unix.ProcessVMReadv(pid, []unix.Iovec{iov}, []unix.RemoteIovec{{Base: 1, Len: 8}}, 0)
	return err
}

// LockMemory keeps this many bytes from being swapped out.
func LockMemory(bytes int) error {
	b, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	defer unix.Munmap(b)
	return unix.Mlock(b)
}

// RealTime makes the calling thread one that no ordinary one interrupts.
func RealTime() error {
	return unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0)
}

// SetUID changes the ids of the calling thread alone.
func SetUID(id int) error { return Call(unix.SYS_SETUID, uintptr(id)) }

// OpenTerminal opens a new pseudo-terminal, as openpty(3) does.
func OpenTerminal() (side, peer int, name string, err error) {
	if side, err = unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
		return -1, -1, "", err
	}
	if name, err = unlockTerminal(side); err != nil {
		unix.Close(side)
		return -1, -1, "", err
	}
	if peer, err = unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
		unix.Close(side)
		return -1, -1, "", err
	}
	return side, peer, name, nil
}

func unlockTerminal(side int) (name string, err error) {
	if err := unix.IoctlSetPointerInt(side, unix.TIOCSPTLCK, 0); err != nil {
		return "", err
	}
	n, err := unix.IoctlGetInt(side, unix.TIOCGPTN)
	return "/dev/pts/" + strconv.Itoa(n), err
}

// NoRandomAddresses is the personality(2) that makes attacks repeatable.
const NoRandomAddresses = 0x0040000 // ADDR_NO_RANDOMIZE
