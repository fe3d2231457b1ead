package cgroup

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of waiting. They are far above what a host under load needs.
const (
	freezeBound = 10 * time.Second
	killBound   = 10 * time.Second
	removeBound = 2 * time.Second
)

// pollStep is how long one wait for an event may take before the context is
// looked at again.
const pollStep = 50 * time.Millisecond

// WaitEmpty waits until no process is left in the group or below it. It says
// nothing about processes that enter later. If the context ends first, the
// error wraps the context's.
func (g *Group) WaitEmpty(ctx context.Context) error {
	done, err := g.use("wait")
	if err != nil {
		return err
	}
	defer done()
	return g.waitEmpty(ctx)
}

func (g *Group) waitEmpty(ctx context.Context) error {
	for _, d := range g.dirs {
		if err := d.waitEmpty(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *dir) waitEmpty(ctx context.Context) error {
	if d.base.version == 2 {
		return d.waitEvent(ctx, "populated", 0)
	}
	// v1 has no event to wait for.
	return poll(ctx, func() (bool, error) {
		pids, err := d.pids()
		return len(pids) == 0, err
	})
}

// waitEvent waits until a key of cgroup.events has a value. The kernel wakes
// those who poll the file when it changes.
func (d *dir) waitEvent(ctx context.Context, key string, want uint64) error {
	const file = "cgroup.events"
	fd, err := d.openFile(file, unix.O_RDONLY)
	if err != nil {
		return d.fail("open", "", file, "", err)
	}
	defer unix.Close(fd)
	for {
		text, err := readAll(fd)
		if err != nil {
			return d.fail("read", "", file, "", err)
		}
		if got, ok := parseKeyed(text)[key]; ok && got == want {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return d.fail("wait", "", file, key, err)
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}
		if _, err := unix.Poll(fds, int(untilDeadline(ctx)/time.Millisecond)); err != nil && err != unix.EINTR {
			return d.fail("poll", "", file, "", err)
		}
	}
}

func untilDeadline(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(max(time.Until(deadline), time.Millisecond), pollStep)
	}
	return pollStep
}

// poll asks again and again, ever more slowly, for what the kernel has no event for.
func poll(ctx context.Context, ready func() (bool, error)) error {
	const first, last = 50 * time.Microsecond, 10 * time.Millisecond
	timer := time.NewTimer(0)
	defer timer.Stop()
	for pause := first; ; pause = min(pause*2, last) {
		<-timer.C
		if ok, err := ready(); ok || err != nil {
			return err
		}
		timer.Reset(pause)
		if err := ctx.Err(); err != nil {
			return &Error{Op: "wait", Err: err}
		}
	}
}

// Procs lists the processes in the group and in groups below it, each once. A
// process of a PID namespace that the caller cannot see is listed as 0.
func (g *Group) Procs() ([]int, error) {
	done, err := g.use("read")
	if err != nil {
		return nil, err
	}
	defer done()
	return g.procs()
}

func (g *Group) procs() ([]int, error) {
	seen := make(map[int]bool)
	var all []int
	for _, d := range g.dirs {
		pids, err := d.pids()
		if err != nil {
			return nil, err
		}
		for _, pid := range pids {
			if !seen[pid] {
				seen[pid] = true
				all = append(all, pid)
			}
		}
	}
	return all, nil
}

// pids lists the processes of a directory and of all below it.
func (d *dir) pids() ([]int, error) {
	var all []int
	err := d.each(func(fd int, top bool) error {
		text, err := readAt(fd, "cgroup.procs")
		switch {
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENODEV) && !top:
			return nil // threaded: listed above; or removed meanwhile
		case err != nil:
			return d.fail("read", "", "cgroup.procs", "", err)
		}
		for field := range strings.FieldsSeq(text) {
			if pid, err := strconv.Atoi(field); err == nil {
				all = append(all, pid)
			}
		}
		return nil
	})
	return all, err
}
