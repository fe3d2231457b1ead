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
	if len(g.dirs) == 0 {
		g.gone = true
		g.h.release()
	}
	return errors.Join(errs...)
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
