package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/launch"
)

func newPlan(t *testing.T, box *sandbox.Sandbox, cmd *exec.Cmd) *sandbox.Plan {
	t.Helper()
	p, err := box.Plan(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newBox(t *testing.T, opts ...sandbox.Option) *sandbox.Sandbox {
	t.Helper()
	box, err := sandbox.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	return box
}

// A plan is made without starting or changing anything.
func TestPlanHasNoEffect(t *testing.T) {
	box := newBox(t)
	newPlan(t, box, exec.Command("true")) // what a sandbox itself keeps open
	before := takeInventory()
	cmd := exec.Command("/bin/true", "argument")
	cmd.Dir, cmd.Env = "/tmp", []string{"A=b"}
	first, second := newPlan(t, box, cmd), newPlan(t, box, cmd)
	if first.String() != second.String() || !slices.Equal(first.Steps, second.Steps) {
		t.Error("two plans of one command differ")
	}
	if cmd.Process != nil || cmd.Path != "/bin/true" || len(cmd.Args) != 2 || cmd.Dir != "/tmp" || len(cmd.Env) != 1 || cmd.ExtraFiles != nil {
		t.Errorf("the command became %+v", cmd)
	}
	if left := before.leftBehind(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
	if _, err := box.Run(context.Background(), cmd); err != nil {
		t.Errorf("a command that was planned does not run: %v", err)
	}
}

// A plan is what a start then does: the first one of a sandbox, call by call.
func TestPlanIsWhatRuns(t *testing.T) {
	box := newBox(t)
	var stdout bytes.Buffer
	cmd := exec.Command("/bin/echo", "hello")
	cmd.Stdout = &stdout
	planned := newPlan(t, box, cmd).String()
	var ran string
	if err := sandbox.Tamper(box, false, func(p *launch.Program) { ran = p.String() }); err != nil {
		t.Fatal(err)
	}
	if _, err := box.Run(context.Background(), cmd); err != nil || stdout.String() != "hello\n" {
		t.Fatalf("%q, %v", stdout.String(), err)
	}
	if planned != ran {
		t.Errorf("planned and run differ:\n%s", firstDifference(planned, ran))
	}
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return strings.Join(x[max(0, i-2):i], "\n") + "\n- " + x[i] + "\n+ " + y[i]
		}
	}
	return "one is longer"
}

// The steps are for people: one line each, and the ones that matter are there.
func TestPlanSteps(t *testing.T) {
	dir := openDir(t)
	box := newBox(t, sandbox.WithReadOnlyBind(dir, "/data"), sandbox.WithHostname("box"))
	p := newPlan(t, box, exec.Command("/bin/true"))
	network := "bring loopback up"
	if os.Getuid() == 0 {
		network = "enter the network namespace" // in which the host has done that
	}
	for _, want := range []string{
		"mount proc /proc", "bind " + dir + " /data", "set hostname box", network, "drop capability bounding set",
		"set no_new_privs", "load seccomp filter", "execute /bin/true", "set user and group", "new session", "reset signals",
	} {
		if !slices.Contains(p.Steps, want) {
			t.Errorf("no step %q", want)
		}
	}
	for _, step := range p.Steps {
		if step == "" || strings.ContainsAny(step, "\n\r") {
			t.Errorf("step %q", step)
		}
	}
	if filter, execute := slices.Index(p.Steps, "load seccomp filter"), slices.Index(p.Steps, "execute /bin/true"); execute != filter+1 {
		t.Errorf("steps %d and %d", filter, execute)
	}
}

// A path may hold what it likes; a plan keeps it on its line.
func TestPlanOfOddNames(t *testing.T) {
	box := newBox(t)
	p := newPlan(t, box, exec.Command("/bin/true\n    exit_group(0)", "\x01"))
	for _, step := range p.Steps {
		if strings.Contains(step, "\n") {
			t.Errorf("a step of two lines: %q", step)
		}
	}
	for line := range strings.Lines(p.String()) {
		if line == "    exit_group(0)\n" {
			t.Error("the name of a program passes for a call")
		}
	}
}

func TestPlanErrors(t *testing.T) {
	box := newBox(t)
	var option *sandbox.OptionError
	if _, err := box.Plan(&exec.Cmd{}); !errors.As(err, &option) {
		t.Errorf("no command: %v", err)
	}
	missing := newBox(t, sandbox.WithRootFS("/no/such/root"))
	var setup *sandbox.SetupError
	if _, err := missing.Plan(exec.Command("true")); !errors.As(err, &setup) || !errors.Is(err, unix.ENOENT) {
		t.Errorf("missing root: %v", err)
	}
	box.Close()
	if _, err := box.Plan(exec.Command("true")); err == nil {
		t.Error("a plan of a closed sandbox")
	}
}

// A bare name is looked up in the directories of the command's PATH, inside,
// and in their order.
func TestCandidatesOfABareName(t *testing.T) {
	dir := openDir(t)
	script := func(where, says string, mode os.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, where), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, where, "program"), []byte("#!/bin/sh\necho "+says+"\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	script("first", "first", 0o755)
	script("second", "second", 0o755)
	script("closed", "closed", 0o644)
	for _, c := range []struct {
		path, want string
		err        error
	}{
		{"/data/first:/data/second", "first\n", nil},
		{"/data/second:/data/first", "second\n", nil},
		{"/no/such:/data/second", "second\n", nil},
		{"/data/first/program:/data/second", "second\n", nil}, // a file among the directories
		{"/data/closed:/data/second", "second\n", nil},
		{"/no/such:/data/closed", "", unix.EACCES},
		{"/data/closed:/no/such", "", unix.EACCES},
		{"/data/closed:/data/first/program", "", unix.EACCES},
		{"/no/such:/data", "", exec.ErrNotFound},
		{"/no/such:/data/first/program", "", exec.ErrNotFound},
	} {
		cmd := exec.Command("program")
		cmd.Err = nil // it is not to be found here
		cmd.Env = []string{"PATH=" + c.path}
		var out bytes.Buffer
		cmd.Stdout = &out
		_, err := sandbox.Run(context.Background(), cmd, sandbox.WithReadOnlyBind(dir, "/data"))
		if out.String() != c.want || !errors.Is(err, c.err) {
			t.Errorf("PATH=%s: %q, %v; want %q, %v", c.path, out.String(), err, c.want, c.err)
		}
	}
}
