package sandbox

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/cgroup"
	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/internal/plan"
	"github.com/seed-d1379373/sandbox/lsm"
)

// running is what a process holds on Linux.
type running struct {
	cmd      *exec.Cmd
	launcher *exec.Cmd // cmd itself, except where that is a courier's
	courier  *courier  // nil except for a command that came late
	streams  *streams  // nil except for a command that came late, without a courier
	scratch  *scratch  // nil where /tmp is its own
	settings *settings
	control  *launch.Control
	prepared *prepared      // what the sandbox was started from
	group    *cgroup.Group  // nil where no limit needs one
	totals   *cgroup.Totals // of the group, once no process is in it
	leaving  bool           // the group is left to clearAway
	mounts   int            // a descriptor of its mount namespace; -1 for none
	network  *os.File       // its network namespace, until the launcher has it
	cgroups  *cgroup.Hierarchy
	output   *outputLimit // nil without a limit
	report   *Report
	launched bool // the launcher was started
	direct   bool // and is PID 1 itself

	trace   *tracer
	repeats bool // another start of the Sandbox is likely

	additional bool // a command of Exec: PID 1 belongs to another one

	// Descriptors, -1 until the program executes. A launcher that is PID 1 itself is
	// known by package os, and initPidfd stays -1.
	initPidfd, commandPidfd int

	pid      int
	begin    time.Time // of Start
	executed time.Time
	stops    []func() bool
	exited   *launch.Message // the status, where it came before Start returned

	categories *lsm.Categories // of its SELinux label; nil without any
	level      string          // with them; empty where none were allocated

	freezing sync.Mutex    // taken before mu
	freezer  *cgroup.Group // made by the first Pause, where group cannot be frozen

	mu       sync.Mutex
	canceled bool   // it was called
	stop     Reason // why this library killed it; Exited if it did not
	cause    error
	killed   bool        // this library has begun to
	late     *time.Timer // kills the launcher if that does not end in time
	ended    bool        // the descriptors are closed
	wait     sync.Once
	result   *Result
	err      error
}

// watch ties the sandbox to the context and to the clock.
func (r *running) watch(ctx context.Context) {
	r.watchContext(ctx)
	if d := r.settings.Timeout; d > 0 {
		t := time.AfterFunc(time.Until(r.begin.Add(d)), func() { r.halt(TimedOut, nil) })
		r.atEnd(t.Stop)
	}
}

func (r *running) watchContext(ctx context.Context) {
	if ctx.Done() != nil {
		r.atEnd(context.AfterFunc(ctx, func() { r.halt(Canceled, context.Cause(ctx)) }))
	}
}

// atEnd has a timer or a watch stopped when the sandbox has ended.
func (r *running) atEnd(stop func() bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stops = append(r.stops, stop)
}

// keep takes a descriptor over, which came with a message for instance.
func (r *running) keep(into *int, fds ...int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, fd := range fds {
		if fd < 0 {
			continue
		}
		if *into < 0 {
			*into = fd
		} else {
			unix.Close(fd) // nothing sends a second one
		}
	}
}

// moment is when a launcher noted a time, on CLOCK_MONOTONIC. One that it cannot have
// noted, or has not, is now.
func (r *running) moment(noted time.Duration) time.Time {
	var monotonic unix.Timespec
	now := time.Now()
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &monotonic); err != nil {
		return now
	}
	at := now.Add(noted - time.Duration(monotonic.Nano()))
	if noted == 0 || at.Before(r.begin) || at.After(now) {
		return now
	}
	return at
}

// watchCPUTime looks at the CPU time again when it could be used up at the
// earliest, all CPUs working.
func (r *running) watchCPUTime() {
	const shortest = 2 * time.Millisecond
	var timer *time.Timer
	check := func() {
		used, err := r.group.CPUTime()
		if err != nil {
			return // the group is gone, and with it the command
		}
		left := r.settings.CPUTime - used
		if left <= 0 {
			r.halt(CPUTimeExceeded, nil)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.ended {
			timer.Reset(max(left/time.Duration(runtime.NumCPU()), shortest))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	timer = time.AfterFunc(max(r.settings.CPUTime/time.Duration(runtime.NumCPU()), shortest), check)
	r.stops = append(r.stops, func() bool { return timer.Stop() })
}

// halt kills the sandbox for a reason; the first one counts.
func (r *running) halt(reason Reason, cause error) {
	r.mu.Lock()
	if r.stop == Exited {
		r.stop, r.cause = reason, cause
	}
	r.mu.Unlock()
	r.killAll()
}

// watchCancel notes when the context of exec.CommandContext ends.
func (r *running) watchCancel() {
	own := r.cmd.Cancel
	if own == nil {
		return
	}
	r.cmd.Cancel = func() error {
		r.mu.Lock()
		r.canceled = true
		r.mu.Unlock()
		return own()
	}
}

func (r *running) wasCanceled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.canceled
}

func (r *running) stopped() (Reason, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stop, r.cause
}

func (r *running) commandPID() int { return r.pid }

func (r *running) waitOnce(owned *Sandbox) (*Result, error) {
	r.wait.Do(func() {
		r.result, r.err = r.finish()
		if owned != nil {
			if err := owned.Close(); err != nil {
				r.err = errors.Join(r.err, err)
			}
		}
	})
	return r.result, r.err
}

// finish waits, in this order, for the command's status, the launcher and the
// pipes, and the death of all that was inside.
func (r *running) finish() (*Result, error) {
	message, known := r.awaitStatus()
	wall := max(0, r.moment(message.At).Sub(r.executed))
	r.trace.host("read the cgroup")
	ended := r.endGroup()
	r.courier.tell(message, known)
	r.settle()
	r.trace.host("wait for the end of the launcher")
	waited := r.waitLauncher()
	awaitDeath(r.initPidfd)
	r.disarm()
	if !known {
		message, known = r.launcherStatus()
	}
	result := r.verdict(message, known)
	result.Setup = r.executed.Sub(r.begin)
	result.Usage.Wall = wall
	r.trace.host("give everything back")
	removed := errors.Join(ended, r.release(), r.clearAway())
	if result.Success() {
		var exit *exec.ExitError
		// The launcher's status says nothing that the message did not, and a host
		// program that reaps every child itself has taken it away.
		if errors.As(waited, &exit) || errors.Is(waited, unix.ECHILD) {
			waited = nil
		}
		return result, errors.Join(waited, removed)
	}
	_, cause := r.stopped()
	if cause == nil && result.Reason == Canceled {
		cause = waited // of the command's own context
	}
	exit := &ExitError{result, cause}
	if removed != nil {
		return result, errors.Join(exit, removed)
	}
	return result, exit
}

// settle takes the cgroup's numbers while the kernel takes the rest of the sandbox
// down, and leaves the group to clearAway. Where a process is left in it, which dies
// with PID 1, all that is done afterwards.
func (r *running) settle() {
	if r.group == nil || r.prepared == nil {
		return
	}
	if totals, ok := r.group.Final(); ok {
		r.totals, r.leaving = totals, true
	}
}

// removeGroup removes a cgroup; nil is none.
func removeGroup(g *cgroup.Group) error {
	if g == nil {
		return nil
	}
	if err := g.Remove(); err != nil {
		return &SetupError{"remove the cgroup", "", err}
	}
	return nil
}

// disarm stops the timers and the watch over the context.
func (r *running) disarm() {
	r.mu.Lock()
	stops := r.stops
	r.stops = nil
	r.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
}

// awaitStatus reads until the command's status or the launcher's end.
func (r *running) awaitStatus() (launch.Message, bool) {
	if r.exited != nil {
		return *r.exited, true
	}
	for {
		m, err := r.control.ReceiveSoon()
		if errors.Is(err, launch.ErrLater) {
			if r.group != nil {
				r.group.CloseTotals()
			}
			m, err = r.control.Receive()
		}
		if err != nil {
			return launch.Message{}, false
		}
		closeDescriptors(m.Files)
		if m.Kind == launch.MessageExited {
			return m, true
		}
	}
}

// waitLauncher waits for the process that the host started and for the pipes, and
// where those belong to a courier, for both processes.
func (r *running) waitLauncher() error {
	if r.launcher == r.cmd {
		return waitFor(r.cmd)
	}
	err := waitFor(r.launcher)
	if r.courier == nil { // package os knows the launcher as the command, if there is one
		r.cmd.ProcessState = r.launcher.ProcessState
		return cmp.Or(err, r.streams.await(r.cmd.WaitDelay))
	}
	err = waitFor(r.cmd)
	r.courier.await()
	return err
}

// waitFor waits for a command. A host program that reaps every child itself leaves
// nothing to wait for, and then package os keeps its descriptor.
func waitFor(cmd *exec.Cmd) error {
	err := cmd.Wait()
	if errors.Is(err, unix.ECHILD) {
		cmd.Process.Release()
	}
	return err
}

// launcherStatus takes the command's status from that of the launcher, which
// passes it on, for when the message could not be received.
func (r *running) launcherStatus() (launch.Message, bool) {
	state := r.launcher.ProcessState
	if state == nil || !state.Exited() || state.ExitCode() == plan.SetupFailed {
		return launch.Message{}, false
	}
	const signaled = 128
	code := uint32(state.ExitCode())
	if code > signaled {
		return launch.Message{Status: code - signaled}, true
	}
	return launch.Message{Status: code << 8}, true
}

// awaitDeath waits until a process is gone. PID 1 is gone when every process
// of its namespace is.
func awaitDeath(pidfd int) {
	if pidfd < 0 {
		return
	}
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// release gives everything back.
func (r *running) release() error {
	r.freezing.Lock() // a Pause under way may be making a group
	defer r.freezing.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil
	}
	r.ended = true
	if r.control != nil {
		r.control.Close()
	}
	for _, fd := range []int{r.initPidfd, r.commandPidfd} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	r.courier.close()
	r.categories.Close()
	if r.output != nil {
		r.output.close()
	}
	var errs []error
	if err := r.scratch.remove(); err != nil {
		errs = append(errs, err)
	}
	if !r.leaving {
		errs = append(errs, removeGroup(r.group))
	}
	return errors.Join(append(errs, removeGroup(r.freezer))...)
}

// discard ends a start that failed. A launcher that reports a failure ends by
// itself, and the end of its outer process is the end of all; it is killed when
// that was asked for, or when it takes too long.
func (r *running) discard() {
	if r.launched {
		const patience = 2 * time.Second
		late := time.AfterFunc(patience, func() { r.killLauncher() })
		r.launcher.Process.Signal(unix.SIGCONT) // it may have been stopped
		if stop, _ := r.stopped(); stop != Exited {
			r.killAll()
		}
		r.control.Hangup() // whoever waits for the host's answer, stops waiting
		for {
			m, err := r.control.Receive()
			if err != nil {
				break
			}
			killed := m.Kind == launch.MessageBorn && r.initPidfd < 0
			r.keep(&r.initPidfd, m.Files...)
			if stop, _ := r.stopped(); killed && stop != Exited {
				r.killAll()
			}
		}
		r.courier.close()
		r.waitLauncher()
		awaitDeath(r.initPidfd)
		late.Stop()
	}
	r.disarm()
	r.closeNetwork()
	r.clearAway()
	if r.group != nil {
		r.group.Kill()
	}
	r.release()
}
