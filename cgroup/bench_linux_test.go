package cgroup

import "testing"

// BenchmarkCreateRemove is a group with the limits that sandboxes have by
// default. CreateOnly's time is most of it: the kernel makes the directories.
func BenchmarkCreateRemove(b *testing.B) {
	h := liveHost(b, "memory", "cpu", "pids")
	limits := Limits{Memory: 64 << 20, CPUShares: 512, Pids: 64}
	b.ReportAllocs()
	for b.Loop() {
		g, err := h.Create("", limits)
		if err != nil {
			b.Fatal(err)
		}
		if err := g.Remove(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStats(b *testing.B) {
	h := liveHost(b, "memory", "cpu", "pids")
	g := create(b, h, Limits{Memory: 64 << 20, CPUShares: 512, Pids: 64}, Options{})
	for b.Loop() {
		if _, err := g.Stats(); err != nil {
			b.Fatal(err)
		}
	}
}
