package probe

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

// All returns the probes in the order in which they are tried: those that may
// end the sandbox come last.
func All() []Probe {
	return slices.Concat(
		identity(), namespaces(), mounts(), supervisor(), files(), devices(), proc(), sys(),
		kernel(), abi(), network(), ipc(), terminal(), keys(), inherited(), resources(),
	)
}

// errHidden is what a probe says that looked for something and found nothing.
var errHidden = errors.New("nothing to be seen")

// always is an act that needs no facts.
func always(act func() error) func(*Facts) error {
	return func(*Facts) error { return act() }
}

// reach makes a system call with arguments that cannot succeed: any error by
// which the call itself complains shows that it was reached.
func reach(number uintptr, args ...uintptr) func(*Facts) error {
	return always(func() error { return reached(attempt.Call(number, args...)) })
}

func reached(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOSYS):
		return err
	}
	return nil
}

// holds turns a finding into a verdict: nil where it is true.
func holds(found bool, format string, args ...any) error {
	if found {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// content reads a file that should be there and not be empty.
func content(path string) func(*Facts) error {
	return always(func() error { return readable(path) })
}

func readable(path string) error {
	b, err := readSome(path)
	if err != nil {
		return err
	}
	return holds(len(b) > 0, "empty")
}

// addresses reads a file whose numbers are zero for those who may not see them.
func addresses(path string) func(*Facts) error {
	return always(func() error {
		b, err := readSome(path)
		if err != nil {
			return err
		}
		shown := strings.Trim(string(b[:min(len(b), 32)]), "0 -x:")
		for line := range strings.Lines(string(b)) {
			first, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if strings.Trim(first, "0-x") != "" {
				return nil
			}
		}
		return holds(false, "no addresses in %q", shown)
	})
}

// readSome reads the beginning of a file; some in /proc wait for news, and are
// not waited for.
func readSome(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	b := make([]byte, 4096)
	n, err := unix.Read(fd, b)
	if err != nil {
		return nil, err
	}
	return b[:n], nil
}

// opens opens a file for writing and writes nothing.
func opens(path string) func(*Facts) error {
	return always(func() error { return attempt.Open(path, unix.O_WRONLY) })
}
