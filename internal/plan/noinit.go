package plan

import "github.com/seed-d1379373/sandbox/internal/launch"

// Without a PID 1 of the launcher's the command is PID 1, and its supervisor is
// the outer process, which shares neither namespaces nor, in general, memory with
// it. A failure that the command cannot report past its filter gets to the
// supervisor in a page that both have mapped.

const (
	recordAddress = 0x1f000000
	recordSize    = 16 // of a Fail message
)

// outerAlone starts the command's process and supervises it.
func (b *builder) outerAlone() {
	s := b.spec
	b.Process("outer process")
	b.hasOuter = true
	b.begin()
	b.shareRecord()
	b.setOOMScore()
	b.openTrees()
	b.joinNamespaces()
	b.Step("start the command's process", "")
	b.openExecPipe()
	b.Step("create namespaces", describe(s.cloneFlags()))
	b.born, b.started = b.handover(launch.MessageBorn, 1), b.handover(launch.MessageStarted, 1)
	b.Call(launch.Clone, launch.Int(s.cloneFlags()|clonePIDFD|sigchld), launch.Int(0), b.born.file.Ref(), launch.Int(0), launch.Int(0)).
		Into(b.commandPID).If(launch.Int(0), b.commandEntry)
	b.Call(launch.Sendmsg, b.control, b.born.header, launch.Int(noSignal))

	b.Step("shut the supervisor in", "")
	b.Set(b.started.file, b.born.file)
	if s.Privileged {
		b.capset("capabilities of the launcher", 1<<capKill, 1<<capKill, 0)
	}
	b.moveKept()
	b.guard()
	b.supervise()
}

// shareRecord maps the page for a record of failure.
func (b *builder) shareRecord() {
	const (
		readWrite            = 3
		shared, fixed, empty = 1, 16, 32
		page                 = 4096
	)
	b.failedTogether = b.NewLabel("failed")
	b.Step("share a page with the command", "")
	b.Call(launch.Mmap, launch.Int(recordAddress), launch.Int(page), launch.Int(readWrite), launch.Int(shared|fixed|empty), launch.Int(-1), launch.Int(0))
	b.SetFailure(b.failedTogether)
}

// sharedRecord is the record in that page, as a message.
func (b *builder) sharedRecord() (record launch.Ref, errno launch.Cell) {
	record = b.Mapped("&shared record", recordAddress)
	return record, launch.CellAt(record.Plus(8))
}

// copyRecord puts the record of failure into the page.
func (b *builder) copyRecord(from launch.Ref) {
	to, _ := b.sharedRecord()
	for offset := 0; offset < recordSize; offset += 4 {
		b.Set(launch.CellAt(to.Plus(offset)), launch.CellAt(from.Plus(offset)))
	}
}
