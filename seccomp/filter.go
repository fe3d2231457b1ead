package seccomp

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/net/bpf"
)

// Filter is a classic BPF program for seccomp(SECCOMP_SET_MODE_FILTER). Nil:
// no filter is to be loaded.
type Filter []bpf.RawInstruction

// sockFilterSize is the size of struct sock_filter.
const sockFilterSize = 8

// Bytes encodes the program as an array of struct sock_filter, little-endian
// as on every architecture that Compile supports.
func (f Filter) Bytes() []byte {
	b := make([]byte, 0, len(f)*sockFilterSize)
	for _, ins := range f {
		b = binary.LittleEndian.AppendUint16(b, ins.Op)
		b = append(b, ins.Jt, ins.Jf)
		b = binary.LittleEndian.AppendUint32(b, ins.K)
	}
	return b
}

// String lists the program, one numbered instruction a line, with the targets
// of jumps as numbers and data by name.
func (f Filter) String() string {
	var b strings.Builder
	for i, ins := range f {
		fmt.Fprintf(&b, "%3d  %s\n", i, disassemble(i, ins))
	}
	return b.String()
}

func disassemble(at int, ins bpf.RawInstruction) string {
	conditional := func(name string) string {
		return fmt.Sprintf("%s %#x ? %d : %d", name, ins.K, at+1+int(ins.Jt), at+1+int(ins.Jf))
	}
	switch ins.Op {
	case bpfLoad:
		return "load " + wordName(ins.K)
	case bpfAnd:
		return fmt.Sprintf("and %#x", ins.K)
	case bpfJump:
		return fmt.Sprintf("goto %d", at+1+int(ins.K))
	case bpfJumpEqual:
		return conditional("==")
	case bpfJumpGreater:
		return conditional(">")
	case bpfJumpAtLeast:
		return conditional(">=")
	case bpfJumpAnyBit:
		return conditional("&")
	case bpfReturn:
		return "return " + Describe(ins.K)
	}
	return fmt.Sprintf("op %#x jt %d jf %d k %#x", ins.Op, ins.Jt, ins.Jf, ins.K)
}

// wordName names an offset in struct seccomp_data.
func wordName(offset uint32) string {
	word := offset / wordSize
	switch {
	case offset%wordSize != 0 || word >= wordCount:
		return fmt.Sprintf("[%d]", offset)
	case word == wordNumber:
		return "number"
	case word == wordArch:
		return "arch"
	case word < wordArgs:
		return fmt.Sprintf("ip.%s", half(word))
	}
	return fmt.Sprintf("arg%d.%s", (word-wordArgs)/2, half(word))
}

func half(word uint32) string {
	if word%2 == 0 {
		return "low"
	}
	return "high"
}
