package plan

import "github.com/seed-d1379373/sandbox/internal/launch"

// outer is the process that the host started, which makes PID 1.
func (b *builder) outer() {
	s := b.spec
	b.Process("outer process")
	b.hasOuter = true
	if !s.Namespaces.PID {
		b.hideFromOthers()
	}
	b.begin()
	b.setOOMScore()
	b.openTrees()
	b.joinNamespaces()
	b.Step("create namespaces", describe(s.cloneFlags()))
	b.born = b.handover(launch.MessageBorn, 1)
	b.Call(launch.Clone, launch.Int(s.cloneFlags()|clonePIDFD|sigchld), launch.Int(0), b.born.file.Ref(), launch.Int(0), launch.Int(0)).
		Into(b.initPID).If(launch.Int(0), b.initEntry)
	b.Call(launch.Sendmsg, b.control, b.born.header, launch.Int(noSignal))

	b.Step("supervise", "")
	b.Call(launch.Dup3, b.signals, keptSignals, launch.Int(oCloexec))
	b.closeAbove(keptSignals, 0)
	if s.Privileged {
		b.capset("capabilities of the launcher", 1<<capKill, 1<<capKill, 0)
	}
	b.guard()
	b.superviseInit()
}

// superviseInit forwards signals to PID 1 until it ends or the host is gone.
// PID 1 dies with this process.
func (b *builder) superviseInit() {
	polled := b.halves("polled", uint32(b.control), 0, uint32(keptSignals), pollIn)
	events := launch.CellAt(polled.Plus(4))
	info := b.Buffer("siginfo of the launcher", siginfo)
	status := b.Data("status of PID 1", make([]byte, 8))
	loop, alive, reap, signaled := b.NewLabel("supervise"), b.NewLabel("host is there"), b.NewLabel("reap PID 1"), b.NewLabel("PID 1 was killed")

	b.Place(loop)
	b.Call(launch.Ppoll, polled, launch.Int(2), launch.Int(0), launch.Int(0), launch.Int(8)).On(eintr, loop)
	b.Sum(events, launch.Int(0)).IfMasked(0xffff0000, launch.Int(0), alive)
	b.exit(launch.Int(setupFailed))
	b.Place(alive)
	b.forward(info, b.initPID, loop, reap)
	b.Place(reap)
	b.Call(launch.Wait4, b.initPID, status, launch.Int(wnohang|wall), launch.Int(0)).On(eintr, reap).If(launch.Int(0), loop)
	b.exitAs(launch.CellAt(status), launch.CellAt(status.Plus(1)), signaled)
}
