package plan

import (
	"strconv"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

const (
	capKill = 5
	siginfo = 128 // bytes of struct signalfd_siginfo
)

// begin is how the process that the host starts begins, in every program.
func (b *builder) begin() {
	b.Step("start the launcher", "")
	// What the host program leaked must not be there while anything untrusted
	// is named: a directory among it leads to the host's files (CVE-2024-21626).
	b.Call(launch.CloseRange, launch.Int(b.spec.Files.Last+1), launch.Int(^uint32(0)), launch.Int(0))
	const setName, setmask = 15, 2
	b.Call(launch.Prctl, launch.Int(setName), b.Text("sandbox"))
	all := b.words("every signal", ^uint64(0))
	b.Call(launch.RtSigprocmask, launch.Int(setmask), all, launch.Int(0), launch.Int(8))
	b.Call(launch.Signalfd4, launch.Int(-1), all, launch.Int(8), launch.Int(oCloexec)).Into(b.signals)
	b.Call(launch.Umask, launch.Int(0))
	if b.hasOuter || b.spec.AskHost {
		b.openSelf()
	}
	b.mapTrace()
	b.mapBlock()
	b.resetScheduling()
	b.givePipes()
}

// openSelf keeps a pidfd of this process, for those who are to die with it.
func (b *builder) openSelf() {
	own := b.Cell("own", 0)
	b.Call(launch.Getpid).Into(own)
	b.Call(launch.PidfdOpen, own, launch.Int(0)).Into(b.outerPidfd)
}

// givePipes makes the command's user the owner of its pipes.
func (b *builder) givePipes() {
	p := b.spec.Files.Pipes
	if p == nil {
		return
	}
	b.Step("give the pipes to the user", "")
	for _, fd := range p.Files {
		b.Call(launch.Fchown, launch.Int(fd), launch.Int(p.UID), launch.Int(p.GID))
	}
}

// resetScheduling goes back to normal scheduling, here where a privileged caller
// still has the capability to raise its priority. An ordinary caller has not; a
// low priority takes nothing from anybody.
func (b *builder) resetScheduling() {
	const (
		processPriority = 0 // PRIO_PROCESS
		processIO       = 1 // IOPRIO_WHO_PROCESS
	)
	b.Step("reset scheduling", "")
	b.Call(launch.SchedSetscheduler, launch.Int(0), launch.Int(0), b.halves("sched_param", 0, 0)).IgnoreAll()
	b.Call(launch.Setpriority, launch.Int(processPriority), launch.Int(0), launch.Int(0)).IgnoreAll()
	b.Call(launch.IoprioSet, launch.Int(processIO), launch.Int(0), launch.Int(0)).IgnoreAll()
}

// setOOMScore is inherited by all that follows; only a privileged process may
// lower it.
func (b *builder) setOOMScore() {
	if n := b.spec.OOMScoreAdj; n != nil {
		b.Step("set oom_score_adj", "/proc/self/oom_score_adj")
		b.writeFile(launch.Int(atFDCWD), "/proc/self/oom_score_adj", oWronly, 0, []byte(strconv.Itoa(*n)))
	}
}

// joinNamespaces enters those that are shared with others.
func (b *builder) joinNamespaces() {
	for _, j := range b.spec.Join {
		b.Step("join "+j.Name+" namespace", "")
		b.Call(launch.Setns, launch.Int(j.File), launch.Int(namespaceFlag[j.Name]))
	}
}

func (b *builder) keepCaps() {
	b.Call(launch.Prctl, launch.Int(prSetKeepcaps), launch.Int(1), launch.Int(0), launch.Int(0), launch.Int(0))
}

// capset emits capset(2), version 3.
func (b *builder) capset(name string, effective, permitted, inheritable uint64) *launch.Instr {
	const version3 = 0x20080522
	header := b.halves("capability header", version3, 0)
	data := b.halves(name,
		uint32(effective), uint32(permitted), uint32(inheritable),
		uint32(effective>>32), uint32(permitted>>32), uint32(inheritable>>32))
	return b.Call(launch.Capset, header, data)
}

// closeAbove closes every descriptor above kept but the control socket and so many
// after it.
func (b *builder) closeAbove(kept, after launch.Int) {
	if b.control > kept+1 {
		b.Call(launch.CloseRange, kept+1, b.control-1, launch.Int(0))
	}
	b.Call(launch.CloseRange, b.control+1+after, launch.Int(^uint32(0)), launch.Int(0))
}

// guard shuts the launcher's own process in: it needs a handful of calls.
func (b *builder) guard() *launch.Instr {
	b.Call(launch.Prctl, launch.Int(prSetNoNewPrivs), launch.Int(1), launch.Int(0), launch.Int(0), launch.Int(0))
	if b.guardFilter == nil {
		f := b.filter("guard", b.spec.GuardFilter)
		b.guardFilter = &f
	}
	b.tracing = false // what is left is not about the start
	return b.Call(launch.Seccomp, launch.Int(seccompSetModeFilter), launch.Int(0), *b.guardFilter)
}

// exitAs ends the process as the wait status says: with the exit status, or
// with 128 and the signal's number as shells do. upper is the same word one
// byte further on.
func (b *builder) exitAs(status, upper launch.Cell, signaled *launch.Label) {
	exited := b.NewLabel("exited")
	b.Sum(status, launch.Int(0)).IfMasked(0x7f, launch.Int(0), exited)
	b.Place(signaled)
	low := b.Cell("signal", 0)
	b.Sum(status, launch.Int(128)).Into(low)
	b.exit(low)
	b.Place(exited)
	b.exit(upper)
}
