package cgroup

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Stats reads the numbers of the controllers that the group has, one file after
// the other, so they are of almost but not exactly one moment.
func (g *Group) Stats() (*Stats, error) {
	done, err := g.use("read")
	if err != nil {
		return nil, err
	}
	defer done()
	s := &Stats{}
	sections := []struct {
		controller string
		read       func(*dir, *Stats) error
	}{
		{"memory", (*dir).memoryStats},
		{"cpuacct", (*dir).cpuTimes},
		{"cpu", (*dir).throttling},
		{"pids", (*dir).pidsStats},
		{"io", (*dir).ioStats},
	}
	for _, section := range sections {
		d := g.at(section.controller)
		if d == nil {
			continue
		}
		if err := section.read(d, s); err != nil {
			return nil, err
		}
		s.Controllers = append(s.Controllers, section.controller)
	}
	if d := g.unified(); d != nil {
		if s.PSI, err = d.psi(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// OOMKills counts the processes of the group and of groups below it that the
// OOM killer ended, whatever limit made it run; see [OOMStats].
// Files: v2 memory.events, v1 memory.oom_control (Linux 4.13).
func (g *Group) OOMKills() (uint64, error) {
	done, err := g.use("read")
	if err != nil {
		return 0, err
	}
	defer done()
	d := g.at("memory")
	if d == nil {
		return 0, g.without("memory")
	}
	return d.oomKills()
}

// CPUTime is the CPU time used by all processes that are or were in the group.
// On v1 the group must have been made with cpuacct in Options.Controllers.
func (g *Group) CPUTime() (time.Duration, error) {
	done, err := g.use("read")
	if err != nil {
		return 0, err
	}
	defer done()
	d := g.at("cpuacct")
	if d == nil {
		return 0, g.without("cpuacct")
	}
	var s Stats
	err = d.cpuTimes(&s)
	return s.CPU.Usage, err
}

func (g *Group) without(controller string) error {
	return &UnsupportedError{
		Feature: controller,
		Reason:  "the group was made without this controller",
		Fix:     "name it in Options.Controllers when the group is made",
	}
}

// count reads a file with one number.
func (d *dir) count(controller, file string) (uint64, error) {
	text, err := d.read(controller, file)
	if err != nil {
		return 0, err
	}
	n, err := parseCount(text)
	if err != nil {
		return 0, d.fail("read", controller, file, "", err)
	}
	return n, nil
}

// limit reads a file with a limit.
func (d *dir) limit(controller, file string) (int64, error) {
	text, err := d.read(controller, file)
	if err != nil {
		return 0, err
	}
	n, err := parseLimit(text)
	if err != nil {
		return 0, d.fail("read", controller, file, "", err)
	}
	return n, nil
}

// optional is count for files that not every kernel has: then it is 0.
func (d *dir) optional(controller, file string) (uint64, error) {
	n, err := d.count(controller, file)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
		return 0, nil
	}
	return n, err
}

func (d *dir) keyed(controller, file string) (map[string]uint64, error) {
	text, err := d.read(controller, file)
	return parseKeyed(text), err
}

func (d *dir) pidsStats(s *Stats) error {
	current, err1 := d.count("pids", "pids.current")
	limit, err2 := d.limit("pids", "pids.max")
	events, err3 := d.keyed("pids", "pids.events")
	s.Pids = PidsStats{Current: int64(current), Limit: limit, MaxEvents: events["max"]}
	return errors.Join(err1, err2, err3)
}

func (d *dir) cpuTimes(s *Stats) error {
	if d.base.version == 2 {
		stat, err := d.keyed("cpuacct", "cpu.stat")
		s.CPU.Usage = duration(stat["usage_usec"], time.Microsecond)
		s.CPU.User = duration(stat["user_usec"], time.Microsecond)
		s.CPU.System = duration(stat["system_usec"], time.Microsecond)
		return err
	}
	usage, err1 := d.count("cpuacct", "cpuacct.usage")
	user, err2 := d.optional("cpuacct", "cpuacct.usage_user")
	system, err3 := d.optional("cpuacct", "cpuacct.usage_sys")
	s.CPU.Usage = duration(usage, time.Nanosecond)
	s.CPU.User = duration(user, time.Nanosecond)
	s.CPU.System = duration(system, time.Nanosecond)
	return errors.Join(err1, err2, err3)
}

func (d *dir) throttling(s *Stats) error {
	stat, err := d.keyed("cpu", "cpu.stat")
	s.CPU.Periods, s.CPU.Throttled = stat["nr_periods"], stat["nr_throttled"]
	if d.base.version == 2 {
		s.CPU.ThrottledTime = duration(stat["throttled_usec"], time.Microsecond)
	} else {
		s.CPU.ThrottledTime = duration(stat["throttled_time"], time.Nanosecond)
	}
	return err
}

func (d *dir) ioStats(s *Stats) error {
	if d.base.version == 2 {
		text, err := d.read("io", "io.stat")
		s.IO = parseIOStat(text)
		return err
	}
	bytes, err1 := d.read("io", "blkio.throttle.io_service_bytes_recursive")
	ops, err2 := d.read("io", "blkio.throttle.io_serviced_recursive")
	s.IO.ReadBytes, s.IO.WriteBytes = parseBlkio(bytes)
	s.IO.ReadOps, s.IO.WriteOps = parseBlkio(ops)
	return errors.Join(err1, err2)
}

// psi reads the pressure files; nil if the kernel does not keep them.
func (d *dir) psi() (*PSI, error) {
	var p PSI
	for _, one := range []struct {
		file string
		into *Pressure
	}{{"cpu.pressure", &p.CPU}, {"memory.pressure", &p.Memory}, {"io.pressure", &p.IO}} {
		text, err := d.read("", one.file)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if *one.into, err = parsePressure(text); err != nil {
			return nil, d.fail("read", "", one.file, "", err)
		}
	}
	return &p, nil
}
