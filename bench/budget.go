package main

import "fmt"

// A budget is a bound that the library is to keep.
type budget struct {
	What     string  `json:"what"`
	Unit     string  `json:"unit"` // "x" for a ratio
	Budget   float64 `json:"budget"`
	Measured float64 `json:"measured"`
	Known    bool    `json:"known"` // false: what it compares was not measured
}

// Verdict is met, not met or not measured.
func (b budget) Verdict() string {
	switch {
	case !b.Known:
		return "not measured"
	case b.Measured <= b.Budget:
		return "met"
	}
	return "**not met**"
}

func (b budget) format(v float64) string {
	if b.Unit == "x" {
		return fmt.Sprintf("%.2f x", v)
	}
	return fmt.Sprintf("%.0f %s", v, b.Unit)
}

// budgets compares the figures with what was promised.
func budgets(r *results) []budget {
	ratio := func(what string, most float64, way, against string) budget {
		a, ok := of(r.Latency, way)
		c, there := of(r.Latency, against)
		b := budget{What: what, Unit: "x", Budget: most, Known: ok && there && c.Median > 0}
		if b.Known {
			b.Measured = a.Median / c.Median
		}
		return b
	}
	return []budget{
		ratio("a cold start, all protections and limits, against a C program that makes the same calls", 1.25, libraryCold, floorRoot),
		ratio("the same for an ordinary user, without cgroups", 1.25, libraryUser, floorUser),
		ratio("a cold start against bubblewrap", 1.0/3, libraryCold, "bubblewrap"),
		ratio("a cold start against nsjail", 1.0/4, libraryCold, "nsjail"),
		ratio("a cold start against runc", 1.0/15, libraryCold, "runc"),
		ratio("a start from a warm pool against plain os/exec", 2, libraryWarm, plainExec),
		heapBudget(r), filterBudget(r),
		memoryBudget(r, "memory of an idle sandbox: the launcher's process", libraryCold),
		memoryBudget(r, "the same for an ordinary user: its two processes", libraryUser),
		liveBudget(r),
	}
}

func heapBudget(r *results) budget {
	b := budget{What: "a start in a host with a heap of 4 GiB against one of 10 MB", Unit: "x", Budget: 1.1}
	n := len(r.Heap)
	if n > 1 && r.Heap[n-1].Heap >= 4<<30 {
		b.Known, b.Measured = true, r.Heap[n-1].Library.Median/r.Heap[0].Library.Median
	}
	return b
}

func filterBudget(r *results) budget {
	b := budget{What: "loading the default filter, against the same policy by elastic/go-seccomp-bpf", Unit: "x", Budget: 0.5}
	var own, theirs float64
	for _, f := range r.Filters {
		switch f.Compiler {
		case ownFilter:
			own = f.Load
		case elasticFilter:
			theirs = f.Load
		}
	}
	if theirs > 0 {
		b.Known, b.Measured = true, own/theirs
	}
	return b
}

func memoryBudget(r *results, what, way string) budget {
	b := budget{What: what, Unit: "KB", Budget: 100}
	for _, m := range r.Memory {
		if m.Way == way {
			b.Known, b.Measured = true, float64(m.Shared)/1024
		}
	}
	return b
}

func liveBudget(r *results) budget {
	b := budget{What: "the start of the 1,000th sandbox against the 10th", Unit: "x", Budget: 1.5}
	n := len(r.Live)
	if n > 1 && r.Live[n-1].Live == 1000 {
		b.Known, b.Measured = true, r.Live[n-1].Median/r.Live[0].Median
	}
	return b
}
