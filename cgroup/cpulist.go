package cgroup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxListed bounds a list's numbers, far above the 8192 CPUs that Linux can be built for.
const maxListed = 1 << 16

// ParseCPUList reads the kernel's list format, "0-2,4", for CPUs and memory
// nodes (cpuset(7)). The numbers come sorted and once each. Space around the
// whole list is ignored, and an empty list is an empty result, as the kernel
// prints it. The strided form "0-9:1/2" is not accepted.
func ParseCPUList(list string) ([]int, error) {
	list = strings.TrimSpace(list)
	if list == "" {
		return nil, nil
	}
	var ids []int
	for part := range strings.SplitSeq(list, ",") {
		first, last, err := parseRange(part)
		if err != nil {
			return nil, err
		}
		for id := first; id <= last; id++ {
			ids = append(ids, id)
		}
		if len(ids) > 2*maxListed {
			slices.Sort(ids)
			ids = slices.Compact(ids)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func parseRange(part string) (first, last int, err error) {
	from, to, ranged := strings.Cut(part, "-")
	if first, err = parseID(from); err != nil {
		return 0, 0, fmt.Errorf("bad list entry %q: %w", part, err)
	}
	if !ranged {
		return first, first, nil
	}
	if last, err = parseID(to); err != nil {
		return 0, 0, fmt.Errorf("bad list entry %q: %w", part, err)
	}
	if last < first {
		return 0, 0, fmt.Errorf("bad list entry %q: the range runs backwards", part)
	}
	return first, last, nil
}

func parseID(s string) (int, error) {
	id, err := strconv.ParseUint(s, 10, 32)
	switch {
	case err != nil || s[0] == '+':
		return 0, fmt.Errorf("%q is not a number", s)
	case id >= maxListed:
		return 0, fmt.Errorf("%s is not below %d", s, maxListed)
	}
	return int(id), nil
}

// FormatCPUList writes numbers in the list format of [ParseCPUList], sorted
// and with ranges as long as possible: 4, 1, 0, 2 is "0-2,4".
func FormatCPUList(ids []int) string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var b strings.Builder
	for i := 0; i < len(ids); {
		j := i
		for j+1 < len(ids) && ids[j+1] == ids[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(ids[i]))
		if j > i {
			b.WriteString("-" + strconv.Itoa(ids[j]))
		}
		i = j + 1
	}
	return b.String()
}
