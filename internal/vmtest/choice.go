package vmtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// An aside is a set of tests that not every guest runs, because they take long
// in emulation. The table names it with the reason.
type aside struct {
	pkg   string
	tests string // alternatives of a pattern
	why   string
}

// elsewhere are tests that no guest runs. They run on the host, as root and as
// an ordinary user. Other tests may do less where the environment has CI_EMULATED.
var elsewhere = []aside{
	{".", "TestManyStarts|TestExhaustedDescriptors|TestPoolSurvivesBursts", "only the number of starts counts in them"},
	{".", "TestEveryCallOfThePreparationFails|TestHostIsKilledAtAnyTime", "hundreds of starts, to try each step of the host program, which are the same on each kernel"},
	{"internal/launch", "TestExecutablesAmongForks", "only the number of forks counts in it"},
	{"internal/plan", "TestHostIsGoneAtAnyMoment", "the kernel has no part in it: all runs in a model"},
	{"seccomp", "TestCompileLongJumps|TestCompileWholeProfiles|TestCompileTooLong|TestCompileNearLimit|TestCompileAgreesWithEvaluate|TestAgreesWithElastic", "the kernel has no part in them"},
}

// thorough are tests of which one row is enough: see [Row].
var thorough = []aside{
	{".", "TestEveryCallFails|TestLauncherDiesAtEveryStep|TestLauncherStopsAtEveryStep|TestLauncherIsKilledAtAnyTime", "a start for each step of the launcher"},
	{".", "TestHostWithRefusedCalls|TestExchangedPlaceStaysInside|TestNothingOfProcIsWritable", "very many starts or files"},
	{".", "TestOrdinaryPrograms|TestProcessLimit|TestDefaultProcessLimit|TestTemporaryFileSystemsRunOutOfFiles|TestInitSurvivesAndReaps|TestLeakedDirectoryIsNoWayOut|TestUsageCountsTheWholeTree", "real programs, hundreds of processes, thousands of files"},
}

// setAside are the tests of a package that a row does not run.
func (r Row) setAside(pkg string) []aside {
	all := elsewhere
	if !r.Thorough {
		all = slices.Concat(elsewhere, thorough)
	}
	return of(pkg, all)
}

func of(pkg string, all []aside) []aside {
	return slices.DeleteFunc(slices.Clone(all), func(a aside) bool { return a.pkg != pkg })
}

// leftOut is the pattern of the tests of a package that a row does not run.
func (r Row) leftOut(pkg string) string { return whole(r.setAside(pkg)) }

// chosen is the pattern of the tests of a package that a row runs.
func (r Row) chosen(pkg string) string {
	switch {
	case pkg != "." || r.Tests == "":
		return "."
	case r.Thorough:
		return r.Tests + "|" + whole(of(pkg, thorough))
	}
	return r.Tests
}

// whole is a pattern of the whole names of tests. Without any it matches none,
// for the empty pattern would be all.
func whole(asides []aside) string {
	if len(asides) == 0 {
		return "^$"
	}
	var patterns []string
	for _, a := range asides {
		patterns = append(patterns, a.tests)
	}
	return "^(" + strings.Join(patterns, "|") + ")$"
}

// leftOut lists the tests that rows do not run, with the reasons.
func leftOut(results []Result) string {
	rows := map[string][]string{}
	for _, r := range results {
		for _, p := range r.Packages {
			for _, a := range r.Row.setAside(p.Name) {
				what := fmt.Sprintf("%s: without %s: %s", p.Name, strings.ReplaceAll(a.tests, "|", ", "), a.why)
				rows[what] = append(rows[what], r.Row.Name)
			}
			if pattern := r.Row.chosen(p.Name); pattern != "." {
				what := fmt.Sprintf("%s: only %s: what can differ from the other rows", p.Name, r.Row.Tests)
				rows[what] = append(rows[what], r.Row.Name)
			}
		}
	}
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("left to the host or to other rows, because it takes long in emulation:\n")
	for _, what := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(&b, "  %s\n      in %s\n", what, strings.Join(rows[what], ", "))
	}
	return b.String() + "\n"
}
