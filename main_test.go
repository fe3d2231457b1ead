//go:build linux

package sandbox_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/leak"
)

// probeBinary is a copy of the test binary that every user may execute.
var probeBinary string

// helperModes are what the test binary does when its first argument is one of
// these words: it is its own helper program, inside the sandbox and outside.
func helperModes() map[string]func(args []string) int {
	return map[string]func([]string) int{
		"probe": runProbe,        // ask or try something, print the answer
		"dirty": becomeDirty,     // a careless host program: spoil all that is inherited, then ...
		"stage": runFromDirty,    // ... run a command from it
		"host":  startAndSurvive, // start a sandbox and wait to be killed

		"capabilities-of-host": probeHost,       // print what Probe says
		"reuse-last-resort":    reuseLastResort, // use a sandbox of the last resort in every way
		"turn-off":             turnOff,         // turn user namespaces off, and run a command
		"last-resort":          holdLastResort,  // start a sandbox of the last resort, and end it when told to

		"remap":    replaceFiles, // put files in the place of the host's user databases, and ...
		"remapped": runRemapped,  // ... run a command with other ids
		"confined": runConfined,  // start a sandbox from within a profile
	}
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if mode, ok := helperModes()[os.Args[1]]; ok {
			// Not os.Exit: there the race detector sleeps for a second.
			syscall.Exit(mode(os.Args[2:]))
		}
	}
	os.Exit(runTests(m))
}

// runTests runs the package's tests and fails when something is left behind.
func runTests(m *testing.M) int {
	dir, err := copyTestBinary()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := leak.Adopt(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	before := takeInventory()
	code := m.Run()
	if left := before.leftBehind(); left != "" {
		fmt.Fprintf(os.Stderr, "FAIL: the tests left behind:\n%s", left)
		code = max(code, 1)
	}
	return code
}

// copyTestBinary puts the test binary where an ordinary user can reach it: the
// go command builds it in a directory that only its own user may enter.
func copyTestBinary() (dir string, err error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return "", err
	}
	defer self.Close()
	if dir, err = os.MkdirTemp("", "sandbox-test-"); err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return dir, err
	}
	probeBinary = filepath.Join(dir, "probe")
	to, err := os.OpenFile(probeBinary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return dir, err
	}
	if _, err = io.Copy(to, self); err != nil {
		to.Close()
		return dir, err
	}
	if err := to.Chmod(0o755); err != nil {
		to.Close()
		return dir, err
	}
	return dir, to.Close()
}
