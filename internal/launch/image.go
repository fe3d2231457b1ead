package launch

import (
	"encoding/binary"
	"fmt"
	"runtime"
)

// Image returns the launcher for this program as a static ELF executable for
// this architecture.
func (p *Program) Image() ([]byte, error) {
	text, ok := code()
	if !ok {
		return nil, fmt.Errorf("launch: no launcher for %s", runtime.GOARCH)
	}
	data, err := p.encode(runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	return elfImage(runtime.GOARCH, text, data), nil
}

// machine is e_machine in elf(5).
var machine = map[string]uint16{"amd64": 62, "arm64": 183}

// elfImage lays out a static executable of two segments, and a third that
// says that the stack is not executable.
func elfImage(arch string, text, data []byte) []byte {
	const (
		read, write, exec = 4, 2, 1
		load, gnuStack    = 1, 0x6474e551
	)
	le := binary.LittleEndian
	out := make([]byte, 0, dataOffset+len(data))
	out = append(out, 0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	out = le.AppendUint16(out, 2) // ET_EXEC
	out = le.AppendUint16(out, machine[arch])
	out = le.AppendUint32(out, 1)
	out = le.AppendUint64(out, textBase+codeOffset) // entry
	out = le.AppendUint64(out, 64)                  // program headers
	out = le.AppendUint64(out, 0)                   // no section headers
	out = le.AppendUint32(out, 0)
	for _, v := range []uint16{64, 56, 3, 0, 0, 0} {
		out = le.AppendUint16(out, v)
	}
	segment := func(kind, flags uint32, offset, addr uint64, size int) {
		out = le.AppendUint32(out, kind)
		out = le.AppendUint32(out, flags)
		for _, v := range []uint64{offset, addr, addr, uint64(size), uint64(size), 0x10000} {
			out = le.AppendUint64(out, v)
		}
	}
	segment(load, read|exec, 0, textBase, codeOffset+len(text))
	segment(load, read|write, dataOffset, dataBase, len(data))
	segment(gnuStack, read|write, 0, 0, 0)
	out = append(out, text...)
	out = append(out, make([]byte, dataOffset-len(out))...)
	return append(out, data...)
}
