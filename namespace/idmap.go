package namespace

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// An IDMap maps Count consecutive user or group ids of a user namespace,
// starting at Inside, to as many ids outside it, starting at Outside. It is one
// line of /proc/PID/uid_map, an extent in the words of user_namespaces(7).
type IDMap struct {
	Inside  uint32 `json:"inside"`
	Outside uint32 `json:"outside"`
	Count   uint32 `json:"count"` // 0 is refused by Validate
}

// IDMaps is the whole user id map, or the whole group id map, of a user
// namespace. An id that no extent covers does not exist inside: files that
// belong to it show the overflow id, 65534.
type IDMaps []IDMap

const (
	// noID is the kernel's (uid_t)-1, which means "no such id".
	noID = 1<<32 - 1
	// maxExtents is the kernel's limit since Linux 4.15.
	maxExtents = 340
	// maxMapText is the longest map that the kernel takes: it must be shorter
	// than a page. Some arm64 kernels have larger pages than this.
	maxMapText = 4096 - 1
)

// An IDMapError says what is wrong with an id map or one of its extents.
type IDMapError struct {
	Map    string // "uid" or "gid" where that is known
	Value  string // the extent, as inside:outside:count, or the text that is none
	Reason string
}

func (e *IDMapError) Error() string {
	msg := "id map: "
	if e.Map != "" {
		msg = e.Map + " map: "
	}
	if e.Value != "" {
		msg += e.Value + ": "
	}
	return msg + e.Reason
}

// String returns the extent as inside:outside:count, which [ParseIDMap] reads.
func (m IDMap) String() string {
	return fmt.Sprintf("%d:%d:%d", m.Inside, m.Outside, m.Count)
}

// problem returns why the kernel would refuse the extent, or nothing.
func (m IDMap) problem() string {
	switch {
	case m.Count == 0:
		return "the count is zero"
	case uint64(m.Inside)+uint64(m.Count) > noID:
		return "the ids inside go past 4294967294"
	case uint64(m.Outside)+uint64(m.Count) > noID:
		return "the ids outside go past 4294967294"
	}
	return ""
}

// Validate reports whether the kernel would accept the map from a process
// that may use all of its ids: from 1 to 340 extents, of which none is empty,
// none reaches the id 4294967295 and no two overlap inside or outside, and less
// than 4096 bytes of text. Errors are [*IDMapError]s, joined with [errors.Join] if
// there are several.
//
// A valid map may still be dangerous. In particular an outside id 0 makes files of
// the host's root accessible.
func (m IDMaps) Validate() error { return join("", m.problems()) }

func (m IDMaps) problems() []*IDMapError {
	switch {
	case len(m) == 0:
		return []*IDMapError{{Reason: "no ids are mapped"}}
	case len(m) > maxExtents:
		return []*IDMapError{{Reason: fmt.Sprintf("%d extents, the kernel takes at most %d", len(m), maxExtents)}}
	}
	var bad []*IDMapError
	for _, extent := range m {
		if reason := extent.problem(); reason != "" {
			bad = append(bad, &IDMapError{Value: extent.String(), Reason: reason})
		}
	}
	if len(bad) > 0 {
		return bad // what follows relies on valid extents
	}
	if n := len(m.Text()); n > maxMapText {
		return []*IDMapError{{Reason: fmt.Sprintf("%d bytes of text, the kernel takes at most %d", n, maxMapText)}}
	}
	return append(
		m.overlaps("inside", func(e IDMap) uint32 { return e.Inside }),
		m.overlaps("outside", func(e IDMap) uint32 { return e.Outside })...,
	)
}

// overlaps finds the extents that share an id with the one before them, in the
// order of their first ids on one side.
func (m IDMaps) overlaps(side string, first func(IDMap) uint32) []*IDMapError {
	sorted := slices.SortedFunc(slices.Values(m), func(a, b IDMap) int { return cmp.Compare(first(a), first(b)) })
	var bad []*IDMapError
	for i := 1; i < len(sorted); i++ {
		a, b := sorted[i-1], sorted[i]
		if first(a)+a.Count > first(b) {
			bad = append(bad, &IDMapError{Value: b.String(), Reason: fmt.Sprintf("overlaps %s with %s", side, a)})
		}
	}
	return bad
}

// join makes one error of the problems of the uid or the gid map.
func join(which string, problems []*IDMapError) error {
	list := make([]error, len(problems))
	for i, problem := range problems {
		problem.Map = which
		list[i] = problem
	}
	return errors.Join(list...)
}

// ToOutside returns the id outside that stands behind an id inside, and
// whether there is one. The map must be valid.
func (m IDMaps) ToOutside(inside uint32) (uint32, bool) {
	for _, e := range m {
		if inside >= e.Inside && inside-e.Inside < e.Count {
			return e.Outside + (inside - e.Inside), true
		}
	}
	return 0, false
}

// ToInside returns the id inside that an id outside has, and whether it has
// one. The map must be valid.
func (m IDMaps) ToInside(outside uint32) (uint32, bool) {
	for _, e := range m {
		if outside >= e.Outside && outside-e.Outside < e.Count {
			return e.Inside + (outside - e.Outside), true
		}
	}
	return 0, false
}

// SelfOnly reports whether the map is a single id that stands for own. A process
// whose effective id is own may write such a map to its own or a child's user
// namespace without any privilege and without newuidmap; for a group map it must
// first write "deny" to /proc/PID/setgroups.
func (m IDMaps) SelfOnly(own uint32) bool {
	return len(m) == 1 && m[0].Count == 1 && m[0].Outside == own
}

// Text returns the map as it is written, in one write, to /proc/PID/uid_map
// or gid_map.
func (m IDMaps) Text() string {
	var text []byte
	for _, e := range m {
		text = strconv.AppendUint(text, uint64(e.Inside), 10)
		text = append(text, ' ')
		text = strconv.AppendUint(text, uint64(e.Outside), 10)
		text = append(text, ' ')
		text = strconv.AppendUint(text, uint64(e.Count), 10)
		text = append(text, '\n')
	}
	return string(text)
}

// String returns the extents as inside:outside:count, separated by commas, or
// "none".
func (m IDMaps) String() string {
	if len(m) == 0 {
		return "none"
	}
	text := m[0].String()
	for _, e := range m[1:] {
		text += "," + e.String()
	}
	return text
}
