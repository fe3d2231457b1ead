package leak

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Adopt makes processes whose parent dies children of this one, so that none
// can get away unseen.
func Adopt() error {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// An Inventory is what a process owns or has made on the host.
type Inventory struct {
	Processes, Cgroups, Mounts, Descriptors, Files []string
}

// Take lists what there is now. Cgroups are those that this process has made,
// or one of the makers.
func Take(makers ...int) Inventory {
	runtime.GC() // closes the files that nothing refers to
	var mounts []string
	for _, m := range Mounts("/proc/self/mountinfo") {
		mounts = append(mounts, m.Type+" on "+m.Point)
	}
	return Inventory{Children(), Cgroups(append(makers, os.Getpid())...), mounts, descriptors(), launcherFiles()}
}

// Since lists what is there now and was not before, and the goroutines of the
// library, one a line. These need a moment to unwind after what they wait for
// has happened; nothing else gets one.
func (before Inventory) Since(makers ...int) string {
	now := Take(makers...)
	var b strings.Builder
	for _, c := range []struct {
		kind        string
		before, now []string
	}{
		{"process", before.Processes, now.Processes},
		{"cgroup", before.Cgroups, now.Cgroups},
		{"mount", before.Mounts, now.Mounts},
		{"descriptor", before.Descriptors, now.Descriptors},
		{"file", before.Files, now.Files},
		{"goroutine", nil, goroutines()},
	} {
		for _, item := range c.now {
			if !slices.Contains(c.before, item) {
				fmt.Fprintf(&b, "%s: %s\n", c.kind, item)
			}
		}
	}
	return b.String()
}

// descriptors are those open now, without the runtime's own for polling.
func descriptors() (out []string) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, n := range names {
		target, err := os.Readlink("/proc/self/fd/" + n)
		if err != nil || n == strconv.Itoa(int(dir.Fd())) ||
			target == "anon_inode:[eventpoll]" || target == "anon_inode:[eventfd]" {
			continue
		}
		out = append(out, n+" "+target)
	}
	return out
}

// launcherFiles are private files of the launcher, for hosts that execute no
// memory.
func launcherFiles() []string {
	names, _ := filepath.Glob(filepath.Join(os.TempDir(), "sandbox-[0-9]*"))
	return names
}

// goroutines are those that execute this module's or os/exec's code, other than
// the tests themselves.
func goroutines() (out []string) {
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		out = nil
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for _, g := range strings.Split(string(stacks), "\n\n")[1:] { // the first is this one
			ours := strings.Contains(g, "seed-d1379373/sandbox") || strings.Contains(g, "os/exec.")
			if ours && !strings.Contains(g, "testing.tRunner(") && !strings.Contains(g, "testing.(*M).") {
				out = append(out, g)
			}
		}
		if len(out) == 0 || time.Now().After(deadline) {
			return out
		}
	}
}
