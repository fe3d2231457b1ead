package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

func forLastResorts(t *testing.T, test func(t *testing.T, p *launch.Program)) {
	t.Helper()
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		if strings.Contains(name, "last-resort") {
			test(t, p)
		}
	})
}

// A signal to everyone is sent by a process that has confined it to its own
// descendants, and by no other.
func TestSignalToEveryoneIsScoped(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		m := completed(t, p)
		if m.outOfScope {
			t.Error("it would reach the host's processes")
		}
		for _, p := range m.processes {
			sent := slices.ContainsFunc(p.calls("kill"), func(e event) bool { return int64(e.args[0]) == everyone })
			if wanted := strings.Contains(name, "last-resort") && p.role != "command"; sent != wanted {
				t.Errorf("%s sends one: %v", p.role, sent)
			}
		}
	})
}

// Before a supervisor makes a process it adopts orphans and is in a domain, where
// no_new_privs is needed.
func TestOrderInSupervisorsOfTheLastResort(t *testing.T) {
	forLastResorts(t, func(t *testing.T, p *launch.Program) {
		m := completed(t, p)
		for _, role := range []string{"outer", "init"} {
			p := m.process(role)
			scoped, made := p.place(call("landlock_restrict_self")), p.place(anyOf(call("clone"), call("clone3")))
			adopts, nnp := p.first(call("prctl", prSetChildSubreaper, 1)), p.first(setsNNP)
			if adopts < 0 || nnp < 0 || scoped < nnp || made < scoped || made < adopts {
				t.Errorf("%s: adopts %d, no_new_privs %d, scoped %d, makes a process %d", role, adopts, nnp, scoped, made)
			}
			if hidden := p.place(call("prctl", prSetDumpable, 0)); hidden < 0 || hidden < p.place(changesID) {
				t.Errorf("%s: hidden at %d, last id at %d", role, hidden, p.place(changesID))
			}
			if signal := p.place(call("prctl", prSetPdeathsig)); signal >= 0 {
				t.Errorf("%s dies before it can end others", role)
			}
		}
		command := m.process("command")
		if n := len(command.calls("landlock_restrict_self")); n != 1 {
			t.Errorf("%d rulesets of the command", n)
		}
		if command.place(call("prctl", prSetPdeathsig)) < 0 {
			t.Error("the command does not die with its supervisor")
		}
	})
}

// detach leaves a process behind as a daemon does: its parent has ended.
func (p *process) detach() *process {
	d := &process{role: "daemon", m: p.m, parent: p.parent, born: p, program: true, files: map[int64]*file{}}
	p.m.processes = append(p.m.processes, d)
	return d
}

// Whichever process ends first, and the host too, takes everything with it that
// the command has left behind.
func TestLastResortEndsWhatWasLeftBehind(t *testing.T) {
	forLastResorts(t, func(t *testing.T, p *launch.Program) {
		d := decode(t, p)
		for name, end := range map[string]func(m *machine){
			"command":    func(m *machine) { m.process("command").exit(0) },
			"supervisor": func(m *machine) { m.process("init").exit(killed) },
			"outer":      func(m *machine) { m.process("outer").exit(killed) },
			"host":       func(m *machine) { m.host.gone = true },
		} {
			m := d.load()
			for !executed(m) && m.alive() > 0 && m.tick() {
			}
			daemon := m.process("command").detach()
			end(m)
			m.run()
			if m.stuck || m.spinning || m.alive() > 0 || daemon.status != killed {
				t.Errorf("%s: stuck %v, spinning %v, the daemon ends with %d%s", name, m.stuck, m.spinning, daemon.status, m.where())
			}
		}
	})
}

// The directory in place of /tmp is allowed by its descriptor, to the ruleset of
// the view.
func TestScratchRule(t *testing.T) {
	s := lastResort()
	c := completed(t, s.Program()).process("command")
	rule := c.one(t, "add Landlock rule the directory in place of /tmp", "landlock_add_rule")
	created := c.one(t, "create Landlock ruleset", "landlock_create_ruleset")
	if rule.args[0] != uint64(created.result) || c.word(rule.args[2]) != s.LastResort.ScratchRight || c.half(rule.args[2]+8) != uint32(s.LastResort.Scratch) {
		t.Errorf("%v %#x %d", rule, c.word(rule.args[2]), c.half(rule.args[2]+8))
	}
	scope := completed(t, s.Program()).process("outer").one(t, "keep signals among descendants", "landlock_create_ruleset")
	if got := c.words(scope.args[0], 3); !slices.Equal(got, []uint64{0, 0, s.LastResort.Scope.Scoped}) {
		t.Errorf("ruleset of a supervisor %v", got)
	}
}
