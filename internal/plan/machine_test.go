package plan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// A machine runs a program without a kernel: it interprets the encoded image
// as the launcher does and answers its system calls itself, see kernel_test.go.
// So the order of things, the life of every descriptor and the end of every
// failure can be tested for every program, on any operating system.
type machine struct {
	lines      []line // of the listing, by instruction
	first      uint64 // address of the first instruction
	processes  []*process
	host       host
	shared     [64]byte // the page that outlives a fork
	fail       *fault
	missing    map[string]int64 // errno of execve by path
	filesystem int64            // magic number of what is mounted on /proc
	spinning   bool             // a process ran without an end
	stuck      bool             // all processes waited for each other
	outOfScope bool             // a process sent a signal to everyone that would reach the host
}

// A line is an instruction as the listing has it.
type line struct {
	step, call, text string
}

// A fault makes one instruction of one process fail.
type fault struct {
	process string
	index   int
	errno   int64
	once    bool
	hit     int // how often it did
}

const (
	dataBase, headerEntry, headerFail = 0x411000, 16, 24
	instrSize                         = 112
)

// A process is one of the three, by its role.
type process struct {
	role      string
	parent    *process
	m         *machine
	memory    []byte // shared where CLONE_VM says so
	mapped    []byte // the command's block
	at        uint64 // address of the current instruction
	files     map[int64]*file
	trace     []event
	pending   []int64 // signals
	exited    bool
	status    int64
	reaped    bool
	program   bool // execve has succeeded
	pdeath    bool
	joinedPID bool     // it makes processes in another PID namespace
	adopts    bool     // orphans below it become its children
	scoped    bool     // its signals reach its own domain alone
	born      *process // its first parent
}

// An event is a system call that returned.
type event struct {
	index  int
	line   line
	args   [6]uint64
	result int64
}

func (e event) String() string { return fmt.Sprintf("%s: %s = %d", e.line.step, e.line.call, e.result) }

var callName = regexp.MustCompile(`^(?:[^("]* = )?([a-z0-9_]+)\(`)

// listed takes a listing apart.
func listed(p *launch.Program) (out []line) {
	step := ""
	for text := range strings.Lines(p.String()) {
		switch {
		case strings.HasPrefix(text, "    "):
			l := line{step: step, call: "sum", text: strings.TrimSpace(text)}
			if found := callName.FindStringSubmatch(l.text); found != nil {
				l.call = found[1]
			}
			out = append(out, l)
		case !strings.HasPrefix(text, "  "):
			step = strings.TrimSpace(text)
		}
	}
	return out
}

// decoded is a program that can be loaded many times.
type decoded struct {
	lines  []line
	memory []byte
	first  uint64
}

func decode(t *testing.T, p *launch.Program) *decoded {
	t.Helper()
	image, err := p.Image()
	if err != nil {
		t.Skip(err) // an architecture without a launcher
	}
	d := &decoded{lines: listed(p), memory: image[dataBase%0x10000:]}
	if len(d.lines) != p.Len() {
		t.Fatalf("%d lines for %d instructions", len(d.lines), p.Len())
	}
	d.first = binary.LittleEndian.Uint64(d.memory[headerEntry:])
	return d
}

// load puts a program into a machine with one process, which the host started.
func (d *decoded) load() *machine {
	const procfs = 0x9fa0
	m := &machine{lines: d.lines, first: d.first, missing: map[string]int64{}, filesystem: procfs}
	started := &process{role: "outer", m: m, memory: bytes.Clone(d.memory), at: m.first, files: map[int64]*file{}}
	if m.has("shut the supervisor in") && !m.has("supervise") && !m.has("adopt orphans") && !m.has("share a page with the command") && !m.has("hide the launcher") {
		started.role = "init" // the host started it as PID 1
	}
	given, control := int64(8), int64(3) // standard files, control socket and what else is handed on
	if m.has("wait for the command") {
		given, control = 3, WaitingControl
	}
	for fd := range given {
		started.files[fd] = &file{kind: "given"}
	}
	started.files[control] = &file{kind: "control"}
	m.processes = []*process{started}
	m.host.unasked = m.has("wait for the host")
	return m
}

// has says whether the program has a step of this name.
func (m *machine) has(step string) bool {
	return slices.ContainsFunc(m.lines, func(l line) bool { return l.step == step })
}

func (p *process) word(address uint64) uint64 { return binary.LittleEndian.Uint64(p.view(address)) }

func (p *process) half(address uint64) uint32 { return binary.LittleEndian.Uint32(p.view(address)) }

// view is the memory from an address on: the image's, or what is mapped.
func (p *process) view(address uint64) []byte {
	switch {
	case address >= blockAddress:
		return p.mapped[address-blockAddress:]
	case address >= recordAddress:
		return p.m.shared[address-recordAddress:]
	}
	return p.memory[address-dataBase:]
}

func (p *process) setHalf(address uint64, v int64) {
	binary.LittleEndian.PutUint32(p.view(address), uint32(v))
}

func (p *process) text(address uint64) string {
	b := p.view(address)
	return string(b[:bytes.IndexByte(b, 0)])
}

func (p *process) index() int { return int(p.at-p.m.first) / instrSize }

// step runs one instruction and says whether the process could go on.
func (p *process) step() bool {
	base, flags := p.at, p.half(p.at+76)
	var args [6]uint64
	for i := range args {
		args[i] = p.word(base + 16 + 8*uint64(i))
		if flags>>i&1 == 1 {
			args[i] = uint64(int64(int32(p.half(args[i]))))
		}
	}
	l := p.m.lines[p.index()]
	var result int64
	if l.call == "sum" {
		result = int64(args[0] + args[1])
	} else {
		var done bool
		if result, done = p.call(l.call, args); !done {
			return false
		}
		p.trace = append(p.trace, event{p.index(), l, args, result})
		if p.exited || p.program {
			return false
		}
		if result < 0 && result >= -4095 {
			p.failed(base, -result)
			return true
		}
	}
	if target := p.word(base + 104); target != 0 {
		value := p.word(base + 96)
		if flags>>6&1 == 1 {
			value = uint64(int64(int32(p.half(value))))
		}
		if uint64(result)&p.word(base+88) == value {
			p.at = target
			return true
		}
	}
	if store := p.word(base + 64); store != 0 {
		p.setHalf(store, result)
	}
	p.at += instrSize
	return true
}

// failed goes where an errno leads.
func (p *process) failed(base uint64, errno int64) {
	p.setHalf(base+4, errno)
	expect := p.half(base + 72)
	if expect != 0xffff && int64(expect) != errno {
		p.setHalf(dataBase+4, int64(p.half(base)))
		p.setHalf(dataBase+8, errno)
		p.at = p.word(dataBase + headerFail)
		return
	}
	if p.at = base + instrSize; p.word(base+80) != 0 {
		p.at = p.word(base + 80)
	}
}

// run runs all processes until none is left, or none can go on.
func (m *machine) run() {
	const most = 20_000 // instructions; no program takes half of that
	steps := 0
	for {
		progress := false
		for _, p := range slices.Clone(m.processes) {
			done := len(p.trace)
			for !p.exited && !p.program && p.step() {
				progress = true
				if steps++; steps > most {
					m.spinning = true
					return
				}
			}
			progress = progress || len(p.trace) > done // the last call of a process
		}
		if m.alive() == 0 {
			return
		}
		if !progress && !m.host.act(m) {
			m.stuck = true
			return
		}
	}
}

func (m *machine) alive() (n int) {
	for _, p := range m.processes {
		if !p.exited {
			n++
		}
	}
	return n
}

// process finds a process by its role.
func (m *machine) process(role string) *process {
	for _, p := range m.processes {
		if p.role == role {
			return p
		}
	}
	return nil
}
