package cgroup

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

// Remove removes the group: the directories that were made for it and those
// that its processes made below, and nothing else. The group must be empty; one
// whose last process is just dying is waited for, for at most a few seconds. If
// processes remain the error is EBUSY, and Remove can be called again after
// Kill. Removing a removed group does nothing.
func (g *Group) Remove() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gone {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), removeBound)
	defer cancel()
	var errs []error
	g.dirs = slices.DeleteFunc(g.dirs, func(d *dir) bool {
		err := d.remove(ctx)
		if err == nil {
			d.close()
		}
		errs = append(errs, err)
		return err == nil
	})
	g.leave()
	return errors.Join(errs...)
}

// RemoveEmpty reads the group's totals and removes it, if no process is in it or
// below it any more and that can be done at once. Otherwise ok is false, and
// [Group.Totals] and [Group.Remove] are there for later.
func (g *Group) RemoveEmpty() (totals *Totals, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.dirs) == 0 || len(g.dirs) == 1 && !g.dirs[0].empty() {
		return nil, false
	}
	// The kernel removes no directory that has a process. All have the same ones,
	// so what is read after the first was removed is final.
	var s Stats
	for _, d := range slices.Backward(slices.Clone(g.dirs)) {
		if g.totals(d, &s) != nil || again(func() error { return d.fs.rmdir(d.base.fd, d.name) }) != nil {
			return nil, false
		}
		d.close()
		g.dirs = g.dirs[:len(g.dirs)-1]
	}
	g.leave()
	return s.totals(), true
}

// empty says whether the directory itself has no process.
func (d *dir) empty() bool {
	procs, err := d.readFile("cgroup.procs")
	return err == nil && procs == ""
}

// leave notes that no directory is left.
func (g *Group) leave() {
	if len(g.dirs) == 0 && !g.gone {
		g.gone = true
		g.h.release()
	}
}

func (d *dir) remove(ctx context.Context) error {
	var last error
	err := poll(ctx, func() (bool, error) {
		last = removeDir(d.fs, d.base.fd, d.name)
		if errors.Is(last, unix.EBUSY) {
			d.waitUnpopulated(ctx)
			return false, nil
		}
		return last == nil, last
	})
	if err != nil {
		return d.fail("remove", "", "", "", last)
	}
	return nil
}

// waitUnpopulated waits where there is an event to wait for. What remains is
// for the caller to try again.
func (d *dir) waitUnpopulated(ctx context.Context) {
	if d.base.version == 2 {
		_ = d.waitEvent(ctx, "populated", 0)
	}
}

// removeDir removes one directory, and if it must those below it. That it is
// gone already is no error.
func removeDir(fs fileSystem, parent int, name string) error {
	rmdir := func() error { return again(func() error { return fs.rmdir(parent, name) }) }
	err := rmdir()
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.ENOTEMPTY) {
		below, openErr := openDirAt(parent, name)
		if openErr != nil {
			return err
		}
		defer unix.Close(below)
		if children, listErr := childDirs(below); listErr != nil || len(children) == 0 {
			return err
		}
		if err := removeBelow(fs, below); err != nil {
			return err
		}
		err = rmdir()
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}
