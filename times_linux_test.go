package sandbox_test

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-d1379373/sandbox"
)

// The times in a result are the command's own, whether it has ended before the host
// looks or not: Setup has no part of its run, and Wall no part of what comes before
// and after.
func TestTimesAreTheCommands(t *testing.T) {
	box := newBox(t)
	pool := newPool(t, 1)
	start := func(ctx context.Context, cmd *exec.Cmd) (*sandbox.Result, error) {
		p, err := box.Start(ctx, cmd)
		if err != nil {
			return nil, err
		}
		return p.Wait()
	}
	for name, run := range map[string]func(context.Context, *exec.Cmd) (*sandbox.Result, error){
		"Run": box.Run, "Start": start, "a pool's Run": pool.Run,
	} {
		for _, naps := range []time.Duration{2 * time.Millisecond, 100 * time.Millisecond} {
			cmd := exec.Command("sleep", naps.String()[:len(naps.String())-2]+"e-3")
			begin := time.Now()
			res, err := run(context.Background(), cmd)
			took := time.Since(begin)
			if err != nil {
				t.Fatal(err)
			}
			if res.Usage.Wall < naps || res.Setup <= 0 || res.Setup+res.Usage.Wall > took {
				t.Errorf("%s of a sleep of %v: %v setup and %v in %v", name, naps, res.Setup, res.Usage.Wall, took)
			}
		}
	}
}

// What a launcher says of the time is believed if it can be true.
func TestMomentsAreBetweenBeginningAndNow(t *testing.T) {
	for name, c := range map[string]struct {
		ago  time.Duration
		true bool
	}{
		"a moment of the start":           {30 * time.Millisecond, true},
		"before the start":                {time.Hour, false},
		"in the future":                   {-time.Hour, false},
		"none":                            {sandbox.NoMoment, false},
		"before the clock began to count": {200 * 365 * 24 * time.Hour, false},
		"when durations have long ended":  {-200 * 365 * 24 * time.Hour, false},
	} {
		before := time.Now()
		got := sandbox.MomentOf(50*time.Millisecond, c.ago)
		after := time.Now()
		wanted := got.After(before.Add(-31*time.Millisecond)) && got.Before(after.Add(-29*time.Millisecond))
		now := !got.Before(before) && !got.After(after)
		if c.true && !wanted || !c.true && !now {
			t.Errorf("%s: %v before the end", name, after.Sub(got))
		}
	}
}

// What the host opens for the end of a short command, it does not keep open for a
// long one.
func TestLongCommandsKeepNoFilesOfTheirCgroup(t *testing.T) {
	needRoot(t, "an ordinary caller has no cgroup")
	open := func() (n int) {
		fds, _ := os.ReadDir("/proc/self/fd")
		for _, fd := range fds {
			if target, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.Contains(target, "/cgroup/") && strings.Contains(target, "/sandbox-") {
				n++
			}
		}
		return n
	}
	box := newBox(t, sandbox.WithMemory(64<<20))
	before := open()
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := box.Start(context.Background(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	if n := open(); n > before {
		t.Errorf("%d files are open when Start has returned", n-before)
	}
	in.Close()
	if _, err := p.Wait(); err != nil {
		t.Error(err)
	}

	control := newPool(t, 1, sandbox.WithMemory(64<<20))
	if open() == before {
		t.Error("control: no file is open for a sandbox that waits for a command")
	}
	control.Close()
	before = open()

	cmd = exec.Command("cat")
	if in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { _, err := box.Run(context.Background(), cmd); done <- err }()
	if _, err := in.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); open() > before; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d files are open while the command runs", open()-before)
		}
	}
	in.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
