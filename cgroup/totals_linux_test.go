package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// The totals are the same numbers that Stats has among others.
func TestTotalsAreThoseOfStats(t *testing.T) {
	h := liveHost(t, "memory", "pids", "cpuacct")
	g := create(t, h, Limits{Memory: 64 << 20, Pids: 5}, Options{Controllers: []string{"cpuacct"}})
	if status, said := startHelper(t, "hog 134217728").run(g).wait(); said != "" {
		t.Fatalf("128 MiB within 64: status %v, said %q", status, said)
	}
	startShell(t, "for i in 1 2 3 4 5 6 7 8; do sleep 0.01 & done 2>/dev/null; wait").run(g).wait()
	s, err := g.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if s.OOM.Kills == 0 || s.Memory.Peak < 60<<20 || s.CPU.Usage == 0 || s.Pids.MaxEvents == 0 {
		t.Fatalf("control: the group has used nothing: %+v", s)
	}
	got, err := g.Totals()
	if err != nil {
		t.Fatal(err)
	}
	later, err := g.Stats() // v2 counts the last moments of a process late
	if err != nil || got.CPU < s.CPU.Usage || got.CPU > later.CPU.Usage {
		t.Errorf("CPU time %v is not between %v and %v, %v", got.CPU, s.CPU.Usage, later.CPU.Usage, err)
	}
	want := Totals{MemoryPeak: s.Memory.Peak, OOMKills: s.OOM.Kills, CPU: got.CPU, Throttled: s.CPU.ThrottledTime, ForksRefused: s.Pids.MaxEvents}
	if *got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Final totals are there when no process is left, and no sooner: not while one is in
// the group, nor in a group below it.
func TestFinalTotals(t *testing.T) {
	h := liveHost(t, "memory")
	g := create(t, h, Limits{Memory: 64 << 20}, Options{})
	p := startShell(t, "echo inside; exec sleep 1000").run(g)
	p.line()
	if totals, ok := g.Final(); ok {
		t.Errorf("final while a process runs: %+v", totals)
	}
	p.cmd.Process.Kill()
	p.wait()
	totals, ok := g.Final()
	if !ok || totals.MemoryPeak == 0 {
		t.Fatalf("%+v, %v", totals, ok)
	}
	if later, err := g.Totals(); err != nil || *later != *totals {
		t.Errorf("%+v after the final %+v, %v", later, totals, err)
	}
	if err := os.Mkdir(filepath.Join(g.Paths()[0], "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(g.Paths()[0], "below", "cgroup.procs")
	q := startShell(t, "echo inside; exec sleep 1000").run(g)
	q.line()
	if err := os.WriteFile(below, []byte(strconv.Itoa(q.cmd.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	if totals, ok := g.Final(); ok {
		t.Errorf("final while a process runs below: %+v", totals)
	}
	q.cmd.Process.Kill()
	q.wait()
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	if _, ok := g.Final(); ok {
		t.Error("final totals of a removed group")
	}
}

// Time without CPU is counted from the first limit on that causes it, also a late one.
func TestThrottledTotals(t *testing.T) {
	h := liveHost(t, "cpu")
	for name, late := range map[string]bool{"made with a quota": false, "given one later": true} {
		limits := Limits{CPUShares: 512, CPUs: 0.1}
		if late {
			limits.CPUs = 0
		}
		g := create(t, h, limits, Options{})
		if late {
			if err := g.Set(Limits{CPUs: 0.1}); err != nil {
				t.Fatal(err)
			}
		}
		startShell(t, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done").run(g).wait()
		if totals, err := g.Totals(); err != nil || totals.Throttled == 0 {
			t.Errorf("%s: %+v, %v", name, totals, err)
		}
	}
}

// Kept files say what those that are opened anew say, later as well, and are given
// back.
func TestKeptTotals(t *testing.T) {
	h := liveHost(t, "memory", "pids", "cpuacct")
	g := create(t, h, Limits{Memory: 64 << 20, Pids: 5}, Options{Controllers: []string{"cpuacct"}})
	before := len(openFiles())
	g.KeepTotals()
	g.KeepTotals() // which finds them open
	kept := len(openFiles()) - before
	if kept < 2 || kept > 5 {
		t.Errorf("%d files are kept", kept)
	}
	first, err := g.Totals()
	if err != nil {
		t.Fatal(err)
	}
	startShell(t, "for i in 1 2 3 4 5 6 7 8; do sleep 0.01 & done 2>/dev/null; wait").run(g).wait()
	p := startShell(t, "echo inside; exec sleep 1000").run(g)
	p.line()
	if totals, ok := g.Final(); ok {
		t.Errorf("final while a process runs: %+v", totals)
	}
	if err := g.Kill(); err != nil { // what the first shell has left is still there, perhaps
		t.Fatal(err)
	}
	p.wait()
	final, ok := g.Final()
	if !ok || final.MemoryPeak <= first.MemoryPeak || final.CPU <= first.CPU || final.ForksRefused == 0 {
		t.Errorf("%+v, %v after %+v", final, ok, first)
	}
	if g.dirs[0].base.version == 1 { // v2 counts the last moments of a process late
		g.CloseTotals()
		if fresh, err := g.Totals(); err != nil || *fresh != *final {
			t.Errorf("%+v from files opened anew, %+v from kept ones, %v", fresh, final, err)
		}
		g.KeepTotals()
	}
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	if after := len(openFiles()); after > before {
		t.Errorf("%d files open, %d before", after, before)
	}
}
