package plan

import "github.com/seed-d1379373/sandbox/internal/launch"

// A supervisor keeps only these descriptors, at fixed numbers below all others,
// and the control socket where it is: whoever holds the command's output open
// would keep its reader from seeing the end.
const (
	keptSignals launch.Int = 0
	keptExec    launch.Int = 1 // end of file when the command executes
	keptCommand launch.Int = 2 // the command's pidfd
)

const (
	wnohang = 1
	wall    = 0x40000000
	pollIn  = 1
	// pollHangup is POLLRDHUP: the host is gone, or wants the command killed.
	pollHangup = 0x2000
)

// retire takes the supervisor's privileges and descriptors away, then lets the
// command go on. What is left can wait, signal the command and report.
func (b *builder) retire() {
	b.Step("shut the supervisor in", "")
	b.giveUp()
	if b.hasOuter {
		b.dieWithOuter()
	}
	b.moveKept()
	b.guard()
	b.retired.open(b)
}

// giveUp takes the command's ids and keeps but the capability to signal it.
func (b *builder) giveUp() {
	s := b.spec
	if s.Identity.SetGroups {
		b.Call(launch.Setgroups, launch.Int(0), launch.Int(0))
	}
	b.keepCaps()
	gid, uid := launch.Int(s.Identity.GID), launch.Int(s.Identity.UID)
	b.Call(launch.Setresgid, gid, gid, gid)
	b.Call(launch.Setresuid, uid, uid, uid)
	if s.hasCaps() {
		b.capset("capabilities of a supervisor", 1<<capKill, 1<<capKill, 0)
	}
	b.hide()
}

// hide keeps others with the same ids from tracing the process and from opening
// its files in /proc.
func (b *builder) hide() {
	b.Call(launch.Prctl, launch.Int(prSetDumpable), launch.Int(0), launch.Int(0), launch.Int(0), launch.Int(0))
}

// dieWithOuter ties PID 1 to the outer process. The signal alone would miss a
// death before prctl(2), so the outer process's pidfd is asked afterwards. It is
// repeated after the last change of ids, which clears it.
func (b *builder) dieWithOuter() {
	b.Call(launch.Prctl, launch.Int(prSetPdeathsig), launch.Int(sigkill), launch.Int(0), launch.Int(0), launch.Int(0))
	polled := b.halves("outer process", 0, pollIn)
	b.Set(launch.CellAt(polled), b.outerPidfd)
	alive := b.NewLabel("outer process is alive")
	b.Call(launch.Ppoll, polled, launch.Int(1), b.words("no time", 0, 0), launch.Int(0), launch.Int(8)).If(launch.Int(0), alive)
	b.exit(launch.Int(setupFailed))
	b.Place(alive)
}

// moveKept moves the descriptors that a supervisor keeps to their fixed numbers
// and closes all others.
func (b *builder) moveKept() {
	b.moveToFixed()
	if !b.spec.passesMounts() {
		b.closeAbove(keptCommand, 0)
		return
	}
	keptMounts := b.control + 1                                                            // until the host has it
	b.Call(launch.Dup3, b.started.second, keptMounts, launch.Int(oCloexec)).Ignore(einval) // it is there
	b.Set(b.started.second, keptMounts)
	b.closeAbove(keptCommand, 1)
}

func (b *builder) moveToFixed() {
	for _, move := range []struct {
		from launch.Cell
		to   launch.Int
	}{{b.signals, keptSignals}, {b.execPipe, keptExec}, {b.started.file, keptCommand}} {
		b.Call(launch.Dup3, move.from, move.to, launch.Int(oCloexec))
	}
	b.Set(b.started.file, keptCommand)
}

// awaitExec waits for the command's execve, which closes the pipe, and tells
// the host about it or about the failure.
func (b *builder) awaitExec() {
	b.Step("wait for the command to execute", "")
	wait, executed := b.NewLabel("wait for execve"), b.NewLabel("executed")
	b.Place(wait)
	b.Call(launch.Read, keptExec, b.Buffer("exec byte", 8), launch.Int(1)).On(eintr, wait)
	record, errno, _ := b.FailRecord()
	if b.spec.NoInit {
		record, errno = b.sharedRecord()
	}
	b.Sum(errno, launch.Int(0)).If(launch.Int(0), executed)
	b.report(record, launch.FailSize)
	b.Call(launch.Wait4, b.commandPID, launch.Int(0), launch.Int(wall), launch.Int(0)).IgnoreAll()
	b.exit(launch.Int(setupFailed))
	b.Place(executed)
	b.Call(launch.Close, keptExec)
	b.noteTime(launch.StartedAt(b.started.body))
	b.Call(launch.Sendmsg, b.control, b.started.header, launch.Int(noSignal))
	if b.spec.passesMounts() {
		b.Call(launch.Close, b.control+1).IgnoreAll() // the host has it
	}
}

// supervise waits for the command to execute, then forwards signals to it and
// reaps until it ends or the host is gone. The end of PID 1 is the end of every
// process in its PID namespace.
func (b *builder) supervise() {
	b.awaitExec()
	b.Step("supervise the command", "")
	polled := b.halves("polled", uint32(b.control), pollHangup, uint32(keptSignals), pollIn)
	events := launch.CellAt(polled.Plus(4))
	w := b.newWatch()
	loop, alive := b.NewLabel("supervise the command"), b.NewLabel("host is there")
	b.Place(loop)
	b.Call(launch.Ppoll, polled, launch.Int(2), launch.Int(0), launch.Int(0), launch.Int(8)).On(eintr, loop)
	b.Sum(events, launch.Int(0)).IfMasked(0xffff0000, launch.Int(0), alive)
	// Where this is not PID 1 itself, that one cannot end before someone has
	// reaped the command.
	b.Call(launch.Kill, b.commandPID, launch.Int(sigkill)).IgnoreAll()
	b.Call(launch.Wait4, b.commandPID, launch.Int(0), launch.Int(wall), launch.Int(0)).IgnoreAll()
	b.exit(launch.Int(setupFailed))
	b.Place(alive)
	b.untilCommandEnds(w, loop)
	b.tellEnd(w)
}

// noteTime notes the time in a message, which the host may read much later. It is told
// that there is none rather than nothing.
func (b *builder) noteTime(at launch.Ref) {
	b.Call(launch.ClockGettime, launch.Int(monotonic), at).IgnoreAll()
}

// forward passes a signal on to a process and goes back to waiting; that a child has
// ended leads elsewhere.
func (b *builder) forward(info launch.Ref, to launch.Cell, loop, reap *launch.Label) {
	signo := launch.CellAt(info)
	b.Call(launch.Read, keptSignals, info, launch.Int(siginfo)).On(eintr, loop)
	b.Sum(signo, launch.Int(0)).If(launch.Int(sigchld), reap)
	b.Call(launch.Kill, to, signo).IgnoreAll()
	b.Jump(loop)
}

// A watch over the command is where a supervisor keeps what it learns.
type watch struct {
	info, message, usage launch.Ref
	status, reaped       launch.Cell
}

func (b *builder) newWatch() (w watch) {
	w.info = b.Buffer("siginfo", siginfo)
	w.message = b.Message(launch.MessageExited)
	w.status, w.usage = launch.ExitedFields(w.message)
	w.reaped = b.Cell("reaped", 0)
	return w
}

// untilCommandEnds forwards a signal or reaps, and goes on only when the command is
// what was reaped.
func (b *builder) untilCommandEnds(w watch, loop *launch.Label) {
	reap, ended := b.NewLabel("reap"), b.NewLabel("command ended")
	b.forward(w.info, b.commandPID, loop, reap)
	b.Place(reap)
	b.Call(launch.Wait4, launch.Int(-1), w.status.Ref(), launch.Int(wnohang|wall), w.usage).On(eintr, reap).Into(w.reaped).If(launch.Int(0), loop)
	b.Sum(w.reaped, launch.Int(0)).If(b.commandPID, ended)
	b.Jump(reap)
	b.Place(ended)
}

// tellEnd tells the host how the command ended, and ends in the same way.
func (b *builder) tellEnd(w watch) {
	b.noteTime(launch.ExitedAt(w.message))
	b.report(w.message, launch.ExitedSize)
	b.exitAs(w.status, launch.CellAt(w.status.Ref().Plus(1)), b.NewLabel("command was killed"))
}
