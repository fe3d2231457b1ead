package plan

import (
	"encoding/binary"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// A block is a command as data. It lies in the image, or in a read-only file
// that the launcher maps at a fixed address: so one image serves all commands of
// a sandbox, and a launcher that waits can be told its command late.
//
// It begins with words of 32 bits, which hold addresses in the block: of the
// working directory, of argv and envp, and of the last candidate's word. The words
// of the candidates follow, and a 0.
const (
	blockAddress = 0x20000000

	blockDir        = 0
	blockArgv       = 4
	blockEnvp       = 8
	blockLast       = 12
	blockCandidates = 16
)

// Block encodes the command for a file.
func (c Command) Block() []byte { return c.block(blockAddress) }

// block encodes the command for an address.
func (c Command) block(address int) []byte {
	w := blockWriter{address, make([]byte, (blockCandidates+4*(len(c.Candidates)+1)+7)&^7)}
	argv, envp := w.list(c.Args), w.list(c.Env)
	w.set(blockDir, w.text(c.Dir))
	w.set(blockArgv, argv)
	w.set(blockEnvp, envp)
	w.set(blockLast, uint32(address+blockCandidates+4*(len(c.Candidates)-1)))
	for i, path := range c.Candidates {
		w.set(blockCandidates+4*i, w.text(path))
	}
	return w.b
}

type blockWriter struct {
	address int
	b       []byte
}

func (w *blockWriter) set(offset int, v uint32) { binary.LittleEndian.PutUint32(w.b[offset:], v) }

// text places a NUL-terminated string and returns its address.
func (w *blockWriter) text(s string) uint32 {
	at := w.address + len(w.b)
	w.b = append(append(w.b, s...), 0)
	return uint32(at)
}

// list places strings and a NULL-terminated list of pointers to them.
func (w *blockWriter) list(texts []string) uint32 {
	var pointers []byte
	for _, s := range texts {
		pointers = binary.LittleEndian.AppendUint64(pointers, uint64(w.text(s)))
	}
	for len(w.b)%8 != 0 {
		w.b = append(w.b, 0)
	}
	at := w.address + len(w.b)
	w.b = append(append(w.b, pointers...), make([]byte, 8)...)
	return uint32(at)
}

// blockCells are the words of a block in a program.
type blockCells struct {
	dir, argv, envp, last launch.Cell
	first                 launch.Ref // the first candidate's word
}

func cellsOf(base launch.Ref) *blockCells {
	at := func(offset int) launch.Cell { return launch.CellAt(base.Plus(offset)) }
	return &blockCells{at(blockDir), at(blockArgv), at(blockEnvp), at(blockLast), base.Plus(blockCandidates)}
}

// placeBlock decides where the program has its command from.
func (b *builder) placeBlock() {
	c := b.spec.Command
	switch {
	case b.spec.Files.Block != 0 || b.spec.Waiting:
		b.block = cellsOf(b.Mapped("&command", blockAddress))
	case len(c.Candidates) > 0:
		base := b.Data("command", make([]byte, len(c.block(0))))
		b.Fill(base, c.block(int(base.Address())))
		b.block = cellsOf(base)
	}
}

// mapBlock maps a command that the launcher was started with.
func (b *builder) mapBlock() {
	f := b.spec.Files
	if f.Block == 0 {
		return
	}
	b.mapFile(launch.Int(f.Block))
}

func (b *builder) mapFile(fd launch.Arg) {
	const (
		protRead       = 1
		private, fixed = 2, 16
		room           = 16 << 20 // more than arguments and environment can be
	)
	b.Step("map the command", "")
	b.Call(launch.Mmap, launch.Int(blockAddress), launch.Int(room), launch.Int(protRead), launch.Int(private|fixed), fd, launch.Int(0))
	b.Call(launch.Close, fd)
}

// The steps that are about a path of the command.
const (
	stepChdir   = "change directory"
	stepExecute = "execute"
)

// PathOf is the path that a failure of a step was about, also in a program that
// was built with another command. The failure of an
// execution tells, in its detail, the offset of the candidate's word.
func (c Command) PathOf(s launch.Step, detail uint32) string {
	switch i := int(detail / 4); {
	case s.Name == stepChdir:
		return c.Dir
	case s.Name == stepExecute && i < len(c.Candidates):
		return c.Candidates[i]
	}
	return s.Path
}
