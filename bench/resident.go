package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// user is the ordinary user that root takes.
const user = 1000

// asUser makes a command that of an ordinary user, when root runs this.
func (b *bench) asUser(cmd *exec.Cmd) *exec.Cmd {
	if b.root {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	}
	return cmd
}

// A resident is a starter in a process of its own, which reads a line for each
// start and answers with its time in nanoseconds, taken there.
type resident struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err bytes.Buffer
}

func newResident(cmd *exec.Cmd) (*resident, error) {
	r := &resident{cmd: cmd}
	cmd.Stderr = &r.err
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.in, r.out = in, bufio.NewReader(out)
	return r, cmd.Start()
}

// line sends the request for a start and returns the next line of the answer.
func (r *resident) line() (string, error) {
	if _, err := io.WriteString(r.in, "\n"); err != nil {
		return "", err
	}
	line, err := r.out.ReadString('\n')
	if err != nil {
		r.cmd.Wait()
		return "", fmt.Errorf("%s ended: %w\n%s", r.cmd.Path, err, &r.err)
	}
	return strings.TrimSuffix(line, "\n"), nil
}

func (r *resident) start() (time.Duration, error) {
	line, err := r.line()
	if err != nil {
		return 0, err
	}
	ns, err := strconv.ParseInt(line, 10, 64)
	if err != nil {
		return 0, errors.New(line)
	}
	return time.Duration(ns), nil
}

func (r *resident) close() error {
	r.in.Close()
	return r.cmd.Wait()
}

// resident is the command line of this program as a resident of some kind.
func (b *bench) resident(kind string, more ...string) *exec.Cmd {
	return exec.Command(b.file("bench"), append([]string{"-resident", kind, "-work", b.work}, more...)...)
}

// residentWay is a way by residents, one for each caller.
func residentWay(name string, command func(program ...string) *exec.Cmd) way {
	return way{
		name: name,
		open: func() (starter, error) { return newResident(command("exit")) },
		facts: func() ([]byte, error) {
			r, err := newResident(command("program", "facts"))
			if err != nil {
				return nil, err
			}
			defer r.close()
			line, err := r.line()
			return []byte(line), err
		},
	}
}

// serve is this program as a resident.
func serve(w way) error {
	if w.open == nil {
		return errors.New("no such way")
	}
	s, err := w.open()
	if err != nil {
		return err
	}
	defer s.close()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		took, err := s.start()
		if err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", "; "))
			continue
		}
		fmt.Println(took.Nanoseconds())
	}
	return lines.Err()
}

// serveFacts is this program as a resident that tells what confines.
func serveFacts(w way) error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		out, err := w.facts()
		if err != nil {
			return err
		}
		os.Stdout.Write(out)
	}
	return lines.Err()
}
