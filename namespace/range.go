package namespace

import (
	"cmp"
	"fmt"
	"slices"
)

// A Range is Count consecutive user or group ids, starting at First.
type Range struct {
	First uint32 `json:"first"`
	Count uint32 `json:"count"`
}

// Last returns the highest id of a range that is not empty.
func (r Range) Last() uint32 { return r.First + (r.Count - 1) }

// String returns the range as first-last, the form that usermod(8) takes.
func (r Range) String() string {
	if r.Count == 0 {
		return "none"
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last())
}

// end is the id after the last one.
func (r Range) end() uint64 { return uint64(r.First) + uint64(r.Count) }

// Ranges is the subordinate user ids, or group ids, of one owner, in the order
// of the file that grants them.
type Ranges []Range

// Count returns how many ids the ranges hold together.
func (r Ranges) Count() uint64 {
	var n uint64
	for _, one := range r {
		n += uint64(one.Count)
	}
	return n
}

// Covers reports whether every id of s is in the ranges. Adjacent ranges count
// as one.
func (r Ranges) Covers(s Range) bool {
	sorted := slices.SortedFunc(slices.Values(r), func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	next := uint64(s.First) // the lowest id not yet found
	for _, one := range sorted {
		if uint64(one.First) > next {
			break
		}
		next = max(next, one.end())
	}
	return next >= s.end()
}

// Maps returns the map that gives the ids inside, from 0 on without a gap, to
// the ranges one after the other. The first id of the first range thus becomes
// root inside.
func (r Ranges) Maps() IDMaps {
	var maps IDMaps
	var inside uint32
	for _, one := range r {
		maps = append(maps, IDMap{Inside: inside, Outside: one.First, Count: one.Count})
		inside += one.Count
	}
	return maps
}

// OwnedBy reports whether newuidmap(1) or newgidmap(1) would let a caller
// write this map, whose own id is own and who has been granted the ranges: each
// extent must lie in the ranges or be the own id alone. The map must be valid
// ([IDMaps.Validate]). The error names every
// extent that does not, as [*IDMapError]s joined with [errors.Join].
//
// A process with CAP_SETUID or CAP_SETGID in the parent user namespace needs no
// such grant.
func (m IDMaps) OwnedBy(own uint32, ranges Ranges) error {
	return join("", m.foreign(own, ranges))
}

func (m IDMaps) foreign(own uint32, ranges Ranges) []*IDMapError {
	var bad []*IDMapError
	for _, e := range m {
		if e.Count == 1 && e.Outside == own || ranges.Covers(Range{First: e.Outside, Count: e.Count}) {
			continue
		}
		bad = append(bad, &IDMapError{
			Value:  e.String(),
			Reason: fmt.Sprintf("the ids outside are neither the caller's own, %d, nor among its subordinate ids", own),
		})
	}
	return bad
}
