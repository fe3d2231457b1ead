package cgroup

import "errors"

// Totals reads what only grows. That is a few small files, while the whole of
// [Group.Stats] makes the kernel add up the counters of all CPUs.
func (g *Group) Totals() (*Totals, error) {
	done, err := g.use("read")
	if err != nil {
		return nil, err
	}
	defer done()
	var s Stats
	for _, d := range g.dirs {
		if err := g.totals(d, &s); err != nil {
			return nil, err
		}
	}
	return s.totals(), nil
}

// Final is [Group.Totals] if no process is left in the group or below it: then no
// number changes any more, because only its own processes could make others.
func (g *Group) Final() (*Totals, bool) {
	if !g.deserted() {
		return nil, false
	}
	totals, err := g.Totals()
	return totals, err == nil
}

// deserted says whether no process is left. All directories have the same ones.
func (g *Group) deserted() bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if len(g.dirs) == 0 {
		return false
	}
	d := g.dirs[0]
	if d.base.version == 2 {
		events, err := d.keyed("", "cgroup.events")
		populated, known := events["populated"]
		return err == nil && known && populated == 0
	}
	procs, err := d.readFile("cgroup.procs")
	return err == nil && procs == "" && d.childless()
}

// totals reads what a directory has to say.
func (g *Group) totals(d *dir, s *Stats) error {
	for _, section := range []struct {
		controller string
		read       func(*dir, *Stats) error
	}{
		{"memory", (*dir).memoryTotals},
		{"cpuacct", (*dir).cpuTotal},
		{"cpu", (*dir).throttling},
		{"pids", (*dir).pidsTotal},
	} {
		counts := section.controller != "cpu" || g.quota.Load()
		if counts && g.at(section.controller) == d {
			if err := section.read(d, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteQuota notes that these limits have processes throttled. Without such a limit
// there is nothing to read.
func (g *Group) noteQuota(l Limits) {
	if l.CPUs != 0 || l.CPUQuota != 0 {
		g.quota.Store(true)
	}
}

func (s *Stats) totals() *Totals {
	return &Totals{
		MemoryPeak: s.Memory.Peak, OOMKills: s.OOM.Kills,
		CPU: s.CPU.Usage, Throttled: s.CPU.ThrottledTime, ForksRefused: s.Pids.MaxEvents,
	}
}

func (d *dir) memoryTotals(s *Stats) error {
	read, file := d.count, "memory.max_usage_in_bytes"
	if d.base.version == 2 {
		read, file = d.optional, "memory.peak"
	}
	peak, err1 := read("memory", file)
	kills, err2 := d.oomKills()
	s.Memory.Peak, s.OOM.Kills = int64(peak), kills
	return errors.Join(err1, err2)
}

func (d *dir) cpuTotal(s *Stats) error {
	if d.base.version == 2 {
		return d.cpuTimes(s)
	}
	usage, err := d.count("cpuacct", "cpuacct.usage")
	s.CPU.Usage = duration(usage, 1)
	return err
}

func (d *dir) pidsTotal(s *Stats) error {
	events, err := d.keyed("pids", "pids.events")
	s.Pids.MaxEvents = events["max"]
	return err
}
