package main

import (
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// A way is one way to start the same program.
type way struct {
	name string
	slow bool // takes so long that fewer starts must do
	open func() (starter, error)
	// facts runs the program that tells what confines it, and returns what it says.
	facts func() ([]byte, error)
}

// A starter starts the program again and again, for one caller at a time.
type starter interface {
	// start returns the time until everything of the program is gone.
	start() (time.Duration, error)
	close() error
}

// startFunc is a starter that keeps nothing.
type startFunc func() (time.Duration, error)

func (f startFunc) start() (time.Duration, error) { return f() }
func (f startFunc) close() error                  { return nil }

// timed is the time of a function.
func timed(f func() error) (time.Duration, error) {
	begin := time.Now()
	err := f()
	return time.Since(begin), err
}

// commandWay is a way by a command line that runs the program given to it.
func commandWay(name string, slow bool, command func(program ...string) *exec.Cmd) way {
	return way{
		name: name, slow: slow,
		open: func() (starter, error) {
			return startFunc(func() (time.Duration, error) {
				cmd := command("exit")
				defer closeExtra(cmd)
				return timed(cmd.Run)
			}), nil
		},
		facts: func() ([]byte, error) {
			cmd := command("program", "facts")
			defer closeExtra(cmd)
			out, err := cmd.Output()
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				err = fmt.Errorf("%w: %s", err, exit.Stderr)
			}
			return out, err
		},
	}
}

// closeExtra closes the files that a command brought along.
func closeExtra(cmd *exec.Cmd) {
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
}
