package plan

import (
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// sets are the data of capset(2): effective, permitted, inheritable.
func (p *process) sets(e event) (effective, permitted, inheritable uint64) {
	at := e.args[1]
	whole := func(n uint64) uint64 { return uint64(p.half(at+4*n)) | uint64(p.half(at+12+4*n))<<32 }
	return whole(0), whole(1), whole(2)
}

// bounding is what the process leaves in its bounding set.
func (p *process) bounding() uint64 {
	left := uint64(1)<<(lastCap+1) - 1
	for _, e := range p.trace {
		if call("prctl", prCapbsetDrop)(e) {
			left &^= 1 << e.args[1]
		}
	}
	return left
}

// ambient is what it raises, after everything was lowered.
func (p *process) ambient() (set uint64) {
	const raise, clearAll = 2, 4
	for _, e := range p.trace {
		switch {
		case call("prctl", prCapAmbient, clearAll)(e):
			set = 0
		case call("prctl", prCapAmbient, raise)(e):
			set |= 1 << e.args[2]
		}
	}
	return set
}

// The command's five sets are what the spec says, whatever the steps before
// needed.
func TestCapabilitiesOfTheCommand(t *testing.T) {
	for name, s := range specs() {
		t.Run(name, func(t *testing.T) {
			c := completed(t, s.Program()).process("command")
			capset := c.calls("capset")
			if s.LastResort != nil {
				if e, permitted, i := c.sets(capset[len(capset)-1]); e|permitted|i != 0 {
					t.Errorf("effective %#x, permitted %#x, inheritable %#x", e, permitted, i)
				}
				if got := c.bounding(); s.LastResort.Drop != (got == 0) {
					t.Errorf("bounding set %#x", got)
				}
				return
			}
			if !s.Privileged && s.UserNS == nil {
				if len(capset) != 0 {
					t.Error("a caller without capabilities sets some")
				}
				return
			}
			effective, permitted, inheritable := c.sets(capset[len(capset)-1])
			if effective != s.Caps.Effective || permitted != s.Caps.Permitted || inheritable != s.Caps.Inheritable {
				t.Errorf("effective %#x, permitted %#x, inheritable %#x", effective, permitted, inheritable)
			}
			if got := c.bounding(); got != s.Caps.Bounding {
				t.Errorf("bounding set %#x, want %#x", got, s.Caps.Bounding)
			}
			if got := c.ambient(); got != s.Caps.Ambient {
				t.Errorf("ambient set %#x, want %#x", got, s.Caps.Ambient)
			}
			if keep := c.place(call("prctl", prSetKeepcaps)); c.trace[keep].args[1] != 0 {
				t.Error("capabilities would be kept over a change of ids")
			}
		})
	}
}

// Supervisors hold the capability to signal the command and no other.
func TestCapabilitiesOfSupervisors(t *testing.T) {
	const kill = 1 << 5
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		m := completed(t, p)
		for _, role := range []string{"outer", "init"} {
			p := m.process(role)
			if p == nil || name == "everything-off" {
				continue // nothing to give up
			}
			sets := p.calls("capset")
			if len(sets) == 0 {
				if !strings.HasPrefix(name, "preparation") && (role == "init" || holdsCaps(name)) {
					t.Errorf("%s keeps what it had", role)
				}
				continue
			}
			want := uint64(kill)
			if m.has("adopt orphans") && (role == "init" || !strings.HasSuffix(name, "drop")) {
				want = 0 // the command's ids are its own
			}
			if e, permitted, i := p.sets(sets[len(sets)-1]); e != want || permitted != want || i != 0 {
				t.Errorf("%s: effective %#x, permitted %#x, inheritable %#x", role, e, permitted, i)
			}
		}
	})
}

// holdsCaps says whether the process that the host starts gets hold of
// capabilities: those of a privileged caller, or in an execution those of the
// user namespace that it joins.
func holdsCaps(name string) bool {
	spec, execution := strings.CutPrefix(name, "execution-")
	s := specs()[spec]
	return s.Privileged || execution && s.UserNS != nil
}
