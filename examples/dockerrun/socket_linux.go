package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/cgroup"
)

// A container's socket takes one byte, with which the three standard files of a
// run come along, then a request, and gives answers, all as JSON.
type request struct {
	Verb string // run, ps, stats, inspect or stop
	Run  *order `json:",omitempty"`
}

type answer struct {
	Error   string          `json:",omitempty"`
	Status  int             `json:",omitempty"` // exit status, with Ended or Error
	Ended   bool            `json:",omitempty"`
	PID     int             `json:",omitempty"`
	Command []string        `json:",omitempty"`
	Stats   sample          `json:",omitzero"`
	Inspect json.RawMessage `json:",omitempty"`
}

// sample is the numbers of a moment.
type sample struct {
	ID      string
	Stats   *cgroup.Stats
	Network string
	Time    time.Time
}

// listen makes a container's socket, in place of one that nobody answers.
func listen(dir, name string) (*net.UnixListener, error) {
	address := &net.UnixAddr{Name: socketPath(dir, name), Net: "unix"}
	l, err := net.ListenUnix("unix", address)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	if conn, err := net.DialUnix("unix", nil, address); err == nil {
		conn.Close()
		return nil, fmt.Errorf("the name %s is in use", name)
	}
	if err := os.Remove(address.Name); err != nil {
		return nil, err
	}
	return net.ListenUnix("unix", address)
}

// serve answers until the listener is closed.
func (h *host) serve(l *net.UnixListener, c *container) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return
		}
		h.all.Go(func() { // so that the last answer goes out
			defer conn.Close()
			h.converse(conn, c)
		})
	}
}

func (h *host) converse(conn *net.UnixConn, c *container) {
	files, err := receiveFiles(conn)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	var r request
	if err == nil {
		err = json.NewDecoder(conn).Decode(&r)
	}
	replies := json.NewEncoder(conn)
	if err == nil && r.Verb == "run" {
		h.runFor(conn, replies, r.Run, files)
		return
	}
	var a answer
	if err == nil {
		a, err = c.answer(r.Verb)
	}
	if err != nil {
		a = answer{Error: err.Error(), Status: 1}
	}
	replies.Encode(a)
}

// runFor runs a container for a caller, and kills it when the caller goes away
// before its end, unless it is detached.
func (h *host) runFor(conn *net.UnixConn, replies *json.Encoder, o *order, files []*os.File) {
	if o == nil || len(files) != 3 {
		replies.Encode(answer{Error: "a run without an order or its three files", Status: failed})
		return
	}
	c, err := h.start(context.Background(), *o, [3]*os.File(files))
	if err != nil {
		status, err := exitStatus(nil, err)
		replies.Encode(answer{Error: err.Error(), Status: status})
		return
	}
	for _, f := range files {
		f.Close()
	}
	replies.Encode(answer{PID: c.PID()})
	if c.args.Detach {
		return
	}
	go func() {
		conn.Read(make([]byte, 1))
		c.Kill()
	}()
	<-c.done
	status, err := exitStatus(c.result, c.err)
	a := answer{Ended: true, Status: status}
	if err != nil {
		a.Error = err.Error()
	}
	replies.Encode(a)
}

// receiveFiles takes the first byte and what comes with it.
func receiveFiles(conn *net.UnixConn) ([]*os.File, error) {
	rights := make([]byte, unix.CmsgSpace(3*4))
	_, n, _, _, err := conn.ReadMsgUnix(make([]byte, 1), rights)
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "standard file"))
		}
	}
	return files, nil
}

// send begins a conversation about a container.
func send(dir, name string, r request, files []*os.File) (*net.UnixConn, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socketPath(dir, name), Net: "unix"})
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("no container %s runs", name)
	}
	if err != nil {
		return nil, err
	}
	var rights []byte
	if len(files) > 0 {
		var fds []int
		for _, f := range files {
			fds = append(fds, int(f.Fd()))
		}
		rights = unix.UnixRights(fds...)
	}
	if _, _, err = conn.WriteMsgUnix([]byte{0}, rights, nil); err == nil {
		err = json.NewEncoder(conn).Encode(r)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// question asks one question.
func question(dir, name string, r request) (answer, error) {
	conn, err := send(dir, name, r, nil)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	var a answer
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		return a, fmt.Errorf("%s ended", name)
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}
