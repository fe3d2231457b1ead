package cgroup

import (
	"math"
	"strconv"
	"strings"
)

// comparison says how a value is compared with what the kernel kept.
type comparison uint8

const (
	unchecked comparison = iota
	exactly              // the same text
	byPages              // bytes, rounded down to whole pages
	asList               // the same set of numbers
)

// setting is one write to one file of a group.
type setting struct {
	controller string
	file       string
	value      string
	compare    comparison
	readBack   string       // the file to compare with; empty: the one written
	inherit    bool         // the value is the parent's (v1 cpuset)
	swapFile   bool         // missing where swap is not accounted for
	anyOf      []setting    // instead of a write: at least one of these files must exist
	devices    []DeviceRule // instead of a write, if not nil: by a program
}

// settings lowers limits to writes in an order that suits a new group.
// version gives the cgroup version of a controller on this host, number the
// device number of a path.
func (l Limits) settings(version func(controller string) int, number func(device string) (string, error)) ([]setting, error) {
	var all []setting
	for _, controller := range l.needs() {
		var some []setting
		var err error
		v2 := version(controller) == 2
		switch controller {
		case "memory":
			some, err = l.memorySettings(v2)
		case "cpu":
			some = l.cpuSettings(v2)
		case "cpuset":
			some = l.cpusetSettings(v2)
		case "pids":
			some = []setting{{controller: "pids", file: "pids.max", value: limitOrMax(l.Pids), compare: exactly}}
		case "io":
			some, err = l.ioSettings(v2, number)
		case "devices":
			some, err = l.deviceSettings(v2)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func limitOrMax(n int64) string {
	if n == Unlimited {
		return "max"
	}
	return strconv.FormatInt(n, 10)
}

func (l Limits) memorySettings(v2 bool) ([]setting, error) {
	if v2 {
		return l.memoryV2(), nil
	}
	if l.OOMGroup {
		return nil, &UnsupportedError{
			Feature: "OOMGroup",
			Reason:  "the memory controller is on cgroup v1, whose OOM killer ends single processes",
			Fix:     "boot with systemd.unified_cgroup_hierarchy=1, or end the group after the first OOM kill",
		}
	}
	return l.memoryV1(), nil
}

func (l Limits) memoryV1() []setting {
	var s []setting
	add := func(file string, bytes int64, swap bool) {
		if bytes != 0 {
			s = append(s, setting{controller: "memory", file: file, value: strconv.FormatInt(bytes, 10), compare: byPages, swapFile: swap})
		}
	}
	add("memory.limit_in_bytes", l.Memory, false)
	add("memory.memsw.limit_in_bytes", l.MemorySwap, true)
	add("memory.soft_limit_in_bytes", l.MemoryReservation, false)
	return s
}

func (l Limits) memoryV2() []setting {
	var s []setting
	add := func(file, value string) {
		s = append(s, setting{controller: "memory", file: file, value: value, compare: byPages, swapFile: file == "memory.swap.max"})
	}
	if l.Memory != 0 {
		add("memory.max", limitOrMax(l.Memory))
	}
	switch {
	case l.MemorySwap == Unlimited:
		add("memory.swap.max", "max")
	case l.MemorySwap > 0:
		add("memory.swap.max", strconv.FormatInt(l.MemorySwap-l.Memory, 10))
	}
	if l.MemoryReservation != 0 {
		add("memory.low", strconv.FormatInt(l.MemoryReservation, 10))
	}
	if l.OOMGroup {
		s = append(s, setting{controller: "memory", file: "memory.oom.group", value: "1", compare: exactly})
	}
	return s
}

// quota gives the CPU bandwidth asked for; ok is false if none is.
func (l Limits) quota() (quota int64, period uint64, ok bool) {
	switch {
	case l.CPUs != 0:
		return int64(math.Round(l.CPUs * defaultPeriod)), defaultPeriod, true
	case l.CPUQuota != 0 && l.CPUPeriod == 0:
		return l.CPUQuota, defaultPeriod, true
	case l.CPUQuota != 0 || l.CPUPeriod != 0:
		return l.CPUQuota, l.CPUPeriod, true
	}
	return 0, 0, false
}

func (l Limits) cpuSettings(v2 bool) []setting {
	var s []setting
	add := func(file, value string) {
		s = append(s, setting{controller: "cpu", file: file, value: value, compare: exactly})
	}
	if l.CPUShares != 0 {
		if v2 {
			add("cpu.weight", strconv.FormatUint(WeightFromShares(l.CPUShares), 10))
		} else {
			add("cpu.shares", strconv.FormatUint(l.CPUShares, 10))
		}
	}
	quota, period, ok := l.quota()
	if !ok {
		return s
	}
	if v2 {
		if quota == 0 {
			quota = Unlimited // a period alone
		}
		add("cpu.max", limitOrMax(quota)+" "+strconv.FormatUint(period, 10))
		return s
	}
	add("cpu.cfs_period_us", strconv.FormatUint(period, 10))
	if quota != 0 {
		add("cpu.cfs_quota_us", strconv.FormatInt(quota, 10))
	}
	return s
}

// cpusetSettings sets both lists on v1 even if one is asked for, because there
// a process cannot enter a group whose CPUs or memory nodes are unset.
func (l Limits) cpusetSettings(v2 bool) []setting {
	var s []setting
	add := func(file, value, effective string) {
		if v2 && value == "" {
			return
		}
		one := setting{controller: "cpuset", file: file, value: value, compare: asList, inherit: value == ""}
		if v2 {
			// v2 stores any list and quietly uses the part that it can.
			one.readBack = effective
		}
		s = append(s, one)
	}
	add("cpuset.cpus", l.CPUSet, "cpuset.cpus.effective")
	add("cpuset.mems", l.CPUSetMems, "cpuset.mems.effective")
	return s
}

func (l Limits) ioSettings(v2 bool, number func(string) (string, error)) ([]setting, error) {
	var s []setting
	if l.IOWeight != 0 {
		s = append(s, ioWeightSetting(l.IOWeight, v2))
	}
	for _, m := range l.IOMax {
		dev, err := number(m.Device)
		if err != nil {
			return nil, err
		}
		if v2 {
			s = append(s, setting{controller: "io", file: "io.max", value: m.lineV2(dev)})
			continue
		}
		s = append(s, m.settingsV1(dev)...)
	}
	return s, nil
}

func ioWeightSetting(weight uint16, v2 bool) setting {
	plain := strconv.FormatUint(uint64(weight), 10)
	if v2 {
		return setting{controller: "io", file: "io.weight", anyOf: []setting{
			{controller: "io", file: "io.bfq.weight", value: plain},
			{controller: "io", file: "io.weight", value: strconv.FormatUint(ioWeightFromBlkio(weight), 10)},
		}}
	}
	return setting{controller: "io", file: "blkio.bfq.weight", anyOf: []setting{
		{controller: "io", file: "blkio.bfq.weight", value: plain},
		{controller: "io", file: "blkio.weight", value: plain},
	}}
}

func (m IOMax) lineV2(dev string) string {
	var b strings.Builder
	b.WriteString(dev)
	for _, rate := range []struct {
		key string
		n   uint64
	}{{"rbps", m.ReadBPS}, {"wbps", m.WriteBPS}, {"riops", m.ReadIOPS}, {"wiops", m.WriteIOPS}} {
		if rate.n != 0 {
			b.WriteString(" " + rate.key + "=" + strconv.FormatUint(rate.n, 10))
		}
	}
	return b.String()
}

func (m IOMax) settingsV1(dev string) []setting {
	var s []setting
	for _, rate := range []struct {
		file string
		n    uint64
	}{{"read_bps", m.ReadBPS}, {"write_bps", m.WriteBPS}, {"read_iops", m.ReadIOPS}, {"write_iops", m.WriteIOPS}} {
		if rate.n != 0 {
			s = append(s, setting{
				controller: "io",
				file:       "blkio.throttle." + rate.file + "_device",
				value:      dev + " " + strconv.FormatUint(rate.n, 10),
			})
		}
	}
	return s
}

func (l Limits) deviceSettings(v2 bool) ([]setting, error) {
	if v2 {
		return []setting{{controller: "devices", devices: l.Devices}}, nil
	}
	return deviceSettings(l.Devices)
}

// kept tells whether the kernel's value is the one that was written.
func (s setting) kept(got string, pageSize int64) bool {
	got = strings.TrimSpace(got)
	switch s.compare {
	case exactly:
		return got == s.value
	case byPages:
		return pages(got, pageSize) == pages(s.value, pageSize)
	case asList:
		want, err1 := ParseCPUList(s.value)
		have, err2 := ParseCPUList(got)
		return err1 == nil && err2 == nil && FormatCPUList(want) == FormatCPUList(have)
	}
	return true
}

// pages reads a limit in bytes as whole pages; no limit ("max", -1, or v1's
// largest number of pages) is the same number for all spellings.
func pages(value string, pageSize int64) int64 {
	none := math.MaxInt64 / pageSize
	if value == "max" || value == "-1" {
		return none
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return -1
	}
	return int64(min(n/uint64(pageSize), uint64(none)))
}
