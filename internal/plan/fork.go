package plan

import (
	"encoding/binary"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// forkCommand makes the process that becomes the command.
func (b *builder) forkCommand() {
	b.Step("start the command's process", "")
	b.openExecPipe()
	files := 1
	if b.spec.passesMounts() {
		files = 2
	}
	b.started = b.handover(launch.MessageStarted, files)
	if b.spec.CloneInto {
		b.cloneInto()
	} else {
		b.clone()
	}
	b.mapCommand()
	b.openMounts()
}

// passesMounts says whether PID 1 gives the host its mount namespace along with the
// command's pidfd. As long as the host has it, the end of PID 1 need not wait until
// the kernel has taken the mounts down.
func (s *Spec) passesMounts() bool {
	return s.Namespaces.Mount && s.Namespaces.PID && !s.NoInit && !s.AskHost && s.View.HasProc()
}

// openMounts opens the mount namespace, where that can be done. It is opened after
// the command's process was made, which does not have it.
func (b *builder) openMounts() {
	if !b.spec.passesMounts() {
		return
	}
	b.Step("open the mount namespace", "/proc/self/ns/mnt")
	b.Call(launch.Openat, launch.Int(atFDCWD), b.Text("/proc/self/ns/mnt"), launch.Int(oCloexec), launch.Int(0)).Into(b.started.second)
}

// openExecPipe opens the pipe that the command's execve closes.
func (b *builder) openExecPipe() {
	pipe := b.Data("exec pipe", make([]byte, 8))
	b.execPipe, b.execPipeEnd = launch.CellAt(pipe), launch.CellAt(pipe.Plus(4))
	b.Call(launch.Pipe2, pipe, launch.Int(oCloexec))
}

// forkFlags are those by which PID 1 clones the command's process.
func (s *Spec) forkFlags() uint64 {
	flags := uint64(cloneVM | clonePIDFD)
	if s.mapsAtFork() {
		flags |= cloneNewUsr
	}
	return flags
}

// clone makes the command's process beside PID 1.
func (b *builder) clone() {
	b.Call(launch.Clone, launch.Int(b.spec.forkFlags()|sigchld), launch.Int(0), b.started.file.Ref(), launch.Int(0), launch.Int(0)).
		Into(b.commandPID).If(launch.Int(0), b.commandEntry)
}

// cloneInto makes the command's process in its cgroup, which spares the move.
// Where clone3 is refused, as some filters of containers do, it moves itself.
func (b *builder) cloneInto() {
	const size, cgroupField, cloneIntoCgroup = 88, 80, 0x200000000
	args := make([]byte, size) // struct clone_args
	binary.LittleEndian.PutUint64(args[0:], b.spec.forkFlags()|cloneIntoCgroup)
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

// mapsAtFork says whether the command's process is born in the user namespace.
func (s *Spec) mapsAtFork() bool { return s.UserNS != nil && s.UserNS.AtFork != nil }

// AsksForMaps says whether the launcher waits for the host to write its id maps.
func (s *Spec) AsksForMaps() bool {
	return s.UserNS != nil && s.UserNS.SelfMap == nil && s.UserNS.AtFork == nil
}

// commandNumber is the command's in its PID namespace, of which it is the second
// process.
const commandNumber = 2

// mapCommand writes the maps of the user namespace that the command's process was
// born in, lets it go on to take its ids, and enters that namespace as well.
func (b *builder) mapCommand() {
	if !b.spec.mapsAtFork() {
		return
	}
	const unexpected = esrch
	b.Step("map user and group ids", "/proc")
	b.mustBeProc(b.proc)
	b.mustEqual(b.commandPID, ^uint32(0), commandNumber, unexpected)
	for _, m := range []struct{ file, text string }{
		{"2/uid_map", b.spec.UserNS.AtFork.UID}, {"2/gid_map", b.spec.UserNS.AtFork.GID},
	} {
		b.Step("map user and group ids", "/proc/"+m.file)
		b.writeFile(b.proc, m.file, oWronly, 0, []byte(m.text))
	}
	b.mapped.open(b)
	b.Step("enter the user namespace", "/proc/2/ns/user")
	ns := b.Cell("user namespace", -1)
	b.Call(launch.Openat, b.proc, b.Text("2/ns/user"), launch.Int(oCloexec), launch.Int(0)).Into(ns)
	b.Call(launch.Setns, ns, launch.Int(cloneNewUsr))
	b.Call(launch.Close, ns)
	b.Call(launch.Close, b.proc)
}

// keepProc keeps the /proc that was just mounted, for the maps.
func (b *builder) keepProc(rel string) {
	if !b.spec.mapsAtFork() {
		return
	}
	const directory, noFollow = 0o200000, 0o400000
	b.Step("open /proc for the id maps", "")
	b.Call(launch.Openat, b.root, b.Text(rel), launch.Int(oPath|directory|noFollow|oCloexec), launch.Int(0)).Into(b.proc)
}

// A gate holds the command's process up until PID 1 opens it, in the memory that
// they share.
type gate struct{ cell launch.Cell }

func (g gate) open(b *builder) {
	b.Set(g.cell, launch.Int(1))
	b.Call(launch.Futex, g.cell.Ref(), launch.Int(futexWake), launch.Int(1), launch.Int(0), launch.Int(0), launch.Int(0))
}

func (g gate) await(b *builder, what string) {
	again, open := b.NewLabel("wait for "+what), b.NewLabel("gate is open")
	b.Place(again)
	b.Sum(g.cell, launch.Int(0)).If(launch.Int(1), open)
	b.Call(launch.Futex, g.cell.Ref(), launch.Int(futexWait), launch.Int(0), launch.Int(0), launch.Int(0), launch.Int(0)).IgnoreAll()
	b.Jump(again)
	b.Place(open)
}
