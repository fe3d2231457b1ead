package faults

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/seccomp"
)

// mark is an operation of prctl(2) that does not exist: with it the victim says
// where it is, in the second argument.
const mark = 0x5afe

const (
	markBegin = iota // the act begins
	markEnd
	markCanceled // its context has ended
)

// handOver is a flag of sendmsg(2) without a meaning for a Unix socket: the one
// message with it is not intercepted, because it carries the listener.
const handOver = unix.MSG_CONFIRM

// numbers are the system calls of a host program that are intercepted: those
// that the library makes, directly or by package os and os/exec.
var numbers = map[int]string{
	unix.SYS_CAPGET: "capget", unix.SYS_CLONE: "clone", unix.SYS_CLONE3: "clone3",
	unix.SYS_FACCESSAT: "faccessat", unix.SYS_FACCESSAT2: "faccessat2", unix.SYS_FCNTL: "fcntl", unix.SYS_FSTAT: "fstat",
	unix.SYS_FSTATFS: "fstatfs", unix.SYS_GETDENTS64: "getdents64", unix.SYS_LANDLOCK_CREATE_RULESET: "landlock_create_ruleset",
	unix.SYS_LSEEK: "lseek", unix.SYS_MEMFD_CREATE: "memfd_create", unix.SYS_MKDIRAT: "mkdirat", unix.SYS_OPENAT: "openat",
	unix.SYS_OPENAT2: "openat2", unix.SYS_PIDFD_OPEN: "pidfd_open", unix.SYS_PIDFD_SEND_SIGNAL: "pidfd_send_signal",
	unix.SYS_PIPE2: "pipe2", unix.SYS_PPOLL: "ppoll", unix.SYS_PRCTL: "prctl", unix.SYS_PREAD64: "pread64",
	unix.SYS_PRLIMIT64: "prlimit64", unix.SYS_READ: "read", unix.SYS_READLINKAT: "readlinkat", unix.SYS_RECVMSG: "recvmsg",
	unix.SYS_SECCOMP: "seccomp", unix.SYS_SENDMSG: "sendmsg", unix.SYS_SETSOCKOPT: "setsockopt", unix.SYS_SHUTDOWN: "shutdown",
	unix.SYS_SOCKETPAIR: "socketpair", unix.SYS_STATFS: "statfs", unix.SYS_UNLINKAT: "unlinkat",
	unix.SYS_WAIT4: "wait4", unix.SYS_WAITID: "waitid", unix.SYS_WRITE: "write",
}

// numberNames adds the calls that x/sys names differently on each architecture.
func numberNames() map[int]string {
	all := maps.Clone(numbers)
	switch runtime.GOARCH {
	case "amd64":
		all[7], all[262] = "poll", "newfstatat"
	case "arm64":
		all[79] = "newfstatat"
	}
	return all
}

// intercepted puts the filter on this process, gives the listener to the other
// end of a socket and executes the test binary again: the filter stays, and
// there every thread has it.
func intercepted(socket int, argv []string) error {
	runtime.LockOSThread()
	target, err := seccomp.NativeTarget()
	if err != nil {
		return err
	}
	var names []string
	for _, name := range numberNames() {
		if name != "sendmsg" {
			names = append(names, name)
		}
	}
	policy := &seccomp.Policy{DefaultAction: seccomp.ActAllow, Unlisted: seccomp.UnlistedDefault, Syscalls: []seccomp.Rule{
		{Names: names, Action: seccomp.ActNotify},
		{Names: []string{"sendmsg"}, Action: seccomp.ActNotify, Args: []seccomp.Arg{{Index: 2, Value: handOver, Op: seccomp.OpNotEqual}}},
	}}
	filter, err := policy.Compile(target)
	if err != nil {
		return err
	}
	listener, err := listen(filter)
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	if err := unix.Sendmsg(socket, []byte{0}, unix.UnixRights(listener), nil, handOver); err != nil {
		return err
	}
	return syscall.Exec("/proc/self/exe", argv, os.Environ())
}

// listen loads a filter on this thread and returns its listener.
func listen(filter seccomp.Filter) (int, error) {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return -1, err
	}
	code := filter.Bytes()
	var pinner runtime.Pinner
	defer pinner.Unpin()
	pinner.Pin(&code[0])
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: (*unix.SockFilter)(unsafe.Pointer(&code[0]))}
	// The Go runtime sends signals to its own threads. Without the second flag,
	// of Linux 5.19, each of them would interrupt a call and repeat it.
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// A notification is struct seccomp_notif.
type notification struct {
	id       uint64
	tid      uint32
	flags    uint32
	nr       int32
	arch     uint32
	ip       uint64
	argument [6]uint64
}

// A response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// next waits for a call; it is over when every process with the filter is gone.
func next(listener int) (n notification, over bool, err error) {
	for {
		polled := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(polled, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return n, false, err
		}
		if polled[0].Revents&unix.POLLIN == 0 {
			if polled[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0 {
				return n, true, nil
			}
			continue
		}
		n = notification{}
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n)))
		switch errno {
		case 0:
			return n, false, nil
		case unix.ENOENT, unix.EINTR: // the caller has died meanwhile
		default:
			return n, false, errno
		}
	}
}

// answer lets a call go on, or fail.
func answer(listener int, n notification, errno unix.Errno) error {
	r := response{id: n.id, errno: -int32(errno)}
	if errno == 0 {
		r.flags = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
	}
	_, _, failed := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r)))
	if failed != 0 && failed != unix.ENOENT { // the caller has died meanwhile
		return failed
	}
	return nil
}
