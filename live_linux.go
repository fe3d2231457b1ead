package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/seed-d1379373/sandbox/cgroup"
)

// endGroup ends what a command left behind that is not in a PID namespace of its
// own. For any other the end of PID 1 does that. In the last resort the launcher has
// done it, unless somebody killed that.
func (r *running) endGroup() error {
	if r.additional || r.group == nil || !r.settings.joinsPID() && !r.isLastResort() {
		return nil
	}
	if err := r.group.Kill(); err != nil {
		return &SetupError{"end the processes of the cgroup", "", err}
	}
	return nil
}

// live returns the cgroup of a sandbox that runs.
func (r *running) live() (*cgroup.Group, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.ended:
		return nil, os.ErrProcessDone
	case r.group == nil:
		return nil, &UnsupportedError{"a running sandbox's cgroup", "it was started without one", "name a limit, such as WithMemory, where the host has the controller", nil}
	}
	return r.group, nil
}

func (r *running) stats() (*cgroup.Stats, error) {
	g, err := r.live()
	if err != nil {
		return nil, err
	}
	return g.Stats()
}

// pause freezes the group, or where its hierarchies have no freezer, all its
// processes in a group that is made for that.
func (r *running) pause() error {
	r.freezing.Lock() // before live is asked: the end waits for this
	defer r.freezing.Unlock()
	g, err := r.live()
	if err != nil {
		return err
	}
	if r.freezer != nil {
		return r.freezer.Freeze()
	}
	err = g.Freeze()
	if err == nil || !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if r.freezer, err = r.cgroups.CreateWith("", cgroup.Limits{}, cgroup.Options{Freezer: true}); err != nil {
		return &UnsupportedError{string(FeatureFreezer), err.Error(), "", err}
	}
	if err := gather(g, r.freezer); err != nil {
		return err
	}
	return r.freezer.Freeze()
}

// gather moves the processes of a group into another one as well. A process
// that is born meanwhile is born where its parent is, so it is enough to look
// again until no one is missing.
func gather(from, into *cgroup.Group) error {
	for {
		all, err := from.Procs()
		if err != nil {
			return err
		}
		inside, err := into.Procs()
		if err != nil {
			return err
		}
		missing := slices.DeleteFunc(all, func(pid int) bool { return slices.Contains(inside, pid) })
		if len(missing) == 0 {
			return nil
		}
		for _, pid := range missing {
			if err := into.Add(pid); err != nil && !errors.Is(err, os.ErrProcessDone) && !isGone(err) {
				return err
			}
		}
	}
}

func (r *running) resume() error {
	r.freezing.Lock()
	defer r.freezing.Unlock()
	g, err := r.live()
	if err != nil {
		return err
	}
	if r.freezer != nil {
		return r.freezer.Thaw()
	}
	if err := g.Thaw(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// groupOptions are the limits of a cgroup, which Update can change.
var groupOptions = []string{
	"WithMemory", "WithMemorySwap", "WithMemoryReservation", "WithCPUShares", "WithCPUs", "WithCPUSet", "WithCPUSetMems",
	"WithPids", "WithIOWeight", "WithIOMax",
}

func (r *running) update(opts []Option) error {
	s := newSettings(opts)
	if !s.named["WithMemory"] {
		s.Memory = r.settings.Memory // what a swap limit is compared with
	}
	for _, name := range slices.Sorted(maps.Keys(s.named)) {
		if !slices.Contains(groupOptions, name) {
			s.fail(name, "", "cannot be changed while the sandbox runs")
		}
	}
	if err := s.validate(); err != nil {
		return err
	}
	g, err := r.live()
	if err != nil {
		return err
	}
	if err := g.Set(s.changes()); err != nil {
		var u *cgroup.UnsupportedError
		if errors.As(err, &u) {
			return &UnsupportedError{u.Feature, u.Reason, u.Fix, err}
		}
		return fmt.Errorf("sandbox: update: %w", err)
	}
	return nil
}

// changes are the limits that were named.
func (s *settings) changes() cgroup.Limits {
	var l cgroup.Limits
	if s.named["WithMemory"] || s.named["WithMemorySwap"] {
		l.Memory, l.MemorySwap = s.Memory, s.MemorySwap
	}
	l.MemoryReservation = s.MemoryReservation
	l.CPUShares, l.CPUs, l.CPUSet, l.CPUSetMems = s.CPUShares, s.CPUs, s.CPUSet, s.CPUSetMems
	if s.named["WithPids"] {
		l.Pids = s.Pids
	}
	l.IOWeight = s.IOWeight
	for device, limit := range s.IOMax {
		l.IOMax = append(l.IOMax, limit.lower(device))
	}
	return l
}

func (l IOLimit) lower(device string) cgroup.IOMax {
	return cgroup.IOMax{Device: device, ReadBPS: l.ReadBytes, WriteBPS: l.WriteBytes, ReadIOPS: l.ReadOps, WriteIOPS: l.WriteOps}
}
