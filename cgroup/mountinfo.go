package cgroup

import (
	"fmt"
	"strings"
)

// mount is one cgroup mount, from a line of /proc/self/mountinfo (proc(5)).
type mount struct {
	root        string   // the part of the hierarchy that is mounted
	point       string   // where
	unified     bool     // v2
	readOnly    bool     // the mount or the file system
	controllers []string // v1: kernel names; a named hierarchy has one, "name=NAME"
}

// parseMountinfo gives the cgroup mounts in order and skips all others.
func parseMountinfo(text string) ([]mount, error) {
	var mounts []mount
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue
		}
		m, ok, err := parseMount(line)
		if err != nil {
			return nil, err
		}
		if ok {
			mounts = append(mounts, m)
		}
	}
	return mounts, nil
}

// parseMount reads "id parent dev root point options [optional...] - type source superoptions".
func parseMount(line string) (mount, bool, error) {
	fields := strings.Split(line, " ")
	dash := -1
	for i := 6; i < len(fields); i++ {
		if fields[i] == "-" {
			dash = i
			break
		}
	}
	if dash < 0 || len(fields) < dash+3 {
		return mount{}, false, fmt.Errorf("cgroup: mountinfo line %q has too few fields", line)
	}
	kind := fields[dash+1]
	if kind != "cgroup" && kind != "cgroup2" {
		return mount{}, false, nil
	}
	m := mount{
		root:     unescape(fields[3]),
		point:    unescape(fields[4]),
		unified:  kind == "cgroup2",
		readOnly: hasOption(fields[5], "ro"),
	}
	if !strings.HasPrefix(m.root, "/") || !strings.HasPrefix(m.point, "/") {
		return mount{}, false, fmt.Errorf("cgroup: mountinfo line %q has a relative path", line)
	}
	if len(fields) > dash+3 {
		super := fields[dash+3]
		m.readOnly = m.readOnly || hasOption(super, "ro")
		if !m.unified {
			m.controllers = superControllers(super)
		}
	}
	return m, true, nil
}

func hasOption(options, name string) bool {
	for o := range strings.SplitSeq(options, ",") {
		if o == name {
			return true
		}
	}
	return false
}

// superControllers drops the options of a v1 superblock that are no controllers.
func superControllers(options string) []string {
	var names []string
	for o := range strings.SplitSeq(options, ",") {
		switch o {
		case "", "rw", "ro", "none", "xattr", "clone_children", "cpuset_v2_mode", "noprefix", "all", "favordynmods":
			continue
		}
		if strings.HasPrefix(o, "name=") {
			names = append(names, unescape(o))
			continue
		}
		if !strings.Contains(o, "=") {
			names = append(names, o)
		}
	}
	return names
}

// unescape undoes the octal escapes (\040 and the like) of mountinfo. What is
// no such escape stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && octal(s[i+1:i+4]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func octal(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '7' {
			return false
		}
	}
	return s[0] <= '3'
}
