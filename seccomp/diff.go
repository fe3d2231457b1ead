package seccomp

import (
	"fmt"
	"strings"
)

// Difference is a system call that two policies treat differently.
type Difference struct {
	Arch Arch
	// Syscall is the name. Two entries are not calls: "(numbers without a
	// name)", and "(every call)" where both policies treat all calls of the
	// architecture alike.
	Syscall string
	// A and B say what happens under each policy: "allow", or with conditions
	// "allow if arg0 == 0x1, else errno 1 (EPERM)".
	A, B string
}

// String puts the difference on one line.
func (d Difference) String() string {
	return fmt.Sprintf("%s %s: %s -> %s", d.Arch, d.Syscall, d.A, d.B)
}

const (
	allCalls     = "(every call)"
	namelessCall = "(numbers without a name)"
)

// Diff lists the calls that a and b treat differently on the target, by
// number, native architecture first. Conditions are compared as they are
// written: two different ways to say the same thing are reported.
func Diff(a, b *Policy, t Target) ([]Difference, error) {
	sideA, err := a.verdicts(t)
	if err != nil {
		return nil, err
	}
	sideB, err := b.verdicts(t)
	if err != nil {
		return nil, err
	}
	var list []Difference
	for i := range sideA {
		list = append(list, sideA[i].diff(sideB[i])...)
	}
	return list, nil
}

// verdicts is a policy in words, for one interface.
type verdicts struct {
	abi
	every    string // not empty: holds for all calls
	calls    []string
	nameless string
}

// verdicts has an element for each interface that the machine has, permitted
// or not, so that two policies can be compared side by side.
func (p *Policy) verdicts(t Target) ([]verdicts, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	m, err := t.check()
	if err != nil {
		return nil, err
	}
	resolved := map[Arch]resolved{}
	for _, r := range p.resolve(t, m) {
		resolved[r.arch] = r
	}
	var list []verdicts
	for _, a := range append([]abi{m.native}, m.compat...) {
		v := verdicts{abi: a}
		r, permitted := resolved[a.arch]
		switch {
		case p.unconfined:
			v.every = Describe(retAllow)
		case permitted:
			v.read(&r)
		case a.bit != 0 && resolved[ArchX86_64].calls != nil:
			v.every = Describe(retErrno | uint32(errnoENOSYS))
		default:
			v.every = Describe(retKillProcess)
		}
		list = append(list, v)
	}
	return list, nil
}

func (v *verdicts) read(r *resolved) {
	v.calls = make([]string, len(r.outcomes))
	for i, o := range r.outcomes {
		v.calls[i] = o.String()
	}
	v.nameless = Describe(r.unnamed(r.last()+1, false).ret)
}

func (v verdicts) diff(w verdicts) []Difference {
	if v.every != "" && w.every != "" {
		return v.differ(allCalls, v.every, w.every)
	}
	var list []Difference
	for i, c := range v.abi.calls {
		list = append(list, v.differ(c.name, v.of(i), w.of(i))...)
	}
	return append(list, v.differ(namelessCall, v.beyond(), w.beyond())...)
}

func (v verdicts) differ(syscall, a, b string) []Difference {
	if a == b {
		return nil
	}
	return []Difference{{Arch: v.arch, Syscall: syscall, A: a, B: b}}
}

func (v verdicts) of(i int) string {
	if v.every != "" {
		return v.every
	}
	return v.calls[i]
}

func (v verdicts) beyond() string {
	if v.every != "" {
		return v.every
	}
	return v.nameless
}

// String describes the outcome without saying which rule it comes from.
func (o outcome) String() string {
	var b strings.Builder
	for _, c := range o.clauses {
		fmt.Fprintf(&b, "%s if %s, else ", Describe(c.ret), describeArgs(c.args))
	}
	b.WriteString(Describe(o.final.ret))
	return b.String()
}
