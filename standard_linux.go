package sandbox

import (
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/plain"
)

// openNull opens /dev/null as a standard file, by number.
func openNull(number int) (*os.File, error) {
	return plain.Open(os.DevNull, []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_WRONLY}[number])
}

// startQuietly is exec.Cmd.Start. What is unset in a command is /dev/null, which
// package os would offer to the network poller three times. A field that is set is not
// touched: os/exec may go on reading it.
func startQuietly(cmd *exec.Cmd) error {
	if cmd.Stdin == nil {
		if f, err := openNull(0); err == nil { // otherwise os/exec says why
			defer func() { cmd.Stdin = nil; f.Close() }()
			cmd.Stdin = f
		}
	}
	if cmd.Stdout == nil {
		if f, err := openNull(1); err == nil {
			defer func() { cmd.Stdout = nil; f.Close() }()
			cmd.Stdout = f
		}
	}
	if cmd.Stderr == nil {
		if f, err := openNull(2); err == nil {
			defer func() { cmd.Stderr = nil; f.Close() }()
			cmd.Stderr = f
		}
	}
	return cmd.Start()
}
