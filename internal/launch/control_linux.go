package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Control is the host's end of the control socket.
type Control struct {
	mu     sync.Mutex
	file   *os.File  // the socket, in turn one that blocks and one that is polled
	polled bool      // by the runtime's network poller
	until  time.Time // when to have it polled
}

// attention is how long a new Control waits for messages in the kernel. The
// messages of a start follow each other closely, and so does the end of a short
// command; the network poller would be registered with, woken for every answer
// that the launcher takes, and taken leave of. A thread waits in the meantime.
const attention = 5 * time.Millisecond

// NewControl returns both ends; the peer is for the launcher, and the caller
// closes its copy once the launcher runs.
func NewControl() (host *Control, peer *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	peer = os.NewFile(uintptr(fds[1]), "control peer")
	host = &Control{file: os.NewFile(uintptr(fds[0]), "control")}
	host.Attend()
	if err := unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		host.Close()
		peer.Close()
		return nil, nil, fmt.Errorf("control socket: %w", err)
	}
	return host, peer, nil
}

// Attend has the messages of the next moment waited for in the kernel again.
func (c *Control) Attend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = time.Now().Add(attention)
}

// current is the socket as it is now, and for how long it is waited for in the kernel.
func (c *Control) current() (f *os.File, left time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.file, time.Until(c.until)
}

// poll hands the socket to the network poller.
func (c *Control) poll() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.polled {
		return nil
	}
	var fd int
	err := control(c.file, func(blocking int) (err error) {
		if err = unix.SetNonblock(blocking, true); err == nil {
			fd, err = unix.FcntlInt(uintptr(blocking), unix.F_DUPFD_CLOEXEC, 0)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	c.file.Close()
	c.file, c.polled = os.NewFile(uintptr(fd), "control"), true
	return nil
}

// control calls a function with the descriptor of a file that stays open for it.
func control(f *os.File, call func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var called error
	err = raw.Control(func(fd uintptr) { called = call(int(fd)) })
	return errors.Join(err, called)
}

// Receive waits for the next message; io.EOF means that the launcher is gone.
// The caller owns the message's Files.
func (c *Control) Receive() (Message, error) {
	m, err := c.ReceiveSoon()
	if !errors.Is(err, ErrLater) {
		return m, err
	}
	if err := c.poll(); err != nil {
		return Message{}, err
	}
	f, _ := c.current()
	return receivePolled(f)
}

// ErrLater is the error of ReceiveSoon when no message has come in the next moment.
var ErrLater = errors.New("launch: no message yet")

// ReceiveSoon is Receive, but waits no longer than the messages of a start take.
func (c *Control) ReceiveSoon() (m Message, err error) {
	for {
		f, left := c.current()
		if left <= 0 {
			return Message{}, ErrLater
		}
		err = control(f, func(fd int) (err error) {
			if m, err = receive(fd); errors.Is(err, unix.EAGAIN) {
				await(fd, left)
			}
			return err
		})
		if !errors.Is(err, unix.EAGAIN) {
			return m, err
		}
	}
}

// AwaitEnd waits as long as ReceiveSoon does, but for the end of the launcher, which
// has sent all its messages then: who reads them one by one is woken for each.
func (c *Control) AwaitEnd(pidfd int) {
	for {
		_, left := c.current()
		if left <= 0 || !await(pidfd, left) {
			return
		}
	}
}

// await waits until a descriptor is readable, or for so long. It may be called
// again if a signal has interrupted it.
func await(fd int, limit time.Duration) (interrupted bool) {
	wait := unix.NsecToTimespec(int64(limit))
	_, err := unix.Ppoll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, &wait, nil)
	return errors.Is(err, unix.EINTR)
}

func receivePolled(f *os.File) (m Message, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return Message{}, err
	}
	var received error
	err = raw.Read(func(fd uintptr) bool {
		m, received = receive(int(fd))
		return !errors.Is(received, unix.EAGAIN)
	})
	if err != nil {
		return Message{}, err
	}
	return m, received
}

func receive(fd int) (Message, error) {
	const tries = 100 // at a millisecond, for memory to be had again
	var body [maxMessage]byte
	var control [128]byte
	var n, controls, flags int
	var err error
	for try := 0; try < tries; try++ {
		n, controls, flags, _, err = unix.Recvmsg(fd, body[:], control[:], unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNRESET):
			// A launcher that died with the host's answer unread is told first, once;
			// what it had to say comes after that.
			try--
			continue
		case errors.Is(err, unix.ENOMEM):
			time.Sleep(time.Millisecond) // the message is still there
			continue
		}
		break
	}
	if err != nil {
		return Message{}, err
	}
	pid, files, err := parseControls(control[:controls])
	if n == 0 && err == nil {
		err = io.EOF
	}
	var m Message
	switch {
	case err != nil:
	case flags&unix.MSG_CTRUNC != 0 && len(files) == 0:
		err = fmt.Errorf("receive a descriptor: %w", unix.EMFILE) // there was room for one
	case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		err = errors.New("launch: truncated message")
	}
	if err == nil {
		m, err = parseMessage(body[:n])
	}
	if err == nil && !m.Kind.passes(len(files)) {
		err = fmt.Errorf("launch: message of kind %d with %d descriptors", m.Kind, len(files))
	}
	if err != nil {
		closeAll(files)
		return Message{}, err
	}
	m.PID, m.Files = pid, files
	return m, nil
}

// parseControls takes the sender's pid and the passed descriptors.
func parseControls(b []byte) (pid int, files []int, err error) {
	controls, err := unix.ParseSocketControlMessage(b)
	if err != nil {
		return 0, nil, err
	}
	for i := range controls {
		switch controls[i].Header.Type {
		case unix.SCM_CREDENTIALS:
			if len(controls[i].Data) < unix.SizeofUcred {
				return pid, files, errors.New("launch: short credentials")
			}
			cred, e := unix.ParseUnixCredentials(&controls[i])
			if e != nil {
				return pid, files, e
			}
			pid = int(cred.Pid)
		case unix.SCM_RIGHTS:
			if len(controls[i].Data)%4 != 0 { // the parser would panic
				return pid, files, errors.New("launch: half a descriptor")
			}
			fds, e := unix.ParseUnixRights(&controls[i])
			if e != nil {
				return pid, files, e
			}
			files = append(files, fds...)
		}
	}
	return pid, files, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// Answer lets a launcher that waits go on, and hands it these files.
func (c *Control) Answer(files []*os.File) error { return c.Send([]byte{0}, files) }

// Send sends a message with these files.
func (c *Control) Send(body []byte, files []*os.File) error {
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
	}
	err := c.call(func(fd int) error {
		return unix.Sendmsg(fd, body, rights, nil, unix.MSG_NOSIGNAL) // what fits in at any time
	})
	runtime.KeepAlive(files)
	return err
}

// call calls a function with the socket's descriptor.
func (c *Control) call(call func(fd int) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return control(c.file, call)
}

// Hangup tells a launcher that waits for an answer that none will come; what
// it has to say can still be received.
func (c *Control) Hangup() error {
	return c.call(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) })
}

// SetDeadline bounds Receive.
func (c *Control) SetDeadline(t time.Time) error {
	if err := c.poll(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = time.Time{}
	return c.file.SetDeadline(t)
}

// Close makes the launcher and all it started end.
func (c *Control) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.file.Close()
}
