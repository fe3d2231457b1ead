package sandbox_test

import (
	"math"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// resourceLimits are soft and hard limits by the names of /proc/PID/limits.
func resourceLimits(text string) map[string][2]string {
	out := map[string][2]string{}
	for line := range strings.Lines(text) {
		if len(line) < 64 || !strings.HasPrefix(line, "Max ") {
			continue
		}
		f := strings.Fields(line[26:])
		if len(f) >= 2 {
			out[strings.TrimSpace(line[4:26])] = [2]string{f[0], f[1]}
		}
	}
	return out
}

// The limits are the design's, whether the caller's were higher or odd.
func TestResourceLimits(t *testing.T) {
	want := map[string][2]string{
		"open files": {"1024", "1024"}, "file size": {"4294967296", "4294967296"}, "locked memory": {"65536", "65536"},
		"realtime priority": {"0", "0"}, "nice priority": {"0", "0"}, "core file size": {"1", "1"},
	}
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil {
		t.Fatal(err)
	}
	if core.Max == 0 {
		want["core file size"] = [2]string{"0", "0"}
	}
	got := resourceLimits(sandboxed()(t, "cat", "/proc/self/limits"))
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s: %v, want %v", name, got[name], w)
		}
	}
	// Lower ones of the caller stay, odd ones go.
	d := dirt{Rlimits: map[string]uint64{"7": 100, "1": 1 << 30, "8": 4096, "3": 4 << 20}}
	r := runDirty(t, d, "cat", "/proc/self/limits")
	low := map[string][2]string{
		"open files": {"100", "100"}, "file size": {"1073741824", "1073741824"}, "locked memory": {"4096", "4096"}, "stack size": {"4194304", "4194304"},
	}
	control, inside := resourceLimits(r.Control), resourceLimits(r.Out)
	for name, w := range low {
		if control[name] != w {
			t.Errorf("control: %s: %v, want %v", name, control[name], w)
		}
		if inside[name] != w {
			t.Errorf("with a low limit outside: %s: %v, want %v", name, inside[name], w)
		}
	}
	if inside["realtime priority"] != want["realtime priority"] {
		t.Errorf("inside: %v", inside["realtime priority"])
	}
}

// The limits that matter are in force, and the option for one moves it.
func TestResourceLimitsWork(t *testing.T) {
	for _, c := range []struct {
		attempt, limited string
		open             sandbox.Option
	}{
		{"truncate:4294967297", "EFBIG", sandbox.WithRlimit("FSIZE", math.MaxUint64, math.MaxUint64)},
		{"mlock:131072", "ENOMEM|EAGAIN", sandbox.WithRlimit("RLIMIT_MEMLOCK", 1<<20, 1<<20)},
		{"descriptors:900", "ok", nil},
		{"descriptors:1024", "EMFILE", sandbox.WithRlimit("nofile", 2048, 2048)},
	} {
		wantResults(t, sandboxed(), "default", map[string]string{c.attempt: c.limited})
		if c.open != nil {
			wantResults(t, sandboxed(c.open), "with a higher limit", map[string]string{c.attempt: "ok"})
		}
	}
	wantResults(t, sandboxed(), "default", map[string]string{"truncate:4294967296": "ok", "mlock:32768": "ok", "realtime": "EPERM"})
	_, _, err := runInside([]string{"true"}, sandbox.WithRlimit("NOFILE", 1<<40, 1<<40))
	if err == nil {
		t.Error("a limit above the caller's own was granted")
	}
}
