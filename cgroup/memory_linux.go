package cgroup

import (
	"errors"

	"golang.org/x/sys/unix"
)

func (d *dir) memoryStats(s *Stats) error {
	if d.base.version == 2 {
		return d.memoryStatsV2(s)
	}
	return d.memoryStatsV1(s)
}

func (d *dir) memoryStatsV2(s *Stats) error {
	usage, err1 := d.count("memory", "memory.current")
	peak, err2 := d.optional("memory", "memory.peak")
	limit, err3 := d.limit("memory", "memory.max")
	swap, err4 := d.optional("memory", "memory.swap.current")
	stat, err5 := d.keyed("memory", "memory.stat")
	events, err6 := d.keyed("memory", "memory.events")
	own, err7 := d.ownEvents(events)
	s.Memory = MemoryStats{
		Usage: int64(usage), Peak: int64(peak), Limit: limit, Swap: int64(swap),
		File: int64(stat["file"]), Anon: int64(stat["anon"]), InactiveFile: int64(stat["inactive_file"]),
		LimitHits: own["max"],
	}
	s.OOM = OOMStats{Kills: events["oom_kill"], Events: own["oom"]}
	return errors.Join(err1, err2, err3, err4, err5, err6, err7)
}

// ownEvents leaves out what limits of groups below met. Kernels before 5.2
// have only the sum.
func (d *dir) ownEvents(sum map[string]uint64) (map[string]uint64, error) {
	own, err := d.keyed("memory", "memory.events.local")
	if errors.Is(err, unix.ENOENT) {
		return sum, nil
	}
	return own, err
}

func (d *dir) memoryStatsV1(s *Stats) error {
	usage, err1 := d.count("memory", "memory.usage_in_bytes")
	peak, err2 := d.count("memory", "memory.max_usage_in_bytes")
	limit, err3 := d.limit("memory", "memory.limit_in_bytes")
	stat, err4 := d.keyed("memory", "memory.stat")
	hits, err5 := d.count("memory", "memory.failcnt")
	// A limit on memory and swap together may be met first.
	swapHits, err6 := d.optional("memory", "memory.memsw.failcnt")
	kills, err7 := d.oomKills()
	s.Memory = MemoryStats{
		Usage: int64(usage), Peak: int64(peak), Limit: limit, Swap: int64(stat["total_swap"]),
		File: int64(stat["total_cache"]), Anon: int64(stat["total_rss"]), InactiveFile: int64(stat["total_inactive_file"]),
		LimitHits: hits + swapHits,
	}
	s.OOM = OOMStats{Kills: kills}
	return errors.Join(err1, err2, err3, err4, err5, err6, err7)
}

// oomKills counts in the groups below too: v2 sums up itself, on v1 each
// directory knows only its own.
func (d *dir) oomKills() (uint64, error) {
	if d.base.version == 2 {
		events, err := d.keyed("memory", "memory.events")
		return events["oom_kill"], err
	}
	if d.childless() {
		events, err := d.keyed("memory", "memory.oom_control")
		return events["oom_kill"], err
	}
	var kills uint64
	err := d.each(func(fd int, top bool) error {
		text, err := readAt(fd, "memory.oom_control")
		switch {
		case err == nil:
			kills += parseKeyed(text)["oom_kill"]
		case top || !errors.Is(err, unix.ENODEV):
			return d.fail("read", "memory", "memory.oom_control", "", err)
		}
		return nil
	})
	return kills, err
}
