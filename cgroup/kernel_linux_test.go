package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMemoryLimitKills(t *testing.T) {
	h := liveHost(t, "memory")
	limits := Limits{Memory: 64 << 20, MemorySwap: 64 << 20}
	g := create(t, h, limits, Options{})
	if status, said := startHelper(t, "hog 16777216").run(g).wait(); status.ExitStatus() != 0 || said != "survived\n" {
		t.Fatalf("16 MiB within 64: status %v, said %q", status, said)
	}
	if kills, err := g.OOMKills(); kills != 0 || err != nil {
		t.Fatalf("OOM kills before: %d, %v", kills, err)
	}
	status, said := startHelper(t, "hog 134217728").run(g).wait()
	if status.Signal() != syscall.SIGKILL || said != "" {
		t.Fatalf("128 MiB within 64: status %v, said %q", status, said)
	}
	if kills, err := g.OOMKills(); kills != 1 || err != nil {
		t.Errorf("OOM kills after: %d, %v; want 1", kills, err)
	}
	s, err := g.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if s.OOM.Kills != 1 || s.Memory.Limit != 64<<20 || s.Memory.Peak < 60<<20 || s.Memory.Peak > 65<<20 {
		t.Errorf("%#v %+v", s.Memory, s.OOM)
	}
}

// Page cache fills a group to its limit and is reclaimed: nobody is killed. It
// is clean: some kernels (6.12) rather kill than wait until a small group's
// pages are written.
func TestMemoryLimitHitsAreCounted(t *testing.T) {
	g := create(t, liveHost(t, "memory"), Limits{Memory: 8 << 20}, Options{})
	dir := t.TempDir()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC {
		t.Skip("needs disk: the cache of the temporary directory cannot be reclaimed")
	}
	name := filepath.Join(dir, "filler")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(make([]byte, 32<<20)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Sync(), unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)); err != nil {
		t.Fatal(err)
	}
	script := "dd if=" + name + " of=/dev/null bs=64k 2>&1 && echo read"
	if _, said := startShell(t, script).run(g).wait(); !strings.HasSuffix(said, "read\n") {
		t.Fatalf("said %q", said)
	}
	if s, err := g.Stats(); err != nil || s.Memory.LimitHits == 0 || s.OOM.Kills != 0 {
		t.Errorf("%#v %+v, %v", s.Memory, s.OOM, err)
	}
}

func TestMemorySetLive(t *testing.T) {
	g := create(t, liveHost(t, "memory"), Limits{Memory: 64 << 20, MemorySwap: 64 << 20}, Options{})
	limit := func() int64 {
		s, err := g.Stats()
		if err != nil {
			t.Fatal(err)
		}
		return s.Memory.Limit
	}
	// Up and down again: the order of the two writes differs.
	for _, mib := range []int64{256, 32, 96} {
		if err := g.Set(Limits{Memory: mib << 20, MemorySwap: mib << 20}); err != nil || limit() != mib<<20 {
			t.Errorf("set to %d MiB: %v, limit %d", mib, err, limit())
		}
	}
	if err := g.Set(Limits{Memory: Unlimited, MemorySwap: Unlimited}); err != nil || limit() != Unlimited {
		t.Errorf("set to unlimited: %v, limit %d", err, limit())
	}
	if err := g.Set(Limits{Pids: 5}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a controller that the group lacks: %v", err)
	}
}

func TestPidsLimitStopsForks(t *testing.T) {
	const script = `i=0; while [ $i -lt 20 ]; do sleep 1000 & i=$((i+1)); done; echo all; wait`
	h := liveHost(t, "pids")
	t.Run("control", func(t *testing.T) {
		g := create(t, h, Limits{Pids: 50}, Options{})
		if said := startShell(t, script).run(g).line(); said != "all" {
			t.Errorf("said %q", said)
		}
		if pids, err := g.Procs(); len(pids) != 21 || err != nil {
			t.Errorf("%d processes, %v; want 21", len(pids), err)
		}
		if err := g.Kill(); err != nil {
			t.Error(err)
		}
	})
	t.Run("limit", func(t *testing.T) {
		g := create(t, h, Limits{Pids: 5}, Options{})
		p := startShell(t, script+" 2>/dev/null").run(g)
		eventually(t, "a fork was refused", func() bool {
			s, err := g.Stats()
			return err == nil && s.Pids.MaxEvents > 0
		})
		if s, err := g.Stats(); err != nil || s.Pids.Current > 5 || s.Pids.Limit != 5 {
			t.Errorf("%+v, %v", s.Pids, err)
		}
		if err := g.Kill(); err != nil {
			t.Error(err)
		}
		if _, said := p.wait(); said != "" {
			t.Errorf("said %q", said)
		}
	})
}

func TestCPUQuotaThrottles(t *testing.T) {
	h := liveHost(t, "cpu")
	g := create(t, h, Limits{CPUs: 0.1}, Options{})
	startHelper(t, "burn").run(g)
	eventually(t, "the group was throttled", func() bool {
		s, err := g.Stats()
		return err == nil && s.CPU.Throttled > 3 && s.CPU.ThrottledTime > 0
	})
	if err := g.Set(Limits{CPUQuota: 20000, CPUPeriod: 20000}); err != nil {
		t.Errorf("a shorter period: %v", err)
	}
	if err := g.Set(Limits{CPUQuota: 50000, CPUPeriod: 100000}); err != nil {
		t.Errorf("a longer period: %v", err)
	}
}

func TestCPUSharesDivideOneCPU(t *testing.T) {
	if testing.Short() {
		t.Skip("burns a second of CPU time")
	}
	h := liveHost(t, "cpu", "cpuacct", "cpuset")
	o := Options{Controllers: []string{"cpuacct"}}
	big := create(t, h, Limits{CPUShares: 1024, CPUSet: "0"}, o)
	small := create(t, h, Limits{CPUShares: 512, CPUSet: "0"}, o)
	used := func(g *Group) time.Duration {
		d, err := g.CPUTime()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	one, two := startHelper(t, "burn"), startHelper(t, "burn")
	one.run(big)
	two.run(small)
	eventually(t, "both run", func() bool { return used(big) > 50*time.Millisecond && used(small) > 50*time.Millisecond })
	big0, small0 := used(big), used(small)
	var b, s time.Duration
	eventually(t, "a second of CPU time was used", func() bool {
		b, s = used(big)-big0, used(small)-small0
		return b+s > time.Second
	})
	if ratio := float64(b) / float64(s); ratio < 1.6 || ratio > 2.5 {
		t.Errorf("%v against %v is %.2f, want about 2", b, s, ratio)
	}
}

func TestCPUSetConfines(t *testing.T) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil || all.Count() < 2 {
		t.Skip("needs cpus: two of them")
	}
	h := liveHost(t, "cpuset")
	const script = `exec grep Cpus_allowed_list: /proc/self/status`
	for _, list := range []string{"0", "0-1"} {
		g := create(t, h, Limits{CPUSet: list}, Options{})
		if got := strings.Fields(startShell(t, script).run(g).line()); got[1] != list {
			t.Errorf("set %s: allowed %v", list, got)
		}
	}
	_, err := h.Create("", Limits{CPUSet: "0,4095"})
	var e *Error
	if !errors.As(err, &e) || e.Controller != "cpuset" || e.Value != "0,4095" || !strings.Contains(e.Path, "cpuset.cpus") || e.Cause == "" {
		t.Errorf("a CPU that does not exist: %v", err)
	}
}

func TestDevicesRefuse(t *testing.T) {
	h := liveHost(t, "devices")
	const script = `(: </dev/null) 2>&- && echo null; (: </dev/full) 2>&- && echo full; true`
	for _, tt := range []struct {
		rules []DeviceRule
		want  string
	}{
		{nil, "null\nfull\n"},
		{[]DeviceRule{}, ""},
		{[]DeviceRule{{'c', 1, 7, "rw", true}}, "full\n"},
		{[]DeviceRule{{'a', -1, -1, "rwm", true}, {'c', 1, 7, "r", false}}, "null\n"},
	} {
		g := create(t, h, Limits{Devices: tt.rules}, Options{})
		if _, said := startShell(t, script).run(g).wait(); said != tt.want {
			t.Errorf("%v: could open %q, want %q", tt.rules, said, tt.want)
		}
	}
}

func TestIOMax(t *testing.T) {
	h := liveHost(t, "io")
	disk, err := wholeDisk()
	if err != nil {
		t.Skip(err)
	}
	g := create(t, h, Limits{IOMax: []IOMax{{Device: disk, ReadBPS: 1 << 20, WriteIOPS: 100}}}, Options{})
	found := false
	for _, p := range g.Paths() {
		for _, file := range []string{"io.max", "blkio.throttle.read_bps_device"} {
			text, _ := os.ReadFile(filepath.Join(p, file))
			found = found || strings.Contains(string(text), disk) && strings.Contains(string(text), "1048576")
		}
	}
	if !found {
		t.Errorf("no limit on %s in %v", disk, g.Paths())
	}
	if _, err := g.Stats(); err != nil {
		t.Error(err)
	}
	_, err = h.Create("", Limits{IOMax: []IOMax{{Device: "4095:4095", ReadBPS: 1}}})
	if !errors.Is(err, unix.ENODEV) {
		t.Errorf("no such disk: %v", err)
	}
	_, err = h.Create("", Limits{IOMax: []IOMax{{Device: "/dev/null", ReadBPS: 1}}})
	var wrong *LimitError
	if !errors.As(err, &wrong) {
		t.Errorf("a character device: %v", err)
	}
}

func wholeDisk() (string, error) {
	found, _ := filepath.Glob("/sys/block/[svnx]*/dev")
	for _, file := range found {
		if text, err := os.ReadFile(file); err == nil {
			return strings.TrimSpace(string(text)), nil
		}
	}
	return "", errors.New("needs disk: no block device is known")
}

func TestCreateErrorsCarryTheirCause(t *testing.T) {
	h := liveHost(t, "pids")
	g, err := h.Create("cgroup-test-taken", Limits{Pids: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Remove()
	_, err = h.Create("cgroup-test-taken", Limits{Pids: 5})
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, unix.EEXIST) || !strings.HasSuffix(e.Path, "/cgroup-test-taken") {
		t.Errorf("a name that is taken: %v", err)
	}
	if err := g.Add(1 << 29); !errors.As(err, &e) || !errors.Is(err, unix.ESRCH) || !strings.HasSuffix(e.Path, "cgroup.procs") {
		t.Errorf("no such process: %v", err)
	}
	for _, pid := range []int{0, -1} {
		if err := g.Add(pid); err == nil {
			t.Errorf("process %d was added", pid)
		}
	}
	if _, err := h.Create("a/b", Limits{Pids: 5}); err == nil {
		t.Error("a name with a slash was accepted")
	}
	if _, err := h.CreateWith("", Limits{}, Options{Controllers: []string{"nonsense"}}); err == nil {
		t.Error("a controller that does not exist was accepted")
	}
}

// A limit that fails after directories were made takes them away again.
func TestCreateFailureLeavesNothing(t *testing.T) {
	h := liveHost(t, "pids", "memory", "cpuset")
	const name = "cgroup-test-fails"
	if _, err := h.Create(name, Limits{Memory: 1 << 20, Pids: 5, CPUSet: "4095"}); err == nil {
		t.Fatal("a CPU that does not exist was accepted")
	}
	for _, b := range h.bases {
		if _, err := os.Stat(filepath.Join(b.path, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s/%s is there: %v", b.path, name, err)
		}
	}
}

func TestOnlyNeededDirectories(t *testing.T) {
	h := liveHost(t, "pids", "memory")
	g := create(t, h, Limits{Pids: 5}, Options{})
	if len(g.Paths()) != 1 {
		t.Errorf("a pids limit made %v", g.Paths())
	}
	if g.Dir() != nil && h.version("pids") == 1 {
		t.Error("a v1 group has a directory to clone into")
	}
}

// A process enters by writing 0 to each descriptor that the host opened.
func TestProcsFilesAdmitTheWriter(t *testing.T) {
	h := liveHost(t, "pids", "memory")
	g := create(t, h, Limits{Pids: 5, Memory: 64 << 20}, Options{})
	files := g.ProcsFiles()
	if len(files) != len(g.Paths()) {
		t.Fatalf("%d files for %v", len(files), g.Paths())
	}
	script := ""
	for i := range files {
		script += fmt.Sprintf("echo 0 >&%d; ", 3+i)
	}
	p := startShellFiles(t, script+"echo in; sleep 1000", files)
	p.run()
	if said := p.line(); said != "in" {
		t.Fatal(said)
	}
	eventually(t, "the sleep runs", func() bool { pids, err := g.Procs(); return err == nil && len(pids) == 2 })
	if err := g.CloseProcs(); err != nil || len(g.ProcsFiles()) != 0 {
		t.Errorf("close: %v, %v", err, g.ProcsFiles())
	}
	if err := g.Kill(); err != nil {
		t.Error(err)
	}
}

func TestConcurrentCreateRemove(t *testing.T) {
	h := liveHost(t, "pids", "memory")
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 10 {
				g, err := h.Create("", Limits{Pids: 5, Memory: 1 << 20})
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := g.Stats(); err != nil {
					t.Error(err)
				}
				if _, err := h.Sweep(); err != nil {
					t.Error(err)
				}
				if err := g.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestNamesOfTwoHierarchiesDoNotCollide(t *testing.T) {
	a := create(t, liveHost(t, "pids"), Limits{Pids: 5}, Options{})
	b := create(t, liveHost(t, "pids"), Limits{Pids: 5}, Options{})
	if a.Name() == b.Name() {
		t.Errorf("both are %s", a.Name())
	}
}

func TestSweep(t *testing.T) {
	h := liveHost(t, "pids")
	p := startHelper(t, "own")
	name := p.line()
	dir := filepath.Join(h.where["pids"].path, name)
	if _, _, ok := parseGroupName(name); !ok {
		t.Fatalf("the helper said %q", name)
	}
	own := create(t, h, Limits{Pids: 5}, Options{})
	if _, err := h.Sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("a live host's group was swept: %v", err)
	}
	_ = p.cmd.Process.Kill()
	p.wait()
	// Somebody is still in it: it stays.
	tenant := startShell(t, "true")
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(itoa(tenant.cmd.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("a group with a process was swept: %v", err)
	}
	tenant.run().wait()
	eventually(t, "the dead host's group is swept", func() bool {
		if _, err := h.Sweep(); err != nil {
			t.Fatal(err)
		}
		_, err := os.Stat(dir)
		return errors.Is(err, os.ErrNotExist)
	})
	if _, err := own.Stats(); err != nil {
		t.Errorf("the own group: %v", err)
	}
}

func TestRemoveWithProcessesIsBusy(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the bound of Remove")
	}
	g := create(t, liveHost(t, "pids"), Limits{Pids: 5}, Options{})
	p := startShell(t, "true")
	if err := g.Add(p.cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := g.Remove(); !errors.Is(err, unix.EBUSY) {
		t.Errorf("error %v, want EBUSY", err)
	}
	if err := errors.Join(g.Kill(), g.Remove()); err != nil {
		t.Error(err)
	}
}

func TestRemoveTakesNestedGroupsAndNoOthers(t *testing.T) {
	h := liveHost(t, "pids")
	g := create(t, h, Limits{Pids: 5}, Options{Freezer: true})
	other := create(t, h, Limits{Pids: 5}, Options{Freezer: true})
	for _, p := range g.Paths() {
		deep := p
		for range 80 {
			deep = filepath.Join(deep, "x")
		}
		if err := errors.Join(os.MkdirAll(deep, 0o755), os.MkdirAll(filepath.Join(p, "y", "z"), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	paths := g.Paths()
	if err := g.Remove(); err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if _, err := os.Stat(p); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", p, err)
		}
	}
	for _, p := range other.Paths() {
		if _, err := os.Stat(p); err != nil {
			t.Errorf("another group: %v", err)
		}
	}
}

func TestWaitEmpty(t *testing.T) {
	h := liveHost(t, "pids")
	for _, o := range []Options{{}, {Freezer: true}} {
		g := create(t, h, Limits{Pids: 5}, o)
		if err := g.WaitEmpty(context.Background()); err != nil {
			t.Errorf("an empty group: %v", err)
		}
		p := startShell(t, "true")
		if err := g.Add(p.cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		if err := g.WaitEmpty(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a group with a process: %v", err)
		}
		cancel()
		p.run()
		if err := g.WaitEmpty(context.Background()); err != nil {
			t.Errorf("after the last process: %v", err)
		}
	}
}
