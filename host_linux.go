package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/caps"
	"github.com/seed-d1379373/sandbox/cgroup"
	"github.com/seed-d1379373/sandbox/internal/plain"
	"github.com/seed-d1379373/sandbox/lsm"
	"github.com/seed-d1379373/sandbox/namespace"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// host is what a sandbox needs to know about the caller and the kernel. It is
// found out once per Sandbox.
type host struct {
	uid, gid    uint32
	canMount    bool // CAP_SYS_ADMIN in the initial user namespace
	canMap      bool // may write any id map
	lastCap     caps.Cap
	known       caps.Set
	held        caps.Set // the caller's own
	seccomp     seccomp.Target
	landlock    int // ABI version, 0 for none
	landlockErr error
	cgroups     *cgroup.Hierarchy
	cgroupErr   error
	keeper      *keeper // of the scope that cgroups is in, if it is in one
	proc        string  // this process's directory in /proc
}

func newHost(cgroupParent string) (*host, error) {
	h := &host{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}
	state, err := caps.Process(0)
	if err != nil {
		return nil, fmt.Errorf("sandbox: own capabilities: %w", err)
	}
	initial, err := inInitialUserNS()
	if err != nil {
		return nil, err
	}
	e := state.Effective
	h.held = state.Permitted
	h.canMap = e.Has(caps.SetUID) && e.Has(caps.SetGID)
	h.canMount = initial && h.canMap && e.Has(caps.SysAdmin) && e.Has(caps.SetPCap) && e.Has(caps.Mknod) && e.Has(caps.SysChroot)
	if h.lastCap, err = caps.Last(); err != nil {
		return nil, err
	}
	h.proc = h.ownProc(e)
	h.known = caps.Set(1)<<(h.lastCap+1) - 1
	if h.seccomp, err = seccomp.NativeTarget(); err != nil {
		return nil, err
	}
	if h.landlock, h.landlockErr = lsm.LandlockABI(); scarce(h.landlockErr) {
		return nil, h.landlockErr
	}
	if cgroupParent != "" {
		h.cgroups, h.cgroupErr = cgroup.DiscoverBelow(cgroupParent)
	} else {
		h.cgroups, h.cgroupErr = cgroup.Discover()
	}
	if scarce(h.cgroupErr) {
		return nil, h.cgroupErr
	}
	return h, nil
}

// ownProc finds the directory of this process in /proc by which its children are to
// execute what it has opened. By its number the kernel has it ready, while "self" is
// made for each child. It is another process's for them then: that takes a capability,
// and no label that could forbid it.
func (h *host) ownProc(effective caps.Set) string {
	const self = "/proc/self"
	label, err := plain.Read(self + "/attr/current")
	if !h.canMount || !effective.Has(caps.SysPtrace) || err == nil && len(label) > 0 {
		return self
	}
	number, err := os.Readlink(self)
	if err != nil {
		return self
	}
	return "/proc/" + number
}

// scarce says whether something failed for want of descriptors or memory. That
// tells nothing about what the host can enforce, and must not make a sandbox
// weaker that could be had a moment later.
func scarce(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}

// unseen is the error of a host that could not be looked at.
func unseen(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return &SetupError{"look at the host", path.Path, path.Err}
	}
	return &SetupError{"look at the host", "", err}
}

func (h *host) close() error {
	if h.cgroups == nil {
		return nil
	}
	return errors.Join(h.keeper.close(), h.cgroups.Close())
}

// inInitialUserNS says whether every id is mapped to itself, which only the
// initial user namespace has by default.
func inInitialUserNS() (bool, error) {
	f, err := plain.Open("/proc/self/uid_map", unix.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil // a kernel without user namespaces
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	maps, err := namespace.ReadIDMaps(f)
	if err != nil {
		return false, err
	}
	return len(maps) == 1 && maps[0] == namespace.IDMap{Inside: 0, Outside: 0, Count: 1<<32 - 1}, nil
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return strings.TrimRight(string(u.Release[:]), "\x00")
}
