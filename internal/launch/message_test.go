package launch

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"
)

// words32 is a message body.
func words32(words ...uint32) (b []byte) {
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// started is a Started message with this time.
func started(seconds, nanoseconds uint64) []byte {
	b := binary.LittleEndian.AppendUint64(words32(uint32(MessageStarted), 0), seconds)
	return binary.LittleEndian.AppendUint64(b, nanoseconds)
}

// exited is an Exited message with these values in struct rusage, and after them the
// time.
func exited(status uint32, usage ...uint64) []byte {
	b := words32(uint32(MessageExited), status)
	for i := range 18 + 2 { // and struct timespec
		var v uint64
		if i < len(usage) {
			v = usage[i]
		}
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func TestParseMessage(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
		want Message
	}{
		{"map", words32(2, 0), Message{Kind: MessageMap}},
		{"command", words32(3, 99), Message{Kind: MessageCommand}},
		{"started", started(7, 89), Message{Kind: MessageStarted, At: 7*time.Second + 89}},
		{"started at an unknown time", started(0, 0), Message{Kind: MessageStarted}},
		{"started at no time", started(7, 1e9), Message{Kind: MessageStarted}},
		{"started before time", started(1<<64-1, 0), Message{Kind: MessageStarted}},
		{"started when durations have ended", started((1<<63-1)/1_000_000_000, 999_999_999), Message{Kind: MessageStarted}},
		{"born", words32(6, 0), Message{Kind: MessageBorn}},
		{"fail", words32(1, 7, 13, 9), Message{Kind: MessageFail, Index: 7, Errno: 13, Detail: 9}},
		{"fail of an absurd instruction", words32(1, 1<<32-1, 1<<32-1, 0), Message{Kind: MessageFail, Index: 1<<32 - 1, Errno: 1<<32 - 1}},
		{"exited", exited(0x0300, 1, 2, 3, 4, 5, 6), Message{Kind: MessageExited, Status: 0x300, Usage: Rusage{1_000_002, 3_000_004, 5}}},
		{"killed, no usage", exited(9), Message{Kind: MessageExited, Status: 9}},
		{"exited at a time", exited(9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4), Message{Kind: MessageExited, Status: 9, At: 3*time.Second + 4}},
	} {
		got, err := parseMessage(c.body)
		if err != nil || got.Kind != c.want.Kind || got.Index != c.want.Index || got.Errno != c.want.Errno || got.Status != c.want.Status || got.Usage != c.want.Usage || got.At != c.want.At {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestParseBadMessages(t *testing.T) {
	for _, c := range []struct {
		name, want string
		body       []byte
	}{
		{"nothing", "short", nil},
		{"three bytes", "short", []byte{1, 0, 0}},
		{"kind alone", "instead of 8", words32(2)},
		{"kind 0", "unknown kind 0", words32(0, 0)},
		{"kind of another version", "unknown kind 77", words32(77, 0)},
		{"kind of text", "unknown kind", []byte("GET / HTTP/1.1\r\n")},
		{"map with more", "instead of 8", words32(2, 0, 0)},
		{"fail without errno", "instead of 16", words32(1, 2)},
		{"fail with more", "instead of 16", words32(1, 2, 3, 4, 5)},
		{"started without a time", "instead of 24", words32(4, 0)},
		{"exited, cut", "instead of 168", exited(0)[:167]},
		{"exited, longer", "instead of 168", append(exited(0), 0)},
		{"oversize", "instead of 8", append(words32(2), make([]byte, maxMessage)...)},
	} {
		if m, err := parseMessage(c.body); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v", c.name, m, err)
		}
	}
}

func TestMessagesFitTheirBuffer(t *testing.T) {
	for _, size := range []int{simpleSize, startedSize, failSize, exitedSize} {
		if size > maxMessage {
			t.Errorf("a message of %d bytes is cut", size)
		}
	}
}

func FuzzParseMessage(f *testing.F) {
	f.Add(words32(1, 2, 3, 4))
	f.Add(started(1, 2))
	f.Add(exited(0x100, 1, 2, 3, 4, 5))
	f.Add([]byte("garbage"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMessage(b)
		if err != nil {
			if m.Kind != 0 || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%+v, %q", m, err)
			}
			return
		}
		if m.Files != nil || m.PID != 0 || m.Index < 0 {
			t.Fatalf("taken from the body: %+v", m)
		}
		if m.Kind == MessageFail && string(words32(1, uint32(m.Index), m.Errno, m.Detail)) != string(b) {
			t.Fatalf("%+v of % x", m, b)
		}
	})
}
