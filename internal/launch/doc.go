// Package launch builds and runs the launcher: a static ELF image of some tens
// of kilobytes, nearly all of it the program, that sets a sandbox up from the
// inside and stays as its PID 1.
//
// The image holds an interpreter of well under one page, written in assembly
// (stub_amd64.s, stub_arm64.s), and a [Program]: a flat list of system calls
// with their arguments. The interpreter decides nothing. It runs the calls in
// order; at the first failure that the program does not expect it records the
// instruction and the errno and runs the program's failure handler, which
// reports both to the host over the control socket.
//
// # Memory layout
//
//	0x400000  ELF header, program headers, interpreter      (read, execute)
//	0x411000  Header | data of the program | instructions   (read, write)
//
// The addresses are fixed, so every pointer in a program is known when the
// program is built, and a program is plain bytes that any operating system can
// build and compare with a golden file.
//
// # The interpreter's contract
//
//   - It keeps all its state in registers and never touches the stack, so
//     processes that it clones with CLONE_VM run side by side in one address
//     space without a stack of their own.
//   - It writes to memory only where an instruction says so (its result slot,
//     its own last errno) and to the failure record in the header.
//   - It contains no absolute address but the one of the header, no call and
//     no indirect jump, so its bytes can be copied out of this package's text.
//
// All assembly and all unsafe code of the module lives in this package.
package launch
