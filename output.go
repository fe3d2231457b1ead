package sandbox

import (
	"io"
	"os"
	"sync"
)

// outputLimit counts what the command writes to its standard output and
// standard error together.
type outputLimit struct {
	mu      sync.Mutex
	left    int64
	over    bool
	halt    func() // called once, when the limit is passed
	closers []io.Closer
}

func (l *outputLimit) exceeded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

func (l *outputLimit) close() {
	for _, c := range l.closers {
		c.Close()
	}
}

// take returns how many of n bytes are within the limit.
func (l *outputLimit) take(n int) int {
	l.mu.Lock()
	allowed := int(min(int64(n), l.left))
	l.left -= int64(allowed)
	first := allowed < n && !l.over
	l.over = l.over || first
	l.mu.Unlock()
	if first {
		l.halt()
	}
	return allowed
}

// limitedWriter passes on what is within the limit and swallows the rest, so
// that the pipe drains while the sandbox is taken down.
type limitedWriter struct {
	limit *outputLimit
	to    io.Writer
	file  *os.File // to, where it is a copy of the caller's file
}

func (w *limitedWriter) Write(b []byte) (int, error) {
	if n := w.limit.take(len(b)); n > 0 {
		if _, err := w.to.Write(b[:n]); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// ReadFrom is how os/exec copies; its end is the end of the output. A file is
// closed then, because the other end of a StdoutPipe waits for that.
func (w *limitedWriter) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(onlyWriter{w}, r)
	if w.file != nil {
		w.file.Close()
	}
	return n, err
}

// onlyWriter hides ReadFrom.
type onlyWriter struct{ io.Writer }
