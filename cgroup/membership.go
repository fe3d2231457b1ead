package cgroup

import (
	"fmt"
	"strconv"
	"strings"
)

// membership is one line of /proc/PID/cgroup (cgroups(7)): the cgroup of a
// process in one hierarchy.
type membership struct {
	id          uint64   // 0 is v2
	controllers []string // v1; a named hierarchy has one, "name=NAME"
	path        string   // relative to the reader's cgroup namespace; may begin with /..
}

// parseMemberships reads "id:controllers:path" lines. A path may hold colons.
func parseMemberships(text string) ([]membership, error) {
	var all []membership
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue
		}
		m, err := parseMembership(line)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func parseMembership(line string) (membership, error) {
	fields := strings.SplitN(line, ":", 3)
	if len(fields) != 3 || !strings.HasPrefix(fields[2], "/") {
		return membership{}, fmt.Errorf("cgroup: cgroup line %q is not id:controllers:path", line)
	}
	id, err := strconv.ParseUint(fields[0], 10, 32)
	if err != nil {
		return membership{}, fmt.Errorf("cgroup: cgroup line %q has no hierarchy number", line)
	}
	m := membership{id: id, path: fields[2]}
	if fields[1] != "" {
		m.controllers = strings.Split(fields[1], ",")
	}
	if (m.id == 0) != (len(m.controllers) == 0) {
		return membership{}, fmt.Errorf("cgroup: cgroup line %q: hierarchy 0 alone has no controllers", line)
	}
	return m, nil
}
