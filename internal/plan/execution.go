package plan

import "github.com/seed-d1379373/sandbox/internal/launch"

// Execution is the program that runs one more command in a sandbox, which the
// pidfd of its first command leads to. One process of the launcher joins the
// namespaces and supervises; the other becomes the command, on the same steps
// as the first one did. The command's cgroup is the host's task.
func (s *Spec) Execution(pidfd int) *launch.Program {
	spec := *s
	spec.Cgroups, spec.CloneInto, spec.AskHost = nil, false, true
	spec.Prepared, spec.Join, spec.View = 0, nil, View{}
	spec.Namespaces.Cgroup = false
	b := newBuilder(&spec)
	b.hideFromOthers()
	b.begin()
	b.joinSandbox(launch.Int(pidfd), s)
	b.forkCommand()
	b.superviseExecution()
	b.command()
	b.failures()
	return b.Program
}

// hideFromOthers is for a launcher that is seen by processes inside from its
// first moment on. They may have the same user: nothing of it may be opened or
// traced (CVE-2016-9962). The program that is executed is a process like any
// other.
func (b *builder) hideFromOthers() {
	b.Step("hide the launcher", "")
	b.hide()
}

// joinSandbox enters the namespaces. A privileged caller needs its own user
// namespace's capabilities for the mounts, an ordinary one needs those of the
// sandbox's for everything, and has none over a namespace that is the host's.
func (b *builder) joinSandbox(pidfd launch.Arg, s *Spec) {
	others := uint64(cloneNewNS | cloneNewPID | cloneNewIPC | cloneNewUTS | cloneNewNet | cloneNewCG)
	if !s.Privileged {
		others = s.Namespaces.flags()
	}
	enter := func(flags uint64) {
		b.Step("join the sandbox", describe(flags))
		b.Call(launch.Setns, pidfd, launch.Int(flags))
	}
	if s.UserNS != nil && !s.Privileged {
		enter(cloneNewUsr)
	}
	enter(others)
	if s.UserNS != nil && s.Privileged {
		enter(cloneNewUsr)
	}
}

// superviseExecution waits for execve, tells the host, and then forwards
// signals until the command ends or the host is gone.
func (b *builder) superviseExecution() {
	b.Step("shut the launcher in", "")
	b.giveUp()
	b.moveKept()
	b.guard()
	b.openGate()
	b.awaitExec()

	b.Step("supervise the command", "")
	const hangup = 0x2000 // POLLRDHUP: the host is gone, or wants the command killed
	polled := b.halves("polled", uint32(b.control), hangup, uint32(keptSignals), pollIn)
	info := b.Buffer("siginfo", siginfo)
	signo := launch.CellAt(info)
	message := b.Message(launch.MessageExited)
	status, usage := launch.ExitedFields(message)
	loop, alive, reap, signaled := b.NewLabel("supervise"), b.NewLabel("host is there"), b.NewLabel("reap"), b.NewLabel("command was killed")
	b.Place(loop)
	b.Call(launch.Ppoll, polled, launch.Int(2), launch.Int(0), launch.Int(0), launch.Int(8)).On(eintr, loop)
	b.Sum(launch.CellAt(polled.Plus(4)), launch.Int(0)).IfMasked(0xffff0000, launch.Int(0), alive)
	// PID 1 cannot end before someone has reaped this process's child.
	b.Call(launch.Kill, b.commandPID, launch.Int(sigkill)).IgnoreAll()
	b.Call(launch.Wait4, b.commandPID, launch.Int(0), launch.Int(wall), launch.Int(0)).IgnoreAll()
	b.exit(launch.Int(setupFailed))
	b.Place(alive)
	b.Call(launch.Read, keptSignals, info, launch.Int(siginfo)).On(eintr, loop)
	b.Sum(signo, launch.Int(0)).If(launch.Int(sigchld), reap)
	b.Call(launch.Kill, b.commandPID, signo).IgnoreAll()
	b.Jump(loop)
	b.Place(reap)
	b.Call(launch.Wait4, b.commandPID, status.Ref(), launch.Int(wnohang|wall), usage).On(eintr, reap).If(launch.Int(0), loop)
	b.report(message, launch.ExitedSize)
	b.exitAs(status, launch.CellAt(status.Ref().Plus(1)), signaled)
}
