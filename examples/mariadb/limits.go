package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// limitFiles are the kernel's files for the two limits: cgroup v2 has them all
// in one directory, v1 has a hierarchy for each controller.
var limitFiles = []struct{ controller, file string }{
	{"", "memory.max"},
	{"", "cpu.weight"},
	{"memory", "memory.limit_in_bytes"},
	{"cpu", "cpu.shares"},
}

// limitsOf reads the limits of a process where the host keeps them, as lines
// of file and value. What is not limited has no line.
func limitsOf(pid int) []string {
	var out []string
	dirs := groupsOf(pid)
	own := groupsOf(os.Getpid())
	for _, f := range limitFiles {
		dir, ok := dirs[f.controller]
		if !ok || dir == own[f.controller] {
			continue // no group of its own
		}
		path := filepath.Join("/sys/fs/cgroup", f.controller, dir, f.file)
		if value, err := os.ReadFile(path); err == nil {
			out = append(out, fmt.Sprintf("%s = %s", path, strings.TrimSpace(string(value))))
		}
	}
	return out
}

// groupsOf reads the cgroups of a process by controller; "" is v2.
func groupsOf(pid int) map[string]string {
	groups := map[string]string{}
	f, err := os.Open(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return groups
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// hierarchy:controller,controller:path
		field := strings.SplitN(lines.Text(), ":", 3)
		if len(field) != 3 {
			continue
		}
		for _, controller := range strings.Split(field[1], ",") {
			groups[controller] = field[2]
		}
	}
	return groups
}
