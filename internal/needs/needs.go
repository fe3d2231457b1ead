// Package needs skips tests where the machine lacks what they need. The reasons
// are words that internal/vmtest knows, so that a skip in a place that promises
// the feature is found.
package needs

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/seed-d1379373/sandbox/cgroup"
)

// Program skips where a program is not in the directories that the default view
// of a sandbox shows: what a PATH with other directories has does not count.
// Where the tests' packages were installed first (SANDBOX_TEST_PROGRAMS is
// "required"), that is a failure.
func Program(t testing.TB, names ...string) {
	t.Helper()
	end := t.Skipf
	if os.Getenv("SANDBOX_TEST_PROGRAMS") == "required" {
		end = t.Fatalf
	}
	for _, name := range names {
		if !installed(name) {
			end("needs %s: not installed", name)
		}
	}
}

func installed(name string) bool {
	for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// Root skips for an ordinary user.
func Root(t testing.TB, why string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: " + why)
	}
}

// Controller skips where this process cannot limit by a cgroup controller:
// memory, cpu, cpuset, pids, io, devices.
func Controller(t testing.TB, name string) {
	t.Helper()
	if err := NoController(name); err != nil {
		t.Skipf("needs cgroup2: %s: %v", name, err)
	}
}

// NoController says why this process cannot limit by a controller, and nil if
// it can.
func NoController(name string) error {
	h, err := cgroup.Discover()
	if err != nil {
		return err
	}
	defer h.Close()
	for _, c := range h.Controllers() {
		if c.Controller == name {
			return c.Err
		}
	}
	return errors.New("no such controller")
}

// CPUs skips where this process may run on one CPU only.
func CPUs(t testing.TB) {
	t.Helper()
	if runtime.NumCPU() < 2 {
		t.Skip("needs cpus: this process may run on one only")
	}
}
