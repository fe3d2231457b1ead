package plan

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// kinds are the descriptors of a process, by what they refer to.
func (p *process) kinds() map[int64]string {
	out := map[int64]string{}
	for fd, f := range p.files {
		out[fd] = f.kind
	}
	return out
}

// The command has the files of the caller and no other, not even for the
// moment before execve: whatever the launcher opens is closed by execve.
func TestCommandHasItsFilesAlone(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		m := decode(t, p).load()
		m.stopAt(t, "execve")
		c := m.process("command")
		if c == nil || !c.program {
			return
		}
		if got := c.kinds(); !maps.Equal(got, map[int64]string{0: "given", 1: "given", 2: "given"}) {
			t.Errorf("descriptors of the command: %v", got)
		}
	})
}

// stopAt runs until some process has made a call.
func (m *machine) stopAt(t *testing.T, name string) {
	t.Helper()
	for range 10_000 {
		for _, p := range slices.Clone(m.processes) {
			if p.exited || p.program {
				continue
			}
			p.step()
			if n := len(p.trace); n > 0 && p.trace[n-1].line.call == name {
				return
			}
		}
	}
}

// What the launcher opens is closed on execve from the start, so that no step
// between has to care.
func TestLauncherOpensCloseOnExec(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		m := decode(t, p).load()
		given := map[*file]bool{}
		for _, f := range m.processes[0].files {
			given[f] = true
		}
		for m.alive() > 0 && m.tick() {
			for _, p := range m.processes {
				for fd, f := range p.files {
					if f.kind != "given" && f.kind != "control" && !f.cloexec {
						t.Fatalf("%s holds %d, from %s, open over execve", p.role, fd, f.kind)
					}
				}
			}
		}
	})
}

// tick runs one instruction of each process.
func (m *machine) tick() (progress bool) {
	for _, p := range slices.Clone(m.processes) {
		if !p.exited && !p.program && p.step() {
			progress = true
		}
	}
	return progress || m.host.act(m)
}

// The processes that stay keep what they need and nothing else.
func TestSupervisorsKeepFewFiles(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		m := decode(t, p).load()
		for !executed(m) && m.alive() > 0 && m.tick() {
		}
		for range 100 { // what comes after execve
			for _, p := range m.processes {
				if !p.program && !p.exited {
					p.step()
				}
			}
		}
		for _, p := range m.processes {
			if p.program || p.exited {
				continue
			}
			want := map[int64]string{0: "control", 1: "signalfd4"}
			if got := p.kinds(); !maps.Equal(got, want) {
				t.Errorf("%s keeps %v", p.role, got)
			}
		}
	})
}

func executed(m *machine) bool {
	return slices.ContainsFunc(m.processes, func(p *process) bool { return p.program })
}

// A descriptor that a step opens is closed in that step, but for those that
// are needed later.
func TestStepsCloseWhatTheyOpen(t *testing.T) {
	kept := []string{
		"start the launcher", "hide the launcher", "mount the root tmpfs", "bind the root /srv/root", "open the root /",
		"start the command's process", "work within the new root /", "create Landlock ruleset", "create WithLandlock ruleset", "enter cgroup 1",
		"open /proc for the id maps", "open the mount namespace /proc/self/ns/mnt",
	}
	opens := []string{"openat", "openat2", "open_tree", "fsopen", "fsmount", "socket", "pipe2", "signalfd4", "pidfd_open", "landlock_create_ruleset"}
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		for _, p := range completed(t, p).processes {
			open := map[string]int{}
			for _, e := range p.trace {
				switch {
				case slices.Contains(opens, e.line.call) && e.result >= 0:
					open[e.line.step]++
				case e.line.call == "close":
					open[e.line.step]--
				}
			}
			for step, n := range open {
				later := slices.Contains(kept, step) || step == "bind /data /tmp/data" && strings.HasSuffix(name, "prepared")
				if n > 0 && !later {
					t.Errorf("%s: %s leaves %d open", p.role, step, n)
				}
				if strings.HasPrefix(step, "write file") && n != 0 {
					t.Errorf("%s: %s: %d", p.role, step, n)
				}
			}
		}
	})
}
