package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// base is a directory below which groups are made: one for each v1 hierarchy
// and one for v2. Its descriptor stays open.
type base struct {
	version     int
	path        string
	fd          int
	controllers []string // v1: v2 names of what is mounted here

	mu      sync.Mutex
	enabled map[string]bool // v2: known to be in cgroup.subtree_control
}

const (
	magicV1 = unix.CGROUP_SUPER_MAGIC
	magicV2 = unix.CGROUP2_SUPER_MAGIC
)

// openBase opens the first place of a hierarchy that is what it should be. On
// v2 it moves up to where children may have controllers, if climb is set.
func openBase(fs fileSystem, l located, climb bool) (*base, error) {
	if len(l.places) == 0 {
		return nil, &Error{Op: "find", Path: l.cgroup, Cause: l.reason, Err: unix.ENOENT}
	}
	var first error
	for _, p := range l.places {
		b, err := openPlace(fs, l, p, climb)
		if err == nil {
			return b, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func openPlace(fs fileSystem, l located, p place, climb bool) (*base, error) {
	top, err := openMount(fs, l.version, p.point)
	if err != nil {
		return nil, err
	}
	defer unix.Close(top)
	fd, err := openBelow(top, p.rel)
	if err != nil {
		return nil, &Error{Op: "open", Path: p.String(), Err: err}
	}
	b := &base{version: l.version, path: p.String(), fd: fd}
	if l.version == 1 {
		for _, c := range l.controllers {
			b.controllers = append(b.controllers, commonName(c))
		}
		return b, nil
	}
	b.enabled = make(map[string]bool)
	if climb && b.useful() && b.mayParent() != nil {
		b.climb(top, p)
	}
	return b, nil
}

func openMount(fs fileSystem, version int, point string) (fd int, err error) {
	err = again(func() error {
		fd, err = unix.Open(point, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return -1, &Error{Op: "open", Path: point, Err: err}
	}
	if !fs.genuine {
		return fd, nil
	}
	want := int64(magicV1)
	if version == 2 {
		want = magicV2
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil || int64(st.Type) != want {
		unix.Close(fd)
		return -1, &Error{Op: "open", Path: point, Cause: "another file system is mounted over it", Err: errors.Join(err, unix.ENODEV)}
	}
	return fd, nil
}

// useful tells whether a v2 tree has a controller that this package can set.
// On hybrid hosts it often has none and serves for freezing and killing only.
func (b *base) useful() bool {
	list, _ := readAt(b.fd, "cgroup.controllers")
	for c := range strings.FieldsSeq(list) {
		if slices.Contains(controllerNames(), c) {
			return true
		}
	}
	return false
}

// real tells whether a v2 directory is the root of the whole hierarchy, to
// which the rule about processes does not apply.
func (b *base) real() bool { return !exists(b.fd, "cgroup.type") }

// mayParent says why the children of a v2 directory cannot have controllers.
func (b *base) mayParent() error {
	if b.real() {
		return nil
	}
	procs, err := readAt(b.fd, "cgroup.procs")
	switch {
	case err != nil:
		return err
	case procs != "":
		return unix.EBUSY
	}
	return nil
}

// climb moves a v2 base up to the nearest directory that was given to this
// process and has no processes of its own, or else to the top of what is
// mounted. If there is neither it stays.
func (b *base) climb(top int, p place) {
	for _, rel := range ancestors(p.rel)[1:] {
		fd, err := openBelow(top, rel)
		if err != nil {
			return
		}
		up := &base{version: 2, path: place{p.point, rel}.String(), fd: fd}
		if (rel == "" || up.given()) && up.mayParent() == nil && up.writable() == nil {
			unix.Close(b.fd)
			b.fd, b.path = up.fd, up.path
			return
		}
		unix.Close(fd)
	}
}

// given tells whether a v2 directory was delegated: to this user by ownership,
// or to a service by the mark that systemd leaves (systemd.exec(5), Delegate=).
func (b *base) given() bool {
	var st unix.Stat_t
	if uid := os.Geteuid(); uid != 0 && unix.Fstat(b.fd, &st) == nil && int(st.Uid) == uid {
		return true
	}
	mark := make([]byte, 8)
	for _, attr := range []string{"user.delegate", "trusted.delegate"} {
		if n, err := unix.Fgetxattr(b.fd, attr, mark); err == nil && string(mark[:n]) == "1" {
			return true
		}
	}
	return false
}

// writable asks for all that making and entering a group needs.
func (b *base) writable() error {
	names := []string{"."}
	if b.version == 2 {
		// A process may be moved only by one who may write to the
		// cgroup.procs of the nearest common ancestor.
		names = append(names, "cgroup.procs")
	}
	for _, name := range names {
		if err := writable(b.fd, name); err != nil {
			return &Error{Op: "write", Path: path.Join(b.path, name), Err: err}
		}
	}
	return nil
}

// enable makes controllers available to the children of a v2 directory.
func (b *base) enable(controllers []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range controllers {
		if everywhere(c) || b.enabled[c] {
			continue
		}
		if err := b.enableOne(c); err != nil {
			return err
		}
		b.enabled[c] = true
	}
	return nil
}

func (b *base) enableOne(controller string) error {
	const file = "cgroup.subtree_control"
	list, err := readAt(b.fd, file)
	if err == nil && slices.Contains(strings.Fields(list), controller) {
		return nil
	}
	if err == nil {
		_, err = writeAt(b.fd, file, "+"+controller, false)
	}
	if err == nil {
		return nil
	}
	return b.refused(controller, &Error{Op: "write", Controller: controller, Path: path.Join(b.path, file), Value: "+" + controller, Err: err})
}

// support says whether children of the directory can have a controller.
func (b *base) support(controller string) error {
	if err := b.writable(); err != nil {
		return b.refused(controller, err)
	}
	if b.version == 1 || everywhere(controller) {
		return nil
	}
	if list, _ := readAt(b.fd, "cgroup.subtree_control"); slices.Contains(strings.Fields(list), controller) {
		return nil
	}
	control := path.Join(b.path, "cgroup.subtree_control")
	if list, _ := readAt(b.fd, "cgroup.controllers"); !slices.Contains(strings.Fields(list), controller) {
		return &UnsupportedError{
			Feature: controller,
			Reason:  "it is not among the cgroup.controllers of " + b.path,
			Fix:     fmt.Sprintf("delegate it: Delegate=%s in the systemd unit, or write +%s to the cgroup.subtree_control of each cgroup above", controller, controller),
		}
	}
	if err := writable(b.fd, "cgroup.subtree_control"); err != nil {
		return b.refused(controller, &Error{Op: "write", Controller: controller, Path: control, Err: err})
	}
	if err := b.mayParent(); err != nil {
		return b.refused(controller, &Error{Op: "write", Controller: controller, Path: control, Value: "+" + controller, Err: err})
	}
	return nil
}

// refused explains what the kernel said about a base directory.
func (b *base) refused(feature string, err error) error {
	u := &UnsupportedError{Feature: feature, Err: err, Reason: "groups cannot be made below " + b.path}
	switch {
	case errors.Is(err, unix.EBUSY):
		u.Reason = "the cgroup " + b.path + " has processes of its own, so cgroup v2 gives its children no controllers"
		u.Fix = "run in a cgroup that was delegated, with this process in a leaf of it (systemd: Delegate=yes and DelegateSubgroup=), " +
			"or call Hierarchy.Vacate, or name an empty parent with DiscoverBelow"
	case errors.Is(err, unix.EROFS):
		u.Fix = "mount the cgroup file system writable; in a container that takes more than the default privileges"
	case errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM):
		u.Fix = "run as root, or have root give user " + fmt.Sprint(os.Geteuid()) + " a cgroup in this hierarchy and name it with DiscoverBelow"
		if b.version == 2 {
			u.Fix = "run in a delegated cgroup (systemd-run --user --scope -p Delegate=yes PROGRAM), or run as root"
		}
	}
	return u
}

// commonName is the v2 name of a v1 controller.
func commonName(kernel string) string {
	if kernel == "blkio" {
		return "io"
	}
	return kernel
}

// everywhere tells whether it works in each group of v2 with no controller enabled.
func everywhere(controller string) bool { return core(controller) || controller == "devices" }

// core tells whether v2 offers it in every group by itself.
func core(controller string) bool {
	return controller == "freezer" || controller == "cpuacct"
}
