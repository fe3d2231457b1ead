package plan

import (
	"strings"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// command is the process that becomes the program. It drops one thing after
// the other; the seccomp filter comes last, because the steps before need
// calls that a filter may refuse. One that is known not to is loaded before the
// command is waited for.
func (b *builder) command() {
	b.Process("command")
	b.tracing = b.spec.Trace != 0
	b.Step("start the command's process", "")
	b.Place(b.commandEntry)
	if b.spec.NoInit {
		b.dieWithOuter()
		b.surroundings()
		b.receiveFiles()
	}
	b.enterCgroups()
	b.Step("announce the command", "")
	b.send(b.Message(launch.MessageCommand), launch.SimpleSize)
	if b.spec.AskHost {
		b.Step("wait to be moved into the cgroup", "")
		b.send(b.Message(launch.MessageMap), launch.SimpleSize)
		b.receiveAnswer()
	}
	if b.spec.Namespaces.Cgroup {
		b.Step("create cgroup namespace", "")
		b.Call(launch.Unshare, launch.Int(cloneNewCG))
	}
	b.resetInherited()
	b.setLimits(func(r Rlimit) bool { return !b.spec.Waiting || !r.keepsFilesOut() })
	rulesets := b.landlockRulesets()
	if b.spec.mapsAtFork() {
		b.Step("wait for the id maps", "")
		b.mapped.await(b, "the id maps")
	}
	b.setIdentity()
	b.setAttributes()
	if b.spec.AskHost || b.spec.NoInit {
		b.Step("die with the launcher", "")
		b.dieWithOuter()
	}
	early := b.spec.Waiting && b.spec.SeccompWaits && b.spec.NoNewPrivs
	if early {
		b.loadFilter()
	}
	if b.spec.Waiting {
		b.receiveCommand(rulesets)
		b.setLimits(Rlimit.keepsFilesOut)
	}
	b.landlockInherited(rulesets)
	b.finishLandlock(rulesets)
	b.closeAll()
	if !b.spec.AskHost && !b.spec.Namespaces.PID {
		b.dieWithSupervisor()
	}
	b.chdir()
	if !b.spec.NoInit {
		b.Step("wait for PID 1", "") // until it has given its privileges up
		b.retired.await(b, "PID 1")
	}
	if !early {
		b.loadFilter()
	}
	b.execute()
}

func (b *builder) enterCgroups() {
	for i, name := range b.spec.Cgroups {
		b.Step("enter cgroup", name)
		file := b.groups[i]
		if b.spec.CloneInto {
			b.Call(launch.Openat, file, b.Text("cgroup.procs"), launch.Int(oWronly|oCloexec), launch.Int(0)).Into(file)
		}
		b.Call(launch.Write, file, b.Text("0"), launch.Int(1))
	}
	if b.bornInside != nil {
		b.Place(b.bornInside)
	}
}

// resetInherited undoes what a careless parent leaves behind.
func (b *builder) resetInherited() {
	const (
		joinSession = 1 // KEYCTL_JOIN_SESSION_KEYRING
	)
	b.Step("new session", "")
	b.Call(launch.Setsid)
	if b.spec.Terminal {
		const setControlling = 0x540e // TIOCSCTTY
		b.Step("take the terminal", "")
		b.Call(launch.Ioctl, launch.Int(0), launch.Int(setControlling), launch.Int(0))
	}
	b.Step("new session keyring", "")
	join := b.Call(launch.Keyctl, launch.Int(joinSession), launch.Int(0)).Ignore(enosys)
	if b.spec.LastResort != nil {
		join.IgnoreAll() // filters of containers refuse it, and the command's own every call about keys
	}
	b.Step("reset signals", "")
	action := b.Buffer("default action", 32)
	// All but SIGKILL and SIGSTOP, which have no action to change.
	for _, run := range []struct{ first, last int }{{1, sigkill - 1}, {sigkill + 1, sigstop - 1}, {sigstop + 1, sigmax}} {
		b.count("signal", run.first, run.last, func(i launch.Cell) {
			b.Call(launch.RtSigaction, i, action, launch.Int(0), launch.Int(8))
		})
	}
	const setmask = 2
	b.Call(launch.RtSigprocmask, launch.Int(setmask), b.words("no signal", 0), launch.Int(0), launch.Int(8))
	b.Step("reset personality", "")
	b.Call(launch.Personality, launch.Int(0))
	b.Step("reset umask", "")
	b.Call(launch.Umask, launch.Int(0o022))
}

// keepsFilesOut says whether with this limit a launcher that waits for a command could
// not have its own descriptors and those that it is sent. Other limits are set while
// there are privileges, which raising one may take.
func (r Rlimit) keepsFilesOut() bool {
	const nofile = 7
	return r.Resource == nofile && r.Soft < 2*WaitingControl
}

// setLimits sets some of the resource limits.
func (b *builder) setLimits(which func(Rlimit) bool) {
	for _, r := range b.spec.Limits.Resources {
		if !which(r) {
			continue
		}
		b.Step("set resource limit", r.Name)
		b.Call(launch.Prlimit64, launch.Int(0), launch.Int(r.Resource), b.words(r.Name, r.Soft, r.Hard), launch.Int(0))
	}
}

// setIdentity switches to the command's ids and capabilities.
func (b *builder) setIdentity() {
	s := b.spec
	if s.LastResort != nil {
		b.setPlainIdentity()
		return
	}
	if s.Identity.SetGroups {
		b.Step("set supplementary groups", "")
		list := launch.Arg(launch.Int(0))
		if len(s.Identity.Groups) > 0 {
			list = b.halves("groups", s.Identity.Groups...)
		}
		b.Call(launch.Setgroups, launch.Int(len(s.Identity.Groups)), list)
	}
	if s.hasCaps() {
		b.Step("reset securebits", "")
		b.Call(launch.Prctl, launch.Int(prSetSecurebits), launch.Int(0), launch.Int(0), launch.Int(0), launch.Int(0))
		b.keepCaps()
	}
	b.Step("set user and group", "")
	gid, uid := launch.Int(s.Identity.GID), launch.Int(s.Identity.UID)
	b.Call(launch.Setresgid, gid, gid, gid)
	b.Call(launch.Setresuid, uid, uid, uid)
	b.dropBounding()
	if s.NoNewPrivs {
		b.setCaps()
		b.Step("set no_new_privs", "")
		b.Call(launch.Prctl, launch.Int(prSetNoNewPrivs), launch.Int(1), launch.Int(0), launch.Int(0), launch.Int(0))
	}
}

// dropBounding drops every capability that is not to stay in the bounding set.
func (b *builder) dropBounding() {
	s := b.spec
	if !s.hasCaps() {
		return
	}
	b.Step("drop capability bounding set", "")
	all := s.allCaps()
	b.capset("capabilities for the set-up", all&s.setupCaps(), all&s.setupCaps(), 0)
	for first := 0; first <= int(s.Caps.Last); {
		if s.Caps.Bounding>>first&1 == 1 {
			first++
			continue
		}
		last := first
		for last < int(s.Caps.Last) && s.Caps.Bounding>>(last+1)&1 == 0 {
			last++
		}
		b.count("capability", first, last, func(i launch.Cell) {
			b.Call(launch.Prctl, launch.Int(prCapbsetDrop), i, launch.Int(0), launch.Int(0), launch.Int(0))
		})
		first = last + 1
	}
}

// setupCaps are the capabilities that the last steps need besides the
// command's own: setpcap for the bounding set, sys_admin to load a filter
// without no_new_privs.
func (s *Spec) setupCaps() uint64 {
	const setpcap, sysAdmin = 1 << 8, 1 << 21
	return s.Caps.Permitted | s.Caps.Inheritable | setpcap | sysAdmin
}

// setCaps sets the final capability sets.
func (b *builder) setCaps() {
	s := b.spec
	if !s.hasCaps() {
		return
	}
	const ambientRaise, ambientClear = 2, 4
	b.Step("set capabilities", "")
	b.capset("capabilities of the command", s.Caps.Effective, s.Caps.Permitted, s.Caps.Inheritable)
	b.Call(launch.Prctl, launch.Int(prCapAmbient), launch.Int(ambientClear), launch.Int(0), launch.Int(0), launch.Int(0))
	for c := 0; c <= int(s.Caps.Last); c++ {
		if s.Caps.Ambient>>c&1 == 1 {
			b.Call(launch.Prctl, launch.Int(prCapAmbient), launch.Int(ambientRaise), launch.Int(c), launch.Int(0), launch.Int(0))
		}
	}
	b.Call(launch.Prctl, launch.Int(prSetKeepcaps), launch.Int(0), launch.Int(0), launch.Int(0), launch.Int(0))
}

func (b *builder) chdir() {
	dir := launch.Arg(b.Text("/")) // of no program
	if b.block != nil {
		dir = b.block.dir
	}
	b.Step(stepChdir, b.spec.Command.Dir)
	b.Call(launch.Chdir, dir)
}

// closeAll closes what does not belong to the command, before its directory and
// its path are looked up: /proc/self/fd leads wherever a descriptor does. What
// stays is the pipe that execve closes. From here on PID 1 alone reports.
func (b *builder) closeAll() {
	b.Step("close inherited descriptors", "")
	if !b.spec.Waiting {
		b.moveExecPipe()
	}
	b.Call(launch.Close, b.control)
	b.Call(launch.CloseRange, b.control+2, launch.Int(^uint32(0)), launch.Int(0))
}

// moveExecPipe moves the pipe beside the control socket and not over it, so that
// the failure handler meets no descriptor at all.
func (b *builder) moveExecPipe() {
	b.Call(launch.Dup3, b.execPipeEnd, b.control+1, launch.Int(oCloexec))
}

// dieWithSupervisor is for a command whose supervisor is not PID 1 of its
// namespace, so that the end of that one is not its end by itself. The signal
// alone would miss a death before prctl(2): then nobody has the other end of the
// pipe any more.
func (b *builder) dieWithSupervisor() {
	b.Step("die with the supervisor", "")
	b.Call(launch.Prctl, launch.Int(prSetPdeathsig), launch.Int(sigkill), launch.Int(0), launch.Int(0), launch.Int(0))
	alive := b.NewLabel("supervisor is alive")
	pipe := b.halves("pipe to the supervisor", uint32(b.control+1), 0)
	b.Call(launch.Ppoll, pipe, launch.Int(1), b.words("no time", 0, 0), launch.Int(0), launch.Int(8)).If(launch.Int(0), alive)
	b.exit(launch.Int(setupFailed))
	b.Place(alive)
}

// loadFilter loads the seccomp filter. Without no_new_privs that takes a
// capability, so the final set comes after it.
func (b *builder) loadFilter() {
	s := b.spec
	if s.Seccomp != nil {
		b.Step("load seccomp filter", "")
		b.Call(launch.Seccomp, launch.Int(seccompSetModeFilter), launch.Int(s.SeccompFlags), b.filter("command", s.Seccomp))
	}
	b.tracing = false // the filter may refuse it
	if !s.NoNewPrivs {
		b.setCaps()
	}
}

// execute tries the candidates as execvp(3) does: one that does not exist
// leads to the next, and one that may not be executed is the error if no other
// is found.
func (b *builder) execute() {
	if b.block == nil {
		b.Step("exit", "")
		b.exit(launch.Int(0))
		return
	}
	b.Step(stepExecute, strings.Join(b.spec.Command.Candidates, " "))
	cursor, failed, path := b.Cell("candidate", 0), b.Cell("to report", 0), b.Cell("path", 0)
	again, check, refused := b.NewLabel("try"), b.NewLabel("why not"), b.NewLabel("refused")
	next, report := b.NewLabel("next candidate"), b.NewLabel("report")
	b.Set(cursor, b.block.first)
	b.Set(failed, b.block.last)
	b.Place(again)
	b.Load(cursor).Into(path).If(launch.Int(0), report)
	attempt := b.Call(launch.Execve, path, b.block.argv, b.block.envp).OnAny(check)
	b.Place(check)
	b.Sum(attempt.Errno(), launch.Int(0)).If(launch.Int(enoent), next)
	b.Sum(attempt.Errno(), launch.Int(0)).If(launch.Int(enotdir), next)
	b.Sum(attempt.Errno(), launch.Int(0)).If(launch.Int(eacces), refused)
	b.Set(failed, cursor)
	b.Jump(report)
	b.Place(refused)
	b.Set(failed, cursor)
	b.Place(next)
	b.Sum(cursor, launch.Int(4)).Into(cursor)
	b.Jump(again)
	b.Place(report)
	b.Sum(failed, launch.Int(-int64(b.block.first.Address()))).Into(b.detail)
	b.Load(failed).Into(path)
	b.Call(launch.Execve, path, b.block.argv, b.block.envp) // the same errno again, this time as the failure
	b.Jump(b.failed)
}
