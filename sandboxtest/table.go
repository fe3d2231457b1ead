package sandboxtest

import (
	"fmt"
	"slices"
	"strings"
)

// A Row is what became of one probe.
type Row struct {
	Probe
	Verdict Verdict `json:"verdict"`
	// Detail is the errno or the signal with which a closed one was refused,
	// and why an untried one says nothing.
	Detail string `json:"detail,omitempty"`
}

// A Table is the result of an audit.
type Table struct {
	Rows []Row `json:"rows"`
}

// With returns the rows that have a verdict.
func (t *Table) With(v Verdict) []Row {
	var out []Row
	for _, r := range t.Rows {
		if r.Verdict == v {
			out = append(out, r)
		}
	}
	return out
}

// Groups are the groups of the probes, in their order.
func (t *Table) Groups() []string {
	var out []string
	for _, r := range t.Rows {
		if !slices.Contains(out, r.Group) {
			out = append(out, r.Group)
		}
	}
	return out
}

// Count is the number of probes of a group with a verdict; an empty group
// stands for all.
func (t *Table) Count(group string, v Verdict) int {
	n := 0
	for _, r := range t.Rows {
		if r.Verdict == v && (group == "" || r.Group == group) {
			n++
		}
	}
	return n
}

// String is a table for people: a line for each probe, and totals.
func (t *Table) String() string {
	var b strings.Builder
	for _, group := range t.Groups() {
		closed := t.Count(group, Closed)
		fmt.Fprintf(&b, "%s: %d of %d closed\n", group, closed, closed+t.Count(group, Opened))
		for _, r := range t.Rows {
			if r.Group == group {
				line := fmt.Sprintf("  %-8s %-34s %s", r.Verdict, r.Name, r.Detail)
				b.WriteString(strings.TrimRight(line, " ") + "\n")
			}
		}
	}
	closed, open := t.Count("", Closed), t.Count("", Opened)
	fmt.Fprintf(&b, "%d of %d closed, %d open, %d could not be tried\n", closed, closed+open, open, t.Count("", Untried))
	return b.String()
}
