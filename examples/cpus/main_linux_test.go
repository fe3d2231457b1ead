package main

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

// most is the CPU time that the limit allows: one period more than the wall
// time may have begun, and each CPU takes 5 ms at once and is stopped at a
// timer's tick.
func (u usage) most() time.Duration {
	const period, slack = 100 * time.Millisecond, 10 * time.Millisecond
	return time.Duration(u.limit*float64(u.wall+period)) + time.Duration(runtime.NumCPU())*slack
}

// TestLimits measures each limit. A busy machine may leave a sandbox less than
// its limit, and more only where it was itself stopped when the tick was due; so
// one of three measurements is enough.
func TestLimits(t *testing.T) {
	needs.Controller(t, "cpu")
	var all []usage
	for _, limit := range limits {
		var u usage
		for range 3 {
			var err error
			if u, err = measure(t.Context(), limit, time.Second); err != nil {
				t.Fatal(err)
			}
			if limit == 0 || u.cpu <= u.most() {
				break
			}
			t.Logf("used %v in %v, %.2f CPUs; with a limit of %g it may be %v", u.cpu, u.wall, u.ratio(), limit, u.most())
		}
		all = append(all, u)
		if u.cpu < time.Second {
			t.Errorf("%+v: used less than the window", u)
		}
		if limit == 0 {
			if u.periods > 0 || u.throttled > 0 {
				t.Errorf("control: stopped without a limit: %+v", u)
			}
			continue
		}
		if u.cpu > u.most() {
			t.Errorf("used %v in %v, %.2f CPUs, each time more than a limit of %g allows", u.cpu, u.wall, u.ratio(), limit)
		}
		if u.throttled == 0 || u.throttled > u.periods || u.stopped == 0 {
			t.Errorf("%+v: want throttled periods", u)
		}
	}
	var table strings.Builder
	show(&table, all)
	t.Log("\n" + table.String())
}

// TestUnsupported is for a caller that has no cgroup, who is told what to do.
func TestUnsupported(t *testing.T) {
	if needs.NoController("cpu") == nil {
		t.Skip("needs no-cgroup: this caller can have one")
	}
	_, err := measure(t.Context(), 0.75, time.Second)
	var unsupported *sandbox.UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Fix == "" {
		t.Errorf("error %v, want an UnsupportedError with a fix", err)
	}
}
