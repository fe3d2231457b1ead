package sandbox_test

import (
	"context"
	"fmt"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// A directory that the host program holds open without O_CLOEXEC must not be a
// way out, neither as the working directory nor on the path of the program
// (CVE-2024-21626).
func TestLeakedDirectoryIsNoWayOut(t *testing.T) {
	const leaked = 120
	fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Dup2(fd, leaked); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(leaked)

	control := exec.Command("ls", "proc")
	control.Dir = fmt.Sprintf("/proc/self/fd/%d", leaked)
	if out, err := control.Output(); err != nil || len(out) == 0 {
		t.Fatalf("control: the directory is not there outside: %v", err)
	}
	box, err := sandbox.New(sandbox.WithoutLandlock())
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	for n := 3; n <= leaked; n++ {
		cmd := exec.Command("true")
		cmd.Dir = fmt.Sprintf("/proc/self/fd/%d", n)
		if _, err := box.Run(context.Background(), cmd); err == nil {
			t.Errorf("descriptor %d is a directory", n)
		}
	}
	for _, n := range []int{fd, leaked} {
		path := fmt.Sprintf("/proc/self/fd/%d/usr/bin/true", n)
		if _, err := box.Run(context.Background(), &exec.Cmd{Path: path, Args: []string{path}}); err == nil {
			t.Errorf("%s could be executed", path)
		}
	}
}
