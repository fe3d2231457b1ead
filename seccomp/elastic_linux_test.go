package seccomp

import (
	"runtime"
	"slices"
	"testing"

	elastic "github.com/elastic/go-seccomp-bpf"
	"golang.org/x/net/bpf"
)

// elasticActions are the actions that both know and that carry no value.
var elasticActions = map[Action]elastic.Action{
	ActAllow: elastic.ActionAllow, ActLog: elastic.ActionLog, ActTrap: elastic.ActionTrap,
	ActKillThread: elastic.ActionKillThread, ActKillProcess: elastic.ActionKillProcess,
}

var elasticOperations = map[Operator]elastic.Operation{
	OpEqualTo: elastic.Equal, OpNotEqual: elastic.NotEqual, OpGreaterThan: elastic.GreaterThan,
	OpLessThan: elastic.LessThan, OpGreaterEqual: elastic.GreaterOrEqual, OpLessEqual: elastic.LessOrEqual,
}

// elasticFilter lets go-seccomp-bpf assemble a policy, one group a rule, and
// returns its filter in the form of ours. Rules with arguments that follow each
// other with the same single name become one group.
func elasticFilter(t testing.TB, p *Policy) Filter {
	t.Helper()
	theirs := elastic.Policy{DefaultAction: elasticAction(t, p.DefaultAction, p.DefaultErrno)}
	last := ""
	for _, r := range p.Syscalls {
		group := elastic.SyscallGroup{Action: elasticAction(t, r.Action, r.Errno), Names: r.Names}
		if len(r.Args) > 0 {
			group.Names = nil
			group.NamesWithCondtions = []elastic.NameWithConditions{{Name: r.Names[0], Conditions: elasticConditions(t, r.Args)}}
			if last == r.Names[0] {
				g := &theirs.Syscalls[len(theirs.Syscalls)-1]
				g.NamesWithCondtions = append(g.NamesWithCondtions, group.NamesWithCondtions...)
				continue
			}
			last = r.Names[0]
		}
		theirs.Syscalls = append(theirs.Syscalls, group)
	}
	instructions, err := theirs.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := bpf.Assemble(instructions)
	if err != nil {
		t.Fatal(err)
	}
	return Filter(raw)
}

func elasticAction(t testing.TB, a Action, errno *uint16) elastic.Action {
	t.Helper()
	if a == ActErrno {
		if errno == nil || *errno == errnoEPERM {
			return elastic.ActionErrno // which they complete
		}
		return elastic.Action(a.ret(errno))
	}
	theirs, ok := elasticActions[a]
	if !ok {
		t.Fatalf("no counterpart of %s", a)
	}
	return theirs
}

func elasticConditions(t testing.TB, args []Arg) elastic.ArgumentConditions {
	t.Helper()
	var list elastic.ArgumentConditions
	for _, a := range args {
		c := elastic.Condition{Argument: uint32(a.Index), Value: a.Value}
		switch {
		case a.Op == OpMaskedEqual && a.ValueTwo == 0:
			c.Operation = elastic.BitsNotSet
		case elasticOperations[a.Op] != "":
			c.Operation = elasticOperations[a.Op]
		default:
			t.Fatalf("no counterpart of %s", a)
		}
		list = append(list, c)
	}
	return list
}

// commonPolicy is a random policy that means the same to both. Arguments are
// for one call only, in the last group: after a comparison that fails, their
// filters of version 1.6.0 go on to compare the argument, instead of the
// number, with the calls of the groups that follow.
func (s *source) commonPolicy() *Policy {
	actions := []Action{ActAllow, ActLog, ActTrap, ActKillProcess}
	p := &Policy{DefaultAction: ActErrno, Unlisted: UnlistedDefault}
	names := []string{"read", "write", "openat", "socket", "clone", "ioctl", "mseal", "getpid", "execve"}
	for len(names) > 1 {
		n := 1 + s.below(2)
		p.Syscalls = append(p.Syscalls, Rule{Names: names[:n], Action: pick(s, actions)})
		names = names[n:]
	}
	action := pick(s, actions)
	for range 1 + s.below(4) {
		r := Rule{Names: []string{"mmap"}, Action: action}
		for range 1 + s.below(3) {
			a := s.arg()
			if a.Op == OpMaskedEqual {
				a.ValueTwo = 0
			}
			r.Args = append(r.Args, a)
		}
		p.Syscalls = append(p.Syscalls, r)
	}
	return p
}

func TestAgreesWithElastic(t *testing.T) {
	target, err := NativeTarget()
	if err != nil {
		t.Skipf("needs seccomp: no tables: %v", err)
	}
	m := mustMachine(target)
	mmap, _ := m.native.find("mmap")
	for seed := range uint64(200) {
		p := randomSource(seed, 300).commonPolicy()
		ours, theirs := compile(t, p, target), elasticFilter(t, p)
		for n := range uint32(1000) {
			d := randomSource(seed<<32|uint64(n), 64).call(p, n)
			// Theirs lets foreign architectures fall through to the default.
			d.Arch, d.NR = m.native.audit, n
			if n >= 500 {
				d.NR = mmap
			}
			want, err := theirs.Run(d)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := ours.Run(d); err != nil || got != want {
				t.Fatalf("seed %d, %+v: ours %s, %v, theirs %s\n%+v", seed, d, Describe(got), err, Describe(want), p)
			}
		}
	}
}

// elasticDefault is Default as far as go-seccomp-bpf can say it: rules with
// arguments stand before the others, and numbers without a name are not ENOSYS.
func elasticDefault(t testing.TB, target Target) *Policy {
	t.Helper()
	m := mustMachine(target)
	p := Default()
	p.Unlisted = UnlistedDefault
	var plain, conditional []Rule
	for _, r := range p.Syscalls {
		if !target.selects(r, m.condition) {
			continue
		}
		r.Names = slices.DeleteFunc(r.Names, func(name string) bool {
			number, ok := m.native.find(name)
			// Their arm64 table has the wrong name for 79.
			return !ok || runtime.GOARCH == "arm64" && number == 79
		})
		for i, a := range r.Args {
			if a.Op == OpMaskedEqual && a.ValueTwo != 0 {
				r.Args[i] = Arg{Index: a.Index, Value: a.ValueTwo, Op: OpEqualTo}
			}
		}
		switch {
		case len(r.Names) == 0:
		case len(r.Args) > 0:
			conditional = append(conditional, r)
		default:
			plain = append(plain, r)
		}
	}
	p.Syscalls = append(conditional, plain...)
	return p
}

func TestShorterThanElastic(t *testing.T) {
	target, err := NativeTarget()
	if err != nil {
		t.Skipf("needs seccomp: no tables: %v", err)
	}
	p := elasticDefault(t, target)
	ours, theirs := compile(t, Default(), target), elasticFilter(t, p)
	if 2*len(ours) > len(theirs) {
		t.Errorf("%d instructions, elastic needs %d", len(ours), len(theirs))
	}
	m := mustMachine(target)
	same := compile(t, p, target)
	for _, c := range m.native.calls {
		if hasArguments(p, c.name) {
			continue // see commonPolicy
		}
		d := Data{NR: c.number, Arch: m.native.audit}
		want, err := theirs.Run(d)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := same.Run(d); err != nil || got != want {
			t.Errorf("%s: ours %s, %v, theirs %s", c.name, Describe(got), err, Describe(want))
		}
	}
}

func hasArguments(p *Policy, name string) bool {
	return slices.ContainsFunc(p.Syscalls, func(r Rule) bool {
		return len(r.Args) > 0 && slices.Contains(r.Names, name)
	})
}
