package attempt

import "encoding/binary"

// Programs of a few bytes that make one system call of another ABI and exit
// with status 0 where the kernel carried it out.
var (
	// I386Call is a 64-bit program: mov $1, %eax; xor %ebx, %ebx; int $0x80, and
	// ud2 where that returned.
	I386Call = elf64(0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80, 0x0f, 0x0b)
	// I386Program is a 32-bit program with the same instructions.
	I386Program = elf32(0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80, 0x0f, 0x0b)
	// X32Call is a 64-bit program that asks for its id by an x32 number: mov
	// $0x40000027, %eax; syscall; xor %edi, %edi; test %rax, %rax; jns exit; inc
	// %edi; exit: mov $60, %eax; syscall.
	X32Call = elf64(0xb8, 0x27, 0, 0, 0x40, 0x0f, 0x05, 0x31, 0xff, 0x48, 0x85, 0xc0, 0x79, 0x02, 0xff, 0xc7,
		0xb8, 0x3c, 0, 0, 0, 0x0f, 0x05)
)

// Constants of elf(5).
const (
	elfBase  = 0x400000
	elfPage  = 0x1000
	x86      = 3
	x8664    = 62
	readExec = 5 // PF_R | PF_X
)

func elf64(code ...byte) []byte {
	const header = 64 + 56
	le := binary.LittleEndian
	b := identification(2, x8664)
	b = le.AppendUint64(b, elfBase+header) // entry
	b = le.AppendUint64(b, 64)             // program headers
	b = le.AppendUint64(b, 0)              // section headers
	b = le.AppendUint32(b, 0)              // flags
	b = sizes(b, 64, 56)
	b = le.AppendUint32(b, 1) // PT_LOAD
	b = le.AppendUint32(b, readExec)
	size := uint64(header + len(code))
	for _, v := range []uint64{0, elfBase, elfBase, size, size, elfPage} {
		b = le.AppendUint64(b, v)
	}
	return append(b, code...)
}

func elf32(code ...byte) []byte {
	const header = 52 + 32
	le := binary.LittleEndian
	b := identification(1, x86)
	for _, v := range []uint32{elfBase + header, 52, 0, 0} { // entry, program headers, section headers, flags
		b = le.AppendUint32(b, v)
	}
	b = sizes(b, 52, 32)
	size := uint32(header + len(code))
	for _, v := range []uint32{1, 0, elfBase, elfBase, size, size, readExec, elfPage} {
		b = le.AppendUint32(b, v)
	}
	return append(b, code...)
}

// identification is the beginning of a static executable.
func identification(class byte, machine uint16) []byte {
	le := binary.LittleEndian
	b := []byte{0x7f, 'E', 'L', 'F', class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	b = le.AppendUint16(b, 2) // ET_EXEC
	b = le.AppendUint16(b, machine)
	return le.AppendUint32(b, 1) // version
}

// sizes are those of the headers: one program header and no section.
func sizes(b []byte, header, program uint16) []byte {
	for _, v := range []uint16{header, program, 1, 0, 0, 0} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}
