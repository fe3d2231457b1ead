package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// ignored are the calls that may fail, and why the sandbox is no weaker then.
// A program that ignores any other errno shows here.
var ignored = map[string]string{
	"sched_setscheduler": "an ordinary caller may not raise its priority; a low one takes nothing from anybody",
	"setpriority":        "as above",
	"ioprio_set":         "as above",
	"mkdirat":            "EEXIST alone: the directory is there",
	"close":              "of the mount namespace, which nobody can ask PID 1 for",
	"clock_gettime":      "a step or a message without its time",
	"dup3":               "EINVAL alone, of a descriptor that is where it is to be",
	"openat":             "ENOENT alone, of a path that may be missing in a Landlock rule: what is not allowed is refused",
	"openat2":            "EAGAIN, to try again; ENOTDIR, where a mask is for a file",
	"keyctl":             "ENOSYS alone: a kernel without keyrings; in the last resort any, where no call about keys is left",
	"rt_sigaction":       "EINVAL alone: SIGKILL and SIGSTOP have no action",
	"clone3":             "ENOSYS alone: then clone does it",
	"landlock_add_rule":  "of inherited descriptors: pipes take no rule, and what is not allowed is refused; EINVAL of a file, which takes fewer rights",
	"sendto":             "a host that is gone cannot be told",
	"sendmsg":            "as above",
	"kill":               "a process that is gone needs no signal",
	"futex":              "the waiting is repeated",
	"wait4":              "the waiting is repeated",
	"ppoll":              "the waiting is repeated",
	"read":               "the waiting is repeated",
	"execve":             "a candidate that does not exist leads to the next",
}

func TestIgnoredErrors(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		for _, l := range listed(p) {
			ignores := strings.Contains(l.text, "ignored") || strings.Contains(l.text, "on errno") || strings.Contains(l.text, "on any error")
			if ignores && ignored[l.call] == "" {
				t.Errorf("%s: %s", l.step, l.text)
			}
		}
	})
}

// disturbances are all calls that a program makes, each with an errno that it
// does not expect, and with the one that it does.
func disturbances(t *testing.T, p *launch.Program) (out []*fault) {
	t.Helper()
	for _, proc := range completed(t, p).processes {
		seen := map[int]bool{}
		for _, e := range proc.trace {
			if seen[e.index] || slices.Contains([]string{"exit_group", "getpid", "umask"}, e.line.call) {
				continue // these cannot fail
			}
			seen[e.index] = true
			out = append(out, &fault{process: proc.role, index: e.index, errno: 12, once: true})
			if errno := expected(e.line); errno != 0 && e.line.call != "dup3" { // which says that nothing need be done
				out = append(out, &fault{process: proc.role, index: e.index, errno: errno, once: true})
			}
		}
	}
	return out
}

// expected is the errno that an instruction expects, if it is a single one.
func expected(l line) (errno int64) {
	for _, form := range []string{", errno ", ", on errno "} {
		if _, after, ok := strings.Cut(l.text, form); ok {
			fmt.Sscan(after, &errno)
		}
	}
	return errno
}

// Each call of each process fails once. Either the host hears of the step and
// the errno and every process ends, or the program goes on to its end as if
// nothing had happened.
func TestEveryCallFailsOnce(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		d, undisturbed := decode(t, p), completed(t, p)
		for _, f := range disturbances(t, p) {
			m := d.load()
			m.fail = f
			m.run()
			if problem := m.judge(undisturbed); problem != "" {
				t.Errorf("errno %d of %s in %s (%s): %s", f.errno, m.lines[f.index].text, f.process, m.lines[f.index].step, problem)
			}
		}
	})
}

// judge says what is wrong with the end of a machine with a fault.
func (m *machine) judge(undisturbed *machine) string {
	switch {
	case m.spinning:
		return "a process runs in a circle" + m.where()
	case m.stuck:
		return "processes wait without an end" + m.where()
	case m.fail.hit == 0:
		return "not reached"
	}
	for _, p := range m.processes {
		for _, e := range p.trace {
			// Once it has closed the control socket the command cannot report;
			// PID 1 finds the record in the memory they share.
			leftToPID1 := p.role == "command" && strings.HasPrefix(e.line.text, "sendto(")
			if !leftToPID1 && (e.result == -ebadf || e.result == -enotsock) {
				return fmt.Sprintf("then %s of %s meets a wrong descriptor", e.line.text, p.role)
			}
		}
	}
	if m.host.failed() {
		for _, msg := range m.host.messages {
			if msg.kind == launch.MessageFail && (msg.index != int64(m.fail.index) || msg.errno != m.fail.errno) {
				return fmt.Sprintf("reported as errno %d of instruction %d", msg.errno, msg.index)
			}
		}
		if executed(m) && m.fail.process == "command" {
			return "the command was executed all the same"
		}
		return ""
	}
	if !executed(m) && executed(undisturbed) {
		return "no command and no message" + m.where()
	}
	for _, p := range m.processes {
		was := undisturbed.process(p.role)
		if missing := m.lost(was.did(), p.did()); p.program && missing != "" {
			return p.role + " was executed without " + missing
		}
	}
	return ""
}

// did counts what a process has done, by instruction.
func (p *process) did() map[int]int {
	out := map[int]int{}
	for _, e := range p.trace {
		if e.result >= 0 {
			out[e.index]++
		}
	}
	return out
}

// lost is a call that a process made before and does not make now, other than
// in the step that failed.
func (m *machine) lost(before, now map[int]int) string {
	for _, index := range slices.Sorted(maps.Keys(before)) {
		if now[index] < before[index] && m.lines[index].step != m.lines[m.fail.index].step {
			return m.lines[index].text
		}
	}
	return ""
}

// A call that is repeated after an error is not repeated for ever: an error
// that stays is a failure, other than one that means just that, to try again.
func TestNothingIsRepeatedForEver(t *testing.T) {
	const eagain = 11
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		d := decode(t, p)
		for _, f := range disturbances(t, p) {
			if !strings.Contains(d.lines[f.index].text, "go to") || f.errno == eagain || f.errno == eintr {
				continue
			}
			f.once = false
			m := d.load()
			m.fail = f
			m.run()
			if m.spinning {
				t.Errorf("errno %d of %s in %s (%s)", f.errno, m.lines[f.index].text, f.process, m.lines[f.index].step)
			}
		}
	})
}

// The host program dies at any moment: after every instruction in turn. All
// processes end, the command's program too.
func TestHostIsGoneAtAnyMoment(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		d := decode(t, p)
		for ticks := 0; ; ticks++ {
			m := d.load()
			for range ticks {
				m.tick()
			}
			if m.alive() == 0 {
				return
			}
			m.host.gone = true
			m.run()
			if m.spinning || m.stuck {
				t.Fatalf("after %d instructions: spinning %v, stuck %v: %s", ticks, m.spinning, m.stuck, m.where())
			}
		}
	})
}
