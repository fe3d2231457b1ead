package vmtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Broken lists what makes a row fail, one line each; none when it passed.
func (r Result) Broken(strict bool) (why []string) {
	if r.Err != nil {
		first, _, _ := strings.Cut(r.Err.Error(), "\n")
		why = append(why, first)
	}
	for _, p := range r.Packages {
		switch {
		case p.Status == notEnded:
			why = append(why, p.Name+": did not end")
		case p.Status == notBuilt:
			why = append(why, p.Name+": its tests do not build")
		case !p.ok() && len(p.failed) == 0:
			why = append(why, fmt.Sprintf("%s: exit status %d without a failed test", p.Name, p.Status))
		}
		for _, f := range p.failed {
			why = append(why, p.Name+": "+f.Test)
		}
		for _, s := range p.skips {
			if feature, broken, known := r.Row.promised(s.Reason); broken {
				why = append(why, fmt.Sprintf("%s: %s was skipped, but this row promises %s: %s", p.Name, s.Test, feature, s.Reason))
			} else if !known && strict {
				why = append(why, fmt.Sprintf("%s: %s was skipped for a reason that names no feature: %s", p.Name, s.Test, s.Reason))
			}
		}
	}
	return why
}

func state(r Result, strict bool) string {
	if len(r.Broken(strict)) > 0 {
		return "FAIL"
	}
	return "ok"
}

// Table shows packages by row: passed, failed and skipped tests; then the
// reasons of the skips, and what is broken.
func Table(results []Result, strict bool) string {
	var b strings.Builder
	names := map[string]bool{}
	for _, r := range results {
		for _, p := range r.Packages {
			names[p.Name] = true
		}
	}
	packages := slices.Sorted(maps.Keys(names))
	width := len("passed/failed/skipped")
	for _, name := range packages {
		width = max(width, len(name))
	}
	fmt.Fprintf(&b, "%-*s", width, "passed/failed/skipped")
	for _, r := range results {
		fmt.Fprintf(&b, "  %12s", r.Row.Name)
	}
	b.WriteByte('\n')
	line := func(name string, cell func(Result) string) {
		fmt.Fprintf(&b, "%-*s", width, name)
		for _, r := range results {
			fmt.Fprintf(&b, "  %*s", max(12, len(r.Row.Name)), cell(r))
		}
		b.WriteByte('\n')
	}
	for _, name := range packages {
		line(name, func(r Result) string { return cell(r, name) })
	}
	line("verdict", func(r Result) string { return state(r, strict) })
	line("time", func(r Result) string { return fmt.Sprintf("%.0f s", r.Took.Seconds()) })
	line("CPU time", func(r Result) string { return fmt.Sprintf("%.0f s", r.CPU.Seconds()) })
	b.WriteString(skips(results))
	b.WriteString(leftOut(results))
	for _, r := range results {
		for _, why := range r.Broken(strict) {
			fmt.Fprintf(&b, "FAIL %s: %s\n", r.Row.Name, why)
		}
	}
	return b.String()
}

func cell(r Result, name string) string {
	for _, p := range r.Packages {
		if p.Name != name {
			continue
		}
		text := fmt.Sprintf("%d/%d/%d", p.passed, len(p.failed), len(p.skips))
		if !p.ok() {
			text += " !"
		}
		return text
	}
	return "-"
}

// skips lists each reason once, with the rows and the tests that gave it.
func skips(results []Result) string {
	type key struct{ pkg, reason string }
	tests, rows := map[key]map[string]bool{}, map[key][]string{}
	unexplained := map[key]bool{}
	var order []key
	for _, r := range results {
		for _, p := range r.Packages {
			for _, s := range p.skips {
				k := key{p.Name, s.Reason}
				if tests[k] == nil {
					tests[k] = map[string]bool{}
					order = append(order, k)
				}
				tests[k][s.Test] = true
				if !slices.Contains(rows[k], r.Row.Name) {
					rows[k] = append(rows[k], r.Row.Name)
				}
				if _, _, known := r.Row.promised(s.Reason); !known {
					unexplained[k] = true
				}
			}
		}
	}
	if len(order) == 0 {
		return ""
	}
	slices.SortStableFunc(order, func(a, b key) int { return strings.Compare(a.pkg, b.pkg) })
	var b strings.Builder
	b.WriteString("\nskipped:\n")
	for _, k := range order {
		note := ""
		if unexplained[k] {
			note = " (names no feature)"
		}
		fmt.Fprintf(&b, "  %s: %s%s\n      in %s: %s\n", k.pkg, k.reason, note, strings.Join(rows[k], ", "), few(slices.Sorted(maps.Keys(tests[k]))))
	}
	return b.String() + "\n"
}

func few(names []string) string {
	if len(names) > 4 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:4], ", "), len(names)-4)
	}
	return strings.Join(names, ", ")
}
