package cgroup

import (
	"fmt"
	"strconv"
	"strings"
)

const namePrefix = "sandbox-"

// owner identifies the process that made a group. A process number alone is
// used again, and means something else in another PID namespace.
type owner struct {
	pid   int
	start uint64 // field 22 of /proc/PID/stat, in clock ticks since boot
	pidNS uint64 // inode of /proc/PID/ns/pid
}

// groupName is sandbox-PID-START-PIDNS-N.
func groupName(o owner, n uint64) string {
	return fmt.Sprintf("%s%d-%d-%d-%d", namePrefix, o.pid, o.start, o.pidNS, n)
}

// parseGroupName is the inverse of groupName; other names are not ok.
func parseGroupName(name string) (o owner, n uint64, ok bool) {
	rest, ok := strings.CutPrefix(name, namePrefix)
	if !ok {
		return owner{}, 0, false
	}
	fields := strings.Split(rest, "-")
	if len(fields) != 4 {
		return owner{}, 0, false
	}
	var numbers [4]uint64
	for i, f := range fields {
		v, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return owner{}, 0, false
		}
		numbers[i] = v
	}
	if numbers[0] == 0 || numbers[0] > 1<<30 {
		return owner{}, 0, false
	}
	o = owner{pid: int(numbers[0]), start: numbers[1], pidNS: numbers[2]}
	// Exactly what groupName writes: no leading zeros, which would be another directory.
	return o, numbers[3], groupName(o, numbers[3]) == name
}

// parseStartTime reads the start time from /proc/PID/stat (proc(5)). The
// second field is the program's name in brackets and may hold anything.
func parseStartTime(stat string) (uint64, error) {
	end := strings.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, fmt.Errorf("cgroup: stat %q has no program name", stat)
	}
	fields := strings.Fields(stat[end+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("cgroup: stat %q has too few fields", stat)
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cgroup: stat %q has no start time", stat)
	}
	return start, nil
}

// checkName refuses names that are no single new directory.
func checkName(name string) error {
	reason := ""
	switch {
	case name == "." || name == ".." || strings.ContainsAny(name, "/\x00\n"):
		reason = "is not a name of one directory"
	case len(name) > 255:
		reason = "is longer than 255 bytes"
	}
	if reason != "" {
		return &LimitError{Limit: "name", Value: strconv.Quote(name), Reason: reason}
	}
	return nil
}
