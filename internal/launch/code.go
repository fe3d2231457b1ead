package launch

import "bytes"

// maxCode is the room for the interpreter between the ELF headers and the
// first data page.
const maxCode = pageSize - codeOffset

// cutCode returns the interpreter's bytes: everything before the end mark.
// It reports false where no mark is found.
func cutCode(text []byte, mark []byte) ([]byte, bool) {
	n := bytes.Index(text, mark)
	if n <= 0 || n > maxCode {
		return nil, false
	}
	return bytes.Clone(text[:n]), true
}
