package launch

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newControl returns both ends; the peer is a plain descriptor.
func newControl(t *testing.T) (*Control, *os.File) {
	t.Helper()
	host, peer, err := NewControl()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		host.Close()
		peer.Close()
	})
	// What is not there at once does not come: nothing else writes.
	if err := host.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return host, peer
}

// send sends a message with descriptors as a launcher does.
func send(t *testing.T, peer *os.File, body []byte, files ...int) {
	t.Helper()
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	if err := unix.Sendmsg(int(peer.Fd()), body, rights, nil, unix.MSG_NOSIGNAL); err != nil {
		t.Fatal(err)
	}
}

func TestControlReceives(t *testing.T) {
	host, peer := newControl(t)
	send(t, peer, words32(1, 2, 3, 4))
	send(t, peer, started(1, 2), 2)
	m, err := host.Receive()
	if err != nil || m.Kind != MessageFail || m.Index != 2 || m.Errno != 3 || m.Detail != 4 || len(m.Files) != 0 {
		t.Errorf("%+v, %v", m, err)
	}
	if m.PID != os.Getpid() {
		t.Errorf("sender %d", m.PID)
	}
	m, err = host.Receive()
	if err != nil || m.Kind != MessageStarted || len(m.Files) != 1 || m.PID != os.Getpid() {
		t.Fatalf("%+v, %v", m, err)
	}
	var want, got unix.Stat_t
	if unix.Fstat(2, &want) != nil || unix.Fstat(m.Files[0], &got) != nil || want.Ino != got.Ino {
		t.Error("the file is another")
	}
	if flags, err := unix.FcntlInt(uintptr(m.Files[0]), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the file would be inherited: %v", err)
	}
	closeAll(m.Files)
	peer.Close()
	if _, err := host.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
}

// A peer that sends nonsense gets an error for each message, and the next
// message is read as if nothing had happened.
func TestControlOfBadPeer(t *testing.T) {
	many := make([]int, 60)
	for _, c := range []struct {
		name  string
		body  []byte
		files []int
	}{
		{"garbage", []byte("\x00\xff garbage"), nil},
		{"garbage with a file", []byte("garbage"), []int{0}},
		{"half a message", words32(1, 2), nil},
		{"half a message with files", exited(0)[:40], []int{0, 1, 2}},
		{"one byte", []byte{1}, nil},
		{"unknown kind", words32(99, 0), nil},
		{"oversize", append(words32(4, 0), make([]byte, maxMessage)...), nil},
		{"oversize with a file", append(words32(4, 0), make([]byte, 100*maxMessage)...), []int{0}},
		{"more files than fit", started(1, 2), many},
		{"a file too many", started(1, 2), []int{0, 1, 2}},
		{"a file too few", words32(6, 0), nil},
		{"a file where none belongs", words32(2, 0), []int{0}},
		{"files with a failure", words32(1, 2, 3), many[:20]},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, peer := newControl(t)
			keepsFiles(t, func() {
				send(t, peer, c.body, c.files...)
				if m, err := host.Receive(); err == nil || errors.Is(err, io.EOF) {
					t.Errorf("%+v, %v", m, err)
				}
			})
			send(t, peer, words32(3, 0))
			if m, err := host.Receive(); err != nil || m.Kind != MessageCommand {
				t.Errorf("the next message: %+v, %v", m, err)
			}
		})
	}
}

func TestControlOfClosedPeer(t *testing.T) {
	host, peer := newControl(t)
	peer.Close()
	for range 2 {
		if _, err := host.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("receive: %v", err)
		}
	}
	if err := host.Answer([]*os.File{os.Stdin}); !errors.Is(err, unix.EPIPE) {
		t.Errorf("answer: %v", err)
	}
	if err := host.Hangup(); err != nil {
		t.Errorf("hangup: %v", err)
	}
}

// A peer that dies with the host's answer unread is gone as any other.
func TestControlOfPeerThatLeavesAnAnswer(t *testing.T) {
	host, peer := newControl(t)
	if err := host.Answer(nil); err != nil {
		t.Fatal(err)
	}
	peer.Close()
	if _, err := host.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
}

func TestControlAnswers(t *testing.T) {
	for _, files := range [][]*os.File{nil, {os.Stdin}, {os.Stdin, os.Stderr, os.Stdin}} {
		host, peer := newControl(t)
		if err := host.Answer(files); err != nil {
			t.Fatal(err)
		}
		var body, control [64]byte
		n, controls, flags, _, err := unix.Recvmsg(int(peer.Fd()), body[:], control[:], unix.MSG_CMSG_CLOEXEC)
		if err != nil || n != 1 || flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
			t.Errorf("%d bytes, flags %#x, %v", n, flags, err)
		}
		_, got, err := parseControls(control[:controls])
		if err != nil || len(got) != len(files) {
			t.Errorf("%v, %v", got, err)
		}
		closeAll(got)
	}
}

// Hangup ends the waiting of the launcher, which can still be heard.
func TestControlHangup(t *testing.T) {
	host, peer := newControl(t)
	if err := host.Hangup(); err != nil {
		t.Fatal(err)
	}
	var b [8]byte
	if n, err := unix.Read(int(peer.Fd()), b[:]); n != 0 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	send(t, peer, words32(1, 5, 6, 0))
	if m, err := host.Receive(); err != nil || m.Index != 5 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestControlDeadlineAndClose(t *testing.T) {
	host, _ := newControl(t)
	if err := host.SetDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := host.Receive(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	if err := host.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	received := make(chan error)
	go func() {
		_, err := host.Receive()
		received <- err
	}()
	host.Close()
	if err := <-received; err == nil {
		t.Error("received from a closed socket")
	}
	for name, err := range map[string]error{"Answer": host.Answer(nil), "Hangup": host.Hangup(), "Close": host.Close()} {
		if err == nil {
			t.Errorf("%s of a closed socket", name)
		}
	}
}

func TestControlKeepsNoFiles(t *testing.T) {
	keepsFiles(t, func() {
		host, peer, err := NewControl()
		if err != nil {
			t.Fatal(err)
		}
		host.Close()
		peer.Close()
	})
}
