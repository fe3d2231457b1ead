package launch

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// A Program is a list of system calls with their arguments, each tagged with
// the step it belongs to. It is built once by its methods and then encoded;
// the zero value is not usable, see [NewProgram].
type Program struct {
	steps  []Step
	who    string // takes the steps that follow
	instrs []*Instr
	data   []byte
	at     map[int]string // data offset -> what lies there, for the listing
	texts  map[string]Ref
	fail   *Label
}

// A Step is a part of the set-up that an error report names.
type Step struct {
	Name string // such as "mount /proc"
	Path string // the file it is about, if any
	Who  string // the process that takes it, such as "PID 1"
}

// String is one line.
func (s Step) String() string { return strings.TrimSpace(s.Name + " " + Printable(s.Path)) }

// Printable quotes a text that would not stay on its line.
func Printable(s string) string {
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}

// Arg is an argument of a system call: an [Int], a [Ref] or a [Cell].
type Arg interface {
	arg() (value uint64, indirect bool)
}

// Int is a literal argument.
type Int int64

func (i Int) arg() (uint64, bool) { return uint64(i), false }

// Ref is the address of data in the image.
type Ref struct{ offset int }

func (r Ref) arg() (uint64, bool) { return r.Address(), false }

// Address is the address of the data in the launcher's memory.
func (r Ref) Address() uint64 { return dataBase + headerSize + uint64(r.offset) }

// Mapped names a place outside of the image, in memory that the program maps.
func (p *Program) Mapped(name string, address uint64) Ref {
	r := Ref{int(address) - dataBase - headerSize}
	p.at[r.offset] = name
	return r
}

// Plus is the address n bytes further on.
func (r Ref) Plus(n int) Ref { return Ref{r.offset + n} }

// Cell is the value of a 32-bit cell at the time of the call: a descriptor or
// a process id that an earlier call returned.
type Cell struct{ ref Ref }

func (c Cell) arg() (uint64, bool) { return c.ref.Address(), true }

// Ref is the cell's own address.
func (c Cell) Ref() Ref { return c.ref }

// CellAt makes the 32-bit word at r usable as a cell.
func CellAt(r Ref) Cell { return Cell{r} }

// A Label is a place in a program, to jump to.
type Label struct {
	name  string
	index int // of the instruction that follows, -1 until placed
}

// An Instr is one system call, or the sum of two values.
type Instr struct {
	call    Call
	index   int
	step    int
	args    [6]Arg
	store   *Cell
	expect  uint32
	onErrno *Label
	mask    uint64
	value   Arg
	target  *Label
	patch   *Instr // whose first argument the result becomes
}

// NewProgram returns an empty program.
func NewProgram() *Program {
	return &Program{at: map[int]string{}, texts: map[string]Ref{}, steps: []Step{{Name: "start"}}}
}

// pointee is a cell whose address an instruction puts in its place.
type pointee struct{}

func (pointee) arg() (uint64, bool) { return 0, true }

// Errno is the errno that the instruction ended with last, 0 before that.
func (in *Instr) Errno() Arg { return errnoArg{in} }

// errnoArg is a cell inside an instruction, known when the program is encoded.
type errnoArg struct{ *Instr }

func (errnoArg) arg() (uint64, bool) { panic("launch: the address is not known before encoding") }

// Step begins a step: the instructions that follow belong to it.
func (p *Program) Step(name, path string) { p.steps = append(p.steps, Step{name, path, p.who}) }

// Process says which process takes the steps that follow.
func (p *Program) Process(who string) { p.who = who }

// Call appends a system call. It panics when given more than six arguments,
// which only a mistake in this module can do.
func (p *Program) Call(c Call, args ...Arg) *Instr {
	in := &Instr{call: c, index: len(p.instrs), step: len(p.steps) - 1}
	if len(args) > len(in.args) {
		panic("launch: more than six arguments for " + c.Name)
	}
	copy(in.args[:], args)
	p.instrs = append(p.instrs, in)
	return in
}

// Sum appends the operation that adds two values; with b = Int(0) it loads a.
func (p *Program) Sum(a, b Arg) *Instr { return p.Call(sum, a, b) }

// Jump appends an unconditional jump.
func (p *Program) Jump(l *Label) { p.Sum(Int(0), Int(0)).If(Int(0), l) }

// Set appends the assignment of a value to a cell.
func (p *Program) Set(c Cell, v Arg) { p.Sum(v, Int(0)).Into(c) }

// Load appends the operation that takes the cell to which another cell points:
// the first instruction puts the pointer where the second has the address of its
// argument. The result is the second.
func (p *Program) Load(pointer Cell) *Instr {
	point := p.Sum(pointer, Int(0))
	point.patch = p.Sum(pointee{}, Int(0))
	return point.patch
}

// Into stores the result in a cell when the call succeeds and no jump is taken.
func (in *Instr) Into(c Cell) *Instr { in.store = &c; return in }

// Ignore continues with the next instruction after this errno.
func (in *Instr) Ignore(errno uint32) *Instr { in.expect = errno; return in }

// IgnoreAll continues with the next instruction after any errno.
func (in *Instr) IgnoreAll() *Instr { return in.Ignore(anyErrno) }

// On jumps after this errno.
func (in *Instr) On(errno uint32, l *Label) *Instr { in.expect, in.onErrno = errno, l; return in }

// OnAny jumps after any errno.
func (in *Instr) OnAny(l *Label) *Instr { return in.On(anyErrno, l) }

// If jumps when the call succeeds with this result.
func (in *Instr) If(value Arg, l *Label) *Instr { return in.IfMasked(^uint64(0), value, l) }

// IfMasked jumps when result&mask equals the value.
func (in *Instr) IfMasked(mask uint64, value Arg, l *Label) *Instr {
	in.mask, in.value, in.target = mask, value, l
	return in
}

// Replace makes instruction i another call; what follows it stays. With it and
// with [Program.Fail] tests see what becomes of a program in which a call does
// something else than it should.
func (p *Program) Replace(i int, c Call, args ...Arg) {
	in := p.instrs[i]
	in.call, in.args = c, [6]Arg{}
	copy(in.args[:], args)
}

// Fail makes instruction i fail with an errno and do nothing else.
func (p *Program) Fail(i int, errno uint32) {
	p.Replace(i, failing(errno), Int(errno))
}

// Raise appends an instruction that fails with an errno, for what only the
// program itself finds wrong.
func (p *Program) Raise(errno uint32) { p.Call(failing(errno), Int(errno)) }

func failing(errno uint32) Call {
	n := sumNumber - int(errno)
	return Call{"fail", n, n}
}

// NewLabel returns a label that is yet to be placed.
func (p *Program) NewLabel(name string) *Label { return &Label{name: name, index: -1} }

// Place puts the label before the next instruction.
func (p *Program) Place(l *Label) { l.index = len(p.instrs) }

// OnFailure names the handler that runs after an unexpected errno.
func (p *Program) OnFailure(l *Label) { p.fail = l }

// SetFailure appends the change of the failure handler while the program runs.
func (p *Program) SetFailure(l *Label) {
	in := p.Sum(labelArg{l}, Int(0))
	in.store = &Cell{Ref{headerFail - headerSize}}
}

// labelArg is the address of a label, known when the program is encoded.
type labelArg struct{ *Label }

func (l labelArg) arg() (uint64, bool) {
	panic("launch: a label's address is not known before encoding")
}

// FailRecord is the failure record in the header, as a message. The program may
// keep a word in it that tells more.
func (p *Program) FailRecord() (record Ref, errno, detail Cell) {
	return Ref{-headerSize}, Cell{Ref{headerErrno - headerSize}}, Cell{Ref{headerDetail - headerSize}}
}

// Cell reserves a 32-bit cell with an initial value.
func (p *Program) Cell(name string, initial int32) Cell {
	return Cell{p.place(binary.LittleEndian.AppendUint32(nil, uint32(initial)), 4, "$"+name)}
}

// Text places a NUL-terminated string; equal strings share their place.
func (p *Program) Text(s string) Ref {
	if r, ok := p.texts[s]; ok {
		return r
	}
	r := p.place(append([]byte(s), 0), 1, fmt.Sprintf("%q", s))
	p.texts[s] = r
	return r
}

// Data places bytes, aligned to eight.
func (p *Program) Data(name string, b []byte) Ref { return p.place(b, 8, "&"+name) }

// Fill changes data that was placed before, where its address had to be known.
func (p *Program) Fill(r Ref, b []byte) { copy(p.data[r.offset:], b) }

// Buffer places n zero bytes for the kernel to fill.
func (p *Program) Buffer(name string, n int) Ref { return p.Data(name, make([]byte, n)) }

// Pointers places a NULL-terminated list of pointers, as argv.
func (p *Program) Pointers(name string, refs []Ref) Ref {
	b := make([]byte, 0, 8*(len(refs)+1))
	for _, r := range refs {
		b = binary.LittleEndian.AppendUint64(b, r.Address())
	}
	return p.Data(name, binary.LittleEndian.AppendUint64(b, 0))
}

func (p *Program) place(b []byte, align int, name string) Ref {
	for len(p.data)%align != 0 {
		p.data = append(p.data, 0)
	}
	r := Ref{len(p.data)}
	p.data = append(p.data, b...)
	p.at[r.offset] = name
	return r
}

// StepOf returns the step that instruction i belongs to.
func (p *Program) StepOf(i int) (Step, bool) {
	if i < 0 || i >= len(p.instrs) {
		return Step{}, false
	}
	return p.steps[p.instrs[i].step], true
}

// Steps returns the steps in order.
func (p *Program) Steps() []Step { return p.steps }

// Len is the number of instructions.
func (p *Program) Len() int { return len(p.instrs) }
