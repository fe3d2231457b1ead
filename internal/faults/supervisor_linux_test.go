package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A call is one system call of the victim while it acts.
type call struct {
	name string
	n    int    // of this name, from 0
	path string // that it names, if it does
}

func (c call) String() string {
	return fmt.Sprintf("%s %s (the %d. of its kind)", c.name, c.path, c.n+1)
}

// is says whether two calls are the same one in two runs of an act.
func (c call) is(other call) bool { return c.name == other.name && c.n == other.n }

// A supervisor runs a victim and decides about its calls.
type supervisor struct {
	process  *exec.Cmd
	in       io.WriteCloser
	cancel   *os.File // a byte ends the context of the act
	pipe     *os.File // the other end
	encode   *json.Encoder
	decode   *json.Decoder
	errors   bytes.Buffer
	listener int
	names    map[int]string
	ended    chan error // of serving

	mu       sync.Mutex
	acting   bool
	counts   map[string]int
	seen     []call
	decide   func(call) verdict // about the victim's calls while it acts; nil: all go on
	canceled chan struct{}      // closed when the context of the act has ended
}

// A verdict is what becomes of a call.
type verdict struct {
	errno unix.Errno      // 0: it goes on
	after <-chan struct{} // it has to wait for this first, if not nil
}

// newSupervisor starts a victim; close ends it.
func newSupervisor(t *testing.T) *supervisor {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	peer := os.NewFile(uintptr(pair[1]), "peer")
	defer peer.Close()
	defer unix.Close(pair[0])
	s := &supervisor{names: numberNames(), ended: make(chan error, 1)}
	s.process = exec.Command(ownBinary, "intercepted")
	pipe, cancel, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cancel, s.pipe = cancel, pipe
	s.process.ExtraFiles, s.process.Stderr = []*os.File{peer, pipe}, &s.errors
	if s.in, err = s.process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.encode, s.decode = json.NewEncoder(s.in), json.NewDecoder(out)
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	peer.Close()
	if s.listener, err = receiveListener(pair[0]); err != nil {
		s.process.Process.Kill()
		s.process.Wait()
		t.Fatalf("no listener: %v\n%s", err, &s.errors)
	}
	go func() { s.ended <- s.serve() }()
	return s
}

func receiveListener(socket int) (int, error) {
	var body [1]byte
	var control [64]byte
	_, n, _, _, err := unix.Recvmsg(socket, body[:], control[:], unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) == 0 {
		return -1, errors.Join(err, io.ErrUnexpectedEOF)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return -1, err
	}
	return fds[0], nil
}

// close ends the victim and waits for all of it.
func (s *supervisor) close(t *testing.T) {
	t.Helper()
	s.in.Close()
	s.cancel.Close()
	s.pipe.Close()
	s.process.Wait()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	unix.Close(s.listener)
	if s.errors.Len() > 0 {
		t.Error(s.errors.String())
	}
}

// drain takes back what ended no context.
func (s *supervisor) drain() {
	s.cancel.Write([]byte{0}) // so that there is one
	s.pipe.Read(make([]byte, 2))
}

// serve answers every call until all processes with the filter are gone.
func (s *supervisor) serve() error {
	for {
		n, over, err := next(s.listener)
		if err != nil || over {
			return err
		}
		v := s.judge(n)
		if v.after != nil {
			go func() {
				select {
				case <-v.after:
				case <-time.After(patience):
				}
				answer(s.listener, n, v.errno)
			}()
			continue
		}
		if err := answer(s.listener, n, v.errno); err != nil {
			return err
		}
	}
}

// judge says what becomes of a call.
func (s *supervisor) judge(n notification) verdict {
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d", s.process.Process.Pid, n.tid)); err != nil {
		return verdict{} // a call of what the victim has started
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := s.names[int(n.nr)]
	switch {
	case name == "prctl" && n.argument[0] == mark:
		s.marked(n.argument[1])
		return verdict{}
	case !s.acting || cannotFail(s.process.Process.Pid, name, n.argument):
		return verdict{}
	}
	c := call{name, s.counts[name], pathOf(name, n)}
	s.counts[name]++
	s.seen = append(s.seen, c)
	if s.decide == nil {
		return verdict{}
	}
	return s.decide(c)
}

// cannotFail says whether a call is none of the library's, or one that has no
// reason to fail.
func cannotFail(pid int, name string, args [6]uint64) bool {
	switch name {
	case "clone":
		return args[0]&unix.CLONE_THREAD != 0 // of the Go runtime, which cannot do without
	case "fcntl":
		return args[1] != unix.F_DUPFD_CLOEXEC && args[1] != unix.F_ADD_SEALS
	case "read", "write": // of pipes, and of the Go runtime's own descriptor for events
		target, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, args[0]))
		return !strings.HasPrefix(target, "/")
	}
	return false
}

// pathOf reads the path that a call names from the memory of its process.
func pathOf(name string, n notification) string {
	if !strings.HasSuffix(name, "at") && !strings.HasSuffix(name, "at2") {
		return ""
	}
	text := make([]byte, 256)
	local := []unix.Iovec{{Base: &text[0]}}
	local[0].SetLen(len(text))
	remote := []unix.RemoteIovec{{Base: uintptr(n.argument[1]), Len: len(text)}}
	read, err := unix.ProcessVMReadv(int(n.tid), local, remote, 0)
	if err != nil {
		return "?"
	}
	text, _, _ = bytes.Cut(text[:read], []byte{0})
	return string(text)
}

func (s *supervisor) marked(where uint64) {
	switch where {
	case markBegin:
		s.acting = true
	case markEnd:
		s.acting = false
	case markCanceled:
		close(s.canceled)
	}
}

// patience is how long an act may take: only one that hangs comes near it.
const patience = 30 * time.Second

// act has the victim do something. decide is asked about each call that it makes
// meanwhile. The error is that of a victim that does not answer any more.
func (s *supervisor) act(name string, decide func(call) verdict) (outcome, error) {
	s.mu.Lock()
	s.counts, s.seen, s.decide, s.canceled = map[string]int{}, nil, decide, make(chan struct{})
	s.mu.Unlock()
	// The Go runtime then says what every goroutine is at.
	stuck := time.AfterFunc(patience, func() { s.process.Process.Signal(unix.SIGQUIT) })
	defer stuck.Stop()
	var o outcome
	err := s.encode.Encode(name)
	if err == nil {
		err = s.decode.Decode(&o)
	}
	s.mu.Lock() // what decide has written can be read now
	s.acting, s.decide = false, nil
	s.mu.Unlock()
	if err != nil {
		s.process.Wait()
		err = fmt.Errorf("the host hangs or dies: %w\n%s", err, &s.errors)
		s.errors.Reset()
	}
	return o, err
}
