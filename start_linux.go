package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/internal/plan"
)

// Start is [Start] with this policy.
func (s *Sandbox) Start(ctx context.Context, cmd *exec.Cmd) (*Process, error) {
	begin := time.Now()
	if err := checkCommand(cmd); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	prepared, err := s.prepare()
	if err != nil {
		return nil, err
	}
	st := &start{settings: s.settings, prepared: prepared, cmd: cmd, begin: begin}
	p, err := st.run(ctx)
	if err != nil {
		st.abandon()
		return nil, err
	}
	return p, nil
}

// Plan returns every step that a start of this command would take inside the
// launcher. It starts nothing and changes nothing.
func (s *Sandbox) Plan(cmd *exec.Cmd) (*Plan, error) {
	if err := checkCommand(cmd); err != nil {
		return nil, err
	}
	prepared, err := s.prepare()
	if err != nil {
		return nil, err
	}
	st := &start{settings: s.settings, prepared: prepared, cmd: cmd}
	return newPlan(st.program().Program()), nil
}

// start is one start under way.
type start struct {
	settings *settings
	prepared *prepared
	cmd      *exec.Cmd
	begin    time.Time

	bare    bool // the program was given by a bare name
	lowered *launch.Program
	p       *Process
	peer    *os.File
}

// run takes the steps in order. What it acquires is in st.p, for abandon.
func (st *start) run(ctx context.Context) (*Process, error) {
	st.p = &Process{}
	r := &st.p.running
	r.cmd, r.settings, r.begin = st.cmd, st.settings, st.begin
	r.report = st.prepared.report.clone()
	r.initPidfd, r.commandPidfd = -1, -1

	var err error
	if r.group, err = st.prepared.group.create(st.prepared.host); err != nil {
		return nil, err
	}
	if r.control, st.peer, err = launch.NewControl(); err != nil {
		return nil, &SetupError{"open the control socket", "", err}
	}
	st.lowered = st.program().Program()
	image, err := st.lowered.Image()
	if err != nil {
		return nil, &UnsupportedError{"the launcher", err.Error(), "", err}
	}
	if err := st.startLauncher(image); err != nil {
		return nil, err
	}
	r.watch(ctx)
	if err := st.followSetup(ctx); err != nil {
		return nil, err
	}
	r.begun()
	return st.p, nil
}

// program completes the spec with what belongs to this command.
func (st *start) program() *plan.Spec {
	spec := st.prepared.spec
	env := environment(st.cmd, st.prepared.identity.name)
	paths, bare := candidates(st.cmd, env)
	st.bare = bare
	spec.Command = plan.Command{Candidates: paths, Args: arguments(st.cmd), Env: env, Dir: workingDir(st.cmd)}
	spec.Files.Keep = 3 + len(st.cmd.ExtraFiles)
	spec.Files.Control = spec.Files.Keep
	if st.p != nil && st.p.group != nil {
		for i, f := range st.p.group.ProcsFiles() {
			spec.Files.Cgroups = append(spec.Files.Cgroups, plan.Cgroup{Name: f.Name(), File: spec.Files.Control + 1 + i})
		}
	}
	return &spec
}

// startLauncher lends the caller's command to the launcher: os/exec starts it
// with the caller's files and pipes, and the fields are put back afterwards.
func (st *start) startLauncher(image []byte) error {
	cmd, r := st.cmd, &st.p.running
	files := append(append([]*os.File{}, cmd.ExtraFiles...), st.peer)
	if r.group != nil {
		files = append(files, r.group.ProcsFiles()...)
	}
	executable, err := st.executable(image, files)
	if err != nil {
		return err
	}
	defer executable.Close()

	saved := *cmd
	cmd.Path, cmd.Args, cmd.Env, cmd.Dir, cmd.ExtraFiles, cmd.Err = executable.Path, []string{"sandbox"}, []string{}, "", files, nil
	restoreOutput, err := r.limitOutput(st.settings.OutputLimit)
	if err == nil {
		err = cmd.Start()
		restoreOutput()
	}
	cmd.Path, cmd.Args, cmd.Env, cmd.Dir, cmd.ExtraFiles, cmd.Err = saved.Path, saved.Args, saved.Env, saved.Dir, saved.ExtraFiles, saved.Err
	st.peer.Close()
	st.peer = nil
	if err != nil {
		return &SetupError{"start the launcher", executable.Path, underlying(err)}
	}
	r.launched = true
	if r.group != nil {
		r.group.CloseProcs()
	}
	return nil
}

// executable puts the launcher where it can be executed.
func (st *start) executable(image []byte, files []*os.File) (*launch.Executable, error) {
	highest := 0
	for _, f := range files {
		if f != nil {
			highest = max(highest, int(f.Fd()))
		}
	}
	for _, s := range []any{st.cmd.Stdin, st.cmd.Stdout, st.cmd.Stderr} {
		if f, ok := s.(*os.File); ok && f != nil {
			highest = max(highest, int(f.Fd()))
		}
	}
	if !memoryRefused() {
		e, err := launch.NewMemoryExecutable(image, launch.Floor(3+len(files), highest))
		if err == nil {
			return e, nil
		}
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM) {
			return nil, &SetupError{"make the launcher's image", "", err}
		}
	}
	e, err := launch.NewFileExecutable(image, "")
	if err != nil {
		return nil, &SetupError{"make the launcher's image", os.TempDir(), err}
	}
	st.p.report.set("launcher", Enforced, "executed from a private file: this host refuses to execute memory", "")
	return e, nil
}

// memoryRefused says whether the kernel is set to execute no memfd
// (vm.memfd_noexec, Linux 6.3).
func memoryRefused() bool {
	b, err := os.ReadFile("/proc/sys/vm/memfd_noexec")
	return err == nil && len(b) > 0 && b[0] == '2'
}

// followSetup answers the launcher until the program executes.
func (st *start) followSetup(ctx context.Context) error {
	r := &st.p.running
	for {
		m, err := r.control.Receive()
		if err != nil {
			return st.launcherGone(ctx, err)
		}
		switch m.Kind {
		case launch.MessageMap:
			if err := st.prepared.identity.write(m.PID); err != nil {
				return err
			}
			if err := r.control.Answer(); err != nil {
				return st.launcherGone(ctx, err)
			}
		case launch.MessageCommand:
			r.pid = m.PID
		case launch.MessageFail:
			return st.setupError(m)
		case launch.MessageStarted:
			if len(m.Files) != 2 {
				return &SetupError{"start the command", "", errors.New("the launcher sent no descriptors")}
			}
			r.initPidfd, r.commandPidfd = m.Files[0], m.Files[1]
			return nil
		}
	}
}

// setupError names the step that failed.
func (st *start) setupError(m launch.Message) error {
	errno := syscall.Errno(m.Errno)
	step, ok := st.lowered.StepOf(m.Index)
	if !ok {
		return &SetupError{"run the launcher", "", fmt.Errorf("it reported the unknown instruction %d: %w", m.Index, errno)}
	}
	if step.Name == "execute" && st.bare && errno == unix.ENOENT {
		return &exec.Error{Name: arguments(st.cmd)[0], Err: exec.ErrNotFound}
	}
	return &SetupError{step.Name, step.Path, errno}
}

// launcherGone explains the end of a launcher that said nothing.
func (st *start) launcherGone(ctx context.Context, err error) error {
	if stop, cause := st.p.stopped(); stop == Canceled {
		return cause
	} else if stop == TimedOut {
		return &SetupError{"start the command", "", os.ErrDeadlineExceeded}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !errors.Is(err, io.EOF) {
		return &SetupError{"talk to the launcher", "", err}
	}
	if st.p.group != nil {
		if n, e := st.p.group.OOMKills(); e == nil && n > 0 {
			return &SetupError{"start the command", "", fmt.Errorf("the memory limit is too small for its start: %w", unix.ENOMEM)}
		}
	}
	return &SetupError{"start the command", "", errors.New("the launcher was killed")}
}

// abandon takes back what a start that failed has made.
func (st *start) abandon() {
	if st.peer != nil {
		st.peer.Close()
	}
	if st.p != nil {
		st.p.discard()
	}
}
