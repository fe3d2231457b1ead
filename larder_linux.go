package sandbox

import (
	"cmp"
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

// refill has a spare provision made unless there is one. The first sandbox may
// have been the last.
func (l *larder) refill(p *prepared) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended++
	if l.closed || l.ended < 2 || l.spare != nil || !p.provides() {
		return
	}
	v := p.provide()
	l.spare = v
	l.expiry = time.AfterFunc(cmp.Or(l.keep, keepFor), func() {
		l.background(func() { l.drop(v) })
	})
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

// background does something that nobody need wait for but close.
func (l *larder) background(f func()) {
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.work.Go(f)
	}
	l.mu.Unlock()
	if closed {
		f()
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
	return err
}

// dropMounts gives up the sandbox's mount namespace. The kernel takes the mounts down
// then, in the background: had PID 1 held the namespace alone, its end would have
// waited for that, and so for all CPUs.
func (r *running) dropMounts() {
	if fd := r.mounts; fd >= 0 {
		r.mounts = -1
		r.prepared.larder.background(func() { unix.Close(fd) })
	}
}
