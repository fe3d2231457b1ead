package cgroup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Kill ends every process of the group and of groups below it with SIGKILL,
// frozen ones too, and returns when none is left. It does not reap them: that
// is for their parents.
//
// On v2, and on hybrid hosts for groups made with Options.Freezer, the kernel
// does it at once (cgroup.kill, Linux 5.14). On v1 the group is first kept from
// growing, by the freezer or by a pids limit of zero, whichever it was made
// with. Without either, a program that forks faster than its processes can be
// found may survive some seconds of this, and then the error is EBUSY.
func (g *Group) Kill() error {
	done, err := g.use("kill")
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(context.Background(), killBound)
	defer cancel()
	release, err := g.stopForks()
	if err != nil {
		return err
	}
	return errors.Join(g.killAll(ctx), release())
}

func (g *Group) killAll(ctx context.Context) error {
	for {
		if err := g.killOnce(ctx); err != nil {
			return err
		}
		// What was told to die needs a moment; what was missed needs another round.
		round, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		err := g.waitEmpty(round)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return g.survivors()
		case !errors.Is(err, context.DeadlineExceeded):
			return err
		}
	}
}

func (g *Group) survivors() error {
	pids, err := g.procs()
	if err != nil {
		return err
	}
	e := &Error{Op: "kill", Path: g.dirs[0].path(""), Err: unix.EBUSY}
	e.Cause = fmt.Sprintf("%d processes are still there after %v", len(pids), killBound)
	if slices.Contains(pids, 0) {
		e.Cause += ", some in a PID namespace that this process cannot see"
	}
	return e
}

// killOnce tells every process to die that is there now.
func (g *Group) killOnce(ctx context.Context) error {
	if d := g.unified(); d != nil {
		_, err := d.write("cgroup.kill", "1", false)
		switch {
		case err == nil && len(g.dirs) == 1:
			return nil
		case err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EOPNOTSUPP):
			return d.fail("write", "", "cgroup.kill", "1", err)
		}
		// On hybrid hosts some may be on their way in, or have left one hierarchy.
	}
	frozen := g.at("freezer")
	if frozen != nil && frozen.base.version == 1 {
		// Best effort: what cannot be frozen at once is met in the next round.
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		_ = frozen.freeze(short)
		cancel()
	}
	err := g.signalAll()
	if frozen != nil && frozen.base.version == 1 {
		err = errors.Join(err, frozen.thaw())
	}
	return err
}

// signalAll sends SIGKILL to the listed processes, and only to these: a number
// is signalled through a descriptor that was opened before the number was seen
// in the group a second time, so a number used again elsewhere is left alone.
func (g *Group) signalAll() error {
	const batch = 128 // descriptors at once
	pids, err := g.procs()
	if err != nil {
		return err
	}
	pids = slices.DeleteFunc(pids, func(pid int) bool { return pid <= 0 })
	for part := range slices.Chunk(pids, batch) {
		if err := g.signal(part); err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) signal(pids []int) error {
	open := make(map[int]int, len(pids))
	defer func() {
		for _, fd := range open {
			unix.Close(fd)
		}
	}()
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
			continue
		}
		if err != nil {
			return &Error{Op: "kill", Value: fmt.Sprint(pid), Err: err}
		}
		open[pid] = fd
	}
	still, err := g.procs()
	if err != nil {
		return err
	}
	for _, pid := range still {
		fd, ok := open[pid]
		if !ok {
			continue
		}
		if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return &Error{Op: "kill", Value: fmt.Sprint(pid), Err: err}
		}
	}
	return nil
}

// stopForks keeps a v1 group from growing by a pids limit of zero. release
// puts the old limit back.
func (g *Group) stopForks() (release func() error, err error) {
	nothing := func() error { return nil }
	d := g.at("pids")
	if d == nil || d.base.version == 2 || g.unified() != nil {
		return nothing, nil
	}
	old, err := d.read("pids", "pids.max")
	if err != nil {
		return nothing, err
	}
	set := func(value string) error {
		if _, err := d.write("pids.max", value, false); err != nil {
			return d.fail("write", "pids", "pids.max", value, err)
		}
		return nil
	}
	return func() error { return set(strings.TrimSpace(old)) }, set("0")
}
