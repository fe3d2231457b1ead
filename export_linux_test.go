package sandbox

import (
	"errors"
	"math"
	"time"

	"golang.org/x/sys/unix"

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
	p.larder.closed = true // or its spare provision would be found left behind
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

// KeepSpareFor changes how long a sandbox keeps what it has ready for the next start.
func KeepSpareFor(s *Sandbox, d time.Duration) error {
	p, err := s.prepare()
	if err == nil {
		p.larder.keep = d
	}
	return err
}

// NoMoment is that of a launcher which could not tell the time.
const NoMoment = time.Duration(math.MinInt64)

// MomentOf is what the host makes of a time that a launcher noted, so long ago, in a
// start that began so long ago.
func MomentOf(began, noted time.Duration) time.Time {
	r := running{begin: time.Now().Add(-began)}
	if noted == NoMoment {
		return r.moment(0)
	}
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return r.moment(time.Duration(now.Nano()) - noted)
}

// HasSpare says whether a sandbox has something ready for the next start.
func HasSpare(s *Sandbox) bool {
	l := &s.prepared.larder
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.spare != nil
}

// SparePaths are the cgroups of what a sandbox has ready.
func SparePaths(s *Sandbox) []string {
	l := &s.prepared.larder
	l.mu.Lock()
	defer l.mu.Unlock()
	<-l.spare.done
	return l.spare.group.Paths()
}

// SpoilSpare has what a sandbox has ready be a failure.
func SpoilSpare(s *Sandbox) {
	l := &s.prepared.larder
	l.mu.Lock()
	defer l.mu.Unlock()
	<-l.spare.done
	l.spare.err = errors.New("spoiled")
}

// Keep starts the process that keeps a scope; end ends it.
func Keep() (pid int, end func() error, err error) {
	k, err := newKeeper()
	if err != nil {
		return 0, nil, err
	}
	return k.cmd.Process.Pid, k.close, nil
}
