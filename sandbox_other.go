//go:build !linux

package sandbox

import (
	"context"
	"os"
	"os/exec"
	"runtime"

	"github.com/seed-d1379373/sandbox/cgroup"
)

// prepared does not exist here.
type prepared struct{}

func (*prepared) close() error { return nil }

// pool is one that can not exist here.
type pool struct{}

func (*pool) open(context.Context, *Sandbox, int) error                { return unsupported() }
func (*pool) start(context.Context, *exec.Cmd, bool) (*Process, error) { return nil, unsupported() }
func (*pool) resize(int)                                               {}
func (*pool) state() PoolState                                         { return PoolState{Err: unsupported()} }
func (*pool) close() error                                             { return nil }

// running is a process that can not exist here.
type running struct{}

func unsupported() error {
	return &UnsupportedError{Feature: "a sandbox", Reason: runtime.GOOS + " has no Linux namespaces", Fix: "run on Linux 5.14 or later"}
}

func (s *Sandbox) start(context.Context, *exec.Cmd, bool) (*Process, error) {
	return nil, unsupported()
}

// Plan returns an *[UnsupportedError].
func (s *Sandbox) Plan(cmd *exec.Cmd) (*Plan, error) { return nil, unsupported() }

func (s *Sandbox) trace(context.Context, *exec.Cmd) (*Trace, error) { return nil, unsupported() }

// Probe says that nothing can be enforced.
func Probe() *Report {
	r := &Report{}
	for _, f := range features {
		r.set(f, Missing, runtime.GOOS+" is not Linux", "run on Linux 5.14 or later")
	}
	return r
}

func (*running) waitOnce(*Sandbox) (*Result, error) { return nil, unsupported() }
func (*running) commandPID() int                    { return 0 }
func (*running) signal(os.Signal) error             { return unsupported() }
func (*running) killAll() error                     { return unsupported() }

func (*running) notShareable() string { return "there are no sandboxes on this system" }

func (*running) stats() (*cgroup.Stats, error) { return nil, unsupported() }
func (*running) pause() error                  { return unsupported() }
func (*running) resume() error                 { return unsupported() }
func (*running) update([]Option) error         { return unsupported() }
func (*running) exec(context.Context, *exec.Cmd) (*Result, error) {
	return nil, unsupported()
}
