package cgroup

import (
	"errors"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Sweep removes the groups that host processes left behind when they were
// killed: those whose name was made up by [Hierarchy.Create] in this PID
// namespace, whose process is dead, and which are empty. One that still has
// processes is thawed, so that they can notice the death of their host, and
// left for the next Sweep. Groups with names chosen by the caller are never
// touched. It may run at any time, also in several processes at once.
//
// removed counts groups, however many directories each had.
func (h *Hierarchy) Sweep() (removed int, err error) {
	if err := h.acquire(); err != nil {
		return 0, err
	}
	defer h.release()
	swept := make(map[string]bool)
	living := map[owner]bool{h.self: true} // whose groups, of which each may have many, are all theirs
	busy := make(map[string]bool)
	var errs []error
	for _, b := range h.bases {
		names, err := childDirs(b.fd)
		if err != nil {
			errs = append(errs, &Error{Op: "list", Path: b.path, Err: err})
			continue
		}
		foreign := func(name string) bool { return h.foreign(name, living) }
		for _, name := range slices.DeleteFunc(names, foreign) {
			switch err := h.sweep(b, name); {
			case err == nil:
				swept[name] = true
			case errors.Is(err, unix.EBUSY):
				busy[name] = true
			default:
				errs = append(errs, err)
			}
		}
	}
	for name := range swept {
		if !busy[name] {
			removed++
		}
	}
	return removed, errors.Join(errs...)
}

// foreign tells whether a name is not that of a dead host's group. A host that was
// found alive is not looked for again.
func (h *Hierarchy) foreign(name string, living map[owner]bool) bool {
	o, _, ok := parseGroupName(name)
	if !ok || o.pidNS != h.self.pidNS {
		return true
	}
	if !living[o] && !o.gone() {
		living[o] = true
	}
	return living[o]
}

func (h *Hierarchy) sweep(b *base, name string) error {
	fd, err := openDirAt(b.fd, name)
	if errors.Is(err, unix.ENOENT) {
		return nil // swept by another
	}
	if err != nil {
		return &Error{Op: "open", Path: path.Join(b.path, name), Err: err}
	}
	defer unix.Close(fd)
	err = removeDir(h.fs, b.fd, name)
	if errors.Is(err, unix.EBUSY) {
		thawLeftover(fd)
		return err
	}
	if err != nil {
		return &Error{Op: "remove", Path: path.Join(b.path, name), Err: err}
	}
	return nil
}

// thawLeftover undoes a freeze in whichever version the directory is. There is
// nobody to tell of a failure: the next Sweep tries again.
func thawLeftover(fd int) {
	if state, err := readAt(fd, "cgroup.freeze"); err == nil && strings.TrimSpace(state) == "1" {
		_, _ = writeAt(fd, "cgroup.freeze", "0", false)
	}
	if state, err := readAt(fd, "freezer.state"); err == nil && strings.TrimSpace(state) != "THAWED" {
		_, _ = writeAt(fd, "freezer.state", "THAWED", false)
	}
}
