package plan

import (
	"encoding/binary"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// Kernel constants, by their names in the kernel's headers; this package
// builds on any operating system.
const (
	cloneVM     = 0x00000100
	clonePIDFD  = 0x00001000
	cloneNewNS  = 0x00020000
	cloneNewCG  = 0x02000000
	cloneNewUTS = 0x04000000
	cloneNewIPC = 0x08000000
	cloneNewUsr = 0x10000000
	cloneNewPID = 0x20000000
	cloneNewNet = 0x40000000

	eperm, enoent, esrch, eintr, eacces, enotdir = 1, 2, 3, 4, 13, 20
	eexist, enosys, eopnotsupp                   = 17, 38, 95

	sigkill, sigstop, sigchld, sigmax = 9, 19, 17, 64
	noSignal                          = 0x4000 // MSG_NOSIGNAL

	atFDCWD     = -100
	atEmptyPath = 0x1000
	atRecursive = 0x8000
	oRdonly     = 0
	oWronly     = 1
	oCreat      = 0o100
	oExcl       = 0o200
	oCloexec    = 0o2000000
	oPath       = 0o10000000
)

// SetupFailed is the exit status of a launcher whose command was not executed,
// or whose host is gone.
const SetupFailed = 125

const setupFailed = SetupFailed

type builder struct {
	*launch.Program
	spec *Spec

	control launch.Int
	signals launch.Cell // outer's and PID 1's signalfd
	commandPID,
	initPID launch.Cell
	mapped      gate        // until the maps of the command's user namespace are written
	retired     gate        // until PID 1 has given its privileges up
	proc        launch.Cell // the view's own /proc, see keepProc
	networkNS   launch.Cell // the network namespace that the host sent
	answered    bool        // the host's answer has been waited for
	errno       launch.Cell
	detail      launch.Cell // the candidate that a failure is about
	tracing     bool        // each step notes its time
	hasOuter    bool        // the launcher has a process outside of the PID namespace
	outerPidfd  launch.Cell
	execPipe    launch.Cell // PID 1's end of the pipe that execve closes
	execPipeEnd launch.Cell // the command's end
	guardFilter *launch.Ref

	initEntry, commandEntry *launch.Label
	bornInside              *launch.Label // where a command starts that is in its cgroup
	failed                  *launch.Label // reports and exits
	failedTogether          *launch.Label // tells the supervisor first, see copyRecord
	attribute               map[Flags]launch.Ref
	root                    launch.Cell
	made                    map[string]bool      // directories in a tmpfs of the view
	trees                   map[Bind]launch.Cell // opened before the view
	procRoot                string               // where the view's own /proc is
	masked                  map[maskKind]string  // the first of each kind in it
	block                   *blockCells          // the command; nil for none
	groups                  []launch.Cell        // cgroup.procs files that the host sent
	born, started           handover             // the pidfds of PID 1 and of the command, for the host
}

// A handover is a message that passes one descriptor, or two.
type handover struct {
	header launch.Ref // struct msghdr
	body   launch.Ref
	file   launch.Cell
	second launch.Cell
}

// handover lays out sendmsg(2)'s structures around so many descriptors.
func (b *builder) handover(kind launch.MessageKind, files int) handover {
	const solSocket, scmRights, header = 1, 1, 16 // bytes of struct cmsghdr
	size := uint64(header + 4*files)
	body := b.Message(kind)
	iov := b.words("iovec", body.Address(), uint64(kind.Size()))
	control := b.Data("descriptor to pass", append(littleWords(size, solSocket|scmRights<<32), make([]byte, 8)...))
	return handover{
		header: b.words("msghdr", 0, 0, iov.Address(), 1, control.Address(), size, 0),
		body:   body,
		file:   launch.CellAt(control.Plus(header)),
		second: launch.CellAt(control.Plus(header + 4)),
	}
}

func newBuilder(s *Spec) *builder {
	b := &builder{Program: launch.NewProgram(), spec: s, attribute: map[Flags]launch.Ref{}, trees: map[Bind]launch.Cell{}, masked: map[maskKind]string{}}
	b.made = map[string]bool{".": s.View.Root.Source == "" && !s.View.Root.Host}
	b.control = launch.Int(s.Files.Control)
	b.signals = b.Cell("signals", -1)
	b.commandPID = b.Cell("command", 0)
	b.initPID = b.Cell("init", 0)
	b.mapped, b.retired = gate{b.Cell("mapped", 0)}, gate{b.Cell("gate", 0)}
	b.proc = b.Cell("proc", -1)
	b.outerPidfd = b.Cell("outer pidfd", -1)
	b.root = b.Cell("root", -1)
	_, b.errno, b.detail = b.FailRecord()
	b.initEntry, b.commandEntry = b.NewLabel("init"), b.NewLabel("command")
	b.failed = b.NewLabel("failed")
	b.OnFailure(b.failed)
	b.placeBlock()
	return b
}

// failures places the failure handler, which every process runs. The command
// cannot report past its own seccomp filter; PID 1 finds the record in the
// memory they share and repeats it.
func (b *builder) failures() {
	b.tracing = false
	record, _, _ := b.FailRecord()
	b.Step("report the failure", "")
	b.Place(b.failed)
	b.report(record, launch.FailSize)
	b.exit(launch.Int(setupFailed))
	if b.failedTogether != nil {
		b.Place(b.failedTogether)
		b.copyRecord(record)
		b.Jump(b.failed)
	}
}

func (b *builder) exit(status launch.Arg) { b.Call(launch.ExitGroup, status) }

// send writes a message that the rest depends on.
func (b *builder) send(m launch.Ref, size launch.Int) *launch.Instr {
	return b.Call(launch.Sendto, b.control, m, size, launch.Int(noSignal), launch.Int(0), launch.Int(0))
}

// report writes the last message; a host that is gone cannot be told so.
func (b *builder) report(m launch.Ref, size launch.Int) { b.send(m, size).IgnoreAll() }

func littleWords(values ...uint64) []byte {
	var out []byte
	for _, v := range values {
		out = binary.LittleEndian.AppendUint64(out, v)
	}
	return out
}

// words places 64-bit words.
func (b *builder) words(name string, values ...uint64) launch.Ref {
	return b.Data(name, littleWords(values...))
}

// halves places 32-bit words.
func (b *builder) halves(name string, values ...uint32) launch.Ref {
	var out []byte
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	return b.Data(name, out)
}

// filter places a seccomp filter as struct sock_fprog.
func (b *builder) filter(name string, code []byte) launch.Ref {
	r := b.Data(name+" filter", code)
	return b.words(name+" program", uint64(len(code)/8), r.Address())
}

// count emits a loop that runs body with i from first to last.
func (b *builder) count(name string, first, last int, body func(i launch.Cell)) {
	i := b.Cell(name, int32(first))
	again, done := b.NewLabel("next "+name), b.NewLabel("after "+name)
	b.Place(again)
	body(i)
	b.Sum(i, launch.Int(1)).Into(i).If(launch.Int(last+1), done)
	b.Jump(again)
	b.Place(done)
}

// writeFile emits the writing of a file, relative to a directory descriptor.
func (b *builder) writeFile(dir launch.Arg, path string, flags int, mode uint32, content []byte) {
	fd := b.Cell("file", -1)
	b.Call(launch.Openat, dir, b.Text(path), launch.Int(flags|oCloexec), launch.Int(mode)).Into(fd)
	if len(content) > 0 {
		b.Call(launch.Write, fd, b.Data("content", content), launch.Int(len(content)))
	}
	b.Call(launch.Close, fd)
}
