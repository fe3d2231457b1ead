package sandboxtest_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/seed-d1379373/sandbox/sandboxtest"
	"github.com/seed-d1379373/sandbox/sandboxtest/internal/probe"
)

// The test binary is its own probe program where the go command cannot build
// one: in a guest without Go, or for a user without a module cache.
func TestMain(m *testing.M) {
	if probe.IsCommand(os.Args) {
		os.Exit(probe.Main(os.Args))
	}
	if len(os.Args) > 2 && os.Args[1] == "last-resort" {
		os.Exit(lastResort(os.Args[2:]))
	}
	if os.Getenv(sandboxtest.Prebuilt) == "" && exec.Command("go", "build", "-o", os.DevNull, "../sandboxtest/probe").Run() != nil {
		self, err := os.Executable()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Setenv(sandboxtest.Prebuilt, self)
	}
	os.Exit(m.Run())
}
