package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/leak"
)

func TestMain(m *testing.M) {
	if code, helper := Main(os.Args); helper {
		os.Exit(code)
	}
	if err := leak.Adopt(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	before := leak.Take()
	code := m.Run()
	if left := before.Since(); left != "" {
		fmt.Fprintf(os.Stderr, "FAIL: the tests left behind:\n%s", left)
		code = max(code, 1)
	}
	os.Exit(code)
}

func slow() bool { return testing.Short() || os.Getenv("CI_EMULATED") != "" }

func newEnv(t *testing.T) *Env {
	t.Helper()
	many := 200_000
	if slow() {
		many = 20_000
	}
	env, remove, err := NewEnv(many)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Error(err)
		}
	})
	return &env
}

// Each scenario by itself, with the heap of the host and another sandbox
// watched meanwhile.
func TestScenarios(t *testing.T) {
	env := newEnv(t)
	for i, s := range Scenarios() {
		if slow() && i%3 != 0 && !strings.HasPrefix(s.Name, "race") {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			w := watchHost(t)
			err := s.Run(t.Context(), env)
			w.end()
			var unsupported *sandbox.UnsupportedError
			switch {
			case errors.As(err, &unsupported) && unsupported.Reason == "not installed":
				t.Skipf("needs %s: not installed", unsupported.Feature)
			case errors.Is(err, errors.ErrUnsupported):
				t.Skipf("needs cgroup2: %v", err)
			case err != nil:
				t.Error(err)
			}
		})
	}
}

// witness runs another sandbox again and again while something goes on, and
// looks at the heap.
type witness struct {
	t    *testing.T
	done chan struct{}
	all  sync.WaitGroup
}

func watchHost(t *testing.T) *witness {
	w := &witness{t: t, done: make(chan struct{})}
	w.all.Go(func() {
		const most = 64 * mib
		for {
			if _, err := sandbox.Run(t.Context(), exec.Command("true"), limited()...); err != nil {
				t.Errorf("another sandbox meanwhile: %v", err)
				return
			}
			var m runtime.MemStats
			if runtime.ReadMemStats(&m); m.HeapAlloc > most {
				t.Errorf("the host has a heap of %d MiB", m.HeapAlloc>>20)
			}
			select {
			case <-w.done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return w
}

// end waits for the last of them.
func (w *witness) end() {
	close(w.done)
	w.all.Wait()
}

// The short form of the soak.
func TestSoak(t *testing.T) {
	s := &Soak{Env: *newEnv(t), Duration: 4 * time.Second, Workers: 2 * runtime.NumCPU(), Interval: time.Second, Progress: func(line string) { t.Log(line) }}
	if err := s.Run(t.Context()); err != nil {
		t.Error(err)
	}
	if right, _ := s.totals(); right == 0 {
		t.Error("nothing was done")
	}
}

// A soak tells of what is wrong and of what is left behind.
func TestSoakTells(t *testing.T) {
	bad := errors.New("bad")
	var file *os.File
	s := &Soak{Env: *newEnv(t), Duration: 50 * time.Millisecond, Workers: 1, Scenarios: []Scenario{
		{"wrong", func(_ context.Context, _ *Env) error { return bad }},
		{"leaky", func(_ context.Context, _ *Env) (err error) {
			if file == nil {
				file, err = os.Open("/dev/null")
			}
			return err
		}},
	}}
	err := s.Run(t.Context())
	if !errors.Is(err, bad) || !strings.Contains(err.Error(), "descriptor: ") {
		t.Errorf("%v", err)
	}
	if table := s.Summary(); !strings.Contains(table, "leaky") {
		t.Error(table)
	}
	file.Close()
}
