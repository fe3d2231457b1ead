package sandbox

import (
	"context"
	"fmt"
	"os/exec"
)

// A Pool keeps sandboxes that are ready for a command: a launcher that has done
// everything but execve(2) waits in each. A command that starts from it finds what
// one of [Sandbox.Start] finds, only sooner. No sandbox is used twice: each
// command has fresh namespaces, a fresh cgroup and fresh file systems.
//
// An idle sandbox costs one process of some tens of kilobytes, or two for an
// ordinary caller, a network namespace, a cgroup and some descriptors. Limits of time
// count from Start. A Pool is safe for concurrent use.
type Pool struct{ pool }

// PoolState says what a pool has and has done.
type PoolState struct {
	Size     int    `json:"size"`     // how many sandboxes it is to keep ready
	Ready    int    `json:"ready"`    // how many are
	Starting int    `json:"starting"` // how many are being made
	Warm     uint64 `json:"warm"`     // commands that found a sandbox ready
	Cold     uint64 `json:"cold"`     // commands that did not, and were started as without a pool
	Err      error  `json:"-"`        // why the last sandbox could not be made; nil if it could
}

// String is one line.
func (s PoolState) String() string {
	line := fmt.Sprintf("%d of %d ready, %d starting; %d commands started from it and %d without", s.Ready, s.Size, s.Starting, s.Warm, s.Cold)
	if s.Err != nil {
		line += "; " + s.Err.Error()
	}
	return line
}

// Pool returns a pool that keeps so many sandboxes of this policy ready. It is
// filled in the background, and again after starts; in a burst that empties it,
// commands are started as [Sandbox.Start] does. The first sandbox is made before
// Pool returns, and what is wrong with it is Pool's error.
//
// When ctx ends the pool is closed; commands that run are not affected. A size
// below 1, and [WithTerminal], whose terminal comes with the command, are an
// *[OptionError].
func (s *Sandbox) Pool(ctx context.Context, size int) (*Pool, error) {
	if size < 1 {
		return nil, &OptionError{"Pool", fmt.Sprint(size), "a pool keeps at least one sandbox"}
	}
	if s.settings.Terminal {
		return nil, &OptionError{"WithTerminal", "", "a command of a pool cannot have a controlling terminal"}
	}
	p := &Pool{}
	if err := p.open(ctx, s, size); err != nil {
		return nil, err
	}
	return p, nil
}

// Start is [Sandbox.Start] in a sandbox that is ready, if there is one. Where cmd
// has a context of its own or pipes, such as [exec.Cmd.StdoutPipe], the process that it
// knows is a courier, which exits as the command does and whose death ends the sandbox:
// signals to it do not reach the command, those of [Process.Signal] do. A command with
// neither starts soonest, and of those one whose standard files are unset.
func (p *Pool) Start(ctx context.Context, cmd *exec.Cmd) (*Process, error) {
	return p.start(ctx, cmd, false)
}

// Run is [Pool.Start] and [Process.Wait].
func (p *Pool) Run(ctx context.Context, cmd *exec.Cmd) (*Result, error) {
	process, err := p.start(ctx, cmd, true)
	if err != nil {
		return nil, err
	}
	return process.Wait()
}

// Resize changes how many sandboxes the pool keeps ready; what is too many is
// taken down at once. A size below 1 is an *[OptionError].
func (p *Pool) Resize(size int) error {
	if size < 1 {
		return &OptionError{"Resize", fmt.Sprint(size), "a pool keeps at least one sandbox"}
	}
	p.resize(size)
	return nil
}

// State says what the pool has and has done.
func (p *Pool) State() PoolState { return p.state() }

// Close takes the sandboxes that are ready down and waits until they are gone.
// Commands that run are not affected; Start works on, without the pool.
func (p *Pool) Close() error { return p.close() }
