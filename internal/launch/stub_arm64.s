#include "textflag.h"

// The interpreter; see doc.go for its contract and instr.go for the layout.
//
//	R19  header        R20  current instruction        R21  its flags
//
// Instruction: 0 index, 4 errno, 8 nr, 16.. six arguments, 64 store,
// 72 expected errno, 76 flags, 80 target on that errno, 88 mask, 96 value,
// 104 target when result&mask == value. 112 bytes.
// Header: 4 failed index, 8 failed errno, 16 entry, 24 failure handler.
TEXT ·stub(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $0x41, R19
	LSL  $16, R19
	ADD  $0x1000, R19
	MOVD 16(R19), R20

fetch:
	MOVWU 76(R20), R21
	MOVD  8(R20), R8
	MOVD  16(R20), R0
	MOVD  24(R20), R1
	MOVD  32(R20), R2
	MOVD  40(R20), R3
	MOVD  48(R20), R4
	MOVD  56(R20), R5

	// Arguments flagged as indirect name a 32-bit cell.
	TBZ  $0, R21, arg1
	MOVW (R0), R0

arg1:
	TBZ  $1, R21, arg2
	MOVW (R1), R1

arg2:
	TBZ  $2, R21, arg3
	MOVW (R2), R2

arg3:
	TBZ  $3, R21, arg4
	MOVW (R3), R3

arg4:
	TBZ  $4, R21, arg5
	MOVW (R4), R4

arg5:
	TBZ  $5, R21, run
	MOVW (R5), R5

run:
	// A negative number is no system call: -1 is the sum of the first two
	// arguments, and -1-errno a call that fails.
	TBNZ $63, R8, sum
	SVC  $0
	CMN  $4095, R0
	BHS  error

result:
	// A jump comes before the store: after a clone in shared memory the
	// child, which jumps, must leave the cell to its parent.
	MOVD 104(R20), R9
	CBZ  R9, store
	MOVD 96(R20), R10
	TBZ  $6, R21, direct
	MOVW (R10), R10

direct:
	MOVD 88(R20), R11
	AND  R11, R0, R11
	CMP  R10, R11
	BNE  store
	MOVD R9, R20
	B    fetch

store:
	MOVD 64(R20), R9
	CBZ  R9, next
	MOVW R0, (R9)

next:
	ADD $112, R20
	B   fetch

sum:
	ADD  $1, R8
	CBNZ R8, failing
	ADD  R1, R0
	B    result

failing:
	MOVD R8, R0

error:
	NEG   R0, R0
	MOVW  R0, 4(R20)
	MOVWU 72(R20), R9
	MOVD  $0xffff, R10 // any errno
	CMP   R10, R9
	BEQ   expected
	CMP   R0, R9
	BEQ   expected

	// Not expected: record and run the failure handler.
	MOVWU 0(R20), R9
	MOVW  R9, 4(R19)
	MOVW  R0, 8(R19)
	MOVD  24(R19), R20
	B     fetch

expected:
	MOVD 80(R20), R9
	CBZ  R9, next
	MOVD R9, R20
	B    fetch

	// The end mark that code.go looks for.
	WORD $0x75740b0f
	WORD $0x6e652d62
	WORD $0x0b0f6400

// func stubAddress() uintptr
TEXT ·stubAddress(SB), NOSPLIT, $0-8
	MOVD $·stub(SB), R0
	MOVD R0, ret+0(FP)
	RET
