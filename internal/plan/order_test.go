package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// completed runs a program to its end.
func completed(t *testing.T, p *launch.Program) *machine {
	t.Helper()
	m := decode(t, p).load()
	m.run()
	if m.spinning || m.stuck {
		t.Fatalf("spinning %v, stuck %v: %s", m.spinning, m.stuck, m.where())
	}
	return m
}

// where says what each process did last.
func (m *machine) where() string {
	var b strings.Builder
	for _, p := range m.processes {
		fmt.Fprintf(&b, "\n%s, exited %v %d", p.role, p.exited, p.status)
		if len(p.trace) > 0 {
			fmt.Fprintf(&b, ", last %v", p.trace[len(p.trace)-1])
		}
		if !p.exited && !p.program {
			fmt.Fprintf(&b, ", at %s", m.lines[p.index()].text)
		}
	}
	return b.String()
}

// calls are the events of one system call.
func (p *process) calls(names ...string) (out []event) {
	for _, e := range p.trace {
		if slices.Contains(names, e.line.call) {
			out = append(out, e)
		}
	}
	return out
}

// place is where in the trace the last event lies that a condition holds for,
// -1 for none.
func (p *process) place(is func(e event) bool) int {
	for i := len(p.trace) - 1; i >= 0; i-- {
		if is(p.trace[i]) {
			return i
		}
	}
	return -1
}

// first is where the first such event lies.
func (p *process) first(is func(e event) bool) int { return slices.IndexFunc(p.trace, is) }

func call(name string, args ...uint64) func(event) bool {
	return func(e event) bool {
		return e.line.call == name && slices.Equal(e.args[:len(args)], args)
	}
}

func anyOf(is ...func(event) bool) func(event) bool {
	return func(e event) bool { return slices.ContainsFunc(is, func(f func(event) bool) bool { return f(e) }) }
}

var (
	changesID   = anyOf(call("setresuid"), call("setresgid"), call("setgroups"), call("capset"))
	loadsFilter = call("seccomp")
	setsNNP     = call("prctl", prSetNoNewPrivs, 1)

	entersCgroup = func(e event) bool { return e.line.call == "write" && strings.HasPrefix(e.line.step, "enter cgroup") }
)

// A program that nothing disturbs tells its whole story and ends.
func TestUndisturbedProgram(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		m := completed(t, p)
		var kinds []launch.MessageKind
		for _, msg := range m.host.messages {
			kinds = append(kinds, msg.kind)
			if passes := msg.kind == launch.MessageBorn || msg.kind == launch.MessageStarted; passes != (msg.files == 1) {
				t.Errorf("message %d passes %d descriptors", msg.kind, msg.files)
			}
		}
		want := []launch.MessageKind{launch.MessageBorn, launch.MessageMap, launch.MessageCommand, launch.MessageStarted, launch.MessageExited}
		if m.process("outer") == nil {
			want = want[1:] // the host has PID 1's pidfd from its start
		}
		if strings.HasPrefix(name, "waiting") {
			want = slices.Insert(want, slices.Index(want, launch.MessageCommand)+1, launch.MessageReady)
		}
		switch {
		case strings.HasPrefix(name, "preparation"):
			want = []launch.MessageKind{launch.MessageMap}
		case strings.HasPrefix(name, "execution-"):
			want = []launch.MessageKind{launch.MessageCommand, launch.MessageMap, launch.MessageStarted, launch.MessageExited}
		case !slices.Contains(kinds, launch.MessageMap):
			want = slices.DeleteFunc(want, func(k launch.MessageKind) bool { return k == launch.MessageMap })
		}
		if !slices.Equal(kinds, want) {
			t.Errorf("messages %v, want %v", kinds, want)
		}
		for _, p := range m.processes {
			if p.status != 0 {
				t.Errorf("%s ends with %d", p.role, p.status)
			}
			if p.role != "outer" && p.role != "init" && !p.program && name != "everything-off" {
				t.Errorf("%s did not execute", p.role)
			}
			for _, e := range p.trace {
				if e.result == -ebadf || e.result == -enotsock {
					t.Errorf("%s: %s: no such descriptor", p.role, e.line.text)
				}
			}
		}
	})
}

// What the command's process does, in an order that each step depends on.
func TestOrderInTheCommand(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		c := completed(t, p).process("command")
		if c == nil {
			return // the preparation
		}
		last := c.place(anyOf(call("execve"), call("exit_group")))
		filter, nnp := c.place(loadsFilter), c.place(setsNNP)
		if filter >= 0 {
			allowed := []string{"execve"}
			if nnp < 0 {
				allowed = []string{"capset", "prctl", "execve"} // the final capabilities
			}
			if name == "waiting-fork" {
				allowed = AfterFilter
			}
			for _, e := range c.trace[filter+1:] {
				if !slices.Contains(allowed, e.line.call) {
					t.Errorf("after the filter: %v", e)
				}
			}
			if nnp < 0 && !slices.Contains([]string{"new-privileges", "everything-off"}, name) {
				t.Error("no no_new_privs")
			}
		}
		for _, o := range []struct {
			what          string
			first, second int
		}{
			{"no_new_privs before the filter", nnp, filter},
			{"no_new_privs before Landlock", nnp, c.place(call("landlock_restrict_self"))},
			{"descriptors closed before execve", c.place(call("close_range")), last},
			{"cgroup entered before its namespace", c.place(entersCgroup), c.first(call("unshare", cloneNewCG))},
			{"groups before the group", c.place(call("setgroups")), c.place(call("setresgid"))},
			{"group before the user", c.place(call("setresgid")), c.place(call("setresuid"))},
			{"keep capabilities before the user", c.place(call("prctl", prSetKeepcaps, 1)), c.place(call("setresuid"))},
			{"bounding set before the capabilities", c.place(call("prctl", prCapbsetDrop)), c.place(call("capset"))},
			{"new session before the terminal", c.place(call("setsid")), c.place(call("ioctl", 0, 0x540e))},
			{"rules before Landlock", c.place(call("landlock_add_rule")), c.place(call("landlock_restrict_self"))},
			{"limits before the user", c.place(call("prlimit64")), c.place(call("setresuid"))},
			{"working directory after the user, who must reach it", c.place(call("setresuid")), c.place(call("chdir"))},
			{"death signal after the ids", c.place(changesID), c.place(call("prctl", prSetPdeathsig))},
		} {
			if o.first >= 0 && o.second >= 0 && o.first >= o.second {
				t.Errorf("not so: %s (%d, %d)", o.what, o.first, o.second)
			}
		}
	})
}

// PID 1 and other supervisors give everything up before the command's last
// step, and are tied to the launcher after the last change of their ids.
func TestOrderInPID1(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		m := completed(t, p)
		init := m.process("init")
		if init == nil {
			return
		}
		id, filter := init.place(changesID), init.place(loadsFilter)
		for _, o := range []struct {
			what          string
			first, second int
		}{
			{"death signal after the last change of ids", id, init.place(call("prctl", prSetPdeathsig))},
			{"undumpable after the last change of ids", id, init.place(call("prctl", prSetDumpable, 0))},
			{"the launcher is asked for after the death signal", init.place(call("prctl", prSetPdeathsig, sigkill)), init.place(call("ppoll"))},
			{"no_new_privs before the filter", init.place(setsNNP), filter},
			{"the filter before the gate", filter, init.place(call("futex"))},
			{"descriptors closed before the filter", init.place(call("close_range", uint64(keptCommand)+1)), filter},
			{"group before the user", init.place(call("setresgid")), init.place(call("setresuid"))},
			{"the old root is left before it is unmounted", init.place(call("pivot_root")), init.place(call("umount2"))},
			{"the new root becomes the working directory", init.place(call("umount2")), init.place(call("chdir"))},
		} {
			// A supervisor that ends others must not die before it has.
			if alone := (m.process("outer") == nil || m.has("adopt orphans")) && strings.Contains(o.what, "death signal"); !alone && o.first >= 0 && o.first >= o.second {
				t.Errorf("not so: %s (%d, %d)", o.what, o.first, o.second)
			}
		}
		// All that is left after the filter is to wait, to signal and to report, with the time.
		for _, e := range init.trace[filter+1:] {
			if !slices.Contains([]string{"futex", "ppoll", "read", "wait4", "kill", "sendto", "sendmsg", "clock_gettime", "close", "exit_group"}, e.line.call) {
				t.Errorf("after the filter: %v", e)
			}
		}
	})
}

// A launcher that others see while it works is hidden from them first of all.
func TestJoiningLauncherHidesFirst(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		first := completed(t, p).processes[0]
		seen := strings.HasPrefix(name, "execution-") || name == "joined-pid"
		if hidden := call("prctl", prSetDumpable, 0)(first.trace[0]); hidden != seen {
			t.Errorf("seen by others: %v, hidden first: %v", seen, hidden)
		}
	})
}

// The old root and its mounts are gone before the command's process is made.
func TestOldRootIsGoneBeforeTheCommand(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		init := completed(t, p).process("init")
		if init == nil || len(init.calls("pivot_root")) == 0 {
			return
		}
		gone := init.place(call("umount2"))
		if born := init.place(anyOf(call("clone"), call("clone3"))); gone < 0 || born < gone {
			t.Errorf("umount2 at %d, clone at %d", gone, born)
		}
		for _, e := range init.trace[gone:] {
			if slices.Contains([]string{"openat", "open_tree", "mount", "mkdirat"}, e.line.call) && !strings.HasPrefix(e.line.step, "map user and group ids /proc/") && e.line.step != "enter the user namespace /proc/2/ns/user" && e.line.step != "open the mount namespace /proc/self/ns/mnt" {
				t.Errorf("in the new root: %v", e)
			}
		}
	})
}

// However slow PID 1 is, the command does not execute before PID 1 has given
// its privileges up.
func TestCommandWaitsForItsSupervisor(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		m := decode(t, p).load()
		if m.has("share a page with the command") {
			return // the supervisor is out of the command's reach
		}
		for !executed(m) && m.alive() > 0 {
			// The youngest process that can go on does.
			progress := false
			for i := len(m.processes) - 1; i >= 0 && !progress; i-- {
				p := m.processes[i]
				done := len(p.trace)
				progress = !p.exited && !p.program && (p.step() || len(p.trace) > done)
			}
			if !progress && !m.host.act(m) {
				t.Fatal(m.where())
			}
		}
		for _, p := range m.processes {
			if supervises := p == m.process("command").supervisor(); supervises && p.place(loadsFilter) < 0 {
				t.Errorf("%s has not loaded its filter", p.role)
			}
		}
	})
}

// supervisor is the process that made the command's; nil where there is none.
func (p *process) supervisor() *process {
	if p == nil {
		return nil
	}
	return p.parent
}
