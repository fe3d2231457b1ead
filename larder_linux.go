package sandbox

import (
	"cmp"
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A larder keeps one provision for the next start of a Sandbox that is started
// again and again. It is made when a sandbox has ended, which is when the host has
// time, and given up when no start comes.
type larder struct {
	mu     sync.Mutex
	ended  int // sandboxes so far
	spare  *provision
	expiry *time.Timer
	keep   time.Duration // how long; 0 for keepFor
	closed bool
	work   sync.WaitGroup // in the background
	errs   []error        // of that
}

// keepFor is how long a provision is kept.
const keepFor = 10 * time.Second

// take returns the spare provision, or nil if there is none.
func (l *larder) take() *provision {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.spare
	if v != nil {
		l.spare = nil
		l.expiry.Stop()
	}
	return v
}

// refill makes a spare provision unless there is one. The first sandbox may have been
// the last.
func (l *larder) refill(p *prepared) {
	if v := l.reserve(p); v != nil {
		v.make(p)
	}
}

// reserve has a place for a spare provision, which is yet to be made; nil if none is
// wanted.
func (l *larder) reserve(p *prepared) *provision {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended++
	if l.closed || l.ended < 2 || l.spare != nil || !p.provides() {
		return nil
	}
	v := newProvision()
	l.spare = v
	l.expiry = time.AfterFunc(cmp.Or(l.keep, keepFor), func() {
		l.background(func() error { return l.drop(v) })
	})
	return v
}

// drop discards a provision that is still the spare one.
func (l *larder) drop(v *provision) error {
	l.mu.Lock()
	mine := l.spare == v
	if mine {
		l.spare = nil
	}
	l.mu.Unlock()
	if !mine {
		return nil
	}
	return v.discard()
}

// background does something that nobody need wait for but close, which returns its
// error. After close it is done at once.
func (l *larder) background(f func() error) error {
	l.mu.Lock()
	if !l.closed {
		defer l.mu.Unlock()
		l.work.Go(func() { l.note(f()) })
		return nil
	}
	l.mu.Unlock()
	return f()
}

func (l *larder) note(err error) {
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.errs = append(l.errs, err)
	}
}

// close discards the spare provision for good and waits for what is done in the
// background.
func (l *larder) close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	err := l.take().discard()
	l.work.Wait()
	return errors.Join(append(l.errs, err)...)
}

// clearAway has done in the background what nobody need wait for. The kernel takes the
// mounts down when the last descriptor of their namespace is closed: had PID 1 held
// it alone, its end would have waited for that, and so for all CPUs. The cgroup is
// empty, and the next start is provided for.
func (r *running) clearAway() error {
	mounts, group, repeats := r.mounts, r.group, r.repeats
	if !r.leaving {
		group = nil
	}
	if r.prepared == nil || mounts < 0 && group == nil && !repeats {
		return nil
	}
	p := r.prepared
	r.mounts, r.leaving, r.repeats = -1, false, false
	var err error
	if mounts >= 0 {
		err = p.larder.background(func() error { return unix.Close(mounts) })
	}
	return errors.Join(err, p.larder.background(func() error {
		err := removeGroup(group)
		if repeats {
			p.larder.refill(p)
		}
		return err
	}))
}
