package launch

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxImage bounds the image; a larger one means arguments or an environment
// that the kernel would refuse anyway (execve(2), limits on size).
const maxImage = 8 << 20

// encode returns the data segment: header, data, instructions.
func (p *Program) encode(arch string) ([]byte, error) {
	if p.fail == nil {
		return nil, errors.New("launch: program without a failure handler")
	}
	for len(p.data)%8 != 0 {
		p.data = append(p.data, 0)
	}
	first := dataBase + headerSize + uint64(len(p.data))
	e := encoder{arch: arch, first: first, count: len(p.instrs)}
	out := make([]byte, headerSize, headerSize+len(p.data)+len(p.instrs)*instrSize)
	binary.LittleEndian.PutUint32(out[headerKind:], uint32(MessageFail))
	binary.LittleEndian.PutUint64(out[headerEntry:], first)
	binary.LittleEndian.PutUint64(out[headerFail:], e.label(p.fail))
	out = append(out, p.data...)
	for i, in := range p.instrs {
		out = e.instr(out, i, in)
	}
	if len(out) > maxImage {
		e.errs = append(e.errs, fmt.Errorf("launch: image of %d bytes is larger than %d", len(out), maxImage))
	}
	return out, errors.Join(e.errs...)
}

// encoder turns instructions into bytes once the addresses are known.
type encoder struct {
	arch  string
	first uint64 // address of the first instruction
	count int
	errs  []error
}

func (e *encoder) instr(out []byte, index int, in *Instr) []byte {
	var b [instrSize]byte
	le := binary.LittleEndian
	number, err := in.call.number(e.arch)
	if err != nil {
		e.errs = append(e.errs, err)
	}
	var flags uint32
	for i, a := range in.args {
		if a == nil {
			continue
		}
		v, indirect := e.arg(a)
		if indirect {
			flags |= 1 << i
		}
		le.PutUint64(b[instrArgs+8*i:], v)
	}
	if in.target != nil {
		v, indirect := e.arg(in.value)
		if indirect {
			flags |= flagValue
		}
		le.PutUint64(b[instrMask:], in.mask)
		le.PutUint64(b[instrValue:], v)
		le.PutUint64(b[instrTarget:], e.label(in.target))
	}
	switch {
	case in.patch != nil:
		le.PutUint64(b[instrStore:], e.first+uint64(in.patch.index)*instrSize+instrArgs)
	case in.store != nil:
		le.PutUint64(b[instrStore:], in.store.ref.Address())
	}
	if in.onErrno != nil {
		le.PutUint64(b[instrOnErrno:], e.label(in.onErrno))
	}
	le.PutUint32(b[instrIndex:], uint32(index))
	le.PutUint64(b[instrNumber:], uint64(number))
	le.PutUint32(b[instrExpect:], in.expect)
	le.PutUint32(b[instrFlags:], flags)
	return append(out, b[:]...)
}

func (e *encoder) arg(a Arg) (uint64, bool) {
	if in, ok := a.(errnoArg); ok {
		return e.first + uint64(in.index)*instrSize + instrErrno, true
	}
	if l, ok := a.(labelArg); ok {
		return e.label(l.Label), false
	}
	return a.arg()
}

func (e *encoder) label(l *Label) uint64 {
	if l.index < 0 || l.index >= e.count {
		e.errs = append(e.errs, fmt.Errorf("launch: label %q leads nowhere", l.name))
		return 0
	}
	return e.first + uint64(l.index)*instrSize
}
