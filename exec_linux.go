package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/internal/plan"
)

// exec runs one more command in the sandbox.
func (r *running) exec(ctx context.Context, cmd *exec.Cmd) (*Result, error) {
	if err := checkCommand(cmd); err != nil {
		return nil, err
	}
	if !r.alive() {
		return nil, os.ErrProcessDone
	}
	if err := r.needNamespaces("entering a sandbox"); err != nil {
		return nil, err
	}
	// What the command leaves behind in the sandbox may hold its pipes open for
	// as long as the sandbox lives.
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = time.Second
		defer func() { cmd.WaitDelay = 0 }()
	}
	e := &execution{of: r, start: start{settings: r.settings, prepared: r.prepared, cmd: cmd, began: time.Now()}}
	p, err := e.run(ctx)
	if err != nil {
		if stop, cause := e.p.stopped(); stop == Canceled {
			err = cause
		} else if !r.alive() {
			err = os.ErrProcessDone // whatever the end of the sandbox made fail
		}
		e.abandon()
		return nil, err
	}
	result, err := p.Wait()
	if result.Success() && errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return result, err
}

// execution is the start of one more command under way.
type execution struct {
	start
	of *running // the sandbox's first command
}

func (e *execution) run(ctx context.Context) (*Process, error) {
	e.p = &Process{}
	r := &e.p.running
	r.cmd, r.launcher, r.settings, r.begin, r.report = e.cmd, e.cmd, e.settings, e.began, e.of.report
	r.initPidfd, r.commandPidfd, r.mounts = -1, -1, -1
	r.additional = true
	r.level = e.of.level
	var err error
	if r.control, e.peer, err = launch.NewControl(); err != nil {
		return nil, &SetupError{"open the control socket", "", err}
	}
	spec := e.program()
	targets, err := e.of.targets(spec)
	for _, f := range targets {
		defer f.Close()
	}
	if err != nil {
		return nil, err
	}
	spec.Files.Last = spec.Files.Control + len(targets)
	e.lowered = spec.Execution(spec.Files.Control + 1)
	if err := e.launch(slices.Concat(e.cmd.ExtraFiles, []*os.File{e.peer}, targets)); err != nil {
		return nil, err
	}
	r.watchContext(ctx)
	if err := e.follow(ctx); err != nil {
		return nil, err
	}
	return e.p, nil
}

// targets are descriptors by which a launcher joins the sandbox.
func (r *running) targets(spec *plan.Spec) ([]*os.File, error) {
	command, err := r.target()
	if err != nil {
		return nil, err
	}
	targets := []*os.File{command}
	if spec.UserNS == nil || spec.UserNS.Lock == nil {
		return targets, nil
	}
	inner := fmt.Sprintf("/proc/%d/ns/user", r.pid)
	f, err := os.Open(inner)
	if !r.alive() {
		return targets, os.ErrProcessDone
	}
	if err != nil {
		return targets, &SetupError{"open the user namespace", inner, underlying(err)}
	}
	defer f.Close()
	outer, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_PARENT)
	if err != nil {
		return targets, &SetupError{"open the outer user namespace", inner, err}
	}
	unix.CloseOnExec(outer)
	return append(targets, os.NewFile(uintptr(outer), "user namespace")), nil
}

// target is a descriptor of the first command, for the launcher.
func (r *running) target() (*os.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || r.commandPidfd < 0 {
		return nil, os.ErrProcessDone
	}
	fd, err := unix.FcntlInt(uintptr(r.commandPidfd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, &SetupError{"copy the command's pidfd", "", err}
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

// launch starts the launcher with the caller's files.
func (e *execution) launch(files []*os.File) error {
	bytes, err := e.lowered.Image()
	if err != nil {
		return &UnsupportedError{"the launcher", err.Error(), "", err}
	}
	executable, err := newExecutable(bytes, launch.Floor(3+len(files), highest(e.cmd, files)))
	if err != nil {
		return err
	}
	defer executable.Close()
	return e.lend(executable, files, nil)
}

// follow answers the launcher until the program executes.
func (e *execution) follow(ctx context.Context) error {
	r := &e.p.running
	for {
		m, err := r.control.Receive()
		if err != nil {
			return e.launcherGone(ctx, err)
		}
		switch m.Kind {
		case launch.MessageCommand:
			r.pid = m.PID
		case launch.MessageMap:
			if err := e.enterGroups(m.PID); err != nil {
				return err
			}
			if err := r.control.Answer(nil); err != nil {
				return e.ownFailure(e.launcherGone(ctx, err))
			}
		case launch.MessageFail:
			return e.setupError(m)
		case launch.MessageStarted:
			r.keep(&r.commandPidfd, m.Files...)
			r.executed = r.moment(m.At)
			return nil
		}
	}
}

// enterGroups moves the command's process, which waits, into the cgroups.
func (e *execution) enterGroups(pid int) error {
	of := e.of
	of.freezing.Lock()
	defer of.freezing.Unlock()
	of.mu.Lock()
	group, ended := of.group, of.ended
	of.mu.Unlock()
	if ended {
		return os.ErrProcessDone
	}
	if group != nil {
		if err := group.Add(pid); err != nil {
			return &SetupError{"enter cgroup", "", err}
		}
	}
	if of.freezer != nil {
		if err := of.freezer.Add(pid); err != nil {
			return &SetupError{"enter cgroup", "", err}
		}
	}
	return nil
}

// isGone says whether an error means that a process has ended.
func isGone(err error) bool { return errors.Is(err, syscall.ESRCH) }
