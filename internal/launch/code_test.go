package launch

import (
	"bytes"
	"runtime"
	"testing"
)

// marks is the end mark of this architecture, as the assembly has it.
func marks() []byte {
	return map[string][]byte{
		"amd64": []byte("\x0f\x0bstub-end\x0f\x0b"),
		"arm64": []byte("\x0f\x0btub-en\x00d\x0f\x0b"),
	}[runtime.GOARCH]
}

func TestCutCode(t *testing.T) {
	mark := []byte("<end>")
	room := bytes.Repeat([]byte{1}, maxCode)
	for _, c := range []struct {
		name string
		text []byte
		want int // -1 for none
	}{
		{"code and mark", []byte("code<end>more"), 4},
		{"two marks", []byte("code<end>more<end>"), 4},
		{"mark at the very end", []byte("c<end>"), 1},
		{"no mark", []byte("code without one"), -1},
		{"half a mark", []byte("code<en"), -1},
		{"no code", []byte("<end>"), -1},
		{"nothing", nil, -1},
		{"as much as there is room for", append(bytes.Clone(room), mark...), maxCode},
		{"more", append(append(bytes.Clone(room), 1), mark...), -1},
	} {
		got, ok := cutCode(c.text, mark)
		if ok != (c.want >= 0) || ok && !bytes.Equal(got, c.text[:c.want]) {
			t.Errorf("%s: %d bytes, %v", c.name, len(got), ok)
		}
		if ok {
			got[0] ^= 0xff
			if bytes.Equal(got, c.text[:c.want]) {
				t.Errorf("%s: not a copy", c.name)
			}
		}
	}
}

func FuzzCutCode(f *testing.F) {
	f.Add([]byte("code<end>"), []byte("<end>"))
	f.Add([]byte{}, []byte("<end>"))
	f.Add([]byte("abababab"), []byte("ba"))
	f.Fuzz(func(t *testing.T, text, mark []byte) {
		got, ok := cutCode(text, mark)
		if !ok {
			return
		}
		if len(got) == 0 || len(got) > maxCode {
			t.Fatalf("%d bytes", len(got))
		}
		if !bytes.HasPrefix(text, append(bytes.Clone(got), mark...)) || len(mark) > 0 && bytes.Contains(got, mark) {
			t.Fatalf("%q cut from %q at %q", got, text, mark)
		}
	})
}
