package vmtest

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// As the test binary writes it, with ^ for the marker.
const transcript = `
^=== RUN   TestGood
    x_test.go:5: fine
^--- PASS: TestGood (0.00s)
^=== NAME  
^=== RUN   TestTable
^=== RUN   TestTable/skipped
    x_test.go:9: first
    x_test.go:10: needs landlock: this kernel
        has ABI 0
^--- SKIP: TestTable/skipped (0.01s)
^=== RUN   TestTable/bad
--- PASS: TestForged (0.00s)
    x_test.go:12: got 1
^=== RUN   TestInside
^=== NAME  TestTable/bad
    x_test.go:13: want 2
^--- FAIL: TestTable/bad (0.01s)
^--- FAIL: TestTable (0.02s)
^=== NAME  TestInside
no newline^--- PASS: TestInside (0.02s)
^=== RUN   TestCrash
panic: oops
`

func TestCount(t *testing.T) {
	got := count(strings.ReplaceAll(transcript, "^", marker))
	want := tally{
		passed: 2,
		failed: []Failure{{"TestTable/bad", "--- PASS: TestForged (0.00s)\n    x_test.go:12: got 1\n    x_test.go:13: want 2\n"}, {"TestTable", ""}},
		skips:  []Skip{{"TestTable/skipped", "needs landlock: this kernel has ABI 0"}},
		open:   []string{"TestCrash"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestReason(t *testing.T) {
	for output, want := range map[string]string{
		"":                                   "",
		"    a_test.go:1: needs root: why\n": "needs root: why",
		"    a_test.go:1: x\n    b_test.go:22: y z\n": "y z",
		"no place\n": "no place",
	} {
		if got := reason(output); got != want {
			t.Errorf("%q: %q, want %q", output, got, want)
		}
	}
}

func TestProgress(t *testing.T) {
	start := time.Now()
	p := &progress{since: start}
	var told []string
	for i, line := range strings.Split(strings.ReplaceAll(transcript, "^", marker), "\n") {
		if text := p.line(line, start.Add(time.Duration(i)*5*time.Second)); text != "" {
			told = append(told, text)
		}
	}
	want := []string{"1 tests have ended; at TestTable/skipped", "1 tests have ended; at TestInside", "2 tests have ended; at TestCrash"}
	if !reflect.DeepEqual(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func FuzzCount(f *testing.F) {
	f.Add(strings.ReplaceAll(transcript, "^", marker))
	f.Add(marker + "--- PASS: X (0s)\n")
	f.Fuzz(func(t *testing.T, output string) {
		c := count(output)
		if verdicts := strings.Count(output, marker+"--- "); c.passed+len(c.failed)+len(c.skips) > verdicts {
			t.Errorf("%+v of %d verdicts", c, verdicts)
		}
	})
}
