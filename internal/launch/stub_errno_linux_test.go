package launch

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestStubUnexpectedErrno(t *testing.T) {
	p := NewProgram()
	p.Step("first", "")
	say(p, "a")
	p.Step("close", "/nowhere")
	p.Call(Close, Int(-5))
	say(p, "not reached")
	fail := p.NewLabel("fail")
	p.Place(fail)
	record, _, _ := p.FailRecord()
	p.Call(Write, Int(1), record, FailSize)
	p.Call(ExitGroup, Int(9))
	p.OnFailure(fail)
	out, code := run(t, p)
	if code != 9 || len(out) != 1+int(FailSize) {
		t.Fatalf("got %q, %d", out, code)
	}
	m, err := parseMessage([]byte(out[1:]))
	if err != nil {
		t.Fatal(err)
	}
	step, ok := p.StepOf(m.Index)
	if m.Kind != MessageFail || unix.Errno(m.Errno) != unix.EBADF || !ok || step != (Step{Name: "close", Path: "/nowhere"}) {
		t.Fatalf("got %+v, step %+v", m, step)
	}
}

func TestStubIgnoredErrno(t *testing.T) {
	p := NewProgram()
	c := p.Cell("c", 7)
	p.Call(Close, Int(-5)).Ignore(uint32(unix.EBADF)).Into(c)
	expect(p, c, Int(7)) // a failed call stores nothing
	p.Call(Close, Int(-5)).IgnoreAll().Into(c)
	expect(p, c, Int(7))
	_, errno, _ := p.FailRecord()
	expect(p, errno, Int(0)) // and is no failure
	succeeds(t, p)
}

func TestStubAnotherErrnoThanTheIgnoredFails(t *testing.T) {
	for _, to := range []bool{false, true} {
		p := NewProgram()
		in := p.Call(Close, Int(-5)).Ignore(uint32(unix.EPERM))
		next := p.NewLabel("next")
		if to {
			in.On(uint32(unix.EPERM), next)
		}
		p.Place(next)
		finish(p)
		if _, code := run(t, p); code != 100 {
			t.Fatalf("exit status %d", code)
		}
	}
}

func TestStubErrnoOf(t *testing.T) {
	p := NewProgram()
	never, bad, good := p.NewLabel("never"), p.NewLabel("bad"), p.NewLabel("good")
	p.Jump(good)
	in := p.Call(Close, Int(-5)).OnAny(bad)
	p.Place(never)
	p.Call(ExitGroup, Int(1))
	p.Place(good)
	expect(p, in.Errno(), Int(0)) // it has not run
	one := p.Call(Close, Int(-5)).OnAny(bad)
	p.Jump(never)
	p.Place(bad)
	expect(p, one.Errno(), Int(unix.EBADF))
	expect(p, in.Errno(), Int(0))
	succeeds(t, p)
}

// The last instruction that fails is the one in the record.
func TestStubFailureInTheHandler(t *testing.T) {
	p := NewProgram()
	p.Call(Close, Int(-1))
	first, second := p.NewLabel("first"), p.NewLabel("second")
	p.OnFailure(first)
	p.Place(first)
	tried := p.Cell("tried", 0)
	p.Sum(tried, Int(0)).If(Int(1), second)
	p.Set(tried, Int(1))
	p.Call(Dup3, Int(1), Int(1), Int(0)) // EINVAL
	p.Place(second)
	record, _, _ := p.FailRecord()
	p.Call(Write, Int(1), record, FailSize)
	p.Call(ExitGroup, Int(0))
	out, code := run(t, p)
	m, err := parseMessage([]byte(out))
	if err != nil || code != 0 || m.Index != 3 || unix.Errno(m.Errno) != unix.EINVAL {
		t.Fatalf("%+v, %v, %d", m, err, code)
	}
}

// A call that is made to fail does so with any errno, whatever its arguments
// were, and is treated as the real one.
func TestStubInjectedErrno(t *testing.T) {
	for _, errno := range []uint32{1, 2, 38, 133, 512, 4094} {
		p := NewProgram()
		c := p.Cell("c", 7)
		hit := p.NewLabel("hit")
		in := p.Call(Getpid, c, c, c, c, c, c).Into(c).On(errno, hit)
		p.Call(ExitGroup, Int(1))
		p.Place(hit)
		expect(p, c, Int(7))
		expect(p, in.Errno(), Int(errno))
		at := p.Len()
		p.Call(Getpid)
		finish(p)
		p.Fail(0, errno)
		if out, code := run(t, p); code != 0 {
			t.Fatalf("errno %d: exit status %d, %q", errno, code, out)
		}
		p.Fail(at, errno)
		if _, code := run(t, p); code != 100 {
			t.Fatalf("errno %d, unexpected: exit status %d", errno, code)
		}
	}
}

func TestStubReplacedCall(t *testing.T) {
	p := NewProgram()
	pid := p.Cell("pid", -1)
	p.Call(Getpid).Into(pid)
	p.Call(ExitGroup, Int(1))
	finish(p)
	p.Replace(1, Write, Int(1), p.Text("instead"), Int(7))
	if out, code := run(t, p); out != "instead" || code != 0 {
		t.Fatalf("got %q, %d", out, code)
	}
}
