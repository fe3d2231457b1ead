package sandbox_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// starts is how many sandboxes TestManyStarts starts.
func starts() int {
	if raceDetector || testing.Short() || os.Getenv("CI_EMULATED") != "" {
		return 1000
	}
	return 10000
}

// hostState is what a library must not change in the program that uses it.
type hostState struct {
	umask   int
	dir     string
	environ []string
	signals string
}

func takeHostState(t *testing.T) hostState {
	t.Helper()
	umask := unix.Umask(0)
	unix.Umask(umask)
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return hostState{umask, dir, os.Environ(), statusLine(t, "SigBlk:") + statusLine(t, "SigIgn:")}
}

func statusLine(t *testing.T, key string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if strings.HasPrefix(line, key) {
			return line
		}
	}
	t.Fatalf("no %s in /proc/self/status", key)
	return ""
}

// Many starts at once, of which every second is cancelled at a random moment,
// leave nothing behind and do not touch the host program.
func TestManyStarts(t *testing.T) {
	const together = 64
	before, host := takeInventory(), takeHostState(t)
	box, err := sandbox.New(sandbox.WithPids(16))
	if err != nil {
		t.Fatal(err)
	}
	var left, finished, cancelled atomic.Int64
	left.Store(int64(starts()))
	var workers sync.WaitGroup
	for range together {
		workers.Go(func() {
			for left.Add(-1) >= 0 && !t.Failed() {
				cancel, err := startOnce(box)
				switch {
				case err == nil:
					finished.Add(1)
				case cancel && errors.Is(err, context.Canceled):
					cancelled.Add(1)
				default:
					t.Errorf("cancel %v: %v", cancel, err)
				}
			}
		})
	}
	workers.Wait()

	t.Logf("%d finished, %d cancelled", finished.Load(), cancelled.Load())
	if finished.Load() == 0 || cancelled.Load() == 0 {
		t.Error("the test must meet both")
	}
	if err := box.Close(); err != nil {
		t.Error(err)
	}
	if s := before.leftBehind(); s != "" {
		t.Errorf("left behind:\n%s", s)
	}
	after := takeHostState(t)
	if after.umask != host.umask || after.dir != host.dir || !slices.Equal(after.environ, host.environ) || after.signals != host.signals {
		t.Errorf("the host program was changed: %+v, before %+v", after, host)
	}
}

// startOnce runs a command that ends at once, and cancels half of them within
// about the time that a run takes.
func startOnce(box *sandbox.Sandbox) (cancelled bool, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := exec.Command("sh", "-c", "sleep 0.01 & exit 0")
	if rand.IntN(2) == 0 {
		cancelled = true
		cmd = exec.Command("sleep", "60")
		timer := time.AfterFunc(time.Duration(rand.IntN(200))*time.Millisecond, cancel)
		defer timer.Stop()
	}
	_, err = box.Run(ctx, cmd)
	return cancelled, err
}
