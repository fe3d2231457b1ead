package cgroup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// unifiedHost skips where the controllers are not on v2.
func unifiedHost(t *testing.T, controllers ...string) *Hierarchy {
	t.Helper()
	h := liveHost(t, controllers...)
	for _, c := range controllers {
		if h.Controller(c).Version != 2 {
			t.Skipf("needs cgroup2: %s is on v1 here", c)
		}
	}
	return h
}

// One process too large ends all of the group, if that is asked for.
func TestV2OOMGroup(t *testing.T) {
	h := unifiedHost(t, "memory")
	for _, together := range []bool{true, false} {
		g := create(t, h, Limits{Memory: 32 << 20, MemorySwap: 32 << 20, OOMGroup: together}, Options{})
		idle := startShell(t, "echo ready; exec sleep 1000").run(g)
		if said := idle.line(); said != "ready" {
			t.Fatal(said)
		}
		if status, _ := startHelper(t, "hog 67108864").run(g).wait(); status.Signal() != syscall.SIGKILL {
			t.Fatalf("the hog ended with %v", status)
		}
		if together {
			if status, _ := idle.wait(); status.Signal() != syscall.SIGKILL {
				t.Errorf("together: the idle process ended with %v", status)
			}
		} else if pids, err := g.Procs(); err != nil || len(pids) != 1 {
			t.Errorf("one by one: left are %v, %v", pids, err)
		}
	}
}

// The reservation is for a host that runs short, which no test can bring about.
func TestV2ReservationIsKept(t *testing.T) {
	g := create(t, unifiedHost(t, "memory"), Limits{MemoryReservation: 16 << 20}, Options{})
	text, err := os.ReadFile(filepath.Join(g.Paths()[0], "memory.low"))
	if err != nil || strings.TrimSpace(string(text)) != "16777216" {
		t.Errorf("memory.low is %q, %v", text, err)
	}
}

// swapOn gives the host some swap, on a file.
func swapOn(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: swapon")
	}
	file := filepath.Join(t.TempDir(), "swap")
	for _, argv := range [][]string{{"dd", "if=/dev/zero", "of=" + file, "bs=1M", "count=128"}, {"chmod", "600", file}, {"mkswap", file}, {"swapon", file}} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Skipf("needs disk: no file can be used for swap: %v: %v: %s", argv, err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("swapoff", file).CombinedOutput(); err != nil {
			t.Errorf("swapoff: %v: %s", err, out)
		}
	})
}

func TestV2SwapLimit(t *testing.T) {
	h := unifiedHost(t, "memory")
	swapOn(t)
	const mib = 1 << 20
	for _, tt := range []struct {
		swap     int64 // with memory
		survives bool
	}{{32 * mib, false}, {48 * mib, false}, {128 * mib, true}, {Unlimited, true}} {
		g := create(t, h, Limits{Memory: 32 * mib, MemorySwap: tt.swap}, Options{})
		status, said := startHelper(t, fmt.Sprintf("hog %d", 64*mib)).run(g).wait()
		if (said == "survived\n") != tt.survives {
			t.Errorf("memory and swap of %d: %v, said %q", tt.swap, status, said)
		}
	}
}

func TestV2Pressure(t *testing.T) {
	h := unifiedHost(t, "cpu", "cpuset")
	if _, err := os.Stat("/proc/pressure/cpu"); err != nil {
		t.Skip("needs psi: ", err)
	}
	g := create(t, h, Limits{CPUSet: "0", CPUShares: 1024}, Options{})
	startHelper(t, "burn").run(g)
	startHelper(t, "burn").run(g)
	eventually(t, "two on one CPU wait for each other", func() bool {
		s, err := g.Stats()
		return err == nil && s.PSI != nil && s.PSI.CPU.Some.Total > 10*time.Millisecond
	})
}

// The weight is taken, or the error says that the kernel has none.
func TestV2IOWeight(t *testing.T) {
	h := unifiedHost(t, "io")
	g, err := h.Create("", Limits{IOWeight: 1000})
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("needs syscall: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer g.Remove()
	for file, want := range map[string]string{"io.weight": "default 10000", "io.bfq.weight": "1000"} {
		text, err := os.ReadFile(filepath.Join(g.Paths()[0], file))
		if err == nil && !strings.HasPrefix(strings.TrimPrefix(string(text), "default "), strings.TrimPrefix(want, "default ")) {
			t.Errorf("%s is %q, want %s", file, text, want)
		}
	}
}

// Slower than the limit is possible, faster is not.
func TestIOMaxThrottles(t *testing.T) {
	h := liveHost(t, "io")
	dir := t.TempDir()
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	disk := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)))
	if _, err := os.Stat("/sys/dev/block/" + disk + "/queue"); err != nil {
		t.Skip("needs disk: ", err) // a partition has no queue
	}
	const rate, amount = 1 << 20, 3 << 20
	write := func(g *Group) (took time.Duration) {
		file := filepath.Join(dir, g.Name())
		p := startShell(t, fmt.Sprintf("dd if=/dev/zero of=%s bs=64k count=%d oflag=direct 2>&1", file, amount>>16))
		begin := time.Now()
		if status, said := p.run(g).wait(); status.ExitStatus() != 0 {
			t.Skipf("needs disk: no direct writes: %s", said)
		}
		return time.Since(begin)
	}
	free := write(create(t, h, Limits{}, Options{Controllers: []string{"io"}}))
	g := create(t, h, Limits{IOMax: []IOMax{{Device: disk, WriteBPS: rate}}}, Options{})
	limited := write(g)
	if least := time.Second; limited < least {
		t.Errorf("%d bytes at %d a second took %v (without a limit %v)", amount, rate, limited, free)
	}
	s, err := g.Stats()
	if err != nil || s.IO.WriteBytes < amount {
		t.Errorf("counted are %+v, %v", s.IO, err)
	}
}
