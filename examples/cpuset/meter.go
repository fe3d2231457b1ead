package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A meter finds out how much of each CPU a process and its children use, from
// what proc_pid_stat(5) says about each of them: the CPU time so far, and the
// CPU that it ran on last. What it used since the last look is counted as of that
// CPU, which is right for a process that stays where it is.
type meter struct {
	parent int
	seen   map[int]time.Duration
	last   time.Time
	cpus   int // of the machine
}

func newMeter(parent int) *meter {
	m := &meter{parent: parent, seen: map[int]time.Duration{}}
	text, _ := os.ReadFile("/proc/stat")
	m.cpus = strings.Count(string(text), "\ncpu")
	m.use()
	return m
}

// use returns the use of each CPU since the last call; 1 is all of it.
func (m *meter) use() []float64 {
	now := time.Now()
	wall := now.Sub(m.last)
	m.last = now
	perCPU := map[int]time.Duration{}
	for _, pid := range processes(m.parent) {
		cpu, used, ok := stat(pid)
		if !ok {
			continue // it has ended
		}
		perCPU[cpu] += used - m.seen[pid]
		m.seen[pid] = used
	}
	use := make([]float64, m.cpus)
	for cpu, used := range perCPU {
		if cpu < m.cpus {
			use[cpu] = float64(used) / float64(wall)
		}
	}
	return use
}

// processes are the parent and its children.
func processes(parent int) []int {
	all := []int{parent}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", parent))
	for field := range strings.FieldsSeq(string(children)) {
		if pid, err := strconv.Atoi(field); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// stat reads the CPU that a process ran on last, and its CPU time.
func stat(pid int) (cpu int, used time.Duration, ok bool) {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on all that Go runs on
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, false
	}
	// The name, in parentheses, may hold anything; the field after it is the third.
	rest := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	field := func(n int) int {
		if n-3 >= len(rest) {
			return 0
		}
		v, _ := strconv.Atoi(rest[n-3])
		return v
	}
	return field(39), time.Duration(field(14)+field(15)) * tick, len(rest) > 0
}
