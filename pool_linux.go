package sandbox

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/seed-d1379373/sandbox/internal/plan"
)

// pool is what a Pool holds on Linux.
type pool struct {
	sandbox *Sandbox
	ctx     context.Context // ends with the pool
	cancel  context.CancelFunc
	makers  sync.WaitGroup

	mu       sync.Mutex
	size     int
	ready    []*start // launchers that wait, the oldest first
	starting int
	closed   bool
	warm     uint64
	cold     uint64
	err      error
}

func (p *pool) open(ctx context.Context, s *Sandbox, size int) error {
	p.sandbox = s
	p.ctx, p.cancel = context.WithCancel(ctx)
	first, err := p.make()
	if err != nil {
		p.cancel()
		return err
	}
	p.size, p.ready = size, []*start{first}
	context.AfterFunc(p.ctx, func() { p.close() })
	p.fill()
	return nil
}

// make starts a launcher and waits until it waits.
func (p *pool) make() (*start, error) {
	s := p.sandbox
	s.starting.RLock()
	defer s.starting.RUnlock()
	prepared, err := s.prepare()
	if err != nil {
		return nil, err
	}
	none := &exec.Cmd{ExtraFiles: make([]*os.File, plan.WaitingControl-3)}
	st := &start{settings: s.settings, prepared: prepared, cmd: none, began: time.Now(), waiting: true}
	if err := st.wait(p.ctx); err != nil {
		st.abandon()
		return nil, err
	}
	return st, nil
}

// wait brings a launcher to where it waits for its command.
func (st *start) wait(ctx context.Context) error {
	if err := st.begin(); err != nil {
		return err
	}
	r := &st.p.running
	defer context.AfterFunc(ctx, func() { r.killAll() })()
	if err := st.takeProvision(); err != nil {
		return err
	}
	return st.followSetup(ctx, func() bool { return st.ready && r.knowsInit() })
}

// fill makes what is missing, as many at a time as there are CPUs. A failure ends
// it until the next start.
func (p *pool) fill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && p.starting < runtime.NumCPU() && p.starting+len(p.ready) < p.size {
		p.starting++
		p.makers.Go(p.makeOne)
	}
}

// breather is how long a pool leaves the CPUs to a command that has started.
const breather = 3 * time.Millisecond

// low says whether so few are ready that more must be made at once.
func (p *pool) low() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return 2*len(p.ready) < p.size
}

func (p *pool) makeOne() {
	st, err := p.make()
	p.mu.Lock()
	p.starting--
	p.err = err
	wanted := !p.closed && len(p.ready) < p.size
	if err == nil && wanted {
		p.ready = append(p.ready, st)
	}
	p.mu.Unlock()
	switch {
	case err != nil:
	case wanted:
		p.fill()
	default:
		st.abandon()
	}
}

// take returns a launcher that waits and lives; nil if there is none.
func (p *pool) take() *start {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.ready) > 0 {
		st := p.ready[0]
		p.ready = p.ready[1:]
		if !st.p.initIsDead() {
			p.warm++
			return st
		}
		p.makers.Go(st.abandon)
	}
	p.cold++
	return nil
}

// start sends a command to a launcher that waits, or starts it without one.
func (p *pool) start(ctx context.Context, cmd *exec.Cmd, whole bool) (*Process, error) {
	began := time.Now()
	if err := checkCommand(cmd); err != nil {
		notStarted(cmd, err)
		return nil, err
	}
	if ctx.Err() != nil {
		notStarted(cmd, context.Cause(ctx))
		return nil, context.Cause(ctx)
	}
	p.mu.Lock()
	long := p.closed || 3+len(cmd.ExtraFiles) > plan.MaxFiles
	p.mu.Unlock()
	if long {
		return p.sandbox.start(ctx, cmd, whole)
	}
	st := p.take()
	if st == nil {
		defer p.fill()
		return p.sandbox.start(ctx, cmd, whole)
	}
	st.whole = whole
	process, err := p.send(ctx, st, cmd, began)
	if err != nil || p.low() {
		defer p.fill()
	} else {
		time.AfterFunc(breather, p.fill)
	}
	if err != nil {
		if stop, cause := st.p.stopped(); stop == Canceled {
			err = cause
		}
		st.abandon()
		cmd.Process, cmd.ProcessState = nil, nil
		notStarted(cmd, err)
		return nil, err
	}
	return process, nil
}

// send gives a launcher its command.
func (p *pool) send(ctx context.Context, st *start, cmd *exec.Cmd, began time.Time) (*Process, error) {
	s := p.sandbox
	s.starting.RLock()
	defer s.starting.RUnlock()
	if prepared, err := s.prepare(); err != nil || prepared != st.prepared {
		return nil, errors.Join(err, errors.New("sandbox: closed"))
	}
	r := &st.p.running
	r.control.Attend()
	st.cmd, st.waiting = cmd, false
	r.mu.Lock()
	r.cmd, r.begin = cmd, began
	r.mu.Unlock()
	st.resolve()
	command, err := st.prepared.commandFor(st.command)
	if err != nil {
		return nil, &SetupError{"write the command", "", err}
	}
	defer st.prepared.commands.give(command)
	r.watch(ctx)
	if err := st.sendCommand(ctx, command.value.File); err != nil {
		return nil, err
	}
	st.awaitEnd()
	if err := st.follow(ctx, func() bool { return r.commandPidfd >= 0 }); err != nil {
		return nil, err
	}
	st.begun()
	return st.p, nil
}

// sendCommand sends a launcher its command, and starts the courier if there is
// something to do for one: first where that brings the files, and otherwise later.
func (st *start) sendCommand(ctx context.Context, command *os.File) error {
	send := func(which byte, files []*os.File) error {
		err := st.p.control.Send([]byte{which}, append([]*os.File{command}, files...))
		if err != nil {
			err = st.ownFailure(st.launcherGone(ctx, err))
		}
		return err
	}
	courier := st.needsCourier()
	if courier && !st.knowsFiles() {
		files, err := st.startCourier(true)
		if err != nil {
			return err
		}
		defer closeFiles(files)
		return send(plan.GivenFiles, files)
	}
	if st.needsNoFiles() {
		if err := send(plan.OwnFiles, nil); err != nil {
			return err
		}
	} else {
		s, err := st.openStreams()
		if err != nil {
			return err
		}
		if err := send(plan.GivenFiles, s.command); err != nil {
			s.close()
			return err
		}
		s.begin()
		st.p.streams = s
	}
	if courier {
		_, err := st.startCourier(false)
		return err
	}
	st.cmd.Process = st.p.launcher.Process
	return nil
}

func (p *pool) resize(size int) {
	p.mu.Lock()
	p.size = size
	extra := p.ready[min(size, len(p.ready)):]
	p.ready = p.ready[:min(size, len(p.ready))]
	p.mu.Unlock()
	for _, st := range extra {
		st.abandon()
	}
	p.fill()
}

func (p *pool) state() PoolState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PoolState{Size: p.size, Ready: len(p.ready), Starting: p.starting, Warm: p.warm, Cold: p.cold, Err: p.err}
}

func (p *pool) close() error {
	p.cancel()
	p.mu.Lock()
	p.closed = true
	ready := p.ready
	p.ready = nil
	p.mu.Unlock()
	for _, st := range ready {
		st.abandon()
	}
	p.makers.Wait()
	return nil
}
