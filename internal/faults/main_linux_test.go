package faults

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/leak"
)

// ownBinary is the test binary, which is the victim too.
const ownBinary = "/proc/self/exe"

// What the victim inherits.
const (
	socketNumber = 3
	pipeNumber   = 4
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case "intercepted":
			err := intercepted(socketNumber, []string{os.Args[0], "victim"})
			syscall.Exit(complain(err))
		case "victim":
			// Not os.Exit: there the race detector sleeps for a second.
			syscall.Exit(runVictim(pipeNumber))
		}
	}
	if err := leak.Adopt(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Files of other programs' launchers are none of this one's.
	dir, err := os.MkdirTemp("", "faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Setenv("TMPDIR", dir)
	code := runTests(m)
	os.RemoveAll(dir)
	os.Exit(code)
}

func runTests(m *testing.M) int {
	before := leak.Take()
	code := m.Run()
	if left := before.Since(); left != "" {
		fmt.Fprintf(os.Stderr, "FAIL: the tests left behind:\n%s", left)
		code = max(code, 1)
	}
	return code
}
