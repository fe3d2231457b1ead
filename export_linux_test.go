package sandbox

import (
	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/internal/plan"
)

// Tamper has the programs of a sandbox changed before they are encoded, so that
// tests can make each call fail. Without prepared, each start makes its whole
// view.
func Tamper(s *Sandbox, prepared bool, change func(*launch.Program)) error {
	p, err := s.prepare()
	if err != nil {
		return err
	}
	p.images.close() // what was made without the change
	p.images.tamper = change
	if !prepared {
		p.views.starts = 2 // past the one that makes the view
	}
	return nil
}

// LoweredSpec is what the policy of a sandbox means on this host.
func LoweredSpec(s *Sandbox) (*plan.Spec, error) {
	p, err := s.prepare()
	if err != nil {
		return nil, err
	}
	spec := p.spec
	return &spec, nil
}

// Keep starts the process that keeps a scope; end ends it.
func Keep() (pid int, end func() error, err error) {
	k, err := newKeeper()
	if err != nil {
		return 0, nil, err
	}
	return k.cmd.Process.Pid, k.close, nil
}
