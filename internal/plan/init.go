package plan

import (
	"bytes"
	"encoding/binary"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

const (
	prSetPdeathsig       = 1
	prSetDumpable        = 4
	prSetKeepcaps        = 8
	prCapbsetDrop        = 24
	prSetSecurebits      = 28
	prSetNoNewPrivs      = 38
	prCapAmbient         = 47
	seccompSetModeFilter = 1
	futexWait, futexWake = 0, 1
)

// init is PID 1.
func (b *builder) init() {
	s := b.spec
	b.Step("start PID 1", "")
	b.Place(b.initEntry)
	if s.UserNS != nil && !s.Privileged {
		b.mapIDs()
	}
	b.view()
	if s.UserNS != nil && s.Privileged {
		// The host writes the maps while this process makes the other
		// namespaces, which the new user namespace owns.
		b.Step("create user namespace", "")
		b.Call(launch.Unshare, launch.Int(cloneNewUsr))
		b.requestMaps()
		b.Step("create namespaces", describe(s.lateFlags()))
		b.Call(launch.Unshare, launch.Int(s.lateFlags()))
		b.network()
		b.awaitMaps()
	}
	if s.UserNS != nil && s.UserNS.Lock != nil {
		b.Step("lock the mounts in an inner user namespace", "")
		b.Call(launch.Unshare, launch.Int(cloneNewUsr|s.lateFlags()))
		b.selfMap(s.UserNS.Lock)
	}
	if s.UserNS == nil || !s.Privileged {
		b.network()
	}
	b.receiveGroups()
	b.forkCommand()
	b.retire()
	b.superviseCommand()
}

// mapIDs gives the user namespace of an ordinary caller its ids.
func (b *builder) mapIDs() {
	u := b.spec.UserNS
	if u.SelfMap != nil {
		b.selfMap(u.SelfMap)
		return
	}
	b.requestMaps()
	b.awaitMaps()
	b.takeID(u.BuildUID, u.BuildGID)
}

// requestMaps asks the host to write the maps of this process.
func (b *builder) requestMaps() {
	b.Step("map user and group ids", "")
	b.send(b.Message(launch.MessageMap), launch.SimpleSize)
}

func (b *builder) awaitMaps() {
	b.Step("wait for the id maps", "")
	b.receiveAnswer()
}

// receiveAnswer waits for the host's one byte, and with it for the cgroup.procs
// files of the cgroups, which the host makes in the meantime.
func (b *builder) receiveAnswer() {
	const controlHeader, closeOnExec = 16, 0x40000000 // MSG_CMSG_CLOEXEC
	n := len(b.spec.Cgroups)
	body := b.Buffer("answer", 8)
	iov := b.words("iovec", body.Address(), 8)
	size := controlHeader + (4*n+7)/8*8
	control := b.Data("received descriptors", bytes.Repeat([]byte{0xff}, size)) // -1 where none arrives
	for i := range n {
		b.groups = append(b.groups, launch.CellAt(control.Plus(controlHeader+4*i)))
	}
	header := b.words("msghdr", 0, 0, iov.Address(), 1, control.Address(), uint64(size), 0)
	answered := b.NewLabel("answered")
	b.Call(launch.Recvmsg, b.control, header, launch.Int(closeOnExec)).If(launch.Int(1), answered)
	b.exit(launch.Int(setupFailed)) // the host is gone
	b.Place(answered)
}

// receiveGroups waits for the cgroups where nothing else was to be answered.
func (b *builder) receiveGroups() {
	if len(b.spec.Cgroups) > len(b.groups) {
		b.Step("wait for the cgroups", "")
		b.receiveAnswer()
	}
}

// selfMap writes the maps from inside, which is allowed for one's own id.
func (b *builder) selfMap(m *IDMapText) {
	b.Step("map user and group ids", "/proc/self/uid_map")
	b.writeFile(launch.Int(atFDCWD), "/proc/self/uid_map", oWronly, 0, []byte(m.UID))
	if m.GID != "" {
		b.Step("map user and group ids", "/proc/self/gid_map")
		b.writeFile(launch.Int(atFDCWD), "/proc/self/setgroups", oWronly, 0, []byte("deny"))
		b.writeFile(launch.Int(atFDCWD), "/proc/self/gid_map", oWronly, 0, []byte(m.GID))
	}
}

// takeID switches PID 1 to ids that are mapped and keeps its capabilities.
func (b *builder) takeID(uid, gid *uint32) {
	if uid == nil || gid == nil {
		return
	}
	b.Step("take a mapped id", "")
	b.keepCaps()
	g, u := launch.Int(*gid), launch.Int(*uid)
	b.Call(launch.Setresgid, g, g, g)
	b.Call(launch.Setresuid, u, u, u)
	all := b.spec.allCaps()
	b.capset("all capabilities", all, all, 0)
}

func (b *builder) keepCaps() {
	b.Call(launch.Prctl, launch.Int(prSetKeepcaps), launch.Int(1), launch.Int(0), launch.Int(0), launch.Int(0))
}

// allCaps are all capabilities of the kernel.
func (s *Spec) allCaps() uint64 { return 1<<(s.Caps.Last+1) - 1 }

// capset emits capset(2), version 3.
func (b *builder) capset(name string, effective, permitted, inheritable uint64) *launch.Instr {
	const version3 = 0x20080522
	header := b.halves("capability header", version3, 0)
	data := b.halves(name,
		uint32(effective), uint32(permitted), uint32(inheritable),
		uint32(effective>>32), uint32(permitted>>32), uint32(inheritable>>32))
	return b.Call(launch.Capset, header, data)
}

// network brings up what belongs to the new UTS and network namespaces.
func (b *builder) network() {
	s := b.spec
	if s.Hostname != "" {
		b.Step("set hostname", s.Hostname)
		b.Call(launch.Sethostname, b.Text(s.Hostname), launch.Int(len(s.Hostname)))
	}
	if !s.Loopback {
		return
	}
	const (
		inet, dgram, cloexec = 2, 2, oCloexec
		setFlags, up         = 0x8914, 1
	)
	b.Step("bring loopback up", "")
	fd := b.Cell("socket", -1)
	b.Call(launch.Socket, launch.Int(inet), launch.Int(dgram|cloexec), launch.Int(0)).Into(fd)
	request := make([]byte, 40) // struct ifreq
	copy(request, "lo")
	request[16] = up
	b.Call(launch.Ioctl, fd, launch.Int(setFlags), b.Data("ifreq", request))
	b.Call(launch.Close, fd)
}

// forkCommand makes the process that becomes the command.
func (b *builder) forkCommand() {
	b.Step("start the command's process", "")
	pipe := b.Data("exec pipe", make([]byte, 8))
	b.execPipe, b.execPipeEnd = launch.CellAt(pipe), launch.CellAt(pipe.Plus(4))
	b.Call(launch.Pipe2, pipe, launch.Int(oCloexec))
	b.started = b.handover(launch.MessageStarted)
	if b.spec.CloneInto {
		b.cloneInto()
		return
	}
	b.clone()
}

// clone makes the command's process beside PID 1.
func (b *builder) clone() {
	b.Call(launch.Clone, launch.Int(cloneVM|clonePIDFD|sigchld), launch.Int(0), b.started.file.Ref(), launch.Int(0), launch.Int(0)).
		Into(b.commandPID).If(launch.Int(0), b.commandEntry)
}

// cloneInto makes the command's process in its cgroup, which spares the move.
// Where clone3 is refused, as some filters of containers do, it moves itself.
func (b *builder) cloneInto() {
	const size, cgroupField, cloneIntoCgroup = 88, 80, 0x200000000
	args := make([]byte, size) // struct clone_args
	binary.LittleEndian.PutUint64(args[0:], cloneVM|clonePIDFD|cloneIntoCgroup)
	binary.LittleEndian.PutUint64(args[8:], b.started.file.Ref().Address())
	binary.LittleEndian.PutUint64(args[32:], sigchld)
	ref := b.Data("clone_args", args)
	refused, done := b.NewLabel("clone3 refused"), b.NewLabel("cloned")
	b.Set(launch.CellAt(ref.Plus(cgroupField)), b.groups[0])
	b.bornInside = b.NewLabel("command in its cgroup")
	b.Call(launch.Clone3, ref, launch.Int(size)).Into(b.commandPID).If(launch.Int(0), b.bornInside).On(enosys, refused)
	b.Jump(done)
	b.Place(refused)
	b.clone()
	b.Place(done)
}

// retire takes PID 1's privileges and descriptors away, then lets the command
// go on. What is left can wait, signal the command and report.
func (b *builder) retire() {
	b.Step("shut PID 1 in", "")
	b.giveUp()
	b.dieWithOuter()

	b.moveKept()
	b.guard()
	b.openGate()
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

// moveKept moves the descriptors that a supervisor keeps to their fixed numbers
// and closes all others.
func (b *builder) moveKept() {
	for _, move := range []struct {
		from launch.Cell
		to   launch.Int
	}{{b.signals, keptSignals}, {b.execPipe, keptExec}, {b.started.file, keptCommand}} {
		b.Call(launch.Dup3, move.from, move.to, launch.Int(oCloexec))
	}
	b.Set(b.started.file, keptCommand)
	b.closeAbove(keptCommand)
}

// openGate lets the command go on to execve.
func (b *builder) openGate() {
	b.Set(b.gate, launch.Int(1))
	b.Call(launch.Futex, b.gate.Ref(), launch.Int(futexWake), launch.Int(1), launch.Int(0), launch.Int(0), launch.Int(0))
}

// hasCaps says whether the launcher holds capabilities in its user namespace.
func (s *Spec) hasCaps() bool { return s.Privileged || s.UserNS != nil }

// dieWithOuter ties PID 1 to the outer process. The signal alone would miss a
// death before prctl(2), so the outer process's pidfd is asked afterwards. It
// comes after the last change of ids, which would clear it.
func (b *builder) dieWithOuter() {
	b.Call(launch.Prctl, launch.Int(prSetPdeathsig), launch.Int(sigkill), launch.Int(0), launch.Int(0), launch.Int(0))
	polled := b.halves("outer process", 0, pollIn)
	b.Set(launch.CellAt(polled), b.outerPidfd)
	alive := b.NewLabel("outer process is alive")
	b.Call(launch.Ppoll, polled, launch.Int(1), b.words("no time", 0, 0), launch.Int(0), launch.Int(8)).If(launch.Int(0), alive)
	b.exit(launch.Int(setupFailed))
	b.Place(alive)
}

// awaitExec waits for the command's execve, which closes the pipe, and tells
// the host about it or about the failure.
func (b *builder) awaitExec() {
	b.Step("wait for the command to execute", "")
	wait, executed := b.NewLabel("wait for execve"), b.NewLabel("executed")
	b.Place(wait)
	b.Call(launch.Read, keptExec, b.Buffer("exec byte", 8), launch.Int(1)).On(eintr, wait)
	b.Sum(b.errno, launch.Int(0)).If(launch.Int(0), executed)
	record, _ := b.FailRecord()
	b.report(record, launch.FailSize)
	b.Call(launch.Wait4, b.commandPID, launch.Int(0), launch.Int(wall), launch.Int(0)).IgnoreAll()
	b.exit(launch.Int(setupFailed))
	b.Place(executed)
	b.Call(launch.Close, keptExec)
	b.Call(launch.Sendmsg, b.control, b.started.header, launch.Int(noSignal))
}

// superviseCommand waits for the command to execute, and then reaps and
// forwards until the command ends. The end of PID 1 is the end of
// every process in its PID namespace.
func (b *builder) superviseCommand() {
	b.awaitExec()
	b.Step("supervise the command", "")
	info := b.Buffer("siginfo of PID 1", siginfo)
	signo := launch.CellAt(info)
	message := b.Message(launch.MessageExited)
	status, usage := launch.ExitedFields(message)
	reaped := b.Cell("reaped", 0)
	loop, reap, ended, signaled := b.NewLabel("supervise the command"), b.NewLabel("reap"), b.NewLabel("command ended"), b.NewLabel("command was killed")
	b.Place(loop)
	b.Call(launch.Read, keptSignals, info, launch.Int(siginfo)).On(eintr, loop)
	b.Sum(signo, launch.Int(0)).If(launch.Int(sigchld), reap)
	b.Call(launch.Kill, b.commandPID, signo).IgnoreAll()
	b.Jump(loop)
	b.Place(reap)
	b.Call(launch.Wait4, launch.Int(-1), status.Ref(), launch.Int(wnohang|wall), usage).On(eintr, reap).Into(reaped).If(launch.Int(0), loop)
	b.Sum(reaped, launch.Int(0)).If(b.commandPID, ended)
	b.Jump(reap)
	b.Place(ended)
	b.report(message, launch.ExitedSize)
	upper := launch.CellAt(status.Ref().Plus(1))
	b.exitAs(status, upper, signaled)
}
