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

// KeepTotals opens the files of [Group.Totals] and [Group.Final], which takes longer
// than to read them: for a group whose numbers are wanted soon and fast. CloseTotals
// and Remove close them. A file that cannot be opened now is tried again when it is
// read. The list of processes of v1 is not among them: who reads it again by the same
// descriptor may be given an old one (cgroup_pidlist_start in
// kernel/cgroup/cgroup-v1.c).
func (g *Group) KeepTotals() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, d := range g.dirs {
		if i == 0 && d.base.version == 2 {
			d.keep("cgroup.events")
		}
		for _, total := range g.totalsOf(d) {
			d.keep(total.files[d.base.version-1]...)
		}
	}
}

// CloseTotals closes what KeepTotals has opened.
func (g *Group) CloseTotals() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range g.dirs {
		d.closeKept()
	}
}

// A total is what one controller counts, in files of cgroup v1 and v2.
type total struct {
	controller string
	read       func(*dir, *Stats) error
	files      [2][]string
}

var totals = []total{
	{"memory", (*dir).memoryTotals, [2][]string{{"memory.max_usage_in_bytes", "memory.oom_control"}, {"memory.peak", "memory.events"}}},
	{"cpuacct", (*dir).cpuTotal, [2][]string{{"cpuacct.usage"}, {"cpu.stat"}}},
	{"cpu", (*dir).throttling, [2][]string{{"cpu.stat"}, {"cpu.stat"}}},
	{"pids", (*dir).pidsTotal, [2][]string{{"pids.events"}, {"pids.events"}}},
}

// totalsOf are those that a directory has.
func (g *Group) totalsOf(d *dir) (all []total) {
	for _, total := range totals {
		counts := total.controller != "cpu" || g.quota.Load()
		if counts && g.at(total.controller) == d {
			all = append(all, total)
		}
	}
	return all
}

// totals reads what a directory has to say.
func (g *Group) totals(d *dir, s *Stats) error {
	for _, total := range g.totalsOf(d) {
		if err := total.read(d, s); err != nil {
			return err
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
