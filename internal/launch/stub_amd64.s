#include "textflag.h"

// The interpreter; see doc.go for its contract and instr.go for the layout.
//
//	R15  header        R12  current instruction        R13  its flags
//
// Instruction: 0 index, 4 errno, 8 nr, 16.. six arguments, 64 store,
// 72 expected errno, 76 flags, 80 target on that errno, 88 mask, 96 value,
// 104 target when result&mask == value. 112 bytes.
// Header: 4 failed index, 8 failed errno, 16 entry, 24 failure handler.
TEXT ·stub(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ $0x411000, R15
	MOVQ 16(R15), R12

fetch:
	MOVL 76(R12), R13
	MOVQ 8(R12), AX
	MOVQ 16(R12), DI
	MOVQ 24(R12), SI
	MOVQ 32(R12), DX
	MOVQ 40(R12), R10
	MOVQ 48(R12), R8
	MOVQ 56(R12), R9

	// Arguments flagged as indirect name a 32-bit cell.
	TESTL $1, R13
	JEQ   arg1
	MOVLQSX (DI), DI

arg1:
	TESTL $2, R13
	JEQ   arg2
	MOVLQSX (SI), SI

arg2:
	TESTL $4, R13
	JEQ   arg3
	MOVLQSX (DX), DX

arg3:
	TESTL $8, R13
	JEQ   arg4
	MOVLQSX (R10), R10

arg4:
	TESTL $16, R13
	JEQ   arg5
	MOVLQSX (R8), R8

arg5:
	TESTL $32, R13
	JEQ   run
	MOVLQSX (R9), R9

run:
	// A negative number is no system call: -1 is the sum of the first two
	// arguments, and -1-errno a call that fails.
	TESTQ AX, AX
	JLT   sum
	SYSCALL
	CMPQ  AX, $-4095
	JCC   error

result:
	// A jump comes before the store: after a clone in shared memory the
	// child, which jumps, must leave the cell to its parent.
	MOVQ  104(R12), BX
	TESTQ BX, BX
	JEQ   store
	MOVQ  96(R12), CX
	TESTL $64, R13
	JEQ   direct
	MOVLQSX (CX), CX

direct:
	MOVQ AX, DX
	ANDQ 88(R12), DX
	CMPQ DX, CX
	JNE  store
	MOVQ BX, R12
	JMP  fetch

store:
	MOVQ  64(R12), BX
	TESTQ BX, BX
	JEQ   next
	MOVL  AX, (BX)

next:
	ADDQ $112, R12
	JMP  fetch

sum:
	INCQ AX
	JNE  error
	LEAQ (DI)(SI*1), AX
	JMP  result

error:
	NEGQ AX
	MOVL AX, 4(R12)
	MOVL 72(R12), CX
	CMPL CX, $0xffff // any errno
	JEQ  expected
	CMPL CX, AX
	JEQ  expected

	// Not expected: record and run the failure handler.
	MOVL 0(R12), CX
	MOVL CX, 4(R15)
	MOVL AX, 8(R15)
	MOVQ 24(R15), R12
	JMP  fetch

expected:
	MOVQ  80(R12), BX
	TESTQ BX, BX
	JEQ   next
	MOVQ  BX, R12
	JMP   fetch

	// The end mark that code.go looks for.
	BYTE $0x0f; BYTE $0x0b; BYTE $0x73; BYTE $0x74; BYTE $0x75; BYTE $0x62
	BYTE $0x2d; BYTE $0x65; BYTE $0x6e; BYTE $0x64; BYTE $0x0f; BYTE $0x0b

// func stubAddress() uintptr
TEXT ·stubAddress(SB), NOSPLIT, $0-8
	LEAQ ·stub(SB), AX
	MOVQ AX, ret+0(FP)
	RET
