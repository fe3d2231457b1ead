package plan

import (
	"slices"
	"strings"
)

// The kernel of a machine knows as much as the programs need: processes,
// descriptors, pipes, signals that wait, and the control socket. All else
// succeeds and is found in the trace.

// A file is what a descriptor refers to.
type file struct {
	kind    string
	cloexec bool
	process *process // of a pidfd
	content string   // what was written to it last
}

const (
	ebadf, epipe, enotsock = 9, 32, 88

	killed = -1 // status of a process that was killed
)

// call answers a system call; done is false where it would wait.
func (p *process) call(name string, args [6]uint64) (result int64, done bool) {
	if f := p.m.fail; f != nil && f.process == p.role && f.index == p.index() && (f.hit == 0 || !f.once) {
		f.hit++
		return -f.errno, true
	}
	fd := int64(args[0])
	switch name {
	case "openat", "signalfd4", "socket", "open_tree", "fsopen", "fsmount", "openat2", "pidfd_open", "landlock_create_ruleset":
		return p.opened(name, args)
	case "pipe2":
		cloexec := args[1]&oCloexec != 0
		p.setHalf(args[0], p.add(&file{kind: "pipe for reading", cloexec: cloexec}))
		p.setHalf(args[0]+4, p.add(&file{kind: "pipe for writing", cloexec: cloexec}))
		return 0, true
	case "close":
		if p.files[fd] == nil {
			return -ebadf, true
		}
		delete(p.files, fd)
		return 0, true
	case "dup3":
		if p.files[fd] == nil {
			return -ebadf, true
		}
		if args[0] == args[1] {
			return -22, true // EINVAL
		}
		dup := *p.files[fd]
		dup.cloexec = args[2]&oCloexec != 0
		p.files[int64(args[1])] = &dup
		return int64(args[1]), true
	case "close_range":
		p.closeRange(args[0], args[1], args[2])
		return 0, true
	case "clone", "clone3":
		return p.clone(name, args), true
	case "execve":
		return p.execve(p.text(args[0])), true
	case "exit_group":
		p.exit(int64(args[0] & 0xff))
		return 0, true
	case "getpid":
		return 100, true
	case "mmap":
		if args[0] == blockAddress {
			p.mapped = candidates().Command.Block()
		}
		return int64(args[0]), true
	case "setns":
		p.joinedPID = p.joinedPID || args[1] == cloneNewPID
		return 0, true
	case "prctl":
		p.pdeath = p.pdeath || args[0] == prSetPdeathsig && args[1] == sigkill
		p.adopts = p.adopts || args[0] == prSetChildSubreaper && args[1] == 1
		return 0, true
	case "landlock_restrict_self":
		p.scoped = true
		return 0, true
	case "write":
		if p.files[fd] == nil {
			return -ebadf, true
		}
		p.files[fd].content = string(p.memory[args[1]-dataBase:][:args[2]])
		return int64(args[2]), true
	case "fstatfs":
		p.setHalf(args[1], p.m.filesystem)
		return 0, true
	case "pread64":
		// As AppArmor does, which forgets how it was asked.
		_, label, _ := strings.Cut(p.files[fd].content, " ")
		return int64(copy(p.memory[args[1]-dataBase:], label+" (enforce)\n")), true
	case "fail":
		return -fd, true
	case "sendto", "sendmsg", "recvmsg", "recvfrom":
		return p.talk(name, args)
	case "read", "ppoll", "futex", "wait4":
		return p.wait(name, args)
	case "kill":
		if int64(args[0]) == everyone {
			return p.killDescendants(), true
		}
		if i := int(args[0]) - p.m.pids() - 1; args[1] == sigkill && i >= 0 && i < len(p.m.processes) {
			p.m.processes[i].exit(killed)
		}
		return 0, true
	}
	return 0, true
}

// add takes the lowest free descriptor.
func (p *process) add(f *file) int64 {
	fd := int64(0)
	for p.files[fd] != nil {
		fd++
	}
	p.files[fd] = f
	return fd
}

// opened makes a descriptor, with close-on-exec as the flags say.
func (p *process) opened(name string, args [6]uint64) (int64, bool) {
	f := &file{kind: name}
	switch name {
	case "openat":
		f.cloexec = args[2]&oCloexec != 0
		if _, ok := p.files[int64(args[0])]; !ok && int32(args[0]) != atFDCWD {
			return -ebadf, true
		}
	case "openat2":
		f.cloexec = p.word(args[2])&oCloexec != 0
	case "signalfd4":
		f.cloexec = args[3]&oCloexec != 0
	case "socket":
		f.cloexec = args[1]&oCloexec != 0
	case "open_tree":
		f.cloexec = args[2]&oCloexec != 0
	case "fsopen", "fsmount":
		f.cloexec = args[1]&1 != 0
	default: // the kernel always sets it
		f.cloexec = true
	}
	if name == "pidfd_open" {
		f.process = p
	}
	return p.add(f), true
}

func (p *process) closeRange(first, last, flags uint64) {
	const cloexec = 4
	for fd, f := range p.files {
		switch {
		case uint64(fd) < first || uint64(fd) > last:
		case flags&cloexec != 0:
			copied := *f
			copied.cloexec = true
			p.files[fd] = &copied
		default:
			delete(p.files, fd)
		}
	}
}

// clone makes the next process: PID 1 first, then the command.
func (p *process) clone(name string, args [6]uint64) int64 {
	flags, pidfd := args[0], args[2]
	if name == "clone3" {
		flags, pidfd = p.word(args[0]), p.word(args[0]+8)
	}
	role := "command"
	supervises := flags&cloneNewPID != 0 || p.joinedPID || p.m.has("adopt orphans") && p.role == "outer"
	if supervises && !p.m.has("share a page with the command") {
		role = "init"
	}
	child := &process{role: role, parent: p, born: p, scoped: p.scoped, m: p.m, memory: p.memory, mapped: p.mapped, at: p.at, files: map[int64]*file{}}
	if flags&cloneVM == 0 {
		child.memory = slices.Clone(p.memory)
	}
	for fd, f := range p.files {
		copied := *f
		child.files[fd] = &copied
	}
	if flags&clonePIDFD != 0 {
		p.setHalf(pidfd, p.add(&file{kind: "pidfd", cloexec: true, process: child}))
	}
	// The child sees the same call return 0, and jumps.
	child.at = p.word(p.at + 104)
	p.m.processes = append(p.m.processes, child)
	return int64(p.m.pids() + len(p.m.processes))
}

// pids is where the numbers of processes begin. A program that looks for one of
// them in /proc knows what it will be.
func (m *machine) pids() int {
	if m.has("enter the user namespace /proc/2/ns/user") {
		return 0
	}
	return 1000
}

// isPID1 says whether the end of a process is the end of its PID namespace.
func (p *process) isPID1() bool {
	return p.role == "init" && !p.m.has("adopt orphans") && (p.parent == nil || !p.parent.joinedPID)
}

// killDescendants is a signal to every process from within a domain that scopes
// signals. From anywhere else it would reach the host.
func (p *process) killDescendants() int64 {
	if !p.scoped {
		p.m.outOfScope = true
	}
	for _, other := range p.m.processes {
		if other != p && other.below(p) {
			other.exit(killed)
		}
	}
	return 0
}

func (p *process) below(ancestor *process) bool {
	for q := p; q != nil; q = q.born {
		if q.born == ancestor {
			return true
		}
	}
	return false
}

// execve replaces the command by the program.
func (p *process) execve(path string) int64 {
	if errno := p.m.missing[path]; errno != 0 {
		return -errno
	}
	p.program = true
	for fd, f := range p.files {
		if f.cloexec {
			delete(p.files, fd)
		}
	}
	return 0
}

// exit ends a process, and with it whoever depends on it.
func (p *process) exit(status int64) {
	if p.exited {
		return
	}
	p.exited, p.status, p.files = true, status, nil
	defer p.orphan()
	if p.parent != nil {
		p.parent.pending = append(p.parent.pending, sigchld)
	}
	for _, other := range p.m.processes {
		if p.isPID1() && other != p && other.role != "outer" || other.parent == p && other.pdeath {
			other.exit(killed)
		}
	}
}

// orphan gives the children of a process that has ended to the nearest that adopts.
func (p *process) orphan() {
	adopter := p.parent
	for adopter != nil && (adopter.exited || !adopter.adopts) {
		adopter = adopter.parent
	}
	if adopter == nil {
		return // to somebody outside
	}
	for _, other := range p.m.processes {
		if other.parent == p && !other.reaped {
			other.parent = adopter
			if other.exited {
				adopter.pending = append(adopter.pending, sigchld)
			}
		}
	}
}
