package needs

import (
	"os"
	"strings"
	"testing"
)

// recorder is a test that only writes down how it was ended.
type recorder struct {
	testing.TB
	verdict string
}

func (r *recorder) Helper() {}
func (r *recorder) Skip(args ...any) {
	r.verdict = "skip " + args[0].(string)
}
func (r *recorder) Skipf(format string, args ...any)  { r.verdict = "skip " + format }
func (r *recorder) Fatalf(format string, args ...any) { r.verdict = "fatal " + format }

func TestProgram(t *testing.T) {
	r := &recorder{}
	t.Setenv("SANDBOX_TEST_PROGRAMS", "")
	Program(r, "sh")
	if r.verdict != "" {
		t.Errorf("sh: %s", r.verdict)
	}
	if Program(r, "no-such-program"); !strings.HasPrefix(r.verdict, "skip needs %s: not installed") {
		t.Errorf("a missing program: %q", r.verdict)
	}
	t.Setenv("SANDBOX_TEST_PROGRAMS", "required")
	if Program(r, "no-such-program"); !strings.HasPrefix(r.verdict, "fatal") {
		t.Errorf("a missing program that is required: %q", r.verdict)
	}
}

func TestRoot(t *testing.T) {
	r := &recorder{}
	Root(r, "why")
	if skipped := r.verdict == "skip needs root: why"; skipped != (os.Geteuid() != 0) {
		t.Errorf("user %d: %q", os.Geteuid(), r.verdict)
	}
}

func TestController(t *testing.T) {
	if NoController("no-such-controller") == nil {
		t.Error("a controller that does not exist can be used")
	}
	r := &recorder{}
	if Controller(r, "no-such-controller"); !strings.HasPrefix(r.verdict, "skip needs cgroup2: ") {
		t.Errorf("%q", r.verdict)
	}
}
