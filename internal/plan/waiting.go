package plan

import (
	"bytes"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// A launcher of a pool does everything that does not depend on the command, and
// then waits for it: for its block, and for its files.

// MaxFiles is how many files a command can have that is sent to a waiting
// launcher.
const MaxFiles = 16

// WaitingControl is the number of the control socket in a waiting launcher: above
// all files of any command that it may be sent.
const WaitingControl = 64

// The one byte that comes with a command says which standard files it has: those that
// come along, or those of its launcher, which are /dev/null, and no others.
const (
	GivenFiles = 0
	OwnFiles   = 1
)

// AfterFilter are the calls that a waiting launcher makes after the filter that was
// loaded before its command came, to its end or to the report of a failure.
var AfterFilter = []string{
	"sendto", "recvmsg", "exit_group", "mmap", "close", "dup3", "close_range", "landlock_add_rule", "landlock_restrict_self",
	"prctl", "prlimit64", "ppoll", "chdir", "futex", "execve",
}

// receiveCommand waits for the command and puts its files where they belong. The
// pipe that execve closes and the Landlock rulesets are moved out of their way.
func (b *builder) receiveCommand(rulesets []launch.Cell) {
	b.Step("wait for the command", "")
	b.moveExecPipe()
	for i, ruleset := range rulesets {
		aside := b.control + 2 + launch.Int(i)
		b.Call(launch.Dup3, ruleset, aside, launch.Int(oCloexec))
		b.Call(launch.Close, ruleset)
		b.Set(ruleset, aside)
	}
	const header, closeOnExec = 16, 0x40000000 // MSG_CMSG_CLOEXEC
	body := b.Buffer("the command is there", 8)
	iov := b.words("iovec", body.Address(), 8)
	size := header + 4*(1+MaxFiles) + 4
	control := b.Data("the command's files", bytes.Repeat([]byte{0xff}, size)) // -1 where there is none
	msghdr := b.words("msghdr", 0, 0, iov.Address(), 1, control.Address(), uint64(size), 0)
	received := b.NewLabel("the command is there")
	b.send(b.Message(launch.MessageReady), launch.SimpleSize)
	b.Call(launch.Recvmsg, b.control, msghdr, launch.Int(closeOnExec)).If(launch.Int(1), received)
	b.exit(launch.Int(setupFailed)) // the host needs no command any more
	b.Place(received)
	file := func(i int) launch.Cell { return launch.CellAt(control.Plus(header + 4*i)) }
	b.mapFile(file(0))
	b.Step("take the command's files", "")
	unused, taken := b.Cell("the first number without a file", 3), b.NewLabel("files taken")
	b.Sum(launch.CellAt(body), launch.Int(0)).If(launch.Int(OwnFiles), taken)
	for i := range MaxFiles {
		// Files arrive at numbers that rise, each above its place, and none is left out.
		b.Set(unused, launch.Int(i))
		b.Sum(file(1+i), launch.Int(0)).If(launch.Int(-1), taken)
		b.Call(launch.Dup3, file(1+i), launch.Int(i), launch.Int(0))
	}
	b.Set(unused, launch.Int(MaxFiles))
	b.Place(taken)
	b.Call(launch.CloseRange, unused, b.control-1, launch.Int(0))
}

// Courier is the program of a process that os/exec starts with the files of a
// command which a waiting launcher will execute: it sends them to the host, unless
// that had them before, holds none itself, and in the end exits with the status
// that it is told.
func Courier(f Files, handOver bool) *launch.Program {
	b := newBuilder(&Spec{Files: f})
	b.Step("start the courier", "")
	b.Call(launch.CloseRange, launch.Int(f.Last+1), launch.Int(^uint32(0)), launch.Int(0))
	const setName = 15
	b.Call(launch.Prctl, launch.Int(setName), b.Text("sandbox"))
	if handOver {
		b.givePipes()
		b.handFilesOver()
	}
	b.Step("wait for the command's status", "")
	b.Call(launch.CloseRange, launch.Int(0), b.control-1, launch.Int(0))
	b.capset("no capabilities", 0, 0, 0)
	status := b.Buffer("status", 8)
	again, told := b.NewLabel("wait for the status"), b.NewLabel("told")
	b.Place(again)
	b.Call(launch.Recvfrom, b.control, status, launch.Int(8), launch.Int(0), launch.Int(0), launch.Int(0)).On(eintr, again).If(launch.Int(1), told)
	b.exit(launch.Int(setupFailed))
	b.Place(told)
	b.exit(launch.CellAt(status))
	b.failures()
	return b.Program
}

// handFilesOver sends all descriptors below the control socket to the host.
func (b *builder) handFilesOver() {
	n := b.spec.Files.Keep
	b.Step("hand the files over", "")
	const solSocket, scmRights = 1, 1
	length := 16 + 4*n
	control := append(littleWords(uint64(length), solSocket|scmRights<<32), make([]byte, (4*n+7)&^7)...)
	for i := range n {
		control[16+4*i] = byte(i)
	}
	body := b.Message(launch.MessageFiles)
	iov := b.words("iovec", body.Address(), uint64(launch.SimpleSize))
	msghdr := b.words("msghdr", 0, 0, iov.Address(), 1, b.Data("the files", control).Address(), uint64(length), 0)
	b.Call(launch.Sendmsg, b.control, msghdr, launch.Int(noSignal))
}
