package main

import (
	"io"
	"os"

	"github.com/seed-d1379373/sandbox"
)

// stdio is the three standard files of a container in the foreground. None of
// them is the caller's terminal: through it a command could take the caller's
// input, or put words into its mouth.
type stdio struct {
	files  [3]*os.File
	close  []io.Closer     // after the command has them
	copies []chan struct{} // closed when all output has been copied
	undo   []func()
}

func openStdio(d *sandbox.DockerArgs) (*stdio, error) {
	s := &stdio{}
	if d.TTY {
		return s, s.terminal(d.Interactive)
	}
	if err := s.input(d.Interactive); err != nil {
		return nil, err
	}
	for i, f := range []*os.File{os.Stdout, os.Stderr} {
		if err := s.output(i+1, f); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *stdio) input(interactive bool) error {
	switch {
	case !interactive:
		null, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		s.files[0] = null
		s.close = append(s.close, null)
	case isTerminal(os.Stdin):
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		s.files[0] = r
		s.close = append(s.close, r)
		go func() { // ends with this process
			io.Copy(w, os.Stdin)
			w.Close()
		}()
	default:
		s.files[0] = os.Stdin
	}
	return nil
}

func (s *stdio) output(i int, to *os.File) error {
	if !isTerminal(to) {
		s.files[i] = to
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	s.files[i] = w
	s.close = append(s.close, w)
	s.copy(to, r)
	return nil
}

func (s *stdio) copy(to io.Writer, from io.Reader) {
	done := make(chan struct{})
	s.copies = append(s.copies, done)
	go func() {
		io.Copy(to, from)
		close(done)
	}()
}

// handedOver closes what only the command still needs.
func (s *stdio) handedOver() {
	for _, c := range s.close {
		c.Close()
	}
}

// finish waits for the output and puts the terminal back.
func (s *stdio) finish() {
	for _, c := range s.copies {
		<-c
	}
	for _, f := range s.undo {
		f()
	}
}
