//go:build amd64 || arm64

package launch

import (
	"runtime"
	"unsafe"
)

// stubAddress returns the address of the interpreter's first instruction.
func stubAddress() uintptr

// stub is never called from Go: it is the entry point of another process.
func stub()

var _ = stub // the linker must keep it

// code returns a copy of the interpreter for this architecture.
//
// Preconditions, all met by stub_GOARCH.s:
//   - the text segment is readable (the Go linker makes it so);
//   - at least maxCode bytes follow stub's first byte in that segment, or the
//     end mark comes first: the text of package runtime follows or precedes
//     it, and the search reads in small pieces and stops at the mark.
func code() ([]byte, bool) {
	const piece = 64
	var text []byte
	start := stubAddress()
	for len(text) < maxCode {
		p := (*byte)(unsafe.Add(unsafe.Pointer(nil), start+uintptr(len(text))))
		text = append(text, unsafe.Slice(p, piece)...)
		if c, ok := cutCode(text, endMark[runtime.GOARCH]); ok {
			return c, true
		}
	}
	return nil, false
}

// endMark is the byte sequence that ends the interpreter in each source file.
var endMark = map[string][]byte{
	"amd64": {0x0f, 0x0b, 's', 't', 'u', 'b', '-', 'e', 'n', 'd', 0x0f, 0x0b},
	"arm64": {0x0f, 0x0b, 't', 'u', 'b', '-', 'e', 'n', 0x00, 'd', 0x0f, 0x0b},
}
