package cgroup

import "testing"

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
