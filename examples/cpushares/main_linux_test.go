package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

// aCPU is one on which this process may run.
func aCPU(t *testing.T) string {
	t.Helper()
	var own unix.CPUSet
	if err := unix.SchedGetaffinity(0, &own); err != nil {
		t.Fatal(err)
	}
	cpu := 0
	for !own.IsSet(cpu) {
		cpu++
	}
	return strconv.Itoa(cpu)
}

// TestShares measures every round: each sandbox has what its shares promise,
// within a tenth.
func TestShares(t *testing.T) {
	needs.Controller(t, "cpu")
	needs.Controller(t, "cpuset")
	const window = 3 * time.Second
	for _, shares := range rounds {
		used, err := compete(t.Context(), aCPU(t), window, shares)
		if err != nil {
			t.Fatal(err)
		}
		if sum(used) < window {
			t.Errorf("%v: %v is less than the window of %v", shares, used, window)
		}
		for i, n := range shares {
			measured := float64(used[i]) / float64(sum(used))
			promised := float64(n) / float64(sum(shares))
			if math.Abs(measured/promised-1) > 0.1 {
				t.Errorf("%v: %d shares got %v of %v, %.3f of it; want %.3f", shares, n, used[i], sum(used), measured, promised)
			}
		}
		if ratio := float64(used[0]) / float64(used[1]); math.Abs(ratio/(float64(shares[0])/float64(shares[1]))-1) > 0.1 {
			t.Errorf("%d against %d shares was %.2f to 1", shares[0], shares[1], ratio)
		}
		var table strings.Builder
		show(&table, shares, used)
		t.Log("\n" + table.String())
	}
}

// TestUnsupported is for a caller that has no cgroup, who is told what to do.
func TestUnsupported(t *testing.T) {
	if needs.NoController("cpu") == nil {
		t.Skip("needs no-cgroup: this caller can have one")
	}
	_, err := compete(t.Context(), aCPU(t), time.Second, rounds[0])
	var unsupported *sandbox.UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Fix == "" {
		t.Errorf("error %v, want an UnsupportedError with a fix", err)
	}
}
