package plan

import "github.com/seed-d1379373/sandbox/internal/launch"

// A LastResort is a sandbox without a namespace and without a mount, for a caller
// to whom the kernel gives neither. Landlock confines the command to the view's
// paths, and the seccomp filter closes what Landlock does not look at.
//
// No PID namespace ends what the command leaves behind. In its place each process
// of the launcher adopts orphans, and is in a Landlock domain that scopes signals: a
// signal to every process then reaches its descendants and nobody else. The kernel
// sends that one while nobody can fork, so that no fork bomb outruns it.
//
//	outer        in a domain; ends all when the host is gone or the supervisor is
//	  └─ supervisor   in a domain below; ends all when the command is gone, when
//	     │            outer is, or when the host asks for it
//	     └─ command   in a domain below, with the rules about files
type LastResort struct {
	Scope        Landlock // the ruleset of either supervisor: scopes signals and handles nothing else
	Scratch      int      // descriptor of the directory in place of /tmp; 0 for none
	ScratchRight uint64   // what Landlock allows there
	// Drop says that the caller can drop the bounding set and take another id, whose
	// processes outer keeps CAP_KILL for.
	Drop bool
}

const (
	prSetChildSubreaper = 36

	echild   = 10
	everyone = -1 // of kill(2): whom a process may signal, except itself
)

// outerWatching makes the supervisor, and ends what that one leaves behind.
func (b *builder) outerWatching() {
	b.hasOuter = true
	b.begin()
	b.setOOMScore()
	b.keepToDescendants()
	b.Step("start the supervisor", "")
	b.born = b.handover(launch.MessageBorn, 1)
	b.Call(launch.Clone, launch.Int(cloneVM|clonePIDFD|sigchld), launch.Int(0), b.born.file.Ref(), launch.Int(0), launch.Int(0)).
		Into(b.initPID).If(launch.Int(0), b.initEntry)
	b.Call(launch.Sendmsg, b.control, b.born.header, launch.Int(noSignal))

	b.Step("watch the supervisor", "")
	b.Call(launch.Dup3, b.signals, keptSignals, launch.Int(oCloexec))
	b.closeAbove(keptSignals, 0)
	kept := uint64(0)
	if b.spec.LastResort.Drop {
		kept = 1 << capKill
	}
	b.capset("capabilities of the launcher", kept, kept, 0)
	b.hide()
	b.guard()
	b.watch()
}

// keepToDescendants makes this process the parent of orphans below it, and them
// all that its signals reach.
func (b *builder) keepToDescendants() {
	l := b.spec.LastResort.Scope
	b.Step("adopt orphans", "")
	b.Call(launch.Prctl, launch.Int(prSetChildSubreaper), launch.Int(1), launch.Int(0), launch.Int(0), launch.Int(0))
	b.Step("keep signals among descendants", "")
	b.Call(launch.Prctl, launch.Int(prSetNoNewPrivs), launch.Int(1), launch.Int(0), launch.Int(0), launch.Int(0))
	ruleset := b.Cell("ruleset", -1)
	attr := b.words("landlock_ruleset_attr", l.HandledFS, l.HandledNet, l.Scoped)
	b.Call(launch.LandlockCreateRuleset, attr, launch.Int(l.Size), launch.Int(0)).Into(ruleset)
	b.Call(launch.LandlockRestrictSelf, ruleset, launch.Int(l.Flags))
	b.Call(launch.Close, ruleset)
}

// watch forwards signals to the supervisor until that ends or the host is gone.
func (b *builder) watch() {
	polled := b.halves("polled", uint32(b.control), 0, uint32(keptSignals), pollIn)
	events := launch.CellAt(polled.Plus(4))
	info := b.Buffer("siginfo of the launcher", siginfo)
	status := b.Data("status of the supervisor", make([]byte, 8))
	loop, alive, reap := b.NewLabel("watch"), b.NewLabel("host is there"), b.NewLabel("reap the supervisor")
	ended, signaled := b.NewLabel("supervisor ended"), b.NewLabel("supervisor was killed")
	b.Place(loop)
	b.Call(launch.Ppoll, polled, launch.Int(2), launch.Int(0), launch.Int(0), launch.Int(8)).On(eintr, loop)
	b.Sum(events, launch.Int(0)).IfMasked(0xffff0000, launch.Int(0), alive)
	b.endDescendants()
	b.exit(launch.Int(setupFailed))
	b.Place(alive)
	b.forward(info, b.initPID, loop, reap)
	b.Place(reap)
	b.Call(launch.Wait4, b.initPID, status, launch.Int(wnohang|wall), launch.Int(0)).On(eintr, reap).If(b.initPID, ended)
	b.Jump(loop)
	b.Place(ended)
	b.endDescendants()
	b.exitAs(launch.CellAt(status), launch.CellAt(status.Plus(1)), signaled)
}

// endDescendants kills whatever lives below this process and waits until none is
// left.
func (b *builder) endDescendants() {
	next, none := b.NewLabel("next descendant"), b.NewLabel("no descendant is left")
	b.Call(launch.Kill, launch.Int(everyone), launch.Int(sigkill)).IgnoreAll()
	b.Place(next)
	b.Call(launch.Wait4, launch.Int(everyone), launch.Int(0), launch.Int(wall), launch.Int(0)).On(echild, none)
	b.Jump(next)
	b.Place(none)
}

// supervisor makes the command and ends what that leaves behind.
func (b *builder) supervisor() {
	b.Step("start the supervisor", "")
	b.Place(b.initEntry)
	b.keepToDescendants()
	b.receiveFiles()
	b.forkCommand()
	b.Step("shut the supervisor in", "")
	b.takePlainIdentity()
	b.hide()
	b.moveAllKept()
	b.guard()
	b.retired.open(b)
	b.superviseAll()
}

// moveAllKept is moveKept for a supervisor that keeps the outer process's pidfd
// as well, beside the control socket.
func (b *builder) moveAllKept() {
	b.moveToFixed()
	b.Call(launch.Dup3, b.outerPidfd, b.control+1, launch.Int(oCloexec)).Ignore(einval) // it is there already
	b.closeAbove(keptCommand, 1)
}

// setPlainIdentity is the command's step.
func (b *builder) setPlainIdentity() {
	b.Step("set user and group", "")
	b.takePlainIdentity()
	b.Step("set no_new_privs", "")
	b.Call(launch.Prctl, launch.Int(prSetNoNewPrivs), launch.Int(1), launch.Int(0), launch.Int(0), launch.Int(0))
}

// takePlainIdentity switches to ids of the host, and with that gives up every
// capability that there was.
func (b *builder) takePlainIdentity() {
	s := b.spec
	if s.LastResort.Drop {
		b.count("capability", 0, int(s.Caps.Last), func(i launch.Cell) {
			b.Call(launch.Prctl, launch.Int(prCapbsetDrop), i, launch.Int(0), launch.Int(0), launch.Int(0))
		})
	}
	if s.Identity.SetGroups {
		list := launch.Arg(launch.Int(0))
		if len(s.Identity.Groups) > 0 {
			list = b.halves("groups", s.Identity.Groups...)
		}
		b.Call(launch.Setgroups, launch.Int(len(s.Identity.Groups)), list)
	}
	gid, uid := launch.Int(s.Identity.GID), launch.Int(s.Identity.UID)
	b.Call(launch.Setresgid, gid, gid, gid)
	b.Call(launch.Setresuid, uid, uid, uid)
	b.capset("no capabilities", 0, 0, 0)
}

// superviseAll waits for the command to execute, then forwards signals to it and
// reaps until it ends, or the host or the outer process is gone.
func (b *builder) superviseAll() {
	b.awaitExec()
	b.Step("supervise the command", "")
	polled := b.halves("polled", uint32(b.control), pollHangup, uint32(b.control+1), pollIn, uint32(keptSignals), pollIn)
	host, outer := launch.CellAt(polled.Plus(4)), launch.CellAt(polled.Plus(12))
	w := b.newWatch()
	loop, there, alive := b.NewLabel("supervise the command"), b.NewLabel("host is there"), b.NewLabel("outer process is alive")
	end := b.NewLabel("end all")
	b.Place(loop)
	b.Call(launch.Ppoll, polled, launch.Int(3), launch.Int(0), launch.Int(0), launch.Int(8)).On(eintr, loop)
	b.Sum(host, launch.Int(0)).IfMasked(0xffff0000, launch.Int(0), there)
	b.Place(end)
	b.endDescendants()
	b.exit(launch.Int(setupFailed))
	b.Place(there)
	b.Sum(outer, launch.Int(0)).IfMasked(0xffff0000, launch.Int(0), alive)
	b.Jump(end)
	b.Place(alive)
	b.untilCommandEnds(w, loop)
	b.endDescendants()
	b.tellEnd(w)
}

// scratchRule allows the directory in place of /tmp, which the launcher has as a
// descriptor.
func (b *builder) scratchRule(rulesets []launch.Cell) {
	r := b.spec.LastResort
	if r == nil || r.Scratch == 0 {
		return
	}
	b.Step("add Landlock rule", "the directory in place of /tmp")
	attr := b.words("landlock_path_beneath_attr", r.ScratchRight, uint64(r.Scratch))
	b.Call(launch.LandlockAddRule, rulesets[0], launch.Int(landlockRulePath), attr, launch.Int(0))
}
