package plan

import (
	"encoding/binary"
	"slices"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// host is the other end of the control socket.
type host struct {
	messages []message
	answers  int  // that wait for the launcher
	unasked  bool // it sends the cgroups without having been asked for the maps
	hungUp   bool // no answer will come
	gone     bool // the host program is dead
}

type message struct {
	kind         launch.MessageKind
	index, errno int64
	detail       uint32
	files        int
	from         string
}

// act does what only the host can do when every process waits: it ends the
// command, or gives up.
func (h *host) act(m *machine) bool {
	if h.gone {
		return false
	}
	for _, p := range m.processes {
		if p.program && !p.exited {
			p.exit(0)
			return true
		}
	}
	if h.failed() && !h.hungUp {
		h.hungUp = true
		return true
	}
	return false
}

func (h *host) failed() bool {
	return slices.ContainsFunc(h.messages, func(m message) bool { return m.kind == launch.MessageFail })
}

// receive takes a message and answers it.
func (h *host) receive(m message) {
	h.messages = append(h.messages, m)
	if m.kind == launch.MessageMap || m.kind == launch.MessageReady {
		h.answers++
	}
}

// talk is the control socket.
func (p *process) talk(name string, args [6]uint64) (int64, bool) {
	f := p.files[int64(args[0])]
	switch {
	case f == nil:
		return -ebadf, true
	case f.kind != "control":
		return -enotsock, true
	}
	h := &p.m.host
	if h.gone && (name == "sendto" || name == "sendmsg") {
		return -epipe, true
	}
	switch name {
	case "sendto":
		m := message{kind: launch.MessageKind(p.half(args[1])), from: p.role}
		if m.kind == launch.MessageFail {
			m.index, m.errno, m.detail = int64(p.half(args[1]+4)), int64(p.half(args[1]+8)), p.half(args[1]+12)
		}
		h.receive(m)
		return int64(args[2]), true
	case "sendmsg":
		iov, control := p.word(args[1]+16), p.word(args[1]+32)
		sent := p.half(control + 16)
		if p.files[int64(sent)] == nil {
			return -ebadf, true
		}
		h.receive(message{kind: launch.MessageKind(p.half(p.word(iov))), files: 1, from: p.role})
		return int64(p.word(iov + 8)), true
	case "recvmsg", "recvfrom":
		wanted := 0
		if name == "recvmsg" {
			wanted = max(0, int(p.word(args[1]+40))-16) / 4
		}
		switch {
		case h.gone:
			return 0, true
		case h.answers > 0:
			h.answers--
		case h.unasked && !h.hungUp && !h.failed():
			h.unasked = false
		case h.hungUp:
			return 0, true
		default:
			return 0, false
		}
		kind := "cgroup"
		if p.m.lines[p.index()].step == "wait for the command" {
			wanted, kind = 1+3, "given" // the block and the standard files
		}
		for i := range wanted {
			at := p.word(args[1]+32) + 16 + 4*uint64(i)
			binary.LittleEndian.PutUint32(p.memory[at-dataBase:], uint32(p.add(&file{kind: kind, cloexec: true})))
		}
		return 1, true
	}
	return 0, true
}

// wait is for the calls that wait for another process.
func (p *process) wait(name string, args [6]uint64) (int64, bool) {
	switch name {
	case "futex":
		const wait = 0
		if args[1] == wait && uint64(p.half(args[0])) == args[2] {
			return 0, false
		}
		return 0, true
	case "ppoll":
		return p.poll(args)
	case "wait4":
		for _, child := range p.m.processes {
			if child.parent == p && child.exited && !child.reaped {
				child.reaped = true
				if args[1] != 0 {
					p.setHalf(args[1], child.status<<8&0xff00)
				}
				return int64(p.m.pids() + slices.Index(p.m.processes, child) + 1), true
			}
		}
		if !slices.ContainsFunc(p.m.processes, func(c *process) bool { return c.parent == p && !c.reaped }) && p.m.has("adopt orphans") {
			return -echild, true
		}
		return 0, args[2]&wnohang != 0
	}
	f := p.files[int64(args[0])]
	switch {
	case f == nil:
		return -ebadf, true
	case f.kind == "signalfd4":
		if len(p.pending) == 0 {
			return 0, false
		}
		p.setHalf(args[1], p.pending[0])
		p.pending = p.pending[1:]
		return int64(args[2]), true
	case f.kind == "pipe for reading":
		return 0, !p.m.anyHas("pipe for writing")
	}
	return -22, true // EINVAL
}

// anyHas says whether any process has such a descriptor.
func (m *machine) anyHas(kind string) bool {
	for _, p := range m.processes {
		for _, f := range p.files {
			if f.kind == kind {
				return true
			}
		}
	}
	return false
}

// poll waits for signals, the host and the death of a process.
func (p *process) poll(args [6]uint64) (int64, bool) {
	ready := int64(0)
	for i := range args[1] {
		at := args[0] + 8*i
		f, revents := p.files[int64(int32(p.half(at)))], uint32(0)
		switch {
		case f == nil:
			revents = 0x20 // POLLNVAL
		case f.kind == "control" && p.m.host.gone:
			revents = 0x10 // POLLHUP
		case f.kind == "signalfd4" && len(p.pending) > 0, f.process != nil && f.process.exited:
			revents = pollIn
		case f.kind == "pipe for writing" && !p.m.anyHas("pipe for reading"):
			revents = 0x8 // POLLERR
		}
		events := p.half(at+4) & 0xffff
		p.setHalf(at+4, int64(events|revents<<16))
		if revents != 0 {
			ready++
		}
	}
	if ready == 0 && args[2] == 0 {
		return 0, false
	}
	return ready, true
}
