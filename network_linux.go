package sandbox

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/plain"
)

// newNetwork makes a network namespace with its loopback interface up. The thread
// is in it only as long as that takes; one that cannot get back ends with its
// goroutine.
func newNetwork() (*os.File, error) {
	const own = "/proc/thread-self/ns/net"
	fail := func(step, path string, err error) (*os.File, error) {
		return nil, explain(&SetupError{step, path, underlying(err)})
	}
	runtime.LockOSThread()
	host, err := plain.Open(own, unix.O_RDONLY)
	if err != nil {
		runtime.UnlockOSThread()
		return fail("open the network namespace", own, err)
	}
	defer host.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fail("create namespaces", "net", err)
	}
	made, err := plain.Open(own, unix.O_RDONLY)
	if err == nil {
		err = loopbackUp()
	}
	if unix.Setns(int(host.Fd()), unix.CLONE_NEWNET) == nil {
		runtime.UnlockOSThread()
	}
	if err != nil {
		made.Close()
		return fail("bring loopback up", "", err)
	}
	return made, nil
}

// loopbackUp sets the flag of the interface lo in the thread's namespace.
func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request)
}
