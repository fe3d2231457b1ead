package lsm

import (
	"slices"
	"strconv"
	"strings"
)

// CategoryCount is how many categories the usual policies have, c0 to c1023.
const CategoryCount = 1024

// Sensitivity is the lowest sensitivity of a level or range, without its
// categories: "s0" of "s0:c1,c2-s15:c0.c1023".
func Sensitivity(level string) string {
	s, _, _ := strings.Cut(lowest(level), ":")
	return s
}

// lowest is the lower end of a range.
func lowest(level string) string {
	low, _, _ := strings.Cut(level, "-")
	return low
}

// canonicalLevel writes a level or range as the kernel does: categories in
// order and each once, three or more in a row as c1.c3, a range of one level as
// that level. A level with names that it does not know stays as it is.
func canonicalLevel(s string) string {
	low, high, isRange := strings.Cut(s, "-")
	low = canonicalEnd(low)
	if !isRange {
		return low
	}
	if high = canonicalEnd(high); high == low {
		return low
	}
	return low + "-" + high
}

func canonicalEnd(s string) string {
	sensitivity, list, ok := strings.Cut(s, ":")
	if !ok {
		return s
	}
	categories, ok := parseCategories(list)
	if !ok {
		return s
	}
	return sensitivity + ":" + formatCategories(categories)
}

// parseCategories reads "c1,c3.c5" as 1, 3, 4, 5.
func parseCategories(list string) ([]int, bool) {
	const most = 1 << 16 // far above any policy's
	number := func(s string) (int, bool) {
		digits, ok := strings.CutPrefix(s, "c")
		n, err := strconv.ParseUint(digits, 10, 16)
		return int(n), ok && err == nil && strconv.FormatUint(n, 10) == digits
	}
	set := map[int]bool{}
	for item := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(item, ".")
		if !isRange {
			last = first
		}
		from, ok1 := number(first)
		to, ok2 := number(last)
		if !ok1 || !ok2 || from > to || to >= most {
			return nil, false
		}
		for c := from; c <= to; c++ {
			set[c] = true
		}
	}
	all := make([]int, 0, len(set))
	for c := range set {
		all = append(all, c)
	}
	slices.Sort(all)
	return all, true
}

func formatCategories(sorted []int) string {
	var out []string
	name := func(c int) string { return "c" + strconv.Itoa(c) }
	for i := 0; i < len(sorted); {
		j := i
		for j+1 < len(sorted) && sorted[j+1] == sorted[j]+1 {
			j++
		}
		switch {
		case j-i >= 2:
			out = append(out, name(sorted[i])+"."+name(sorted[j]))
		case j > i:
			out = append(out, name(sorted[i]), name(sorted[j]))
		default:
			out = append(out, name(sorted[i]))
		}
		i = j + 1
	}
	return strings.Join(out, ",")
}

// pairOf gives the two categories of a level that has exactly two.
func pairOf(level string) (first, second int, ok bool) {
	_, list, _ := strings.Cut(level, ":")
	c, ok := parseCategories(list)
	if !ok || len(c) != 2 || strings.Contains(level, "-") {
		return 0, 0, false
	}
	return c[0], c[1], true
}
