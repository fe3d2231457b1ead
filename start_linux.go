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

// start starts a command. With whole the caller does nothing but wait for its end.
func (s *Sandbox) start(ctx context.Context, cmd *exec.Cmd, whole bool) (*Process, error) {
	st := &start{cmd: cmd, whole: whole}
	err := checkCommand(cmd)
	if err == nil {
		err = s.run(ctx, st)
	}
	if err != nil {
		notStarted(cmd, err)
		return nil, err
	}
	return st.p, nil
}

// startTraced starts a command with a launcher that notes its times.
func (s *Sandbox) startTraced(ctx context.Context, cmd *exec.Cmd, t *tracer) (*start, error) {
	st := &start{cmd: cmd, whole: true, trace: t}
	return st, s.run(ctx, st)
}

func (s *Sandbox) run(ctx context.Context, st *start) error {
	st.began = time.Now()
	st.trace.begin()
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	s.starting.RLock() // Close waits for what is being used here
	defer s.starting.RUnlock()
	st.trace.host("prepare")
	prepared, err := s.prepare()
	if err != nil {
		return err
	}
	st.settings, st.prepared = s.settings, prepared
	if err := st.run(ctx); err != nil {
		if stop, cause := st.p.stopped(); stop == Canceled {
			err = cause // whatever the killing made fail
		}
		st.abandon()
		return err
	}
	return nil
}

// Plan returns every step that a start of this command would take inside the
// launcher. It starts nothing and changes nothing, but with all features of the last
// resort in [WithBestEffort], for which it finds out whether that is taken.
func (s *Sandbox) Plan(cmd *exec.Cmd) (*Plan, error) {
	if err := checkCommand(cmd); err != nil {
		return nil, err
	}
	prepared, err := s.prepare()
	if err != nil {
		return nil, err
	}
	st := &start{settings: s.settings, prepared: prepared, cmd: cmd}
	spec := st.program()
	spec.Files.Last++
	spec.Files.Block = spec.Files.Last
	return newPlan(spec.Program()), nil
}

// start is one start under way.
type start struct {
	settings *settings
	prepared *prepared
	cmd      *exec.Cmd
	began    time.Time

	nothing bool // execute nothing
	whole   bool // the caller sees the command only when that has ended
	waiting bool // for a command that comes late, see Pool
	ready   bool // the launcher waits for it
	bare    bool // the program was given by a bare name
	lowered *launch.Program
	command plan.Command
	view    *os.File // the prepared mount namespace, if there is one
	p       *Process
	peer    *os.File

	provision *provision
	spare     bool    // it was made before this start
	trace     *tracer // nil but for Sandbox.Trace
}

// run takes the steps in order. What it acquires is in st.p, for abandon.
func (st *start) run(ctx context.Context) error {
	if err := st.begin(); err != nil {
		return err
	}
	r := &st.p.running
	r.watch(ctx)
	st.trace.host("wait for cgroup and network namespace")
	if err := st.takeProvision(); err != nil {
		return err
	}
	st.trace.host("answer the launcher and wait for the command to execute")
	executed := func() bool { return r.commandPidfd >= 0 && r.knowsInit() }
	if err := st.followSetup(ctx, executed); err != nil {
		return err
	}
	st.trace.host("wait for the command to end")
	st.begun()
	r.repeats = true
	return nil
}

// begun is called when the program executes, or was killed before it could.
func (st *start) begun() {
	r := &st.p.running
	if r.executed.IsZero() {
		r.executed = time.Now()
	}
	if r.settings.CPUTime > 0 && r.group != nil {
		r.watchCPUTime()
	}
	if r.group != nil && !st.whole {
		r.group.CloseTotals() // nobody knows when they will be read
	}
}

// begin starts the launcher.
func (st *start) begin() (err error) {
	st.p = &Process{}
	r := &st.p.running
	r.cmd, r.launcher, r.settings, r.begin = st.cmd, st.cmd, st.settings, st.began
	r.report = st.prepared.report.clone()
	r.initPidfd, r.commandPidfd, r.mounts = -1, -1, -1
	r.prepared, r.cgroups, r.direct = st.prepared, st.prepared.host.cgroups, st.prepared.spec.Direct
	if r.control, st.peer, err = launch.NewControl(); err != nil {
		return &SetupError{"open the control socket", "", err}
	}
	r.trace = st.trace
	st.trace.host("set out")
	st.provision = st.prepared.larder.take()
	if st.spare = st.provision != nil; !st.spare {
		st.provision = st.prepared.provide()
	}
	return st.startLauncher()
}

// takeProvision waits for what the launcher waits for.
func (st *start) takeProvision() (err error) {
	r, group := &st.p.running, st.prepared.group
	err = r.take(st.provision)
	if err != nil && st.spare { // which failed at another time
		st.provision.discard()
		st.provision, st.spare = st.prepared.provide(), false
		err = r.take(st.provision)
	}
	if err != nil || !group.needed {
		return err
	}
	if err := st.prepared.host.cgroups.Adopt(r.cmd.Process.Pid); err != nil {
		return &SetupError{"move the launcher to its cgroup", "", err}
	}
	if len(group.entrances(r.group)) != len(group.places) {
		return &SetupError{"create cgroup", "", errors.New("the host's cgroups have changed")}
	}
	return nil
}

// resolve works out what is to be executed.
func (st *start) resolve() {
	env := environment(st.cmd, st.prepared.identity.name)
	paths, bare := candidates(st.cmd, env)
	if st.nothing || st.waiting {
		paths = nil
	}
	st.bare = bare
	env, dir := inScratch(st.scratchPath(), env, st.cmd.Env != nil, workingDir(st.cmd))
	st.command = plan.Command{Candidates: paths, Args: arguments(st.cmd), Env: env, Dir: dir}
}

// program completes the spec with what belongs to this command.
func (st *start) program() *plan.Spec {
	spec := st.prepared.spec // a copy
	st.resolve()
	spec.Command = st.command
	control := 3 + len(st.cmd.ExtraFiles)
	spec.Files = plan.Files{Keep: control, Control: control, Last: control}
	spec.Files.Pipes = st.pipes()
	for _, place := range st.prepared.group.places {
		spec.Cgroups = append(spec.Cgroups, place.Path)
	}
	spec.CloneInto = st.prepared.group.cloneInto()
	st.label(&spec)
	if st.view != nil {
		spec.Prepared = control + 1
		spec.Files.Last = spec.Prepared
	}
	if st.prepared.hasScratch {
		last := *spec.LastResort
		last.Scratch = control + 1
		spec.LastResort, spec.Files.Last = &last, last.Scratch
	}
	return &spec
}

// pipes finds the standard files that are anonymous pipes. They belong to the
// caller, and a command of another user could not open them again.
func (st *start) pipes() *plan.Pipes {
	uid, gid, ok := st.prepared.identity.outside()
	if !ok || !st.prepared.host.canMount {
		return nil
	}
	p := &plan.Pipes{UID: uid, GID: gid}
	for i, f := range []any{st.cmd.Stdin, st.cmd.Stdout, st.cmd.Stderr} {
		if file, isFile := f.(*os.File); f != nil && (!isFile || isPipe(file)) {
			p.Files = append(p.Files, i)
		}
	}
	if len(p.Files) == 0 {
		return nil
	}
	return p
}

// isPipe says whether a file is a pipe without a name.
func isPipe(f *os.File) bool {
	const pipefs = 0x50495045
	var st unix.Statfs_t
	return f != nil && unix.Fstatfs(int(f.Fd()), &st) == nil && st.Type == pipefs
}

// startLauncher lends the caller's command to the launcher: os/exec starts it
// with the caller's files and pipes, and the fields are put back afterwards.
func (st *start) startLauncher() error {
	cmd, r := st.cmd, &st.p.running
	if err := r.takeCategories(st.prepared.selinux, st.settings); err != nil {
		return err
	}
	st.view = st.prepared.views.open(st.prepared)
	directory, err := st.scratchFor()
	if err != nil {
		return err
	}
	defer directory.Close()
	files := append(append([]*os.File{}, cmd.ExtraFiles...), st.peer)
	if st.view != nil {
		files = append(files, st.view)
	}
	if directory != nil {
		files = append(files, directory)
	}
	spec := st.program()
	joined, joins, shared, err := st.joins(3 + len(files))
	if err != nil {
		return err
	}
	defer closeFiles(joined)
	files = append(files, joined...)
	idMaps, err := st.prepared.idMaps.open(st.settings.owners(), st.prepared.identity)
	if err != nil {
		return err
	}
	spec.View = spec.View.WithShared(sharedMount, shared).WithIDMaps(3 + len(files))
	files = append(files, idMaps...)
	spec.Waiting = st.waiting
	if !st.nothing && !st.waiting {
		if command, err := st.prepared.commandFor(spec.Command); err == nil {
			defer st.prepared.commands.give(command)
			spec.Files.Block = 3 + len(files)
			files = append(files, command.value.File)
		}
	}
	if st.trace != nil {
		spec.Trace = 3 + len(files)
		files = append(files, st.trace.file)
	}
	spec.Files.Last = 2 + len(files)
	spec.Join = joins
	images := &st.prepared.images
	if st.trace != nil {
		images = &st.trace.images
	}
	if st.waiting {
		images = &st.prepared.waiting
	}
	image, err := images.forStart(spec, cmd, files)
	if err != nil {
		return err
	}
	defer images.give(image)
	st.lowered = image.value.program
	if !image.value.Memory {
		r.report.set("launcher", Enforced, "executed from a private file: this host refuses to execute memory", "")
	}

	if !spec.Direct {
		return st.lend(image.value.Executable, files, nil)
	}
	return st.lend(image.value.Executable, files, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID})
}

// lend has os/exec start the launcher as the caller's command.
func (st *start) lend(executable *launch.Executable, files []*os.File, attr *syscall.SysProcAttr) error {
	cmd, r := st.cmd, &st.p.running
	saved := *cmd
	path := executable.PathIn(st.prepared.host.proc)
	cmd.Path, cmd.Args, cmd.Env, cmd.Dir, cmd.ExtraFiles, cmd.Err = path, []string{"sandbox"}, []string{}, "", files, nil
	cmd.SysProcAttr = attr
	r.watchCancel()
	restoreOutput, err := r.limitOutput(st.settings.OutputLimit)
	if err == nil {
		st.trace.host("fork and execute the launcher")
		err = startQuietly(cmd)
		restoreOutput()
	}
	cmd.Path, cmd.Args, cmd.Env, cmd.Dir, cmd.ExtraFiles, cmd.Err = saved.Path, saved.Args, saved.Env, saved.Dir, saved.ExtraFiles, saved.Err
	cmd.SysProcAttr = nil
	st.peer.Close()
	st.peer = nil
	if err != nil {
		if attr != nil && isRefusal(err) {
			return explain(&SetupError{"create namespaces", "pid", underlying(err)})
		}
		return &SetupError{"start the launcher", path, underlying(err)}
	}
	r.mu.Lock() // a courier's start may be watched already
	r.launched = true
	r.mu.Unlock()
	return nil
}

// followSetup answers the launcher until it has come as far as done says.
func (st *start) followSetup(ctx context.Context, done func() bool) error {
	r := &st.p.running
	if (r.group != nil || r.network != nil) && !st.prepared.spec.AsksForMaps() {
		if err := st.answer(); err != nil {
			return st.ownFailure(st.launcherGone(ctx, err))
		}
	}
	if !st.prepared.spec.AsksForMaps() {
		st.awaitEnd()
	}
	return st.follow(ctx, done)
}

// awaitEnd is called when there is nothing more to answer. Where the caller wants but
// the end of the command, the end of a short one is waited for, and then read what
// the launcher had to say: so this process is woken once in place of three times.
func (st *start) awaitEnd() {
	if st.whole {
		st.p.launcher.Process.WithHandle(func(pidfd uintptr) { st.p.control.AwaitEnd(int(pidfd)) })
	}
}

// follow listens to the launcher, whose processes speak for themselves, in any
// order.
func (st *start) follow(ctx context.Context, done func() bool) error {
	r := &st.p.running
	for !done() {
		m, err := r.control.Receive()
		if err != nil {
			return st.launcherGone(ctx, err)
		}
		switch m.Kind {
		case launch.MessageMap:
			if err := st.prepared.identity.write(m.PID); err != nil {
				return st.ownFailure(err)
			}
			if err := st.answer(); err != nil {
				return st.ownFailure(st.launcherGone(ctx, err))
			}
			st.awaitEnd()
		case launch.MessageCommand:
			r.pid = m.PID
		case launch.MessageReady:
			st.ready = true
		case launch.MessageFail:
			return st.setupError(m)
		case launch.MessageStarted:
			r.keep(&r.commandPidfd, m.Files[0])
			r.keep(&r.mounts, m.Files[1:]...)
			r.executed = r.moment(m.At)
		case launch.MessageBorn:
			r.keep(&r.initPidfd, m.Files...)
			if stop, _ := r.stopped(); stop != Exited {
				r.killAll() // now that PID 1 is known
			}
		case launch.MessageExited: // a short command
			r.exited = &m
		}
	}
	return nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// ownFailure is the launcher's own account of its end, if there is one, in place
// of an error that the end has caused.
func (st *start) ownFailure(caused error) error {
	st.p.control.Hangup()
	for {
		m, err := st.p.control.Receive()
		if err != nil {
			return caused
		}
		if m.Kind == launch.MessageFail {
			return st.setupError(m)
		}
		st.p.keep(&st.p.initPidfd, m.Files...)
	}
}

// answer lets the launcher go on, with what was made for it meanwhile.
func (st *start) answer() error {
	r := &st.p.running
	var files []*os.File
	if r.group != nil {
		files = st.prepared.group.entrances(r.group)
		defer r.group.CloseProcs()
	}
	if r.network != nil {
		files = append(files, r.network)
		defer r.closeNetwork()
	}
	return r.control.Answer(files)
}

// setupError names the step that failed.
func (st *start) setupError(m launch.Message) error {
	errno := syscall.Errno(m.Errno)
	step, ok := st.lowered.StepOf(m.Index)
	step.Path = st.command.PathOf(step, m.Detail)
	if !ok {
		return &SetupError{"run the launcher", "", fmt.Errorf("it reported the unknown instruction %d: %w", m.Index, errno)}
	}
	if err := st.labelRefused(step, errno); err != nil {
		return err
	}
	if step.Name == "execute" && st.bare && (errno == unix.ENOENT || errno == unix.ENOTDIR) {
		return &exec.Error{Name: arguments(st.cmd)[0], Err: exec.ErrNotFound}
	}
	return explain(&SetupError{step.Name, step.Path, errno})
}

// launcherGone explains the end of a launcher that said nothing.
func (st *start) launcherGone(ctx context.Context, err error) error {
	switch stop, cause := st.p.stopped(); stop {
	case Exited:
	case Canceled:
		return cause
	default:
		return nil // Wait gives the verdict: the time or the output was used up
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
		st.p.take(st.provision)
		st.p.discard()
	}
}
