package vmtest

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestTable(t *testing.T) {
	promising := Row{Name: "amd64-6.1-root", Promises: []string{"landlock"}}
	results := []Result{
		{Row: promising, Took: 61 * time.Second, CPU: 40 * time.Second, Packages: []Package{
			{Name: "caps", tally: tally{passed: 3}},
			{Name: "lsm", tally: tally{passed: 1, skips: []Skip{{"TestL", "needs landlock: ABI 0"}, {"TestM", "no time"}}}},
		}},
		{Row: Row{Name: "arm64"}, Err: errors.New("no verdict\nconsole"), Packages: []Package{
			{Name: "caps", Status: 1, tally: tally{passed: 2, failed: []Failure{{Test: "TestC"}}}},
			{Name: "lsm", Status: notEnded},
		}},
	}
	const want = `passed/failed/skipped  amd64-6.1-root         arm64
caps                            3/0/0       2/1/0 !
lsm                             1/0/2       0/0/0 !
verdict                          FAIL          FAIL
time                             61 s           0 s
CPU time                         40 s           0 s

skipped:
  lsm: needs landlock: ABI 0
      in amd64-6.1-root: TestL
  lsm: no time (names no feature)
      in amd64-6.1-root: TestM

FAIL amd64-6.1-root: lsm: TestL was skipped, but this row promises landlock: needs landlock: ABI 0
FAIL arm64: no verdict
FAIL arm64: caps: TestC
FAIL arm64: lsm: did not end
`
	if got := Table(results, false); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	chosen := []Result{
		{Row: Row{Name: "some", Tests: "A|B"}, Packages: []Package{{Name: "."}}},
		{Row: Row{Name: "more", Thorough: true}, Packages: []Package{{Name: "."}}},
	}
	got := Table(chosen, false)
	for _, line := range []string{
		"  .: only A|B: ", "\n      in some\n",
		"  .: without TestEveryCallFails, ", ": a start for each step of the launcher\n      in some\n",
		"  .: without TestManyStarts, ", ": only the number of starts counts in them\n      in some, more\n",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("no %q in\n%s", line, got)
		}
	}
	if why := strings.Join(results[0].Broken(true), "\n"); !strings.Contains(why, "names no feature: no time") {
		t.Errorf("strict: %s", why)
	}
	if why := (Result{Row: promising, Packages: []Package{{Name: "caps"}}}).Broken(true); len(why) != 0 {
		t.Errorf("a good row: %v", why)
	}
	if why := (Result{Packages: []Package{{Name: "p", Status: 2}}}).Broken(false); len(why) != 1 {
		t.Errorf("a crash: %v", why)
	}
}
