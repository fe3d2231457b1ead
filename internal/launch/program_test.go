package launch

import (
	"bytes"
	"strings"
	"testing"
)

// finish ends a program: exit status 0 where it falls through, and 100 from
// the failure handler.
func finish(p *Program) {
	p.Call(ExitGroup, Int(0))
	fail := p.NewLabel("fail")
	p.Place(fail)
	p.Call(ExitGroup, Int(100))
	p.OnFailure(fail)
}

// placed is what lies at an address in the data of a program.
func placed(p *Program, r Ref, n int) []byte { return p.data[r.offset : r.offset+n] }

func TestTextIsSharedAndTerminated(t *testing.T) {
	p := NewProgram()
	a, b, empty := p.Text("abc"), p.Text("bc"), p.Text("")
	if p.Text("abc") != a || p.Text("") != empty {
		t.Error("equal strings have two places")
	}
	if a == b || string(placed(p, a, 4)) != "abc\x00" || string(placed(p, b, 3)) != "bc\x00" || placed(p, empty, 1)[0] != 0 {
		t.Errorf("%q", p.data)
	}
}

func TestDataIsAlignedAndApart(t *testing.T) {
	p := NewProgram()
	p.Text("x")
	cell := p.Cell("cell", -2)
	p.Text("y")
	data := p.Data("data", []byte{1, 2, 3})
	again := p.Data("data", []byte{1, 2, 3})
	buffer := p.Buffer("buffer", 5)
	if cell.Ref().Address()%4 != 0 || data.Address()%8 != 0 || again.Address()%8 != 0 || buffer.Address()%8 != 0 {
		t.Error("not aligned")
	}
	if data == again {
		t.Error("data that the kernel may fill is shared")
	}
	if !bytes.Equal(placed(p, data, 3), []byte{1, 2, 3}) || !bytes.Equal(placed(p, buffer, 5), make([]byte, 5)) || !bytes.Equal(placed(p, cell.Ref(), 4), []byte{0xfe, 0xff, 0xff, 0xff}) {
		t.Errorf("% x", p.data)
	}
	if got := data.Plus(2).Address() - data.Address(); got != 2 {
		t.Errorf("Plus(2) is %d further on", got)
	}
	if CellAt(data.Plus(4)).Ref() != data.Plus(4) {
		t.Error("CellAt moved")
	}
}

func TestPointersEndWithNull(t *testing.T) {
	p := NewProgram()
	a, b := p.Text("a"), p.Text("b")
	list := placed(p, p.Pointers("argv", []Ref{a, b}), 24)
	if le64(list, 0) != a.Address() || le64(list, 8) != b.Address() || le64(list, 16) != 0 {
		t.Errorf("% x", list)
	}
	if none := placed(p, p.Pointers("envp", nil), 8); le64(none, 0) != 0 {
		t.Errorf("% x", none)
	}
}

func TestSteps(t *testing.T) {
	p := NewProgram()
	p.Call(Getpid)
	p.Step("mount", "/proc")
	p.Step("set hostname", "") // a step without a call
	p.Step("close", "")
	p.Call(Close)
	p.Call(Close)
	if got := p.Steps(); len(got) != 4 || got[1] != (Step{"mount", "/proc", ""}) {
		t.Errorf("%+v", got)
	}
	if p.Len() != 3 {
		t.Errorf("%d instructions", p.Len())
	}
	for i, want := range []string{"start", "close", "close"} {
		if s, ok := p.StepOf(i); !ok || s.Name != want {
			t.Errorf("step of %d: %+v, %v", i, s, ok)
		}
	}
	for _, i := range []int{-1, 3, 1 << 31} {
		if s, ok := p.StepOf(i); ok || s != (Step{}) {
			t.Errorf("step of %d: %+v", i, s)
		}
	}
}

func TestTooManyArguments(t *testing.T) {
	defer func() {
		if r, ok := recover().(string); !ok || !strings.Contains(r, "futex") {
			t.Errorf("panic %v", r)
		}
	}()
	NewProgram().Call(Futex, Int(0), Int(0), Int(0), Int(0), Int(0), Int(0), Int(0))
}

// An address that is not known yet cannot be asked for.
func TestErrnoOfHasNoEarlyAddress(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewProgram().Call(Getpid).Errno().arg()
}

func TestFailRecordIsInTheHeader(t *testing.T) {
	record, errno, _ := NewProgram().FailRecord()
	if record.Address() != 0x411000 || errno.Ref().Address() != 0x411008 {
		t.Errorf("%#x %#x", record.Address(), errno.Ref().Address())
	}
}

func TestExitedMessageLayout(t *testing.T) {
	p := NewProgram()
	m := p.Message(MessageExited)
	status, usage := ExitedFields(m)
	if status.Ref().Address()-m.Address() != 4 || usage.Address()-m.Address() != 8 {
		t.Error("the fields are elsewhere")
	}
	if b := placed(p, m, int(ExitedSize)); le32(b, 0) != uint32(MessageExited) {
		t.Errorf("% x", b)
	}
	for _, k := range []MessageKind{MessageMap, MessageCommand, MessageStarted, MessageBorn} {
		if got, err := parseMessage(placed(p, p.Message(k), int(k.Size()))); err != nil || got.Kind != k {
			t.Errorf("%+v, %v", got, err)
		}
	}
}
