package soak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/cgroup"
	"github.com/seed-d1379373/sandbox/internal/leak"
)

// A Soak is one run of everything, many scenarios at a time.
type Soak struct {
	Env       Env
	Duration  time.Duration
	Workers   int
	Interval  time.Duration // of progress lines
	Progress  func(line string)
	Scenarios []Scenario // nil: all

	mu     sync.Mutex
	counts map[string]*Count
	begun  time.Time
}

// A Count is what became of a scenario.
type Count struct {
	Right, Wrong, Unsupported int
	First                     error // that was wrong
}

// Run soaks until the time is up or the context ends. The error says what was
// wrong, or left behind in the end.
func (s *Soak) Run(ctx context.Context) error {
	if err := leak.Adopt(); err != nil {
		return err
	}
	before := leak.Take()
	ctx, cancel := context.WithTimeout(ctx, s.Duration)
	defer cancel()
	s.counts, s.begun = map[string]*Count{}, time.Now()
	if s.Scenarios == nil {
		s.Scenarios = Scenarios()
	}
	var workers sync.WaitGroup
	for range s.Workers {
		workers.Go(func() { s.work(ctx) })
	}
	reporting, reported := context.WithCancel(ctx)
	var reporter sync.WaitGroup
	reporter.Go(func() { s.report(reporting) })
	workers.Wait()
	reported()
	reporter.Wait()
	left := s.settle(before)
	s.say(s.Summary())
	return errors.Join(s.wrong(), left)
}

// work does one scenario after another. What the end of the soak interrupts is
// not counted.
func (s *Soak) work(ctx context.Context) {
	order := rand.Perm(len(s.Scenarios))
	for i := 0; ctx.Err() == nil; i++ {
		c := s.Scenarios[order[i%len(order)]]
		if err := c.Run(ctx, &s.Env); ctx.Err() == nil {
			s.count(c.Name, err)
		}
	}
}

func (s *Soak) count(name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts[name]
	if c == nil {
		c = &Count{}
		s.counts[name] = c
	}
	switch {
	case err == nil:
		c.Right++
	case errors.Is(err, errors.ErrUnsupported):
		c.Unsupported++
	default:
		if c.Wrong++; c.First == nil {
			c.First = err
			s.say(fmt.Sprintf("WRONG %s: %v", name, err))
		}
	}
}

func (s *Soak) say(line string) {
	if s.Progress != nil {
		s.Progress(line)
	}
}

func (s *Soak) report(ctx context.Context) {
	ticker := time.NewTicker(max(s.Interval, time.Second))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			right, wrong := s.totals()
			s.say(fmt.Sprintf("%v: %d right, %d wrong, %d swaps, %d goroutines, %d MiB of heap",
				time.Since(s.begun).Round(time.Second), right, wrong, swaps.Load(), runtime.NumGoroutine(), m.HeapAlloc>>20))
		}
	}
}

func (s *Soak) totals() (right, wrong int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.counts {
		right, wrong = right+c.Right, wrong+c.Wrong
	}
	return right, wrong
}

// settle waits for the death of what killed hosts have left, sweeps their
// cgroups, and says what is still there.
func (s *Soak) settle(before leak.Inventory) error {
	const patience = 30 * time.Second
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		left := slices.DeleteFunc(leak.Children(), func(child string) bool { return slices.Contains(before.Processes, child) })
		if len(left) == 0 {
			break
		}
		awaitDeath(left[0], time.Second)
	}
	if h, err := cgroup.Discover(); err == nil {
		_, _ = h.Sweep() // what is not swept shows
		h.Close()
	}
	if left := before.Since(s.Env.hosts.all()...); left != "" {
		return fmt.Errorf("left behind:\n%s", left)
	}
	return nil
}

// awaitDeath waits until a process is dead, for a while.
func awaitDeath(child string, d time.Duration) {
	var pid int
	if _, err := fmt.Sscan(child, &pid); err != nil {
		return
	}
	if fd, err := unix.PidfdOpen(pid, 0); err == nil {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(d/time.Millisecond))
		unix.Close(fd)
	}
}

func (s *Soak) wrong() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.counts)) {
		if c := s.counts[name]; c.Wrong > 0 {
			errs = append(errs, fmt.Errorf("%s: %d of %d: %w", name, c.Wrong, c.Wrong+c.Right, c.First))
		}
	}
	return errors.Join(errs...)
}

// Summary is a table of what was done.
func (s *Soak) Summary() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%-40s %9s %9s %9s\n", "", "right", "wrong", "not here")
	for _, name := range slices.Sorted(maps.Keys(s.counts)) {
		c := s.counts[name]
		fmt.Fprintf(&b, "%-40s %9d %9d %9d\n", name, c.Right, c.Wrong, c.Unsupported)
	}
	fmt.Fprintf(&b, "%d names were swapped in %v", swaps.Load(), time.Since(s.begun).Round(time.Second))
	return b.String()
}

// pids are the hosts that were killed.
type pids struct {
	mu   sync.Mutex
	list []int
}

func (p *pids) add(pid int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, pid)
}

func (p *pids) all() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.list)
}

// NewEnv makes what scenarios share; remove it with the function that it gives.
func NewEnv(many int) (Env, func() error, error) {
	self, err := os.Executable()
	if err != nil {
		return Env{}, nil, err
	}
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return Env{}, nil, err
	}
	return Env{Self: self, Dir: dir, Many: many, hosts: &pids{}}, func() error { return os.RemoveAll(dir) }, os.Chmod(dir, 0o777)
}
