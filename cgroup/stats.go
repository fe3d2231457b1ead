package cgroup

import (
	"fmt"
	"strings"
	"time"
)

// Stats are the numbers of a group at one time. A section is filled if its
// controller is named in Controllers; the others are zero and mean nothing.
type Stats struct {
	// Controllers names what was measured, as in [Support].
	Controllers []string    `json:"controllers"`
	Memory      MemoryStats `json:"memory"`
	CPU         CPUStats    `json:"cpu"`
	Pids        PidsStats   `json:"pids"`
	IO          IOStats     `json:"io"`
	OOM         OOMStats    `json:"oom"`
	// PSI is the pressure stall information; nil on v1 and where it is off.
	PSI *PSI `json:"psi,omitempty"`
}

// Totals are what a group has used until now; what its controllers do not
// measure is 0. See [Stats] for the single numbers.
type Totals struct {
	MemoryPeak   int64         `json:"memory_peak"` // bytes
	OOMKills     uint64        `json:"oom_kills"`
	CPU          time.Duration `json:"cpu_ns"`
	Throttled    time.Duration `json:"throttled_ns"`
	ForksRefused uint64        `json:"forks_refused"`
}

// MemoryStats are amounts in bytes.
type MemoryStats struct {
	Usage int64 `json:"usage"` // all that is charged, page cache included
	Peak  int64 `json:"peak"`  // highest usage; 0 on v2 before Linux 5.19
	Limit int64 `json:"limit"` // -1: none
	Swap  int64 `json:"swap"`
	File  int64 `json:"file"` // page cache, tmpfs included
	Anon  int64 `json:"anon"`
	// InactiveFile is page cache that can go first; docker stats leaves it out of what it shows.
	InactiveFile int64 `json:"inactive_file"`
	// LimitHits counts how often the limit was met, whether or not reclaim helped.
	// Kernels have been seen not to count on v1 where MemorySwap equals Memory.
	LimitHits uint64 `json:"limit_hits"`
}

// CPUStats are CPU time and what the quota took. Usage, User and System belong
// to the controller cpuacct, the rest to cpu.
type CPUStats struct {
	Usage         time.Duration `json:"usage_ns"`
	User          time.Duration `json:"user_ns"`
	System        time.Duration `json:"system_ns"`
	Periods       uint64        `json:"periods"`   // quota periods in which the group ran
	Throttled     uint64        `json:"throttled"` // of these, the ones in which it was stopped
	ThrottledTime time.Duration `json:"throttled_ns"`
}

// PidsStats counts processes and threads.
type PidsStats struct {
	Current   int64  `json:"current"`
	Limit     int64  `json:"limit"`      // -1: none
	MaxEvents uint64 `json:"max_events"` // forks refused by a limit
}

// IOStats is disk traffic, summed over devices.
type IOStats struct {
	ReadBytes  uint64 `json:"read_bytes"`
	WriteBytes uint64 `json:"write_bytes"`
	ReadOps    uint64 `json:"read_ops"`
	WriteOps   uint64 `json:"write_ops"`
}

// OOMStats says what the OOM killer did. It belongs to the controller memory.
type OOMStats struct {
	// Kills counts processes of the group and of the groups below it that the
	// OOM killer ended, whatever limit or shortage made it run.
	Kills uint64 `json:"kills"`
	// Events counts how often the group's own limit left no memory to be had.
	// With kills but no events, a limit higher up or the whole host was short.
	// v2 only; 0 on v1, where a MemoryStats.Peak that has come to Limit is the hint.
	Events uint64 `json:"events"`
}

// PSI is pressure stall information (Documentation/accounting/psi.rst).
type PSI struct {
	CPU    Pressure `json:"cpu"`
	Memory Pressure `json:"memory"`
	IO     Pressure `json:"io"`
}

// Pressure says for how long some, or all, tasks waited for a resource.
type Pressure struct {
	Some Stall `json:"some"`
	Full Stall `json:"full"`
}

// Stall is a share of time in percent over three windows, and the total.
type Stall struct {
	Avg10  float64       `json:"avg10"`
	Avg60  float64       `json:"avg60"`
	Avg300 float64       `json:"avg300"`
	Total  time.Duration `json:"total_ns"`
}

// String is one line for people, in the manner of docker stats.
func (s *Stats) String() string {
	var parts []string
	for _, c := range s.Controllers {
		switch c {
		case "memory":
			parts = append(parts, s.Memory.String(), fmt.Sprintf("OOM kills %d", s.OOM.Kills))
		case "cpuacct":
			parts = append(parts, fmt.Sprintf("CPU %v", s.CPU.Usage.Round(time.Millisecond)))
		case "cpu":
			parts = append(parts, fmt.Sprintf("throttled %d/%d", s.CPU.Throttled, s.CPU.Periods))
		case "pids":
			parts = append(parts, fmt.Sprintf("PIDS %d / %s", s.Pids.Current, orNone(s.Pids.Limit, func(n int64) string { return fmt.Sprint(n) })))
		case "io":
			parts = append(parts, fmt.Sprintf("IO %s / %s", formatBytes(int64(s.IO.ReadBytes)), formatBytes(int64(s.IO.WriteBytes))))
		}
	}
	return strings.Join(parts, "  ")
}

// String leaves out the page cache that can go first, as docker stats does.
func (m MemoryStats) String() string {
	used := max(m.Usage-m.InactiveFile, 0)
	s := "MEM " + formatBytes(used) + " / " + orNone(m.Limit, formatBytes)
	if m.Limit > 0 {
		s += fmt.Sprintf(" (%.1f%%)", 100*float64(used)/float64(m.Limit))
	}
	return s
}

func orNone(limit int64, format func(int64) string) string {
	if limit == Unlimited {
		return "no limit"
	}
	return format(limit)
}

func formatBytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%dB", n)
	}
	value, prefixes := float64(n)/unit, "KMGTPE"
	for value >= unit && len(prefixes) > 1 {
		value, prefixes = value/unit, prefixes[1:]
	}
	return fmt.Sprintf("%.1f%ciB", value, prefixes[0])
}
