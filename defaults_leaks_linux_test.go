package sandbox_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// adoptOrphans makes processes whose parent dies children of this one, so that
// none can get away unseen.
func adoptOrphans() error {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// An inventory is what a process owns or has made on the host.
type inventory struct {
	children, cgroups, mounts, descriptors, files []string
}

func takeInventory() inventory {
	runtime.GC() // closes the files that nothing refers to
	return inventory{children(), ownCgroups(), mountPoints(), descriptors(), launcherFiles()}
}

// leftBehind lists what was not there before. Goroutines need a moment to
// unwind after what they wait for has happened; nothing else gets one.
func (before inventory) leftBehind() string {
	now := takeInventory()
	var b strings.Builder
	for _, c := range []struct {
		kind        string
		before, now []string
	}{
		{"process", before.children, now.children},
		{"cgroup", before.cgroups, now.cgroups},
		{"mount", before.mounts, now.mounts},
		{"descriptor", before.descriptors, now.descriptors},
		{"file", before.files, now.files},
		{"goroutine", nil, libraryGoroutines()},
	} {
		for _, item := range c.now {
			if !slices.Contains(c.before, item) {
				fmt.Fprintf(&b, "%s: %s\n", c.kind, item)
			}
		}
	}
	return b.String()
}

// children are the living children of this process, after the dead ones were
// reaped that nobody waits for.
func children() (out []string) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		st, ok := readStat(pid)
		if !ok || st.parent != os.Getpid() {
			continue
		}
		if st.state == "Z" {
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
			continue
		}
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		// A process without memory has ended but for its last steps in the kernel.
		if len(cmdline) == 0 && hasEnded(pid) {
			continue
		}
		out = append(out, fmt.Sprintf("%d %s %q", pid, st.state, cmdline))
	}
	return out
}

type stat struct {
	state  string
	parent int
}

// readStat reads /proc/PID/stat; the name in brackets may hold anything.
func readStat(pid int) (stat, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, false
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 2 {
		return stat{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	return stat{fields[0], parent}, err == nil
}

// hosts are the helper processes that start sandboxes of their own and may be
// killed while they do.
var hosts struct {
	sync.Mutex
	pids []int
}

// rememberHost lets the leak check look for what a helper leaves behind.
func rememberHost(pid int) {
	hosts.Lock()
	defer hosts.Unlock()
	hosts.pids = append(hosts.pids, pid)
}

// ownCgroups are the groups that this process or a helper of it has made:
// their names carry the number of the process. Other programs on this machine
// may make such groups at the same time.
func ownCgroups() (out []string) {
	hosts.Lock()
	makers := append([]int{os.Getpid()}, hosts.pids...)
	hosts.Unlock()
	for _, m := range parseMounts("/proc/self/mountinfo") {
		if m.fstype != "cgroup" && m.fstype != "cgroup2" {
			continue
		}
		filepath.WalkDir(m.point, func(p string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil
			}
			// sandbox-PID-START-PIDNS-N
			f := strings.Split(d.Name(), "-")
			if len(f) != 5 || f[0] != "sandbox" || "pid:["+f[3]+"]" != ownNamespaces()["pid"] {
				return nil
			}
			pid, err := strconv.Atoi(f[1])
			if err == nil && slices.Contains(makers, pid) {
				out = append(out, p)
			}
			return nil
		})
	}
	return out
}

func mountPoints() (out []string) {
	for _, m := range parseMounts("/proc/self/mountinfo") {
		out = append(out, m.fstype+" on "+m.point)
	}
	return out
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

// libraryGoroutines are the goroutines that execute this module's or os/exec's
// code, other than the tests themselves.
func libraryGoroutines() (out []string) {
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

// A mount is one line of mountinfo (proc(5)).
type mount struct {
	root, point, fstype, options, super string
}

func parseMounts(path string) (out []mount) {
	b, _ := os.ReadFile(path)
	return mountLines(string(b))
}

func mountLines(text string) (out []mount) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		sep := slices.Index(f, "-")
		if sep < 6 || len(f) < sep+4 {
			continue
		}
		out = append(out, mount{root: f[3], point: f[4], options: f[5], fstype: f[sep+1], super: f[sep+3]})
	}
	return out
}

// hasEnded waits for a process on its way out and reaps it.
func hasEnded(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return errors.Is(err, unix.ESRCH)
	}
	defer unix.Close(fd)
	const patience = 5000 // milliseconds
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, patience)
	unix.Wait4(pid, nil, unix.WNOHANG, nil)
	return n == 1 && err == nil
}
