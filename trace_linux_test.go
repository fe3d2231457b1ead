package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

// A trace has the steps of the plan, each with its process, in the order of time.
func TestTrace(t *testing.T) {
	box := newBox(t)
	var stdout bytes.Buffer
	cmd := exec.Command("/bin/echo", "hello")
	cmd.Stdout = &stdout
	planned := newPlan(t, box, cmd).Steps
	trace, err := box.Trace(context.Background(), cmd)
	if err != nil || stdout.String() != "hello\n" || !trace.Result.Success() {
		t.Fatalf("%v, %q", err, stdout.String())
	}
	want := []string{"PID 1", "command", "host"}
	if os.Getuid() != 0 {
		want = []string{"PID 1", "command", "host", "outer process"}
	}
	var processes []string
	seen := map[string]bool{}
	for i, s := range trace.Steps {
		if !slices.Contains(processes, s.Process) {
			processes = append(processes, s.Process)
		}
		seen[s.Step] = true
		switch {
		case s.At < 0, s.Took < 0, i > 0 && s.At < trace.Steps[i-1].At:
			t.Errorf("%+v after %+v", s, trace.Steps[max(i, 1)-1])
		case s.Process != "host" && !slices.Contains(planned, s.Step):
			t.Errorf("%q was not planned", s.Step)
		}
	}
	if slices.Sort(processes); !slices.Equal(processes, want) {
		t.Errorf("processes %v, want %v", processes, want)
	}
	// After these a process may not ask for the time any more, or the launcher does not get there.
	untimed := []string{"start", "supervise the command", "execute /bin/echo", "report the failure", "wait for the command to execute", "supervise"}
	for _, step := range planned {
		born := strings.HasPrefix(step, "enter cgroup ") // where it is not entered: cgroup v2
		if !seen[step] && !born && !slices.Contains(untimed, step) {
			t.Errorf("%q has no time", step)
		}
	}
}

// It is a table for people, and an object for programs.
func TestTraceForms(t *testing.T) {
	trace, err := newBox(t).Trace(context.Background(), exec.Command("/bin/sh", "-c", "exit 3"))
	var exit *sandbox.ExitError
	if !errors.As(err, &exit) || trace == nil || trace.Result.ExitCode != 3 {
		t.Fatalf("%v %v", trace, err)
	}
	lines := strings.Split(strings.TrimSuffix(trace.String(), "\n"), "\n")
	if len(lines) != 1+len(trace.Steps) || !strings.HasSuffix(lines[1], "prepare") || !strings.Contains(lines[1], " host ") {
		t.Errorf("%s", trace)
	}
	content, err := json.Marshal(trace)
	var again struct{ Steps []sandbox.TracedStep }
	if err != nil || json.Unmarshal(content, &again) != nil || !slices.Equal(again.Steps, trace.Steps) {
		t.Errorf("%s, %v", content, err)
	}
}

func TestTraceOfNothing(t *testing.T) {
	before := takeInventory()
	box := newBox(t)
	for _, name := range []string{"/nowhere/at/all", "no-such-program"} {
		if trace, err := box.Trace(context.Background(), exec.Command(name)); trace != nil || err == nil {
			t.Errorf("%s: %v, %v", name, trace, err)
		}
	}
	if err := box.Close(); err != nil {
		t.Error(err)
	}
	if left := before.leftBehind(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}
