package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/plain"
)

// Hierarchy knows where this process can make groups. It is found once, keeps
// the directories open, and is safe for concurrent use. The zero value is not usable.
type Hierarchy struct {
	fs    fileSystem
	self  owner
	next  atomic.Uint64
	scope *scope // below which all groups are made; nil but after DiscoverScope

	mu      sync.RWMutex
	bases   []*base
	where   map[string]*base // by v2 name of the controller; nil: see support
	faults  map[string]error // why the hierarchy of a controller is out of reach
	support []Support
	users   int // groups that need the descriptors
	closed  bool
}

var errClosed = errors.New("already closed or removed")

// source is what discovery reads.
type source struct {
	mountinfo, memberships string
	parent                 string // instead of the process's own cgroup
	fs                     fileSystem
}

// Discover finds the cgroups of this process from /proc/self/mountinfo and
// /proc/self/cgroup. It fails only if these cannot be read, or for want of
// descriptors or memory; what cannot be used, and why, is for
// [Hierarchy.Controllers] to tell. Close the Hierarchy after use.
func Discover() (*Hierarchy, error) { return discoverSelf("") }

// DiscoverBelow is [Discover] with groups made below the named cgroup instead of
// the caller's own. The name is a path as in /proc/self/cgroup, such as
// "/machines.slice/build"; the cgroup must exist in every hierarchy that is to be used.
func DiscoverBelow(parent string) (*Hierarchy, error) {
	if !strings.HasPrefix(parent, "/") || path.Clean(parent) != parent {
		return nil, &LimitError{Limit: "parent", Value: strconv.Quote(parent), Reason: "must be a clean path that begins with /"}
	}
	return discoverSelf(parent)
}

func discoverSelf(parent string) (*Hierarchy, error) {
	s := source{parent: parent, fs: kernelFileSystem()}
	for file, into := range map[string]*string{"/proc/self/mountinfo": &s.mountinfo, "/proc/self/cgroup": &s.memberships} {
		text, err := plain.Read(file)
		if err != nil {
			return nil, &Error{Op: "read", Path: file, Cause: "is /proc mounted?", Err: err}
		}
		*into = string(text)
	}
	return discover(s)
}

func discover(s source) (*Hierarchy, error) {
	mounts, err := parseMountinfo(s.mountinfo)
	if err != nil {
		return nil, err
	}
	memberships, err := parseMemberships(s.memberships)
	if err != nil {
		return nil, err
	}
	self, err := processOwner(os.Getpid())
	if err != nil {
		return nil, err
	}
	if s.parent != "" {
		for i := range memberships {
			memberships[i].path = s.parent
		}
	}
	h := &Hierarchy{fs: s.fs, self: self, where: make(map[string]*base), faults: make(map[string]error)}
	for _, l := range locate(mounts, memberships) {
		if l.version == 1 && !slices.ContainsFunc(l.controllers, known) {
			continue
		}
		b, err := openBase(s.fs, l, s.parent == "")
		if scarce(err) {
			h.Close()
			return nil, err // it says nothing about the host
		}
		if err != nil {
			l.blame(h.faults, err)
			continue
		}
		h.bases = append(h.bases, b)
	}
	h.assess()
	return h, nil
}

// scarce tells whether something failed for want of descriptors or memory,
// which another time need not be so.
func scarce(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}

func known(kernel string) bool { return slices.Contains(controllerNames(), commonName(kernel)) }

// blame notes why the controllers of a hierarchy are out of reach. v2 is last
// in /proc/self/cgroup, so it is blamed only for what is not on v1.
func (l located) blame(faults map[string]error, err error) {
	names := l.controllers
	if l.version == 2 {
		names = controllerNames()
	}
	for _, n := range names {
		if n = commonName(n); faults[n] == nil {
			faults[n] = err
		}
	}
}

// assess decides for each controller where it is used, or why it is not.
func (h *Hierarchy) assess() {
	h.support = nil
	for _, c := range controllerNames() {
		b := h.home(c)
		s := Support{Controller: c}
		switch {
		case b == nil:
			s.Err = absent(c, h.faults[c])
		default:
			s.Version, s.Path, s.Err = b.version, b.path, b.support(c)
		}
		if s.Err == nil {
			h.where[c] = b
		} else {
			delete(h.where, c)
		}
		h.support = append(h.support, s)
	}
}

// home finds the hierarchy of a controller. The freezer is taken from v2 even on
// hybrid hosts, where it is better: a frozen process can be killed, and one
// directory serves for freezing, killing and CPU time. CPU time alone is not worth
// that: a process enters a v1 group faster, see Group.ProcsFiles.
func (h *Hierarchy) home(controller string) *base {
	var v1, v2 *base
	for _, b := range h.bases {
		switch {
		case b.version == 2:
			v2 = b
		case slices.Contains(b.controllers, controller):
			v1 = b
		}
	}
	switch {
	case controller == "freezer" && v2 != nil && (v1 == nil || v2.writable() == nil):
		return v2
	case v1 != nil:
		return v1
	case v2 != nil && (len(h.bases) == 1 || controller == "devices" || v2.has(controller)):
		return v2
	}
	return nil
}

func (b *base) has(controller string) bool {
	list, _ := readAt(b.fd, "cgroup.controllers")
	return slices.Contains(strings.Fields(list), controller)
}

func absent(controller string, fault error) error {
	return &UnsupportedError{
		Feature: controller,
		Reason:  "no hierarchy that this process can reach has it",
		Fix:     "mount the cgroup file system, or boot a kernel that has the controller",
		Err:     fault,
	}
}

// Controllers tells for each controller whether groups can be made with it,
// where, and if not, why. Nothing is changed to find out.
func (h *Hierarchy) Controllers() []Support {
	var all []Support
	for _, c := range controllerNames() {
		all = append(all, h.Controller(c))
	}
	return all
}

// Controller is the entry of [Hierarchy.Controllers] for one of them. That of
// devices on v2 takes a trial: a program is loaded, and attached to nothing.
func (h *Hierarchy) Controller(name string) Support {
	h.mu.RLock()
	i := slices.IndexFunc(h.support, func(s Support) bool { return s.Controller == name })
	if i < 0 {
		h.mu.RUnlock()
		return Support{Controller: name, Err: &UnsupportedError{Feature: name, Reason: "there is no controller of this name"}}
	}
	s := h.support[i]
	h.mu.RUnlock()
	if s.Err == nil && s.Version == 2 && name == "devices" && h.fs.genuine {
		s.Err = canLoadDevices()
	}
	return s
}

// Close ends the making of groups and gives back the descriptors, at the latest
// when the last group is removed. Groups stay usable.
func (h *Hierarchy) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.closeUnused()
	return nil
}

func (h *Hierarchy) acquire() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return &Error{Op: "use", Cause: "the hierarchy was closed", Err: errClosed}
	}
	h.users++
	return nil
}

func (h *Hierarchy) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.users--
	h.closeUnused()
}

func (h *Hierarchy) closeUnused() {
	if !h.closed || h.users > 0 {
		return
	}
	if h.scope != nil {
		h.scope.close()
	}
	for _, b := range h.bases {
		unix.Close(b.fd)
	}
	h.bases = nil
}

// Vacate makes room on v2 where groups would be made below a cgroup that has
// processes of its own: it moves all of them, this one included, into a child
// called leaf, which is made if need be. It is for programs that own the cgroup
// they were started in, as under "systemd-run --user --scope -p Delegate=yes".
// It does nothing if there is room already. The leaf stays: it cannot be
// removed while this process is in it.
func (h *Hierarchy) Vacate(leaf string) error {
	if err := checkName(leaf); err != nil || leaf == "" {
		return errors.Join(err, &LimitError{Limit: "leaf", Value: strconv.Quote(leaf), Reason: "must be a name"})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return &Error{Op: "vacate", Err: errClosed}
	}
	for _, b := range h.bases {
		if b.version != 2 || b.mayParent() == nil {
			continue
		}
		if err := b.vacate(h.fs, leaf); err != nil {
			return err
		}
		h.assess()
	}
	return nil
}

func (b *base) vacate(fs fileSystem, leaf string) error {
	where := path.Join(b.path, leaf)
	if err := fs.mkdir(b.fd, leaf); err != nil && !errors.Is(err, unix.EEXIST) {
		return b.refused("vacating", &Error{Op: "create", Path: where, Err: err})
	}
	fd, err := openDirAt(b.fd, leaf)
	if err != nil {
		return &Error{Op: "open", Path: where, Err: err}
	}
	defer unix.Close(fd)
	const rounds = 100 // each catches what the round before forked
	for range rounds {
		procs, err := readAt(b.fd, "cgroup.procs")
		if err != nil {
			return &Error{Op: "read", Path: path.Join(b.path, "cgroup.procs"), Err: err}
		}
		if procs == "" {
			return nil
		}
		for pid := range strings.FieldsSeq(procs) {
			_, err := writeAt(fd, "cgroup.procs", pid, false)
			if err != nil && !errors.Is(err, unix.ESRCH) {
				return &Error{Op: "enter", Path: where, Value: pid, Err: err}
			}
		}
	}
	return &Error{Op: "vacate", Path: b.path, Cause: fmt.Sprintf("processes kept appearing for %d rounds", rounds), Err: unix.EBUSY}
}
