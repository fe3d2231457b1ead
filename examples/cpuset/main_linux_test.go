package main

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

// affinity are the CPUs on which a process may run; 0 is this one.
func affinity(t *testing.T, pid int) (cpus []int) {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(pid, &set); err != nil {
		t.Fatal(err)
	}
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

// confined starts the stresser and watches it: all of its processes may run on
// these CPUs, each CPU is in use at some time, and no other ever is.
func confined(t *testing.T, list string, cpus []int) {
	t.Helper()
	p, err := stress(t.Context(), list, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		p.Kill()
		p.Wait()
	}()
	m := newMeter(p.PID())
	if m.cpus < runtime.NumCPU() {
		t.Fatalf("the meter knows %d CPUs of %d", m.cpus, runtime.NumCPU())
	}
	for len(processes(p.PID())) <= runtime.NumCPU() {
		if t.Context().Err() != nil {
			t.Fatal("the stresser never started")
		}
	}
	all := processes(p.PID())
	for _, pid := range all {
		if got := affinity(t, pid); !slices.Equal(got, cpus) {
			t.Errorf("cpus %q: process %d may run on %v, want %v", list, pid, got, cpus)
		}
	}

	used := map[int]bool{}
	for len(used) < len(cpus) {
		if t.Context().Err() != nil {
			t.Fatalf("cpus %q: only %v were used", list, used)
		}
		for _, pid := range all {
			if cpu, _, ok := stat(pid); !ok || !slices.Contains(cpus, cpu) {
				t.Fatalf("cpus %q: process %d ran on CPU %d", list, pid, cpu)
			}
		}
		for cpu, use := range m.use() {
			if use > 0 {
				used[cpu] = true
			}
			if use > 0 && !slices.Contains(cpus, cpu) {
				t.Fatalf("cpus %q: CPU %d was used", list, cpu)
			}
		}
	}
}

func TestSets(t *testing.T) {
	needs.Controller(t, "cpuset")
	own := affinity(t, 0)
	confined(t, "", own) // the control
	for _, cpu := range own {
		confined(t, fmt.Sprint(cpu), []int{cpu})
	}
	needs.CPUs(t)
	confined(t, fmt.Sprintf("%d,%d", own[0], own[1]), own[:2])
	if own[1] == own[0]+1 {
		confined(t, fmt.Sprintf("%d-%d", own[0], own[1]), own[:2])
	}
}

// TestWatch runs the whole program for a moment.
func TestWatch(t *testing.T) {
	needs.Controller(t, "cpuset")
	p, err := stress(t.Context(), fmt.Sprint(affinity(t, 0)[0]), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	drawn := &drawing{enough: func() { p.Kill() }}
	go func() {
		p.Wait()
		close(ended)
	}()
	watch(drawn, true, newMeter(p.PID()), ended)
	if out := drawn.String(); !strings.Contains(out, "CPU 0 ") || !strings.Contains(out, "█") || !strings.Contains(out, "\x1b[") {
		t.Errorf("drawn: %q", out)
	}
}

// A drawing has enough when some use was drawn twice.
type drawing struct {
	bytes.Buffer
	enough func()
}

func (d *drawing) Write(p []byte) (int, error) {
	n, err := d.Buffer.Write(p)
	if strings.Contains(d.String(), "\x1b[") && strings.Contains(d.String(), "█") {
		d.enough()
	}
	return n, err
}

func TestBars(t *testing.T) {
	want := "CPU 0   " + strings.Repeat("█", 40) + " 100%\n" +
		"CPU 1   " + strings.Repeat("█", 10) + strings.Repeat("·", 30) + "  25%\n"
	if got := bars([]float64{1.004, 0.25}); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestUnsupported is for a caller that has no cgroup, who is told what to do.
func TestUnsupported(t *testing.T) {
	if needs.NoController("cpuset") == nil {
		t.Skip("needs no-cgroup: this caller can have one")
	}
	_, err := stress(t.Context(), "0", time.Second)
	var unsupported *sandbox.UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Fix == "" {
		t.Errorf("error %v, want an UnsupportedError with a fix", err)
	}
}
