package sandboxtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

// TestSandbox tries all probes in a sandbox with these options, each as a
// subtest named after it. An open one is a failure unless [Open] declares it or
// it stays open in every sandbox; one that cannot be tried is skipped.
func TestSandbox(t *testing.T, opts ...sandbox.Option) {
	t.Helper()
	opts, declared := declarations(opts)
	table, err := Audit(t.Context(), In(t.Context(), opts...))
	if err != nil {
		t.Fatal(err)
	}
	table.Test(t, declared...)
}

// Test makes a subtest of each row, as [TestSandbox] does. Patterns in the syntax
// of [path.Match] say which probes may be open.
func (t *Table) Test(tt *testing.T, open ...string) {
	tt.Helper()
	if err := checkDeclared(open); err != nil {
		tt.Fatal(err)
	}
	for _, group := range t.Groups() {
		tt.Run(group, func(tt *testing.T) {
			for _, r := range t.Rows {
				if r.Group == group {
					_, name, _ := strings.Cut(r.Name, "/")
					tt.Run(name, func(tt *testing.T) { check(tt, r, matches(r.Name, open)) })
				}
			}
		})
	}
	closed := t.Count("", Closed)
	tt.Logf("%d of %d probes are closed, %d could not be tried", closed, closed+t.Count("", Opened), t.Count("", Untried))
}

func check(t *testing.T, r Row, declared bool) {
	t.Helper()
	switch {
	case r.Verdict == Untried:
		t.Skipf("needs syscall: %s", r.Detail)
	case r.Verdict == Closed && declared:
		t.Logf("declared as open, and closed: %s", r.Detail)
	case r.Verdict == Opened && declared:
		t.Log("open, as declared")
	case r.Verdict == Opened && r.StaysOpen != "":
		t.Logf("open: %s", r.StaysOpen)
	case r.Verdict == Opened:
		t.Errorf("open: it could %s (%s). If that is wanted, declare sandboxtest.Open(%q)", r.Tries, r.Why, r.Name)
	}
}

// Open declares, among the options of [TestSandbox], that these probes may be
// open: names or patterns in the syntax of [path.Match], such as "network/*".
// Elsewhere it is an option without effect.
func Open(patterns ...string) sandbox.Option {
	return declaration{sandbox.WithBestEffort(), patterns}
}

// A declaration is an option that does nothing, so that it can stand among the
// others.
type declaration struct {
	sandbox.Option
	patterns []string
}

func declarations(opts []sandbox.Option) (rest []sandbox.Option, patterns []string) {
	for _, o := range opts {
		if d, ok := o.(declaration); ok {
			patterns = append(patterns, d.patterns...)
		} else {
			rest = append(rest, o)
		}
	}
	return rest, patterns
}

// checkDeclared finds patterns that match nothing.
func checkDeclared(patterns []string) error {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return fmt.Errorf("sandboxtest.Open(%q): %w", p, err)
		}
		if !slices.ContainsFunc(Probes(), func(probe Probe) bool { return matches(probe.Name, []string{p}) }) {
			return fmt.Errorf("sandboxtest.Open(%q): no probe has that name", p)
		}
	}
	return nil
}
