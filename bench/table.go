package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// table is a Markdown table with columns of equal width, to be read on a terminal
// as well. Columns after the first are numbers and stand to the right, unless the
// heading starts with "<".
func table(head string, rows [][]string) string {
	all := append([][]string{strings.Split(head, "|")}, rows...)
	widths := make([]int, len(all[0]))
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(strings.TrimPrefix(cell, "<")), 3)
		}
	}
	var b strings.Builder
	for n, row := range all {
		for i, cell := range row {
			left := i == 0 || strings.HasPrefix(all[0][i], "<")
			cell = strings.TrimPrefix(cell, "<")
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if left {
				cell += space
			} else {
				cell = space + cell
			}
			fmt.Fprintf(&b, "| %s ", cell)
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i, width := range widths {
			line := strings.Repeat("-", width+2)
			if i > 0 && !strings.HasPrefix(all[0][i], "<") {
				line = line[1:] + ":"
			}
			b.WriteString("|" + line)
		}
		b.WriteString("|\n")
	}
	return b.String()
}

// ms is microseconds as milliseconds.
func ms(us float64) string { return fmt.Sprintf("%.2f", us/1000) }

func (r *results) latencyTable() string {
	floor, _ := of(r.Latency, floorRoot)
	plain, _ := of(r.Latency, plainExec)
	var rows [][]string
	for _, l := range r.Latency {
		rows = append(rows, []string{l.Way, ms(l.Median), ms(l.P90), ratio(l.Median, plain.Median), ratio(l.Median, floor.Median), fmt.Sprint(l.N)})
	}
	return table("way|median ms|p90 ms|x os/exec|x C floor|starts", rows)
}

func ratio(a, b float64) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}

func (r *results) layersTable() string {
	var rows [][]string
	before := 0.0
	for i, l := range r.Layers {
		more := "-"
		if i > 0 {
			more = fmt.Sprintf("%+.2f", (l.Median-before)/1000)
		}
		rows = append(rows, []string{l.Way, ms(l.Median), ms(l.P90), more})
		before = l.Median
	}
	return table("protections|median ms|p90 ms|adds ms", rows)
}

func (r *results) factsTable() string {
	yes := map[bool]string{true: "yes", false: "no"}
	var rows [][]string
	for _, f := range r.Facts {
		spaces := strings.Join(f.Namespaces, " ")
		if len(f.Namespaces) == len(namespaces) {
			spaces = "all seven"
		} else if spaces == "" {
			spaces = "none"
		}
		caps := "none"
		if strings.Trim(f.Bounding, "0") != "" {
			caps = f.Bounding
		}
		rows = append(rows, []string{f.Way, spaces, fmt.Sprint(f.UID), caps, yes[f.NoNewPrivs], yes[f.Filter], yes[f.Init], fmt.Sprint(f.Mounts)})
	}
	return table("way|<namespaces of its own|uid inside|<capabilities it can have|<no_new_privs|<filter|<own PID 1|mounts", rows)
}

func (r *results) ratesTable() string {
	var ways []string
	cells := map[string][]string{}
	for _, x := range r.Rates {
		if cells[x.Way] == nil {
			ways = append(ways, x.Way)
		}
		cells[x.Way] = append(cells[x.Way], fmt.Sprintf("%.0f", x.Rate))
	}
	var rows [][]string
	for _, w := range ways {
		rows = append(rows, append([]string{w}, cells[w]...))
	}
	head := "starts per second, by callers"
	for _, n := range callers {
		head += fmt.Sprintf("|%d", n)
	}
	return table(head, rows)
}

func (r *results) scaleTable() string {
	var rows [][]string
	for i, s := range r.Scale {
		costs, ceiling := "-", "-"
		if i > 0 {
			costs = fmt.Sprintf("%.0f", r.costs(i))
			if most := r.ceiling(i); most > 0 {
				ceiling = fmt.Sprintf("%.0f", most)
			}
		}
		rows = append(rows, []string{
			s.Without, fmt.Sprintf("%.0f", s.One), fmt.Sprintf("%.0f", s.All), ratio(s.All, s.One),
			fmt.Sprintf("%.0f", s.CPU), fmt.Sprintf("%.0f", s.Machine), costs, ceiling,
		})
	}
	return table(fmt.Sprintf("left out|1 caller/s|%d callers/s|x 1 caller|CPU us|machine's CPU us|costs us|ceiling/s", r.Machine.Cores), rows)
}

// costs is how much longer one caller takes with a part, in microseconds.
func (r *results) costs(part int) float64 { return 1e6/r.Scale[0].One - 1e6/r.Scale[part].One }

// ceiling is how many starts a second there could be if all of a part's time
// were under one lock; 0 where it takes no time that stands out.
func (r *results) ceiling(part int) float64 {
	if us := r.costs(part); us >= 10 {
		return 1e6 / us
	}
	return 0
}

// Paper is what a number of such CPUs could start in a second if nothing but
// their time limited it.
func (r *results) Paper(cpus int) int {
	if len(r.Scale) == 0 {
		return 0
	}
	return int(float64(cpus) * 1e6 / max(r.Scale[0].Machine, r.Scale[0].CPU, 1))
}

// Narrowest is the part with the lowest ceiling.
func (r *results) Narrowest() string {
	best, name := 0.0, "none"
	for i := 1; i < len(r.Scale)-1; i++ { // the last is all of them
		if most := r.ceiling(i); most > 0 && (best == 0 || most < best) {
			best, name = most, fmt.Sprintf("%s, %.0f", r.Scale[i].Without, most)
		}
	}
	return name
}

func (r *results) memoryTable() string {
	kb := func(n int64) string { return fmt.Sprintf("%.0f", float64(n)/1024) }
	var rows [][]string
	for _, m := range r.Memory {
		rows = append(rows, []string{m.Way, fmt.Sprint(m.Processes), kb(m.Shared), kb(m.Private), kb(m.Tables), kb(m.Kernel)})
	}
	return table("way|processes|PSS KB|private KB|page tables KB|kernel KB", rows)
}

func (r *results) heapTable() string {
	var rows [][]string
	for _, h := range r.Heap {
		userns := "-"
		if h.UserNS.N > 0 {
			userns = ms(h.UserNS.Median)
		}
		rows = append(rows, []string{fmt.Sprintf("%d MiB", h.Heap>>20), ms(h.Library.Median), ms(h.Library.P90), ratio(h.Library.Median, r.Heap[0].Library.Median), userns})
	}
	return table("heap of the host|median ms|p90 ms|x smallest|os/exec with CLONE_NEWUSER, ms", rows)
}

func (r *results) liveTable() string {
	var rows [][]string
	for _, l := range r.Live {
		rows = append(rows, []string{fmt.Sprint(l.Live), ms(l.Median), ms(l.P90), ratio(l.Median, r.Live[0].Median), ms(l.Floor.Median), ms(l.Plain.Median)})
	}
	return table("the start of number|median ms|p90 ms|x first|C floor ms|os/exec ms", rows)
}

func (r *results) steadyTable() string {
	head := "nanoseconds of one call"
	for _, k := range kinds {
		head += "|" + k.label
	}
	var rows [][]string
	for _, s := range r.Steady {
		row := []string{s.Where}
		for _, k := range kinds {
			row = append(row, fmt.Sprintf("%.0f", s.Calls[k.name]))
		}
		rows = append(rows, row)
	}
	return table(head, rows)
}

func (r *results) filtersTable() string {
	head := "compiler|instructions|load us"
	for _, k := range filterKinds {
		head += "|" + k.label + " ns"
	}
	var rows [][]string
	for _, f := range r.Filters {
		row := []string{f.Compiler, fmt.Sprint(f.Length), fmt.Sprintf("%.0f", f.Load/1000)}
		if f.Length == 0 {
			row = []string{f.Compiler, "-", "-"}
		}
		for _, k := range filterKinds {
			cell := "-"
			if ns, ok := f.Calls[k.name]; ok {
				cell = fmt.Sprintf("%.0f", ns)
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return table(head, rows)
}

func (r *results) budgetsTable() string {
	var rows [][]string
	for _, b := range r.Budgets {
		measured := "-"
		if b.Known {
			measured = b.format(b.Measured)
		}
		rows = append(rows, []string{b.What, b.format(b.Budget), measured, b.Verdict()})
	}
	return table("what|at most|measured|<verdict", rows)
}
