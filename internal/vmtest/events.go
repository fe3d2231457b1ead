package vmtest

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// A Skip is a test that did not run, with the reason it gave.
type Skip struct{ Test, Reason string }

// A Failure is a failed test with what it printed.
type Failure struct{ Test, Output string }

// tally is what the output of one test binary amounts to.
type tally struct {
	passed int
	failed []Failure
	skips  []Skip
	open   []string // started and never ended: a crash or a time-out
}

// marker precedes every line of the testing package itself under
// -test.v=test2json, so that what a test prints is not taken for a verdict.
const marker = "\x16"

var (
	switchLine  = regexp.MustCompile(`^=== (RUN|CONT|NAME|PAUSE) +(\S*)$`)
	verdictLine = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+) \(.*\)$`)
	logPlace    = regexp.MustCompile(`^\s*\S+\.go:\d+: `)
)

// count reads the output of a test binary that ran with -test.v=test2json.
func count(output string) tally {
	var t tally
	said := map[string]*strings.Builder{} // of tests that have not ended
	var order []string
	current := ""
	// A test may leave a line open: the marker starts a new one.
	for line := range strings.Lines(strings.ReplaceAll(output, marker, "\n"+marker)) {
		text, marked := strings.CutPrefix(strings.TrimRight(line, "\r\n"), marker)
		if !marked {
			if b := said[current]; b != nil && text != "" {
				b.WriteString(text + "\n")
			}
			continue
		}
		if m := switchLine.FindStringSubmatch(text); m != nil {
			current = m[2]
			if m[1] == "RUN" {
				said[current] = new(strings.Builder)
				order = append(order, current)
			}
		} else if m := verdictLine.FindStringSubmatch(text); m != nil {
			name, b := m[2], said[m[2]]
			if b == nil {
				continue
			}
			delete(said, name)
			switch m[1] {
			case "PASS":
				t.passed++
			case "FAIL":
				t.failed = append(t.failed, Failure{name, b.String()})
			case "SKIP":
				t.skips = append(t.skips, Skip{name, reason(b.String())})
			}
			current = name // what follows a verdict is still the test's output
		}
	}
	for _, name := range order {
		if said[name] != nil {
			t.open = append(t.open, name)
		}
	}
	return t
}

// reason is the last thing that a skipped test logged, on one line and
// without the place in the source.
func reason(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	start := len(lines) - 1
	for start > 0 && !logPlace.MatchString(lines[start]) {
		start--
	}
	text := strings.Join(strings.Fields(strings.Join(lines[start:], " ")), " ")
	return strings.TrimSpace(logPlace.ReplaceAllString(text+" ", ""))
}

// progress tells now and then how far a guest is.
type progress struct {
	since time.Time // when it last told
	ended int       // tests, without those within others
	test  string
}

// line takes a line of the tests and gives what is to be told, if anything.
func (p *progress) line(line string, now time.Time) string {
	const often = 30 * time.Second
	text, marked := strings.CutPrefix(line, marker)
	if !marked {
		return ""
	}
	if m := switchLine.FindStringSubmatch(text); m != nil && m[1] == "RUN" {
		p.test = m[2]
	} else if m := verdictLine.FindStringSubmatch(text); m != nil && !strings.Contains(m[2], "/") {
		p.ended++
	}
	if now.Sub(p.since) < often {
		return ""
	}
	p.since = now
	return fmt.Sprintf("%d tests have ended; at %s", p.ended, p.test)
}
