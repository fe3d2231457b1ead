package plan

import (
	"encoding/binary"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// What a label's step fails with where the program itself finds something wrong.
const (
	NotProc  = 18 // EXDEV: /proc is not the process file system
	NotTaken = 52 // EBADE: the kernel shows another label than was written
)

// setAttributes writes the labels that the next execve takes on, and reads them
// back. It comes before Landlock, whose rules need not allow the files in /proc.
func (b *builder) setAttributes() {
	for _, a := range b.spec.AttrExec {
		b.Step("set "+a.Name, a.Value)
		b.setAttribute(a)
	}
}

func (b *builder) setAttribute(a Attr) {
	const (
		rdwr, directory            = 2, 0o200000
		noXdev, noMagic, noOutside = 0x01, 0x02, 0x08 // RESOLVE_*
		longest                    = 4096             // of what the kernel shows
	)
	proc, fd := b.Cell("proc", -1), b.Cell("attribute", -1)
	b.Call(launch.Openat, launch.Int(atFDCWD), b.Text("/proc"), launch.Int(oPath|directory|oCloexec), launch.Int(0)).Into(proc)
	b.mustBeProc(proc)
	// Nothing that is mounted below /proc, and no link out of it, can lead the
	// write to another file.
	how := b.words("open_how", rdwr|oCloexec, 0, noXdev|noMagic|noOutside)
	b.Call(launch.Openat2, proc, b.Text("thread-self/attr/"+a.File), how, launch.Int(openHowSize)).Into(fd)
	b.Call(launch.Write, fd, b.Data("label", []byte(a.Value)), launch.Int(len(a.Value)))
	answer := b.Buffer("answer", longest)
	b.Call(launch.Pread64, fd, answer, launch.Int(longest), launch.Int(0))
	b.mustBegin(answer, a.Answer)
	b.Call(launch.Close, fd)
	b.Call(launch.Close, proc)
}

// mustBeProc fails unless a descriptor is on a procfs. Of its directories only
// the root has a thread-self.
func (b *builder) mustBeProc(fd launch.Cell) {
	const procMagic, size = 0x9fa0, 120 // of struct statfs
	st := b.Buffer("statfs", size)
	b.Call(launch.Fstatfs, fd, st)
	b.mustEqual(launch.CellAt(st), ^uint32(0), procMagic, NotProc)
}

// mustBegin fails unless memory begins with a text.
func (b *builder) mustBegin(at launch.Ref, text string) {
	for i := 0; i < len(text); i += 4 {
		var want, mask [4]byte
		n := copy(want[:], text[i:])
		for j := range n {
			mask[j] = 0xff
		}
		b.mustEqual(launch.CellAt(at.Plus(i)), binary.LittleEndian.Uint32(mask[:]), binary.LittleEndian.Uint32(want[:]), NotTaken)
	}
}

// mustEqual fails with an errno unless the masked cell has a value.
func (b *builder) mustEqual(c launch.Cell, mask, want, errno uint32) {
	equal := b.NewLabel("equal")
	b.Sum(c, launch.Int(0)).IfMasked(uint64(mask), launch.Int(want), equal)
	b.Raise(errno)
	b.Place(equal)
}
