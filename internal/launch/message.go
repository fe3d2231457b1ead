package launch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// The launcher and the host talk over one SOCK_SEQPACKET pair. Every message
// starts with a MessageKind and is at most maxMessage bytes long.
//
//	launcher                      host
//	   | -- Born (descriptor) ----> |  the pidfd of PID 1
//	   | -- Map (credentials) ----> |  writes the id maps of the sender
//	   | <-- one byte, descriptors- |  the cgroups to enter
//	   | -- Command (credentials) > |  learns the command's pid
//	   | -- Ready --------------- > |  a launcher of a pool waits for its command
//	   | <-- one byte, descriptors- |  the command and its files
//	   | -- Files (descriptors) --> |  from a courier: what os/exec gave to it
//	   | -- Started (descriptors) > |  execve succeeded, and when: the pidfd of the
//	   |                            |  command, and the mount namespace
//	   | -- Exited -------------- > |  the command's wait status and usage, and when
//	   | -- Fail ---------------- > |  instruction and errno, at any time
//
// End of file means that every launcher process is gone. What arrives is
// treated as untrusted input: the launcher runs inside the sandbox.
type MessageKind uint32

// The kinds of messages.
const (
	MessageFail MessageKind = iota + 1
	MessageMap
	MessageCommand
	MessageStarted
	MessageExited
	MessageBorn
	MessageReady
	MessageFiles
)

const (
	maxMessage  = 256
	rusageSize  = 144
	stampSize   = 16 // of struct timespec
	startedSize = simpleSize + stampSize
	exitedSize  = rusageStart + rusageSize + stampSize
	failSize    = 16
	simpleSize  = 8
	rusageStart = 8
)

// Size is how many bytes a message of this kind has.
func (k MessageKind) Size() Int {
	switch k {
	case MessageFail:
		return failSize
	case MessageStarted:
		return startedSize
	case MessageExited:
		return exitedSize
	}
	return simpleSize
}

// passes says whether a message of this kind comes with so many descriptors.
func (k MessageKind) passes(files int) bool {
	switch k {
	case MessageBorn:
		return files == 1
	case MessageStarted:
		return files == 1 || files == 2
	case MessageFiles:
		return files >= 3
	}
	return files == 0
}

// A Message is what the launcher says.
type Message struct {
	Kind   MessageKind
	Index  int           // Fail: the instruction that failed
	Errno  uint32        // Fail
	Detail uint32        // Fail: what the program says besides
	Status uint32        // Exited: as wait4(2) gives it
	Usage  Rusage        // Exited: the command and the children it waited for
	At     time.Duration // Started, Exited: when, on CLOCK_MONOTONIC; 0 if that is not known
	PID    int           // the sender, in the host's PID namespace
	Files  []int         // Born, Started, Files: the descriptors passed along
}

// Rusage is the part of getrusage(2) that a result reports.
type Rusage struct {
	UserMicros, SystemMicros int64
	MaxRSSKiB                int64
}

// parseMessage decodes the body of a message.
func parseMessage(b []byte) (Message, error) {
	le := binary.LittleEndian
	if len(b) < 4 {
		return Message{}, errors.New("launch: short message")
	}
	m := Message{Kind: MessageKind(le.Uint32(b))}
	if m.Kind < MessageFail || m.Kind > MessageFiles {
		return Message{}, fmt.Errorf("launch: message of unknown kind %d", m.Kind)
	}
	if want := int(m.Kind.Size()); len(b) != want {
		return Message{}, fmt.Errorf("launch: message of kind %d with %d bytes instead of %d", m.Kind, len(b), want)
	}
	switch m.Kind {
	case MessageFail:
		m.Index, m.Errno, m.Detail = int(le.Uint32(b[4:])), le.Uint32(b[8:]), le.Uint32(b[12:])
	case MessageStarted:
		m.At = parseStamp(b[simpleSize:])
	case MessageExited:
		m.Status = le.Uint32(b[4:])
		m.Usage = parseRusage(b[rusageStart:])
		m.At = parseStamp(b[rusageStart+rusageSize:])
	}
	return m, nil
}

// parseStamp decodes a struct timespec, and what cannot be one to 0.
func parseStamp(b []byte) time.Duration {
	seconds, nanoseconds := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	if seconds >= uint64(math.MaxInt64/time.Second) || nanoseconds >= uint64(time.Second) {
		return 0
	}
	return time.Duration(seconds)*time.Second + time.Duration(nanoseconds)
}

func parseRusage(b []byte) Rusage {
	word := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[8*i:])) }
	return Rusage{
		UserMicros:   word(0)*1e6 + word(1),
		SystemMicros: word(2)*1e6 + word(3),
		MaxRSSKiB:    word(4),
	}
}

// Message places a message for the launcher to send.
func (p *Program) Message(k MessageKind) Ref {
	b := binary.LittleEndian.AppendUint32(nil, uint32(k))
	return p.Data("message", append(b, make([]byte, int(k.Size())-len(b))...))
}

// SimpleSize and the others are the sizes of messages, for send calls.
const (
	SimpleSize = Int(simpleSize)
	FailSize   = Int(failSize)
	ExitedSize = Int(exitedSize)
)

// ExitedFields are the places in an Exited message that wait4(2) fills.
func ExitedFields(m Ref) (status Cell, usage Ref) { return CellAt(m.Plus(4)), m.Plus(rusageStart) }

// StartedAt and ExitedAt are the places that clock_gettime(2) fills.
func StartedAt(m Ref) Ref { return m.Plus(simpleSize) }
func ExitedAt(m Ref) Ref  { return m.Plus(rusageStart + rusageSize) }
