package launch

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// run executes a program that ends with exit_group and returns its output and
// exit status.
func run(t *testing.T, p *Program, files ...*os.File) (string, int) {
	t.Helper()
	image, err := p.Image()
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewMemoryExecutable(image, Floor(8, 64))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var out bytes.Buffer
	cmd := exec.Command(e.Path)
	cmd.Stdout = &out
	cmd.ExtraFiles = files
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil && !exit.Exited() {
		t.Fatalf("launcher ended by %v", exit)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// finish ends a program: exit status 0 where it falls through, and 100 from
// the failure handler.
func finish(p *Program) {
	p.Call(ExitGroup, Int(0))
	fail := p.NewLabel("fail")
	p.Place(fail)
	p.Call(ExitGroup, Int(100))
	p.OnFailure(fail)
}

func say(p *Program, s string) { p.Call(Write, Int(1), p.Text(s), Int(len(s))) }

func TestStubCallWritesAndExits(t *testing.T) {
	p := NewProgram()
	say(p, "hello")
	finish(p)
	if out, code := run(t, p); out != "hello" || code != 0 {
		t.Fatalf("got %q, %d", out, code)
	}
}

func TestStubPassesSixArguments(t *testing.T) {
	p := NewProgram()
	cells := make([]Arg, 6)
	// prctl(PR_GET_... ) takes few arguments; mmap-like checks need six, and
	// ppoll with a wrong sigset size fails with EINVAL only if the fifth
	// argument arrives, as does a futex with six.
	for i := range cells {
		cells[i] = Int(0)
	}
	p.Call(Ppoll, Int(0), Int(0), p.Buffer("zero timeout", 16), p.Buffer("mask", 8), Int(8))
	bad := p.NewLabel("bad")
	ok := p.NewLabel("ok")
	p.Call(Ppoll, Int(0), Int(0), p.Buffer("zero timeout", 16), p.Buffer("mask", 8), Int(7)).On(uint32(unix.EINVAL), ok)
	p.Place(bad)
	p.Call(ExitGroup, Int(1))
	p.Place(ok)
	// FUTEX_CMP_REQUEUE compares *uaddr with the sixth argument: EAGAIN when they differ.
	word := p.Cell("futex", 7)
	const cmpRequeue = 4
	p.Call(Futex, word.Ref(), Int(cmpRequeue), Int(0), Int(0), word.Ref(), Int(7))
	same := p.NewLabel("same")
	p.Call(Futex, word.Ref(), Int(cmpRequeue), Int(0), Int(0), word.Ref(), Int(8)).On(uint32(unix.EAGAIN), same)
	p.Jump(bad)
	p.Place(same)
	finish(p)
	if _, code := run(t, p); code != 0 {
		t.Fatalf("exit status %d", code)
	}
}

func TestStubStoresAndReadsCells(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	p := NewProgram()
	fd := p.Cell("fd", -1)
	p.Call(Dup3, Int(3), Int(50), Int(0)).Into(fd)
	p.Call(Write, fd, p.Text("through a cell"), Int(14))
	finish(p)
	if _, code := run(t, p, w); code != 0 {
		t.Fatalf("exit status %d", code)
	}
	got := make([]byte, 32)
	n, _ := r.Read(got)
	if string(got[:n]) != "through a cell" {
		t.Fatalf("got %q", got[:n])
	}
}

func TestStubCellsAreSigned(t *testing.T) {
	p := NewProgram()
	neg := p.Cell("negative", -1)
	done := p.NewLabel("done")
	p.Call(Close, neg).On(uint32(unix.EBADF), done)
	p.Call(ExitGroup, Int(1))
	p.Place(done)
	finish(p)
	if _, code := run(t, p); code != 0 {
		t.Fatalf("exit status %d", code)
	}
}

func TestStubJumpsOnMaskedResult(t *testing.T) {
	p := NewProgram()
	c := p.Cell("status", 0x1207f)
	yes := p.NewLabel("yes")
	p.Sum(c, Int(0)).IfMasked(0x7f, Int(0x7e), p.NewLabel("unused")).target = nil
	p.Sum(c, Int(0)).IfMasked(0x7f, Int(0x7f), yes)
	p.Call(ExitGroup, Int(1))
	p.Place(yes)
	no := p.NewLabel("no")
	p.Sum(c, Int(0)).IfMasked(0xff00, Int(0x7f), no)
	other := p.Cell("other", 0x2000)
	same := p.NewLabel("same")
	p.Sum(c, Int(0)).IfMasked(0xf000, other, same)
	p.Place(no)
	p.Call(ExitGroup, Int(2))
	p.Place(same)
	finish(p)
	if _, code := run(t, p); code != 0 {
		t.Fatalf("exit status %d", code)
	}
}

func TestStubLoopsBySum(t *testing.T) {
	p := NewProgram()
	i := p.Cell("i", 0)
	again, done := p.NewLabel("again"), p.NewLabel("done")
	p.Place(again)
	say(p, "x")
	p.Sum(i, Int(1)).Into(i).If(Int(5), done)
	p.Jump(again)
	p.Place(done)
	finish(p)
	if out, code := run(t, p); out != "xxxxx" || code != 0 {
		t.Fatalf("got %q, %d", out, code)
	}
}

func TestStubErrnoPaths(t *testing.T) {
	t.Run("unexpected errno runs the failure handler with a record", func(t *testing.T) {
		p := NewProgram()
		p.Step("first", "")
		say(p, "a")
		p.Step("close", "/nowhere")
		p.Call(Close, Int(-5))
		say(p, "not reached")
		fail := p.NewLabel("fail")
		p.Place(fail)
		record, _ := p.FailRecord()
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
		if m.Kind != MessageFail || unix.Errno(m.Errno) != unix.EBADF || !ok || step != (Step{"close", "/nowhere"}) {
			t.Fatalf("got %+v, step %+v", m, step)
		}
	})
	t.Run("ignored errno goes on and keeps the cell", func(t *testing.T) {
		p := NewProgram()
		c := p.Cell("c", 7)
		p.Call(Close, Int(-5)).Ignore(uint32(unix.EBADF)).Into(c)
		kept := p.NewLabel("kept")
		p.Sum(c, Int(0)).If(Int(7), kept)
		p.Call(ExitGroup, Int(1))
		p.Place(kept)
		finish(p)
		if _, code := run(t, p); code != 0 {
			t.Fatalf("exit status %d", code)
		}
	})
	t.Run("another errno than the ignored one fails", func(t *testing.T) {
		p := NewProgram()
		p.Call(Close, Int(-5)).Ignore(uint32(unix.EPERM))
		finish(p)
		if _, code := run(t, p); code != 100 {
			t.Fatalf("exit status %d", code)
		}
	})
	t.Run("the errno can be compared afterwards", func(t *testing.T) {
		p := NewProgram()
		check, same := p.NewLabel("check"), p.NewLabel("same")
		in := p.Call(Close, Int(-5)).OnAny(check)
		p.Call(ExitGroup, Int(1))
		p.Place(check)
		p.Sum(in.Errno(), Int(0)).If(Int(int64(unix.EBADF)), same)
		p.Call(ExitGroup, Int(2))
		p.Place(same)
		finish(p)
		if _, code := run(t, p); code != 0 {
			t.Fatalf("exit status %d", code)
		}
	})
}

func TestStubClonesWithSharedMemory(t *testing.T) {
	p := NewProgram()
	c := p.Cell("shared", 0)
	child := p.NewLabel("child")
	pid := p.Cell("pid", 0)
	p.Call(Clone, Int(unix.CLONE_VM|unix.CLONE_VFORK|int(unix.SIGCHLD)), Int(0), Int(0), Int(0), Int(0)).Into(pid).If(Int(0), child)
	p.Call(Wait4, pid, Int(0), Int(0), Int(0))
	seen := p.NewLabel("seen")
	p.Sum(c, Int(0)).If(Int(3), seen)
	p.Call(ExitGroup, Int(1))
	p.Place(child)
	p.Set(c, Int(3))
	p.Call(ExitGroup, Int(0))
	p.Place(seen)
	finish(p)
	if _, code := run(t, p); code != 0 {
		t.Fatalf("exit status %d", code)
	}
}

func TestImageIsSealedAndSmall(t *testing.T) {
	p := NewProgram()
	finish(p)
	image, err := p.Image()
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := code(); !ok || len(text) > 1024 {
		t.Fatalf("interpreter of %d bytes, %v", len(text), ok)
	}
	e, err := NewMemoryExecutable(image, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := unix.Open(e.Path, unix.O_RDWR, 0); err == nil {
		if f, err := os.OpenFile(e.Path, os.O_RDWR, 0); err == nil {
			if _, err := f.WriteAt([]byte{0}, 0); err == nil {
				t.Fatal("a sealed image could be written")
			}
		}
	}
}

func TestFileExecutable(t *testing.T) {
	p := NewProgram()
	say(p, "from a file")
	finish(p)
	image, err := p.Image()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	e, err := NewFileExecutable(image, dir)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(e.Path).Output()
	if err != nil || string(out) != "from a file" {
		t.Fatalf("got %q, %v", out, err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
}
