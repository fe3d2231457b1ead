package sandbox

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// limitOutput puts the counters between the command and its writers, and
// returns what puts the command's fields back.
func (r *running) limitOutput(bytes int64) (restore func(), err error) {
	if bytes <= 0 {
		return func() {}, nil
	}
	cmd := r.cmd
	r.output = &outputLimit{left: bytes, halt: func() { r.halt(OutputLimit, nil) }}
	stdout, stderr := cmd.Stdout, cmd.Stderr
	restore = func() { cmd.Stdout, cmd.Stderr = stdout, stderr }
	shared := sameWriter(stdout, stderr)
	if cmd.Stdout, err = r.output.wrap(stdout); err != nil {
		restore()
		return nil, err
	}
	if shared { // one pipe for both, in order, as os/exec does it
		cmd.Stderr = cmd.Stdout
		return restore, nil
	}
	if cmd.Stderr, err = r.output.wrap(stderr); err != nil {
		restore()
		return nil, err
	}
	return restore, nil
}

// wrap returns a writer that counts. A file is copied, because os/exec closes
// its own end of a StdoutPipe once the command runs.
func (l *outputLimit) wrap(w io.Writer) (io.Writer, error) {
	f, ok := w.(*os.File)
	if w == nil || ok && f == nil {
		return w, nil
	}
	if !ok {
		return &limitedWriter{limit: l, to: w}, nil
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	dup := os.NewFile(uintptr(fd), f.Name())
	l.closers = append(l.closers, dup)
	return &limitedWriter{limit: l, to: dup, file: dup}, nil
}

// sameWriter compares writers of any type, as os/exec does.
func sameWriter(a, b io.Writer) (same bool) {
	defer func() { _ = recover() }() // types that cannot be compared
	return a != nil && a == b
}
