package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Control is the host's end of the control socket.
type Control struct{ file *os.File }

// NewControl returns both ends; the peer is for the launcher, and the caller
// closes its copy once the launcher runs.
func NewControl() (host *Control, peer *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	peer = os.NewFile(uintptr(fds[1]), "control peer")
	err = errors.Join(
		unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1),
		unix.SetNonblock(fds[0], true))
	host = &Control{os.NewFile(uintptr(fds[0]), "control")}
	if err != nil {
		host.Close()
		peer.Close()
		return nil, nil, fmt.Errorf("control socket: %w", err)
	}
	return host, peer, nil
}

// Receive waits for the next message; io.EOF means that the launcher is gone.
// The caller owns the message's Files.
func (c *Control) Receive() (Message, error) {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return Message{}, err
	}
	var m Message
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
	raw, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		sent = unix.Sendmsg(int(fd), body, rights, nil, unix.MSG_NOSIGNAL)
		return !errors.Is(sent, unix.EAGAIN)
	})
	runtime.KeepAlive(files)
	return errors.Join(err, sent)
}

// Hangup tells a launcher that waits for an answer that none will come; what
// it has to say can still be received.
func (c *Control) Hangup() error {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	var shut error
	err = raw.Control(func(fd uintptr) { shut = unix.Shutdown(int(fd), unix.SHUT_WR) })
	return errors.Join(err, shut)
}

// SetDeadline bounds Receive and Answer.
func (c *Control) SetDeadline(t time.Time) error { return c.file.SetDeadline(t) }

// Close makes the launcher and all it started end.
func (c *Control) Close() error { return c.file.Close() }
