package cgroup

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// hosts are this host as it is and, where it differs, with v1 alone.
func hosts(t *testing.T, test func(t *testing.T, h *Hierarchy)) {
	t.Run("host", func(t *testing.T) { test(t, liveHost(t, "freezer", "pids")) })
	t.Run("v1", func(t *testing.T) { test(t, withoutUnified(t, "freezer", "pids")) })
}

func TestFreezeStopsProgress(t *testing.T) {
	hosts(t, func(t *testing.T, h *Hierarchy) {
		g := create(t, h, Limits{Pids: 50}, Options{Freezer: true})
		p := startHelper(t, "count").run(g)
		byteOf := make([]byte, 1)
		if _, err := p.out.Read(byteOf); err != nil {
			t.Fatal(err)
		}
		if err := g.Freeze(); err != nil {
			t.Fatal(err)
		}
		pipe := int(p.out.(*os.File).Fd()) // reads of it block from now on
		drain(t, pipe)
		fds := []unix.PollFd{{Fd: int32(pipe), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, 200); n != 0 || err != nil {
			t.Errorf("a frozen program wrote: %d, %v", n, err)
		}
		if err := g.Thaw(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(p.out, make([]byte, 100)); err != nil {
			t.Errorf("a thawed program does not write: %v", err)
		}
		if err := g.Kill(); err != nil {
			t.Error(err)
		}
	})
}

func drain(t *testing.T, pipe int) {
	t.Helper()
	buf := make([]byte, 1<<16)
	for {
		fds := []unix.PollFd{{Fd: int32(pipe), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, 0); err != nil {
			t.Fatal(err)
		} else if n == 0 {
			return
		}
		if _, err := unix.Read(pipe, buf); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKillEndsFrozenGroup(t *testing.T) {
	hosts(t, func(t *testing.T, h *Hierarchy) {
		g := create(t, h, Limits{Pids: 50}, Options{Freezer: true})
		p := startHelper(t, "burn").run(g)
		if err := errors.Join(g.Freeze(), g.Kill()); err != nil {
			t.Fatal(err)
		}
		if status, _ := p.wait(); status.Signal() != syscall.SIGKILL {
			t.Errorf("status %v", status)
		}
		if err := g.Remove(); err != nil {
			t.Error(err)
		}
	})
}

func TestThawOfARunningGroup(t *testing.T) {
	hosts(t, func(t *testing.T, h *Hierarchy) {
		g := create(t, h, Limits{}, Options{Freezer: true})
		if err := errors.Join(g.Thaw(), g.Freeze(), g.Freeze(), g.Thaw()); err != nil {
			t.Error(err)
		}
	})
}

func TestFreezeNeedsTheFreezer(t *testing.T) {
	h := withoutUnified(t, "pids")
	g := create(t, h, Limits{Pids: 5}, Options{})
	if err := g.Freeze(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}

// bomb forks for ever, and so does each child; only a pids limit bounds it. A
// shell whose fork is refused ends, so that now and then the last one does.
const bomb = `b() { b & b & wait; }; while :; do b; done 2>/dev/null`

func TestKillBeatsForkBomb(t *testing.T) {
	const most = 64
	for _, tt := range []struct {
		name  string
		v1    bool
		group func(t *testing.T, h *Hierarchy) (victim *Group, others []*Group)
	}{
		{"host with freezer", false, func(t *testing.T, h *Hierarchy) (*Group, []*Group) {
			return create(t, h, Limits{Pids: most}, Options{Freezer: true}), nil
		}},
		{"v1 freezer only", true, func(t *testing.T, h *Hierarchy) (*Group, []*Group) {
			needControllers(t, h, "freezer")
			bound := create(t, h, Limits{Pids: most}, Options{})
			return create(t, h, Limits{}, Options{Freezer: true}), []*Group{bound}
		}},
		{"v1 pids only", true, func(t *testing.T, h *Hierarchy) (*Group, []*Group) {
			return create(t, h, Limits{Pids: most}, Options{}), nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := liveHost(t, "pids")
			if tt.v1 {
				h = withoutUnified(t, "pids")
			}
			victim, others := tt.group(t, h)
			all := append(others, victim)
			startShell(t, bomb).run(all...)
			eventually(t, "the bomb has grown", func() bool {
				pids, err := victim.Procs()
				if len(pids) == 0 && err == nil {
					startShell(t, bomb).run(all...)
				}
				return err == nil && len(pids) > most/4
			})
			if err := victim.Kill(); err != nil {
				t.Fatal(err)
			}
			if pids, err := victim.Procs(); len(pids) != 0 || err != nil {
				t.Errorf("left: %v, %v", pids, err)
			}
			if s, err := victim.Stats(); err != nil || (victim.at("pids") != nil && s.Pids.Limit != most) {
				t.Errorf("after Kill the limit is %d, %v; want it as before", s.Pids.Limit, err)
			}
			if err := victim.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestKillReachesNestedGroups(t *testing.T) {
	hosts(t, func(t *testing.T, h *Hierarchy) {
		g := create(t, h, Limits{}, Options{Freezer: true})
		p := startHelper(t, "burn")
		nested := g.Paths()[0] + "/nested"
		if err := os.Mkdir(nested, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(nested+"/cgroup.procs", []byte(itoa(p.cmd.Process.Pid)), 0); err != nil {
			t.Fatal(err)
		}
		p.run()
		if pids, err := g.Procs(); len(pids) != 1 || err != nil {
			t.Errorf("processes %v, %v", pids, err)
		}
		if err := errors.Join(g.Kill(), g.Remove()); err != nil {
			t.Error(err)
		}
		if status, _ := p.wait(); status.Signal() != syscall.SIGKILL {
			t.Errorf("status %v", status)
		}
	})
}

// A group that is all v2 can be entered at birth, and knows CPU time and pressure.
func TestCloneIntoGroup(t *testing.T) {
	h := liveHost(t, "freezer", "cpuacct")
	g := create(t, h, Limits{}, Options{})
	if g.Dir() == nil {
		t.Skip("needs cgroup2: no v2 tree")
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperVar+"=burn")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(g.Dir().Fd())}
	p := start(t, cmd)
	if pids, err := g.Procs(); len(pids) != 1 || pids[0] != cmd.Process.Pid || err != nil {
		t.Errorf("processes %v, %v", pids, err)
	}
	p.run()
	eventually(t, "CPU time is counted", func() bool { d, err := g.CPUTime(); return err == nil && d > 0 })
	s, err := g.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if _, noPSI := os.Stat(g.Paths()[0] + "/cpu.pressure"); (noPSI == nil) != (s.PSI != nil) {
		t.Errorf("pressure file: %v, PSI: %v", noPSI, s.PSI)
	}
	if err := errors.Join(g.Kill(), g.Remove()); err != nil {
		t.Error(err)
	}
}

func TestOrdinaryUser(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperVar+"=try")
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	} else if h := liveHost(t); h.where["memory"] != nil && h.where["pids"] != nil {
		t.Skip("needs no-cgroup: this user has some")
	}
	p := start(t, cmd)
	_, said := p.run().wait()
	for _, want := range []string{"errno true\n", "unsupported true\n", "root", "/cgroup", "support memory false true\n"} {
		if !strings.Contains(said, want) {
			t.Errorf("an ordinary user is told %q, which lacks %q", said, want)
		}
	}
}
