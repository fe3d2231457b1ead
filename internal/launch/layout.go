package launch

// The fixed layout of the image in the file and in memory; see doc.go. The
// segments lie 64 KiB apart so that arm64 kernels with large pages load them.
const (
	pageSize   = 0x1000
	textBase   = 0x400000
	dataBase   = 0x411000 // congruent to the file offset modulo 64 KiB
	dataOffset = pageSize
	codeOffset = 64 + 3*56 // after the ELF header and three program headers

	headerSize = 64
	instrSize  = 112
)

// Offsets in the header, which the interpreter knows.
const (
	headerKind   = 0  // uint32: MessageFail, so that the record is a message
	headerIndex  = 4  // uint32: failed instruction
	headerErrno  = 8  // uint32: its errno, 0 while nothing failed
	headerDetail = 12 // uint32: what the program says besides
	headerEntry  = 16 // uint64: address of the first instruction
	headerFail   = 24 // uint64: address of the failure handler
)

// Offsets in an instruction, which the interpreter knows.
const (
	instrIndex   = 0
	instrErrno   = 4
	instrNumber  = 8
	instrArgs    = 16
	instrStore   = 64
	instrExpect  = 72
	instrFlags   = 76
	instrOnErrno = 80
	instrMask    = 88
	instrValue   = 96
	instrTarget  = 104
)

// flagValue marks an instruction whose compared value is a cell; bits 0 to 5
// mark arguments that are cells.
const flagValue = 1 << 6

// anyErrno is the expectation that every errno meets.
const anyErrno = 0xffff

// sumNumber is the number of the one operation that is not a system call.
const sumNumber = -1
