package sandbox_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// spared runs a command twice, after which the sandbox has a provision ready.
func spared(t *testing.T, options ...sandbox.Option) *sandbox.Sandbox {
	t.Helper()
	needRoot(t, "an ordinary caller's launcher makes everything itself")
	box := newBox(t, options...)
	for i := range 2 {
		if sandbox.KeepSpareFor(box, time.Hour) != nil || i > 0 && sandbox.HasSpare(box) {
			t.Fatal("a spare provision after the first command")
		}
		runTrue(t, box)
	}
	awaitSpare(t, box, true)
	return box
}

// awaitSpare waits until the sandbox has a provision ready, or none any more.
func awaitSpare(t *testing.T, box *sandbox.Sandbox, want bool) {
	t.Helper()
	for end := time.Now().Add(patience); sandbox.HasSpare(box) != want; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("a spare provision: %v", !want)
		}
	}
}

func runTrue(t *testing.T, box *sandbox.Sandbox) {
	t.Helper()
	if _, err := box.Run(context.Background(), exec.Command("/bin/true")); err != nil {
		t.Error(err)
	}
}

// What a sandbox keeps ready is used by one start only, however many come at once.
func TestSpareProvisionIsUsedOnce(t *testing.T) {
	box := spared(t)
	const together = 8
	seen := map[string]bool{}
	var release []io.Closer
	var running []*sandbox.Process
	for range together {
		cmd := exec.Command("/bin/sh", "-c", "readlink /proc/self/ns/net; read _")
		in, err1 := cmd.StdinPipe()
		out, err2 := cmd.StdoutPipe()
		p, err := box.Start(context.Background(), cmd)
		if err := errors.Join(err1, err2, err); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || seen[line] {
			t.Errorf("network namespace %q seen before, %v", line, err)
		}
		seen[line] = true
		release, running = append(release, in), append(running, p)
	}
	for i, p := range running {
		release[i].Close()
		var exit *sandbox.ExitError // read met the end of its input
		if _, err := p.Wait(); err != nil && !errors.As(err, &exit) {
			t.Error(err)
		}
	}
}

// It is gone with the sandbox, and after a while without it.
func TestSpareProvisionIsGivenUp(t *testing.T) {
	before := takeInventory()
	box := spared(t)
	if left := before.leftBehind(); !strings.Contains(left, "cgroup") {
		t.Errorf("a spare provision of a sandbox with default limits has no cgroup: %q", left)
	}
	if err := box.Close(); err != nil {
		t.Error(err)
	}
	if left := before.leftBehind(); left != "" {
		t.Errorf("left behind by Close:\n%s", left)
	}

	box = newBox(t)
	runTrue(t, box)
	if err := sandbox.KeepSpareFor(box, time.Nanosecond); err != nil {
		t.Fatal(err)
	}
	runTrue(t, box)
	awaitSpare(t, box, false)
	runTrue(t, box)
}

// A spare provision that somebody has taken away is an error of one start, and no
// less of a sandbox.
func TestSpareProvisionIsTakenAway(t *testing.T) {
	box := spared(t, sandbox.WithMemory(64<<20))
	removed := 0
	for _, dir := range sandbox.SparePaths(box) {
		if unix.Rmdir(dir) == nil {
			removed++
		}
	}
	if removed == 0 {
		t.Fatal("no cgroup to remove")
	}
	_, err := box.Run(context.Background(), exec.Command("/bin/true"))
	var setup *sandbox.SetupError
	if !errors.As(err, &setup) || !strings.Contains(err.Error(), "cgroup") {
		t.Errorf("%v", err)
	}
	runTrue(t, box)
}

// One that could not be made is not the error of a start, for which another is made.
func TestSpareProvisionHasFailed(t *testing.T) {
	before := takeInventory()
	box := spared(t)
	sandbox.SpoilSpare(box)
	runTrue(t, box)
	if err := box.Close(); err != nil {
		t.Error(err)
	}
	if left := before.leftBehind(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}
