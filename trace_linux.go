package sandbox

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/internal/plan"
)

// tracer times one start. A nil tracer does nothing.
type tracer struct {
	file   *os.File // that the launcher writes its times to
	images imageCache
	began  time.Duration // on CLOCK_MONOTONIC
	start  time.Time     // the same moment
	steps  []TracedStep
}

func newTracer() (*tracer, error) {
	fd, err := unix.MemfdCreate("trace", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate("trace", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return nil, &SetupError{"make a memory file", "", err}
	}
	t := &tracer{file: os.NewFile(uintptr(fd), "trace")}
	if err := t.file.Truncate(plan.TraceSize); err != nil {
		t.close()
		return nil, &SetupError{"make a memory file", "", err}
	}
	return t, nil
}

func (t *tracer) close() {
	if t != nil {
		t.images.close()
		t.file.Close()
	}
}

// begin is the moment from which all is counted.
func (t *tracer) begin() {
	if t == nil {
		return
	}
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	t.start, t.began = time.Now(), time.Duration(now.Nano())
}

// host notes that the host begins a step.
func (t *tracer) host(step string) {
	if t != nil {
		t.steps = append(t.steps, TracedStep{Step: step, Process: "host", At: time.Since(t.start)})
	}
}

// finish adds the launcher's steps to those of the host.
func (t *tracer) finish(program *launch.Program, result *Result) (*Trace, error) {
	end := time.Since(t.start)
	stamps := make([]byte, plan.TraceSize)
	if _, err := t.file.ReadAt(stamps, 0); err != nil {
		return nil, &SetupError{"read the times of the launcher", "", underlying(err)}
	}
	all := t.steps
	for i, s := range program.Steps() {
		if at, ok := plan.Stamp(stamps, i); ok {
			all = append(all, TracedStep{Step: s.String(), Process: s.Who, At: at - t.began})
		}
	}
	slices.SortStableFunc(all, func(a, b TracedStep) int { return cmp.Compare(a.At, b.At) })
	for i := range all {
		next := slices.IndexFunc(all[i+1:], func(s TracedStep) bool { return s.Process == all[i].Process })
		if next < 0 {
			all[i].Took = end - all[i].At
		} else {
			all[i].Took = all[i+1+next].At - all[i].At
		}
	}
	return &Trace{all, result}, nil
}

func (s *Sandbox) trace(ctx context.Context, cmd *exec.Cmd) (*Trace, error) {
	if err := checkCommand(cmd); err != nil {
		notStarted(cmd, err)
		return nil, err
	}
	t, err := newTracer()
	if err != nil {
		notStarted(cmd, err)
		return nil, err
	}
	defer t.close()
	st, err := s.startTraced(ctx, cmd, t)
	if err != nil {
		notStarted(cmd, err)
		return nil, err
	}
	result, waited := st.p.Wait()
	trace, err := t.finish(st.lowered, result)
	return trace, cmp.Or(waited, err)
}
