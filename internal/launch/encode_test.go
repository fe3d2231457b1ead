package launch

import (
	"encoding/binary"
	"strings"
	"testing"
)

// The interpreters are written with literal offsets, and so are these tests.

func le32(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
func le64(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }

// encoded returns the data segment and the place of its first instruction.
func encoded(t *testing.T, p *Program, arch string) (b []byte, first int) {
	t.Helper()
	b, err := p.encode(arch)
	if err != nil {
		t.Fatal(err)
	}
	return b, int(le64(b, 16) - 0x411000)
}

func TestEncodeHeader(t *testing.T) {
	p := NewProgram()
	p.Text("odd") // four bytes, so that the instructions need padding
	p.Call(Getpid)
	finish(p)
	b, first := encoded(t, p, "amd64")
	const count = 3
	if len(b) != first+112*count || first%8 != 0 {
		t.Fatalf("%d bytes, first instruction at %d", len(b), first)
	}
	if kind := le32(b, 0); kind != uint32(MessageFail) {
		t.Errorf("the record's kind is %d", kind)
	}
	if index, errno := le32(b, 4), le32(b, 8); index != 0 || errno != 0 {
		t.Errorf("the record is not empty: %d %d", index, errno)
	}
	if fail := le64(b, 24); fail != uint64(0x411000+first+112*2) {
		t.Errorf("failure handler at %#x", fail)
	}
	if m, err := parseMessage(b[:FailSize]); err != nil || m.Kind != MessageFail {
		t.Errorf("the record is no message: %+v, %v", m, err)
	}
}

func TestEncodeInstruction(t *testing.T) {
	for arch, number := range map[string]uint64{"amd64": 257, "arm64": 56} {
		t.Run(arch, func(t *testing.T) {
			p := NewProgram()
			text := p.Text("path")
			in, out := p.Cell("in", -7), p.Cell("out", 9)
			to, other := p.NewLabel("to"), p.NewLabel("other")
			p.Call(Getpid)
			p.Call(Openat, Int(-100), text, in, Int(1<<40), text.Plus(2), out).
				Into(out).On(17, to).IfMasked(0xff0, in, other)
			p.Place(other)
			p.Call(Getpid)
			p.Place(to)
			finish(p)
			b, first := encoded(t, p, arch)
			at := func(i int) uint64 { return uint64(0x411000 + first + 112*i) }
			one := b[first+112 : first+224]

			if got := le32(one, 0); got != 1 {
				t.Errorf("index %d", got)
			}
			if got := le32(one, 4); got != 0 {
				t.Errorf("errno %d", got)
			}
			if got := le64(one, 8); got != number {
				t.Errorf("number %d, want %d", got, number)
			}
			minus100 := -100
			for i, want := range []uint64{uint64(minus100), text.Address(), in.ref.Address(), 1 << 40, text.Address() + 2, out.ref.Address()} {
				if got := le64(one, 16+8*i); got != want {
					t.Errorf("argument %d is %#x, want %#x", i, got, want)
				}
			}
			if got := le64(one, 64); got != out.ref.Address() {
				t.Errorf("store %#x", got)
			}
			if got := le32(one, 72); got != 17 {
				t.Errorf("expected errno %d", got)
			}
			if got := le32(one, 76); got != 1<<2|1<<5|1<<6 {
				t.Errorf("flags %b", got)
			}
			if got := le64(one, 80); got != at(3) {
				t.Errorf("on errno go to %#x, want %#x", got, at(3))
			}
			if got := le64(one, 88); got != 0xff0 {
				t.Errorf("mask %#x", got)
			}
			if got := le64(one, 96); got != in.ref.Address() {
				t.Errorf("value %#x", got)
			}
			if got := le64(one, 104); got != at(2) {
				t.Errorf("target %#x, want %#x", got, at(2))
			}
			if got := le32(b, int(in.ref.Address()-0x411000)); int32(got) != -7 {
				t.Errorf("the cell holds %d", int32(got))
			}
		})
	}
}

func TestEncodePlainInstruction(t *testing.T) {
	p := NewProgram()
	p.Call(Getpid)
	finish(p)
	b, first := encoded(t, p, "arm64")
	for i, c := range b[first : first+112] {
		if c != 0 && i != 8 { // the number, 172
			t.Errorf("byte %d is %#x", i, c)
		}
	}
}

func TestEncodeSumAndErrnoOf(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		p := NewProgram()
		in := p.Call(Close, Int(-1)).IgnoreAll()
		p.Sum(in.Errno(), Int(-3))
		finish(p)
		b, first := encoded(t, p, arch)
		if got := le32(b, first+72); got != 0xffff {
			t.Errorf("%s: any errno is %#x", arch, got)
		}
		one := b[first+112:]
		if got := int64(le64(one, 8)); got != -1 {
			t.Errorf("%s: number of a sum %d", arch, got)
		}
		if got, want := le64(one, 16), uint64(0x411000+first+4); got != want || le32(one, 76) != 1 {
			t.Errorf("%s: errno of the call at %#x, want %#x; flags %b", arch, got, want, le32(one, 76))
		}
		if got := int64(le64(one, 24)); got != -3 {
			t.Errorf("%s: second argument %d", arch, got)
		}
	}
}

func TestEncodeReplaced(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		p := NewProgram()
		c := p.Cell("fd", 3)
		done := p.NewLabel("done")
		p.Call(Dup3, c, c, c).Into(c).On(9, done)
		p.Call(Dup3, c, c, c).Into(c).On(9, done)
		p.Place(done)
		finish(p)
		p.Fail(0, 13)
		p.Replace(1, Close, Int(5))
		b, first := encoded(t, p, arch)
		if got := int64(le64(b, first+8)); got != -14 {
			t.Errorf("%s: number of a call that fails with errno 13: %d", arch, got)
		}
		if flags := le32(b, first+76); flags != 0 {
			t.Errorf("%s: flags %b stay from the former arguments", arch, flags)
		}
		number, _ := Close.number(arch)
		if got := le64(b, first+112+8); got != uint64(number) || le64(b, first+112+16) != 5 {
			t.Errorf("%s: replaced by %d(%d)", arch, got, le64(b, first+112+16))
		}
		for i := range 2 {
			if at := first + 112*i; le64(b, at+64) != c.ref.Address() || le32(b, at+72) != 9 || le64(b, at+80) == 0 {
				t.Errorf("%s: what follows instruction %d was lost", arch, i)
			}
		}
	}
}

func TestEncodeErrors(t *testing.T) {
	lost := func(p *Program) *Label { return p.NewLabel("lost") }
	for _, c := range []struct {
		name  string
		build func(p *Program)
		want  []string
	}{
		{"no failure handler", func(p *Program) { p.Call(Getpid) }, []string{"without a failure handler"}},
		{"handler not placed", func(p *Program) { p.Call(Getpid); p.OnFailure(lost(p)) }, []string{`label "lost" leads nowhere`}},
		{"target not placed", func(p *Program) { p.Jump(lost(p)); finish(p) }, []string{`label "lost" leads nowhere`}},
		{"errno label not placed", func(p *Program) { p.Call(Close).OnAny(lost(p)); finish(p) }, []string{`label "lost" leads nowhere`}},
		{"label after the end", func(p *Program) {
			end := p.NewLabel("end")
			p.Jump(end)
			finish(p)
			p.Place(end)
		}, []string{`label "end" leads nowhere`}},
		{"all of them at once", func(p *Program) {
			p.Jump(p.NewLabel("one"))
			p.Jump(p.NewLabel("two"))
			finish(p)
		}, []string{`"one"`, `"two"`}},
		{"too large", func(p *Program) { p.Buffer("huge", maxImage); finish(p) }, []string{"larger than"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := NewProgram()
			c.build(p)
			_, err := p.encode("amd64")
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not mention %s", err, want)
				}
			}
		})
	}
}

func TestEncodeForUnknownArchitecture(t *testing.T) {
	p := NewProgram()
	p.Call(Getpid)
	finish(p)
	if _, err := p.encode("riscv64"); err == nil || !strings.Contains(err.Error(), "getpid") || !strings.Contains(err.Error(), "riscv64") {
		t.Errorf("%v", err)
	}
}
