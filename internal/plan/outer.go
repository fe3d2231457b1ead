package plan

import (
	"strconv"
	"strings"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// After the fork the outer process and PID 1 keep only these descriptors, at
// fixed numbers below all others, and the control socket where it is: whoever
// holds the command's output open would keep its reader from seeing the end.
const (
	keptSignals launch.Int = 0
	keptExec    launch.Int = 1 // end of file when the command executes
	keptCommand launch.Int = 2 // the command's pidfd
)

const (
	wnohang = 1
	wall    = 0x40000000
	pollIn  = 1
	capKill = 5
	siginfo = 128
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
	own := b.Cell("own", 0)
	b.Call(launch.Getpid).Into(own)
	b.Call(launch.PidfdOpen, own, launch.Int(0)).Into(b.outerPidfd)
	b.resetScheduling()
	b.givePipes()
}

// outer is the process that the host started.
func (b *builder) outer() {
	s := b.spec
	if !s.Namespaces.PID {
		b.hideFromOthers()
	}
	b.begin()
	b.setOOMScore()
	b.openTrees()
	for _, j := range s.Join {
		b.Step("join "+j.Name+" namespace", "")
		b.Call(launch.Setns, launch.Int(j.File), launch.Int(namespaceFlag[j.Name]))
	}
	b.Step("create namespaces", describe(s.cloneFlags()))
	b.born = b.handover(launch.MessageBorn)
	b.Call(launch.Clone, launch.Int(s.cloneFlags()|clonePIDFD|sigchld), launch.Int(0), b.born.file.Ref(), launch.Int(0), launch.Int(0)).
		Into(b.initPID).If(launch.Int(0), b.initEntry)
	b.Call(launch.Sendmsg, b.control, b.born.header, launch.Int(noSignal))

	b.Step("supervise", "")
	b.Call(launch.Dup3, b.signals, keptSignals, launch.Int(oCloexec))
	b.closeAbove(keptSignals)
	if s.Privileged {
		b.capset("capabilities of the launcher", 1<<capKill, 1<<capKill, 0)
	}
	b.guard()
	b.superviseLoop()
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

// closeAbove closes every descriptor above kept but the control socket.
func (b *builder) closeAbove(kept launch.Int) {
	if b.control > kept+1 {
		b.Call(launch.CloseRange, kept+1, b.control-1, launch.Int(0))
	}
	b.Call(launch.CloseRange, b.control+1, launch.Int(^uint32(0)), launch.Int(0))
}

// superviseLoop forwards signals to PID 1 until it ends or the host is gone.
// PID 1 dies with this process.
func (b *builder) superviseLoop() {
	polled := b.halves("polled", uint32(b.control), 0, uint32(keptSignals), pollIn)
	events := launch.CellAt(polled.Plus(4))
	info := b.Buffer("siginfo of the launcher", siginfo)
	signo := launch.CellAt(info)
	status := b.Data("status of PID 1", make([]byte, 8))
	loop, alive, reap, signaled := b.NewLabel("supervise"), b.NewLabel("host is there"), b.NewLabel("reap PID 1"), b.NewLabel("PID 1 was killed")

	b.Place(loop)
	b.Call(launch.Ppoll, polled, launch.Int(2), launch.Int(0), launch.Int(0), launch.Int(8)).On(eintr, loop)
	b.Sum(events, launch.Int(0)).IfMasked(0xffff0000, launch.Int(0), alive)
	b.exit(launch.Int(setupFailed))
	b.Place(alive)
	b.Call(launch.Read, keptSignals, info, launch.Int(siginfo)).On(eintr, loop)
	b.Sum(signo, launch.Int(0)).If(launch.Int(sigchld), reap)
	b.Call(launch.Kill, b.initPID, signo).IgnoreAll()
	b.Jump(loop)
	b.Place(reap)
	b.Call(launch.Wait4, b.initPID, status, launch.Int(wnohang|wall), launch.Int(0)).On(eintr, reap).If(launch.Int(0), loop)
	b.exitAs(launch.CellAt(status), launch.CellAt(status.Plus(1)), signaled)
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

// guard shuts the launcher's own process in: it needs a handful of calls.
func (b *builder) guard() *launch.Instr {
	b.Call(launch.Prctl, launch.Int(prSetNoNewPrivs), launch.Int(1), launch.Int(0), launch.Int(0), launch.Int(0))
	if b.guardFilter == nil {
		f := b.filter("guard", b.spec.GuardFilter)
		b.guardFilter = &f
	}
	return b.Call(launch.Seccomp, launch.Int(seccompSetModeFilter), launch.Int(0), *b.guardFilter)
}

// sharedMemory says whether outer and PID 1 can share an address space: one
// that creates a user namespace later may not (unshare(2), EINVAL).
func (s *Spec) sharedMemory() bool {
	return s.UserNS == nil || !s.Privileged && s.UserNS.Lock == nil
}

func (s *Spec) cloneFlags() uint64 {
	var flags uint64
	if s.sharedMemory() {
		flags |= cloneVM
	}
	early := s.UserNS != nil && !s.Privileged
	if early {
		flags |= cloneNewUsr
	}
	n := s.Namespaces
	n.Cgroup = false // the command's own task, in its cgroup
	if own := s.UserNS == nil || early && s.UserNS.Lock == nil; !own {
		// Network and UTS belong to the command's own user namespace, so that
		// its capabilities work on them.
		n.Network, n.UTS = false, false
	}
	return flags | n.flags()
}

// flags are the new namespaces as CLONE_NEW*.
func (n Namespaces) flags() (flags uint64) {
	for _, f := range []struct {
		on   bool
		flag uint64
	}{
		{n.Mount, cloneNewNS}, {n.PID, cloneNewPID}, {n.IPC, cloneNewIPC},
		{n.UTS, cloneNewUTS}, {n.Network, cloneNewNet}, {n.Cgroup, cloneNewCG},
	} {
		if f.on {
			flags |= f.flag
		}
	}
	return flags
}

// lateFlags are the namespaces that belong to the later user namespace.
func (s *Spec) lateFlags() uint64 {
	var flags uint64
	if s.Namespaces.UTS {
		flags |= cloneNewUTS
	}
	if s.Namespaces.Network {
		flags |= cloneNewNet
	}
	if s.UserNS.Mounts || s.UserNS.Lock != nil {
		flags |= cloneNewNS
	}
	return flags
}

// namespaceFlag is CLONE_NEW* by the name in /proc/PID/ns.
var namespaceFlag = map[string]uint64{
	"user": cloneNewUsr, "mnt": cloneNewNS, "pid": cloneNewPID, "ipc": cloneNewIPC,
	"uts": cloneNewUTS, "net": cloneNewNet, "cgroup": cloneNewCG,
}

// describe names the namespaces of flags.
func describe(flags uint64) string { return strings.Join(namespaceNames(flags), ",") }

func namespaceNames(flags uint64) (names []string) {
	for _, name := range []string{"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"} {
		if flags&namespaceFlag[name] != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Names are the new namespaces as /proc/PID/ns names them.
func (n Namespaces) Names() []string { return namespaceNames(n.flags()) }

// setOOMScore is inherited by all that follows; only a privileged process may
// lower it.
func (b *builder) setOOMScore() {
	if n := b.spec.OOMScoreAdj; n != nil {
		b.Step("set oom_score_adj", "/proc/self/oom_score_adj")
		b.writeFile(launch.Int(atFDCWD), "/proc/self/oom_score_adj", oWronly, 0, []byte(strconv.Itoa(*n)))
	}
}
