package launch

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
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
	// Nothing a program does wrong may reach another process.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
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

// succeeds runs a program that is finished by finish.
func succeeds(t *testing.T, p *Program, files ...*os.File) string {
	t.Helper()
	finish(p)
	out, code := run(t, p, files...)
	if code != 0 {
		t.Fatalf("exit status %d after %q\n%s", code, out, p)
	}
	return out
}

// expect ends the program with exit status 1 unless a value is as it should.
func expect(p *Program, v Arg, want Arg) {
	same := p.NewLabel("as expected")
	p.Sum(v, Int(0)).If(want, same)
	p.Call(ExitGroup, Int(1))
	p.Place(same)
}

func say(p *Program, s string) { p.Call(Write, Int(1), p.Text(s), Int(len(s))) }

func TestStubCallWritesAndExits(t *testing.T) {
	p := NewProgram()
	say(p, "hello")
	if out := succeeds(t, p); out != "hello" {
		t.Fatalf("got %q", out)
	}
}

// smallFiles are one with a few bytes and an empty one.
func smallFiles(t *testing.T) (in, out *os.File) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), []byte("-abcde-"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(filepath.Join(dir, "in"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	if out, err = os.Create(filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return in, out
}

// copy_file_range(2) takes six arguments and minds each: here in every mixture
// of literals and cells.
func TestStubPassesSixArguments(t *testing.T) {
	copyFileRange := Call{"copy_file_range", 326, 285}
	in, out := smallFiles(t)
	p := NewProgram()
	for mixture := range 1 << 6 {
		from := p.Data("from", []byte{1, 0, 0, 0, 0, 0, 0, 0})
		to := p.Data("to", []byte{byte(5 * mixture), byte(5 * mixture >> 8), 0, 0, 0, 0, 0, 0})
		var args []Arg
		for i, v := range []uint64{3, from.Address(), 4, to.Address(), 5, 0} {
			if mixture>>i&1 == 1 {
				args = append(args, p.Cell("argument", int32(v)))
			} else {
				args = append(args, Int(v))
			}
		}
		p.Call(copyFileRange, args...).If(Int(5), p.NewLabel("unused")).target = nil
		refused := p.NewLabel("refused")
		args[5] = Int(1)
		p.Call(copyFileRange, args...).On(uint32(unix.EINVAL), refused)
		p.Call(ExitGroup, Int(1))
		p.Place(refused)
	}
	succeeds(t, p, in, out)
	got, err := os.ReadFile(out.Name())
	if err != nil || string(got) != strings.Repeat("abcde", 1<<6) {
		t.Fatalf("%q, %v", got, err)
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
	succeeds(t, p, w)
	got := make([]byte, 32)
	n, _ := r.Read(got)
	if string(got[:n]) != "through a cell" {
		t.Fatalf("got %q", got[:n])
	}
}

// A store changes four bytes and no more.
func TestStubStoresOneCell(t *testing.T) {
	p := NewProgram()
	words := p.Data("words", bytes.Repeat([]byte{0xee}, 24))
	p.Sum(Int(0x1122334455667788), Int(0)).Into(CellAt(words.Plus(8)))
	p.Call(Getpid).Into(CellAt(words.Plus(16)))
	p.Call(Write, Int(1), words, Int(24))
	out := succeeds(t, p)
	if out[:8] != strings.Repeat("\xee", 8) || out[8:12] != "\x88\x77\x66\x55" || out[12:16] != strings.Repeat("\xee", 4) || out[20:] != strings.Repeat("\xee", 4) {
		t.Fatalf("% x", out)
	}
}

func TestStubCellsAreSigned(t *testing.T) {
	p := NewProgram()
	neg := p.Cell("negative", -1)
	done := p.NewLabel("done")
	p.Call(Close, neg).On(uint32(unix.EBADF), done)
	p.Call(ExitGroup, Int(1))
	p.Place(done)
	expect(p, neg, Int(-1))
	expect(p, Int(-1), neg)
	succeeds(t, p)
}

// A cell is extended with its sign in each place. Of the calls here the kernel
// takes that argument as 64 bits, and refuses a negative one.
func TestStubCellsAreSignedInEveryPlace(t *testing.T) {
	in, out := smallFiles(t)
	p := NewProgram()
	minus := p.Cell("minus", -0x10000)
	buffer, zero := p.Buffer("buffer", 8), p.Buffer("zero", 8)
	far := p.Data("far", []byte{0, 0, 1, 0, 0, 0, 0, 0}) // the sum of both overflows
	refused := func(errno unix.Errno, c Call, args ...Arg) {
		after := p.NewLabel("refused")
		p.Call(c, args...).On(uint32(errno), after)
		p.Call(ExitGroup, Int(1))
		p.Place(after)
	}
	expect(p, minus, Int(-0x10000))
	below := p.NewLabel("below")
	p.Sum(Int(0), minus).If(Int(-0x10000), below)
	p.Call(ExitGroup, Int(1))
	p.Place(below)
	refused(unix.EINVAL, Call{"fadvise64", 221, 223}, Int(3), Int(0), minus, Int(0))
	refused(unix.EINVAL, Call{"pread64", 17, 67}, Int(3), buffer, Int(1), minus)
	refused(unix.EOVERFLOW, Call{"copy_file_range", 326, 285}, Int(3), far, Int(4), zero, minus, Int(0))
	refused(unix.EOVERFLOW, Call{"mmap", 9, 222}, Int(0), Int(0x10000), Int(unix.PROT_READ), Int(unix.MAP_PRIVATE), Int(3), minus)
	succeeds(t, p, in, out)
}

func TestStubSums(t *testing.T) {
	p := NewProgram()
	for _, c := range []struct{ a, b, want int64 }{
		{0, 0, 0}, {1, 2, 3}, {-5, 3, -2}, {1<<62 + 1, -1, 1 << 62}, {-4095, 0, -4095}, {-2, -3, -5}, {-1, 1, 0},
	} {
		same := p.NewLabel("same")
		p.Sum(Int(c.a), Int(c.b)).If(Int(c.want), same)
		p.Call(ExitGroup, Int(1))
		p.Place(same)
	}
	a, b, sum := p.Cell("a", -7), p.Cell("b", 4), p.Cell("sum", 0)
	p.Sum(a, b).Into(sum)
	expect(p, sum, Int(-3))
	p.Set(a, sum)
	expect(p, a, sum)
	succeeds(t, p)
}

// The code cannot be written to and the data cannot be executed, whatever a
// program asks for.
func TestStubCodeIsReadOnly(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	p := NewProgram()
	p.Call(Write, Int(4), p.Text("x"), Int(1))
	p.Call(Read, Int(3), Int(textBase+codeOffset), Int(1)).On(uint32(unix.EFAULT), p.NewLabel("unused")).onErrno = nil
	own := p.Cell("byte", 0)
	p.Call(Read, Int(3), own.Ref(), Int(1))
	expect(p, own, Int('x'))
	succeeds(t, p, r, w)
}
