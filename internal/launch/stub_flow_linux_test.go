package launch

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestStubJumpsOnMaskedResult(t *testing.T) {
	p := NewProgram()
	c := p.Cell("status", 0x1207f)
	no, yes := p.NewLabel("no"), p.NewLabel("yes")
	p.Sum(c, Int(0)).IfMasked(0x7f, Int(0x7e), no)
	p.Sum(c, Int(0)).IfMasked(0xff00, Int(0x7f), no)
	p.Sum(c, Int(0)).IfMasked(0x7f, Int(0x7f), yes)
	p.Place(no)
	p.Call(ExitGroup, Int(1))
	p.Place(yes)
	other := p.Cell("other", 0x2000)
	same := p.NewLabel("same")
	p.Sum(c, Int(0)).IfMasked(0xf000, other, same)
	p.Jump(no)
	p.Place(same)
	succeeds(t, p)
}

// A result is compared as a whole, not only the part that a cell can hold.
func TestStubComparesAllBits(t *testing.T) {
	p := NewProgram()
	no, yes := p.NewLabel("no"), p.NewLabel("yes")
	p.Sum(Int(1<<32+5), Int(0)).If(Int(5), no)
	p.Sum(Int(1<<32-1), Int(0)).If(Int(-1), no)
	p.Sum(Int(1<<32+5), Int(0)).IfMasked(0xffffffff, Int(5), yes)
	p.Place(no)
	p.Call(ExitGroup, Int(1))
	p.Place(yes)
	succeeds(t, p)
}

func TestStubJumpsOnTheResultOfACall(t *testing.T) {
	p := NewProgram()
	no, yes := p.NewLabel("no"), p.NewLabel("yes")
	p.Call(Write, Int(1), p.Text("four"), Int(4)).If(Int(3), no)
	p.Call(Write, Int(1), p.Text("four"), Int(4)).If(Int(4), yes)
	p.Place(no)
	p.Call(ExitGroup, Int(1))
	p.Place(yes)
	// A failed call has no result to compare.
	p.Call(Close, Int(-1)).Ignore(uint32(unix.EBADF)).If(Int(-int64(unix.EBADF)), no)
	if out := succeeds(t, p); out != "fourfour" {
		t.Fatalf("got %q", out)
	}
}

func TestStubJumpsBackAndForth(t *testing.T) {
	p := NewProgram()
	a, b, c := p.NewLabel("a"), p.NewLabel("b"), p.NewLabel("c")
	p.Jump(b)
	p.Place(a)
	say(p, "2")
	p.Jump(c)
	p.Place(b)
	say(p, "1")
	p.Jump(a)
	p.Place(c)
	say(p, "3")
	if out := succeeds(t, p); out != "123" {
		t.Fatalf("got %q", out)
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
	// The jump out of the loop skips the last store.
	expect(p, i, Int(4))
	if out := succeeds(t, p); out != "xxxxx" {
		t.Fatalf("got %q", out)
	}
}

func TestStubJumpSkipsTheStore(t *testing.T) {
	p := NewProgram()
	c := p.Cell("c", 5)
	to, from := p.NewLabel("to"), p.NewLabel("from")
	p.Sum(Int(9), Int(0)).Into(c).If(Int(9), to)
	p.Place(to)
	expect(p, c, Int(5))
	p.Sum(Int(9), Int(0)).Into(c).If(Int(8), from)
	p.Place(from)
	expect(p, c, Int(9))
	succeeds(t, p)
}

const cloneVM, cloneVfork, sigchld = 0x100, 0x4000, 17

func TestStubClonesWithSharedMemory(t *testing.T) {
	p := NewProgram()
	c := p.Cell("shared", 0)
	child := p.NewLabel("child")
	pid := p.Cell("pid", 0)
	p.Call(Clone, Int(cloneVM|cloneVfork|sigchld), Int(0), Int(0), Int(0), Int(0)).Into(pid).If(Int(0), child)
	p.Call(Wait4, pid, Int(0), Int(0), Int(0))
	seen := p.NewLabel("seen")
	p.Sum(c, Int(0)).If(Int(3), seen)
	p.Call(ExitGroup, Int(1))
	p.Place(child)
	p.Set(c, Int(3))
	p.Call(ExitGroup, Int(0))
	p.Place(seen)
	succeeds(t, p)
}

// The child of a clone in shared memory leaves the cell with its pid to the
// parent: it jumps, and a jump skips the store. With CLONE_VFORK the parent
// only stores after the child has ended, so what the child sees is its own.
func TestStubCloneLeavesTheCellToTheParent(t *testing.T) {
	p := NewProgram()
	pid, seen, status := p.Cell("pid", 77), p.Cell("seen by the child", 0), p.Cell("status", -1)
	child := p.NewLabel("child")
	p.Call(Clone, Int(cloneVM|cloneVfork|sigchld), Int(0), Int(0), Int(0), Int(0)).Into(pid).If(Int(0), child)
	p.Call(Wait4, pid, status.Ref(), Int(0), Int(0))
	expect(p, seen, Int(77))
	expect(p, status, Int(0))
	p.Call(ExitGroup, Int(0))
	p.Place(child)
	p.Sum(pid, Int(0)).Into(seen)
	succeeds(t, p)
}

// Two processes in one address space have no register and no stack in common.
func TestStubProcessesRunSideBySide(t *testing.T) {
	const rounds = 20_000
	p := NewProgram()
	pid := p.Cell("pid", 0)
	child, join := p.NewLabel("child"), p.NewLabel("join")
	count := func(name string, step int) Cell {
		i, again, done := p.Cell(name, 0), p.NewLabel("again "+name), p.NewLabel("after "+name)
		p.Place(again)
		p.Sum(i, Int(step)).Into(i)
		p.Call(Getpid)
		p.Sum(i, Int(0)).If(Int(rounds*step), done)
		p.Jump(again)
		p.Place(done)
		return i
	}
	p.Call(Clone, Int(cloneVM|sigchld), Int(0), Int(0), Int(0), Int(0)).Into(pid).If(Int(0), child)
	parents := count("parent", 3)
	p.Jump(join)
	p.Place(child)
	children := count("child", 7)
	p.Call(ExitGroup, Int(0))
	p.Place(join)
	p.Call(Wait4, pid, Int(0), Int(0), Int(0))
	expect(p, parents, Int(3*rounds))
	expect(p, children, Int(7*rounds))
	succeeds(t, p)
}
