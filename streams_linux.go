package sandbox

import (
	"cmp"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// streams are the pipes between a command that os/exec did not start and the caller's
// readers and writers, with what package os/exec promises of them.
type streams struct {
	command []*os.File // the command's files, in their order
	opened  []*os.File // those of them that were opened for it
	ours    []*os.File // this program's ends
	copies  []func() error
	copied  chan error // an error, or nil, of each copy
}

// needsNoFiles says whether a command has the files that its launcher has already.
func (st *start) needsNoFiles() bool {
	c := st.cmd
	return c.Stdin == nil && c.Stdout == nil && c.Stderr == nil && len(c.ExtraFiles) == 0
}

// needsCourier says whether package os/exec has something to do for a command that
// nobody else can do: to wait for its context, to close its end of a pipe, of which
// nobody can say whether the caller made it or exec.Cmd.StdoutPipe, or to leave out a
// number.
func (st *start) needsCourier() bool {
	c := st.cmd
	odd := func(f any) bool {
		file, ok := f.(*os.File)
		return ok && (file == nil || file != os.Stdin && file != os.Stdout && file != os.Stderr && isPipe(file))
	}
	return c.Cancel != nil || slices.ContainsFunc([]any{c.Stdin, c.Stdout, c.Stderr}, odd) || slices.Contains(c.ExtraFiles, nil)
}

// knowsFiles says whether all files of a command are there.
func (st *start) knowsFiles() bool {
	for _, f := range []any{st.cmd.Stdin, st.cmd.Stdout, st.cmd.Stderr} {
		if file, ok := f.(*os.File); f != nil && (!ok || file == nil) {
			return false
		}
	}
	return !slices.Contains(st.cmd.ExtraFiles, nil) && st.settings.OutputLimit == 0
}

// openStreams opens the command's files. Nothing is copied yet.
func (st *start) openStreams() (*streams, error) {
	c, s := st.cmd, &streams{}
	restore, err := st.p.limitOutput(st.settings.OutputLimit)
	if err != nil {
		return nil, err
	}
	defer restore()
	if err = s.input(c.Stdin); err == nil {
		err = s.output(1, c.Stdout)
	}
	if err == nil && sameWriter(c.Stdout, c.Stderr) {
		s.command = append(s.command, s.command[1])
	} else if err == nil {
		err = s.output(2, c.Stderr)
	}
	if err != nil {
		s.close()
		return nil, &SetupError{"open", os.DevNull + " or a pipe", underlying(err)}
	}
	s.command = append(s.command, c.ExtraFiles...)
	if err := st.givePipes(s.command); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *streams) input(r io.Reader) error {
	if s.has(r) {
		return nil
	}
	if r == nil {
		return s.null(0)
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	s.connect(theirs, ours, func() error {
		_, err := io.Copy(ours, r)
		if errors.Is(err, unix.EPIPE) {
			err = nil // the command did not want all
		}
		return errors.Join(err, ours.Close())
	})
	return nil
}

func (s *streams) output(number int, w io.Writer) error {
	if s.has(w) {
		return nil
	}
	if w == nil {
		return s.null(number)
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	s.connect(theirs, ours, func() error {
		_, err := io.Copy(w, ours)
		ours.Close() // the command notices that its writer has failed
		return err
	})
	return nil
}

// has takes a file of the caller's own.
func (s *streams) has(f any) bool {
	file, ok := f.(*os.File)
	if ok {
		s.command = append(s.command, file)
	}
	return ok
}

func (s *streams) null(number int) error {
	f, err := openNull(number)
	if err == nil {
		s.command, s.opened = append(s.command, f), append(s.opened, f)
	}
	return err
}

func (s *streams) connect(theirs, ours *os.File, copy func() error) {
	s.command, s.opened = append(s.command, theirs), append(s.opened, theirs)
	s.ours, s.copies = append(s.ours, ours), append(s.copies, copy)
}

// begin copies, now that the command has its ends.
func (s *streams) begin() {
	closeFiles(s.opened)
	s.copied = make(chan error, len(s.copies))
	for _, copy := range s.copies {
		go func() { s.copied <- copy() }()
	}
}

// close gives up what was not begun.
func (s *streams) close() {
	closeFiles(s.opened)
	closeFiles(s.ours)
}

// await waits for the copies, when the command has ended, and where the caller has set
// a limit to that, no longer.
func (s *streams) await(limit time.Duration) (first error) {
	if s == nil {
		return nil
	}
	var late <-chan time.Time
	if limit > 0 && len(s.copies) > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	for left := len(s.copies); left > 0; {
		select {
		case err := <-s.copied:
			left--
			first = cmp.Or(first, err)
		case <-late:
			closeFiles(s.ours)
			late, first = nil, exec.ErrWaitDelay
		}
	}
	return first
}
