package sandbox

import (
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// openNull opens /dev/null as a standard file, by number.
func openNull(number int) (*os.File, error) {
	return openPlain(os.DevNull, []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_WRONLY}[number])
}

// startQuietly is exec.Cmd.Start. What is unset in a command is /dev/null, which
// package os would offer to the network poller three times.
func startQuietly(cmd *exec.Cmd) error {
	var opened []*os.File
	stdin, stdout, stderr := cmd.Stdin, cmd.Stdout, cmd.Stderr
	defer func() {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
		closeFiles(opened)
	}()
	null := func(number int) *os.File {
		f, err := openNull(number)
		if err == nil {
			opened = append(opened, f)
		}
		return f
	}
	if stdin == nil {
		cmd.Stdin = orNil(null(0))
	}
	if stdout == nil {
		cmd.Stdout = orUnset(null(1))
	}
	if stderr == nil {
		cmd.Stderr = orUnset(null(2))
	}
	return cmd.Start()
}

// orNil and orUnset leave a field unset where its file could not be opened: then
// package os says why.
func orNil(f *os.File) io.Reader {
	if f == nil {
		return nil
	}
	return f
}

func orUnset(f *os.File) io.Writer {
	if f == nil {
		return nil
	}
	return f
}
