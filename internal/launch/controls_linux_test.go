package launch

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// cmsg is a control message with its padding.
func cmsg(kind int32, body []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(unix.CmsgLen(len(body))))
	b = binary.LittleEndian.AppendUint32(b, unix.SOL_SOCKET)
	b = binary.LittleEndian.AppendUint32(b, uint32(kind))
	b = append(b, body...)
	return append(b, make([]byte, unix.CmsgSpace(len(body))-len(b))...)
}

func TestParseControls(t *testing.T) {
	credentials := cmsg(unix.SCM_CREDENTIALS, words32(42, 1000, 1000))
	rights := cmsg(unix.SCM_RIGHTS, words32(5, 6, 7))
	wrongSize := cmsg(unix.SCM_RIGHTS, words32(5))
	binary.LittleEndian.PutUint64(wrongSize, 1<<40)
	for _, c := range []struct {
		name  string
		b     []byte
		pid   int
		files []int
		bad   bool
	}{
		{name: "nothing"},
		{name: "credentials", b: credentials, pid: 42},
		{name: "rights", b: rights, files: []int{5, 6, 7}},
		{name: "both", b: slices.Concat(credentials, rights), pid: 42, files: []int{5, 6, 7}},
		{name: "rights twice", b: slices.Concat(rights, rights), files: []int{5, 6, 7, 5, 6, 7}},
		{name: "no rights in it", b: cmsg(unix.SCM_RIGHTS, nil)},
		{name: "another kind", b: slices.Concat(cmsg(77, words32(1)), credentials), pid: 42},
		// Files that came before the bad part are not lost: they are to be closed.
		{name: "short credentials after rights", b: slices.Concat(rights, cmsg(unix.SCM_CREDENTIALS, words32(42))), files: []int{5, 6, 7}, bad: true},
		{name: "less than a header", b: []byte{1, 2, 3}},
		{name: "length out of range", b: wrongSize, bad: true},
		{name: "length of zero", b: make([]byte, 32), bad: true},
	} {
		pid, files, err := parseControls(c.b)
		if (err != nil) != c.bad || pid != c.pid || !slices.Equal(files, c.files) {
			t.Errorf("%s: %d %v %v", c.name, pid, files, err)
		}
	}
}

func FuzzParseControls(f *testing.F) {
	f.Add(cmsg(unix.SCM_CREDENTIALS, words32(42, 0, 0)))
	f.Add(slices.Concat(cmsg(unix.SCM_RIGHTS, words32(1, 2)), cmsg(unix.SCM_CREDENTIALS, words32(1, 2, 3))))
	f.Add(bytes.Repeat([]byte{0xff}, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, files, err := parseControls(b)
		if err == nil && 4*len(files) > len(b) {
			t.Fatalf("%d files in %d bytes", len(files), len(b))
		}
	})
}
