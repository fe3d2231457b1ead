package cgroup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fakeV2 is a v2 tree of plain files: what the kernel would fill in is filled
// in when a directory is made, and a file that is not written to never changes.
type fakeV2 struct {
	t     *testing.T
	root  string
	files map[string]string // of each directory but the root
}

func newFakeV2(t *testing.T) *fakeV2 {
	f := &fakeV2{t: t, root: t.TempDir(), files: map[string]string{
		"cgroup.type": "domain\n", "cgroup.procs": "", "cgroup.controllers": "cpuset cpu io memory pids\n",
		"cgroup.subtree_control": "", "cgroup.events": "populated 0\nfrozen 0\n", "cgroup.freeze": "0\n", "cgroup.kill": "",
		"memory.max": "max\n", "memory.swap.max": "max\n", "memory.low": "0\n", "memory.oom.group": "0\n",
		"memory.current": "1048576\n", "memory.peak": "2097152\n", "memory.swap.current": "4096\n",
		"memory.stat":   "anon 10\nfile 20\ninactive_file 5\n",
		"memory.events": "low 0\nmax 7\noom 3\noom_kill 2\n", "memory.events.local": "max 6\noom 1\noom_kill 1\n",
		"cpu.weight": "100\n", "cpu.max": "max 100000\n",
		"cpu.stat":    "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 5\nnr_throttled 4\nthrottled_usec 3\n",
		"cpuset.cpus": "", "cpuset.cpus.effective": "0-1\n", "cpuset.mems": "", "cpuset.mems.effective": "0\n",
		"pids.max": "max\n", "pids.current": "4\n", "pids.events": "max 9\n",
		"io.max": "", "io.weight": "default 100\n", "io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n",
		"cpu.pressure":    "some avg10=1.00 avg60=0.00 avg300=0.00 total=5\n",
		"memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		"io.pressure":     "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
	}}
	f.write("", "cgroup.controllers", "cpuset cpu io memory pids\n")
	f.write("", "cgroup.subtree_control", "")
	f.write("", "cgroup.procs", "1\n")
	return f
}

func (f *fakeV2) write(cgroup, file, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.root, cgroup, file), []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fakeV2) read(cgroup, file string) string {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join(f.root, cgroup, file))
	if err != nil {
		f.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// group makes a cgroup by hand, with processes in it or none.
func (f *fakeV2) group(name, procs string) {
	f.t.Helper()
	if err := os.Mkdir(filepath.Join(f.root, name), 0o755); err != nil {
		f.t.Fatal(err)
	}
	for file, text := range f.files {
		f.write(name, file, text)
	}
	f.write(name, "cgroup.procs", procs)
}

func (f *fakeV2) fileSystem() fileSystem {
	real := kernelFileSystem()
	path := func(parent int, name string) string {
		dir, err := os.Readlink(filepath.Join("/proc/self/fd", itoa(parent)))
		if err != nil {
			f.t.Error(err)
		}
		return filepath.Join(dir, name)
	}
	return fileSystem{
		mkdir: func(parent int, name string) error {
			if err := real.mkdir(parent, name); err != nil {
				return err
			}
			for file, text := range f.files {
				if err := os.WriteFile(filepath.Join(path(parent, name), file), []byte(text), 0o644); err != nil {
					return err
				}
			}
			return nil
		},
		rmdir: func(parent int, name string) error {
			dir := path(parent, name)
			entries, err := os.ReadDir(dir)
			if err != nil {
				return errors.Unwrap(err)
			}
			for _, e := range entries {
				if e.IsDir() {
					return unix.EBUSY
				}
			}
			for _, e := range entries {
				if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
					return err
				}
			}
			return real.rmdir(parent, name)
		},
	}
}

func (f *fakeV2) discover(own, parent string) *Hierarchy {
	f.t.Helper()
	h, err := discover(source{
		mountinfo:   "1 0 0:30 / " + f.root + " rw - cgroup2 cgroup2 rw\n",
		memberships: "0::" + own + "\n",
		parent:      parent,
		fs:          f.fileSystem(),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { h.Close() })
	return h
}

func (f *fakeV2) create(h *Hierarchy, l Limits) *Group {
	f.t.Helper()
	g, err := h.Create("", l)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { g.Remove() })
	return g
}

func TestV2CreateWritesLimits(t *testing.T) {
	f := newFakeV2(t)
	h := f.discover("/", "")
	g := f.create(h, Limits{
		Memory: 1 << 20, MemorySwap: 3 << 20, MemoryReservation: 4096, OOMGroup: true,
		CPUShares: 512, CPUs: 0.75, CPUSet: "0,1", CPUSetMems: "0", Pids: 7,
		IOWeight: 1000, IOMax: []IOMax{{Device: "8:0", ReadBPS: 5}},
	})
	for file, want := range map[string]string{
		"memory.max": "1048576", "memory.swap.max": "2097152", "memory.low": "4096", "memory.oom.group": "1",
		"cpu.weight": "50", "cpu.max": "75000 100000", "cpuset.cpus": "0,1", "cpuset.mems": "0",
		"pids.max": "7", "io.weight": "10000", "io.max": "8:0 rbps=5",
	} {
		if got := f.read(g.Name(), file); got != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
	if g.Dir() == nil || len(g.ProcsFiles()) != 1 {
		t.Errorf("Dir %v, ProcsFiles %v: want one directory", g.Dir(), g.ProcsFiles())
	}
	if err := g.Set(Limits{Memory: Unlimited, Pids: Unlimited, CPUQuota: Unlimited}); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"memory.max": "max", "pids.max": "max", "cpu.max": "max 100000"} {
		if got := f.read(g.Name(), file); got != want {
			t.Errorf("after Set %s is %q, want %q", file, got, want)
		}
	}
	path := g.Paths()[0]
	if err := g.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", path, err)
	}
}

func TestV2EnablesOnlyWhatIsNeeded(t *testing.T) {
	f := newFakeV2(t)
	h := f.discover("/", "")
	f.create(h, Limits{})
	if got := f.read("", "cgroup.subtree_control"); got != "" {
		t.Errorf("subtree_control has %q for a group without limits", got)
	}
	f.create(h, Limits{Pids: 5})
	if got := f.read("", "cgroup.subtree_control"); got != "+pids" {
		t.Errorf("subtree_control was written %q, want +pids", got)
	}
}

func TestV2Stats(t *testing.T) {
	f := newFakeV2(t)
	g := f.create(f.discover("/", ""), Limits{Memory: 1 << 20, Pids: 7, CPUShares: 512, IOWeight: 10})
	s, err := g.Stats()
	if err != nil {
		t.Fatal(err)
	}
	wantMemory := MemoryStats{Usage: 1 << 20, Peak: 2 << 20, Limit: 1 << 20, Swap: 4096, File: 20, Anon: 10, InactiveFile: 5, LimitHits: 6}
	if s.Memory != wantMemory {
		t.Errorf("memory %+v, want %+v", s.Memory, wantMemory)
	}
	wantCPU := CPUStats{Usage: 30 * time.Microsecond, User: 20 * time.Microsecond, System: 10 * time.Microsecond, Periods: 5, Throttled: 4, ThrottledTime: 3 * time.Microsecond}
	if s.CPU != wantCPU {
		t.Errorf("cpu %+v, want %+v", s.CPU, wantCPU)
	}
	if s.Pids != (PidsStats{Current: 4, Limit: 7, MaxEvents: 9}) || s.IO != (IOStats{1, 2, 3, 4}) || s.OOM != (OOMStats{Kills: 2, Events: 1}) {
		t.Errorf("pids %+v, io %+v, oom %+v", s.Pids, s.IO, s.OOM)
	}
	if s.PSI == nil || s.PSI.CPU.Some.Avg10 != 1 {
		t.Errorf("psi %+v", s.PSI)
	}
	if kills, err := g.OOMKills(); kills != 2 || err != nil {
		t.Errorf("OOM kills %d, %v", kills, err)
	}
}

func TestV2RefusesWhatTheKernelClamped(t *testing.T) {
	f := newFakeV2(t)
	h := f.discover("/", "")
	_, err := h.Create("", Limits{CPUSet: "0-7"}) // the tree says that 0-1 is what can be had
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, errMismatch) || !strings.Contains(e.Cause, "0-1") {
		t.Errorf("error %v, want one that says what can be used", err)
	}
	f.nothingLeft("")
}

func (f *fakeV2) nothingLeft(cgroup string) {
	f.t.Helper()
	left, err := filepath.Glob(filepath.Join(f.root, cgroup, namePrefix+"*"))
	if err != nil || len(left) != 0 {
		f.t.Errorf("left behind: %v %v", left, err)
	}
}

func TestV2MissingFiles(t *testing.T) {
	for _, tt := range []struct {
		file   string
		limits Limits
		is     error
	}{
		{"memory.max", Limits{Memory: 1 << 20}, unix.ENOENT},
		{"pids.max", Limits{Memory: 1 << 20, Pids: 2}, unix.ENOENT},
		{"io.weight", Limits{IOWeight: 10}, errors.ErrUnsupported},
		{"cgroup.procs", Limits{Pids: 2}, unix.ENOENT},
	} {
		f := newFakeV2(t)
		delete(f.files, tt.file)
		_, err := f.discover("/", "").Create("", tt.limits)
		if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.file) {
			t.Errorf("without %s: error %v", tt.file, err)
		}
		f.nothingLeft("")
	}
}

func TestV2SwapAccountingMissing(t *testing.T) {
	f := newFakeV2(t)
	delete(f.files, "memory.swap.max")
	_, err := f.discover("/", "").Create("", Limits{Memory: 1 << 20, MemorySwap: 1 << 20})
	swap, swapErr := hostHasSwap()
	if swapErr != nil {
		t.Skip("needs syscall: /proc/swaps: ", swapErr)
	}
	if swap != errors.Is(err, errors.ErrUnsupported) || (!swap && err != nil) {
		t.Errorf("the host has swap: %v; error %v", swap, err)
	}
}

// A program cannot be attached here: no group without its rules stays behind.
func TestV2DevicesAreRefused(t *testing.T) {
	f := newFakeV2(t)
	_, err := f.discover("/", "").Create("", Limits{Devices: []DeviceRule{}})
	var u *UnsupportedError
	if !errors.As(err, &u) || u.Feature != "devices" {
		t.Errorf("error %v", err)
	}
	f.nothingLeft("")
}

// The parent of groups: own cgroup, delegated ancestor, top, or none.
func TestV2Parent(t *testing.T) {
	undelegated := ""
	if os.Geteuid() != 0 {
		undelegated = "a" // the tree belongs to this user, which is delegation too
	}
	for _, tt := range []struct {
		name  string
		setup func(*fakeV2)
		own   string
		want  string // relative to the root; "!" if nothing can be limited
	}{
		{"own cgroup is the root of all", func(*fakeV2) {}, "/", ""},
		{"own cgroup has no process", func(f *fakeV2) { f.group("a", "") }, "/a", "a"},
		{"own cgroup has processes, the root is writable", func(f *fakeV2) { f.group("a", "5\n") }, "/a", ""},
		{"the parent is delegated", func(f *fakeV2) {
			f.group("a", "")
			f.group("a/b", "5\n")
			f.delegate("a")
		}, "/a/b", "a"},
		{"the parent is not delegated", func(f *fakeV2) {
			f.group("a", "")
			f.group("a/b", "5\n")
		}, "/a/b", undelegated},
		{"a delegated parent with processes is passed over", func(f *fakeV2) {
			f.group("a", "")
			f.group("a/b", "7\n")
			f.group("a/b/c", "5\n")
			f.delegate("a")
			f.delegate("a/b")
		}, "/a/b/c", "a"},
		{"a container's root with processes", func(f *fakeV2) {
			f.write("", "cgroup.type", "domain\n")
		}, "/", "!"},
		{"a container's root without", func(f *fakeV2) {
			f.write("", "cgroup.type", "domain\n")
			f.write("", "cgroup.procs", "")
			f.group("init", "5\n")
		}, "/init", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakeV2(t)
			tt.setup(f)
			h := f.discover(tt.own, "")
			g, err := h.Create("", Limits{Memory: 1 << 20})
			if tt.want == "!" {
				var u *UnsupportedError
				if !errors.As(err, &u) || !errors.Is(err, unix.EBUSY) || !strings.Contains(u.Fix, "Vacate") {
					t.Errorf("error %v, want EBUSY and what to do", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer g.Remove()
			if want := filepath.Join(f.root, tt.want, g.Name()); g.Paths()[0] != want {
				t.Errorf("made %s, want %s", g.Paths()[0], want)
			}
		})
	}
}

func (f *fakeV2) delegate(cgroup string) {
	f.t.Helper()
	if os.Geteuid() != 0 {
		return // then all of the tree is this user's, which counts as delegated
	}
	if err := unix.Setxattr(filepath.Join(f.root, cgroup), "user.delegate", []byte("1"), 0); err != nil {
		f.t.Skip("needs xattr: on the temporary directory: ", err)
	}
}

func TestV2NamedParent(t *testing.T) {
	f := newFakeV2(t)
	f.group("own", "5\n")
	f.group("jobs", "")
	g := f.create(f.discover("/own", "/jobs"), Limits{Pids: 1})
	if want := filepath.Join(f.root, "jobs", g.Name()); g.Paths()[0] != want {
		t.Errorf("made %s, want %s", g.Paths()[0], want)
	}
	_, err := f.discover("/own", "/missing").Create("", Limits{Pids: 1})
	if !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, unix.ENOENT) {
		t.Errorf("error %v, want ENOENT", err)
	}
}

func TestV2ControllerNotDelegated(t *testing.T) {
	f := newFakeV2(t)
	f.write("", "cgroup.controllers", "pids memory\n")
	h := f.discover("/", "")
	_, err := h.Create("", Limits{CPUShares: 512})
	var u *UnsupportedError
	if !errors.As(err, &u) || u.Feature != "cpu" || !strings.Contains(u.Fix, "Delegate=cpu") {
		t.Errorf("error %v", err)
	}
	for _, s := range h.Controllers() {
		bad := s.Controller == "cpu" || s.Controller == "cpuset" || s.Controller == "io"
		if (s.Err != nil) != bad || s.Version != 2 {
			t.Errorf("%+v", s)
		}
	}
}

func TestV2FreezeAndKillFiles(t *testing.T) {
	f := newFakeV2(t)
	g := f.create(f.discover("/", ""), Limits{})
	f.write(g.Name(), "cgroup.events", "populated 0\nfrozen 1\n")
	if err := g.Freeze(); err != nil || f.read(g.Name(), "cgroup.freeze") != "1" {
		t.Errorf("freeze: %v", err)
	}
	if err := g.Thaw(); err != nil || f.read(g.Name(), "cgroup.freeze") != "0" {
		t.Errorf("thaw: %v", err)
	}
	if err := g.Kill(); err != nil || f.read(g.Name(), "cgroup.kill") != "1" {
		t.Errorf("kill: %v", err)
	}
}

func TestV2WaitEmptyHeedsTheContext(t *testing.T) {
	f := newFakeV2(t)
	g := f.create(f.discover("/", ""), Limits{})
	f.write(g.Name(), "cgroup.events", "populated 1\nfrozen 0\n")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := g.WaitEmpty(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestV2VacateMakesRoom(t *testing.T) {
	f := newFakeV2(t)
	f.write("", "cgroup.type", "domain\n")
	h := f.discover("/", "")
	if _, err := h.Create("", Limits{Memory: 1 << 20}); !errors.Is(err, unix.EBUSY) {
		t.Fatalf("error %v, want EBUSY: there are processes", err)
	}
	// A plain file does not lose the processes that are written elsewhere.
	err := h.Vacate("host")
	if !errors.Is(err, unix.EBUSY) || f.read("host", "cgroup.procs") != "1" {
		t.Fatalf("error %v, leaf has %q", err, f.read("host", "cgroup.procs"))
	}
	f.write("", "cgroup.procs", "")
	if err := h.Vacate("host"); err != nil {
		t.Fatal(err)
	}
}

func TestSymlinksAreNotFollowed(t *testing.T) {
	f := newFakeV2(t)
	f.group("real", "")
	if err := os.Symlink("real", filepath.Join(f.root, "link")); err != nil {
		t.Fatal(err)
	}
	_, err := f.discover("/link", "").Create("", Limits{Pids: 1})
	if !errors.Is(err, unix.ELOOP) {
		t.Errorf("a symlinked cgroup: error %v, want ELOOP", err)
	}
	top, err := openMount(f.fileSystem(), 2, f.root)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(top)
	for rel, want := range map[string]error{"link": unix.ENOTDIR, "real/..": unix.EXDEV, "real": nil, "": nil} {
		if rel == "" {
			rel = "."
		}
		fd, err := walkBelow(top, rel)
		if err == nil {
			unix.Close(fd)
		}
		if !errors.Is(err, want) {
			t.Errorf("walk to %q: %v, want %v", rel, err, want)
		}
	}
	g := f.create(f.discover("/real", ""), Limits{Pids: 1})
	target := filepath.Join(f.root, "target")
	f.write("", "target", "precious")
	file := filepath.Join(g.Paths()[0], "pids.max")
	if err := errors.Join(os.Remove(file), os.Symlink(target, file)); err != nil {
		t.Fatal(err)
	}
	if err := g.Set(Limits{Pids: 2}); !errors.Is(err, unix.ELOOP) || f.read("", "target") != "precious" {
		t.Errorf("a symlinked file: error %v, target %q", err, f.read("", "target"))
	}
}

func TestAnotherFileSystemIsNotTakenForCgroups(t *testing.T) {
	f := newFakeV2(t)
	fs := f.fileSystem()
	fs.genuine = true
	h, err := discover(source{
		mountinfo: "1 0 0:30 / " + f.root + " rw - cgroup2 cgroup2 rw\n", memberships: "0::/\n", fs: fs,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Create("", Limits{Pids: 1}); !errors.Is(err, unix.ENODEV) {
		t.Errorf("error %v, want ENODEV", err)
	}
}

func TestClosedHierarchy(t *testing.T) {
	f := newFakeV2(t)
	h := f.discover("/", "")
	g := f.create(h, Limits{Pids: 1})
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Create("", Limits{Pids: 1}); !errors.Is(err, errClosed) {
		t.Errorf("Create after Close: %v", err)
	}
	if err := g.Set(Limits{Pids: 2}); err != nil {
		t.Errorf("Set after Close: %v", err)
	}
	if err := errors.Join(g.Remove(), g.Remove()); err != nil {
		t.Errorf("Remove after Close: %v", err)
	}
	if _, err := g.Stats(); !errors.Is(err, errClosed) {
		t.Errorf("Stats after Remove: %v", err)
	}
	if len(g.ProcsFiles()) != 0 || g.Dir() != nil {
		t.Error("descriptors after Remove")
	}
}
