package sandbox

import (
	"context"
	"os/exec"
	"sync"
)

// A Sandbox is a validated policy. It is immutable, reusable and safe for
// concurrent use: every command that it starts gets a sandbox of its own.
// Reusing one is faster than calling [Run] with options each time, because what
// the policy means on this host is worked out once.
type Sandbox struct {
	settings *settings

	starting sync.RWMutex
	mu       sync.Mutex
	prepared *prepared // what the policy means on this host, from the first use on
	closed   bool
}

// New validates the options and returns the policy that they make. All errors
// are found at once: the returned error joins an *[OptionError] for each.
//
// New starts nothing and asks the host nothing. What the host cannot enforce
// is an *[UnsupportedError] of [Sandbox.Start].
func New(opts ...Option) (*Sandbox, error) {
	s := newSettings(opts)
	if err := s.validate(); err != nil {
		return nil, err
	}
	s.Bounding = s.bounding(s.wantsRoot())
	return &Sandbox{settings: s}, nil
}

// Run runs a command in a sandbox and waits for it. It returns nil only for
// exit status 0: see [Process.Wait] for the errors of a command that ran, and
// [Start] for those of one that did not.
func Run(ctx context.Context, cmd *exec.Cmd, opts ...Option) (*Result, error) {
	p, err := startWith(ctx, cmd, true, opts)
	if err != nil {
		return nil, err
	}
	return p.Wait()
}

// Start starts a command in a sandbox and returns when the program executes.
//
// The caller's own cmd runs, and its fields mean what os/exec says, but:
//   - the program is looked up inside the sandbox, with the PATH given to it;
//   - Dir is a directory inside, and "" means /;
//   - a nil Env means PATH, HOME, LANG, USER and LOGNAME of the sandbox, not the
//     host's environment;
//   - SysProcAttr must be nil;
//   - Process is the launcher, which passes signals on to the command, and
//     ProcessState reports how it ended: with the command's exit status, or
//     with 128 and the number of the signal that killed it;
//   - Wait on the returned Process, not on cmd.
//
// When ctx ends, everything in the sandbox is killed. The error is one of
// *[OptionError], *[UnsupportedError], *[SetupError], *[exec.Error] with
// exec.ErrNotFound for a program that the PATH inside does not have, or the
// context's.
func Start(ctx context.Context, cmd *exec.Cmd, opts ...Option) (*Process, error) {
	return startWith(ctx, cmd, false, opts)
}

func startWith(ctx context.Context, cmd *exec.Cmd, whole bool, opts []Option) (*Process, error) {
	s, err := New(opts...)
	if err != nil {
		notStarted(cmd, err)
		return nil, err
	}
	p, err := s.start(ctx, cmd, whole)
	if err != nil {
		s.Close()
		return nil, err
	}
	p.owned = s
	return p, nil
}

// Start is [Start] with this policy.
func (s *Sandbox) Start(ctx context.Context, cmd *exec.Cmd) (*Process, error) {
	return s.start(ctx, cmd, false)
}

// Run is [Sandbox.Start] and [Process.Wait].
func (s *Sandbox) Run(ctx context.Context, cmd *exec.Cmd) (*Result, error) {
	p, err := s.start(ctx, cmd, true)
	if err != nil {
		return nil, err
	}
	return p.Wait()
}

// Config returns the effective policy.
func (s *Sandbox) Config() Config { return s.settings.Config.clone() }

// Close frees what the sandbox keeps between starts, and waits until what ended
// commands have used is cleared away: their mounts and cgroups. Commands that run are
// not affected; further starts fail.
//
// A sandbox that was started more than once keeps for ten seconds what takes long to
// make: an empty cgroup, and as root a network namespace.
func (s *Sandbox) Close() error {
	s.starting.Lock()
	defer s.starting.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	p := s.prepared
	s.prepared = nil
	return p.close()
}
