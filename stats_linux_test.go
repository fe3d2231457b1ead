package sandbox_test

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/cgroup"
)

// until reads the numbers of a sandbox until they are as wanted.
func until(t *testing.T, p *sandbox.Process, what string, ok func(*cgroup.Stats) bool) *cgroup.Stats {
	t.Helper()
	var last *cgroup.Stats
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		s, err := p.Stats()
		if err != nil {
			t.Fatal(err)
		}
		if last = s; ok(s) {
			return s
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("never: %s: %+v", what, last)
	return nil
}

// TestStats makes each number move, from inside.
func TestStats(t *testing.T) {
	needsGroup(t)
	const limit = 64 << 20
	p, _, _ := begin(t, "exec cat", sandbox.WithMemory(limit), sandbox.WithPids(20), sandbox.WithCPUs(0.05))
	do := func(script string) error {
		_, err := p.Exec(context.Background(), exec.Command("sh", "-c", script))
		return err
	}
	first, err := p.Stats()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"memory", "cpu", "cpuacct", "pids"} {
		if !slices.Contains(first.Controllers, c) {
			t.Errorf("%s is not measured: %v", c, first.Controllers)
		}
	}
	if first.Memory.Limit != limit || first.Memory.Usage <= 0 || first.Pids.Limit != 20 || first.Pids.Current != 1 || first.OOM.Kills != 0 {
		t.Errorf("at first %+v %+v %+v", first.Memory, first.Pids, first.OOM)
	}
	ctx, cancel := context.WithCancel(context.Background())
	burnt := make(chan error, 1)
	go func() {
		_, err := p.Exec(ctx, exec.Command("sh", "-c", "while :; do :; done"))
		burnt <- err
	}()
	until(t, p, "CPU time and throttling", func(s *cgroup.Stats) bool {
		return s.CPU.Usage > first.CPU.Usage+20*time.Millisecond && s.CPU.User > 0 && s.CPU.Throttled > 0 && s.CPU.ThrottledTime > 0 && s.CPU.Periods >= s.CPU.Throttled
	})
	cancel()
	if err := <-burnt; !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if err := p.Update(sandbox.WithCPUs(2)); err != nil { // the rest should not take that long
		t.Fatal(err)
	}
	if err := do("head -c 20000000 /dev/zero > /tmp/filler"); err != nil {
		t.Fatal(err)
	}
	until(t, p, "memory of the file in /tmp", func(s *cgroup.Stats) bool {
		return s.Memory.Usage >= 19000000 && s.Memory.File >= 19000000 && s.Memory.Peak >= s.Memory.Usage
	})
	var exit *sandbox.ExitError
	if err := do("head -c 80000000 /dev/zero | tail -c 80000000 >/dev/null"); !errors.As(err, &exit) {
		t.Fatalf("80 MB in 64 MiB: %v", err)
	}
	until(t, p, "an OOM kill", func(s *cgroup.Stats) bool { return s.OOM.Kills > 0 })
	if err := do("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 60 >/dev/null 2>&1 </dev/null & done"); err == nil {
		t.Error("20 processes more than allowed")
	}
	s := until(t, p, "refused forks", func(s *cgroup.Stats) bool { return s.Pids.MaxEvents > 0 })
	if s.Pids.Current > 20 {
		t.Errorf("%+v", s.Pids)
	}
	if s.PSI != nil && s.PSI.CPU.Some.Total == 0 {
		t.Errorf("throttled, and no pressure: %+v", s.PSI.CPU)
	}
	p.Kill()
	result, _ := p.Wait()
	if result.Usage.CPU < 20*time.Millisecond || result.Usage.OOMKills == 0 || result.Usage.Throttled == 0 || result.Usage.Memory == 0 {
		t.Errorf("the result says %+v", result.Usage)
	}
}

// The CPU time of the whole tree counts, also of those that nobody waited for.
func TestUsageCountsTheWholeTree(t *testing.T) {
	needsGroup(t)
	result, err := sandbox.Run(context.Background(), exec.Command("sh", "-c", "(setsid sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo > /tmp/done' &) ; while [ ! -e /tmp/done ]; do sleep 0.01; done"), sandbox.WithMemory(64*mib))
	if err != nil {
		t.Fatal(err)
	}
	if own := result.Usage.User + result.Usage.System; result.Usage.CPU < own+20*time.Millisecond {
		t.Errorf("CPU time %v, of the command and whom it waited for %v", result.Usage.CPU, own)
	}
}
