package cgroup

import (
	"path"
	"slices"
	"strings"
)

// place is a directory in which a hierarchy's groups can be made: rel below the mount at point.
type place struct {
	point string
	rel   string // "" is the mount's root, else without a leading slash
}

func (p place) String() string { return path.Join(p.point, p.rel) }

// located is one hierarchy as a process sees it, with the places where its
// own cgroup might be found, best first.
type located struct {
	version     int
	controllers []string // v1: kernel names
	cgroup      string   // the process's own
	places      []place
	reason      string // why places is empty
}

// locate finds the directories of a process's cgroups. It is pure: whether a
// directory can be opened and is what it should be is for the caller to see.
func locate(mounts []mount, memberships []membership) []located {
	var all []located
	for _, m := range memberships {
		l := located{version: 1, controllers: m.controllers, cgroup: m.path}
		if m.id == 0 {
			l.version = 2
		}
		l.places, l.reason = l.find(mounts)
		all = append(all, l)
	}
	return all
}

func (l located) find(mounts []mount) ([]place, string) {
	var writable, readOnly []place
	mounted := ""
	// A later mount hides an earlier one at the same point.
	for _, m := range slices.Backward(mounts) {
		if !l.on(m) {
			continue
		}
		mounted = m.root
		rel, ok := below(m.root, l.cgroup)
		switch {
		case !ok:
		case m.readOnly:
			readOnly = append(readOnly, place{m.point, rel})
		default:
			writable = append(writable, place{m.point, rel})
		}
	}
	if places := append(writable, readOnly...); len(places) > 0 {
		return places, ""
	}
	if mounted == "" {
		return nil, "its hierarchy is not mounted"
	}
	return nil, "the cgroup of this process, " + l.cgroup + ", is not within the mounted part, " + mounted
}

func (l located) on(m mount) bool {
	if l.version == 2 {
		return m.unified
	}
	if m.unified {
		return false
	}
	for _, c := range l.controllers {
		if slices.Contains(m.controllers, c) {
			return true
		}
	}
	return false
}

// below gives the path of a cgroup relative to the root of a mount. Both are
// as the reader's cgroup namespace shows them, so both may begin with "/..";
// then only a literal prefix can be trusted.
func below(root, cgroup string) (string, bool) {
	rel, ok := strings.CutPrefix(cgroup, strings.TrimSuffix(root, "/"))
	if !ok || (rel != "" && rel[0] != '/') {
		return "", false
	}
	rel = strings.Trim(rel, "/")
	for part := range strings.SplitSeq(rel, "/") {
		if part == ".." || part == "." {
			return "", false
		}
	}
	return rel, true
}

// ancestors lists a relative path and all above it, nearest first, ending with "".
func ancestors(rel string) []string {
	list := []string{rel}
	for rel != "" {
		rel = path.Dir(rel)
		if rel == "." {
			rel = ""
		}
		list = append(list, rel)
	}
	return list
}
