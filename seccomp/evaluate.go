package seccomp

import "slices"

// Evaluate says what the policy means for one call by going through its rules
// as the package comment describes them. It is slow, and the reference that filters are tested against: it
// shares with Compile only the tables, the conditions and the return values.
// A policy or target that Compile refuses kills the process.
func (p *Policy) Evaluate(t Target, d Data) uint32 {
	if p.Validate() != nil {
		return retKillProcess
	}
	if p.unconfined {
		return retAllow
	}
	m, err := t.check()
	if err != nil {
		return retKillProcess
	}
	abis := m.abis(p)
	marked := d.Arch == AuditX86_64 && d.NR >= X32Bit
	i := slices.IndexFunc(abis, func(a abi) bool {
		return a.audit == d.Arch && marked == (a.bit != 0)
	})
	if i >= 0 {
		return p.evaluate(t, m.condition, abis[i], d)
	}
	if marked && slices.ContainsFunc(abis, func(a abi) bool { return a.audit == d.Arch }) {
		return retErrno | uint32(errnoENOSYS)
	}
	return retKillProcess
}

func (p *Policy) evaluate(t Target, arch string, a abi, d Data) uint32 {
	name, known := nameOf(a, d.NR)
	var plain, conditional []uint32
	for _, r := range p.Syscalls {
		if !known || !t.selects(r, arch) || !slices.Contains(r.Names, name) {
			continue
		}
		switch ret := r.Action.ret(r.Errno); {
		case len(r.Args) == 0:
			plain = append(plain, ret)
		case !slices.ContainsFunc(r.Args, func(arg Arg) bool { return !arg.matches(d) }):
			conditional = append(conditional, ret)
		}
	}
	switch {
	case len(conditional) > 0:
		return strictest(conditional)
	case len(plain) > 0:
		return strictest(plain)
	case p.unlisted(t, arch, a, d.NR, known):
		return retErrno | uint32(errnoENOSYS)
	}
	return p.DefaultAction.ret(p.DefaultErrno)
}

// nameOf searches as a reader of the table does.
func nameOf(a abi, number uint32) (string, bool) {
	for _, c := range a.calls {
		if c.number|a.bit == number {
			return c.name, true
		}
	}
	return "", false
}

func (a Arg) matches(d Data) bool {
	v := d.Args[a.Index]
	switch a.Op {
	case OpNotEqual:
		return v != a.Value
	case OpLessThan:
		return v < a.Value
	case OpLessEqual:
		return v <= a.Value
	case OpEqualTo:
		return v == a.Value
	case OpGreaterEqual:
		return v >= a.Value
	case OpGreaterThan:
		return v > a.Value
	}
	return v&a.Value == a.ValueTwo
}

// strictest is the value that comes first in the kernel's precedence.
func strictest(rets []uint32) uint32 {
	best := rets[0]
	for _, r := range rets[1:] {
		if strictness(r) < strictness(best) {
			best = r
		}
	}
	return best
}

// unlisted applies the Unlisted field to a number without a deciding rule.
func (p *Policy) unlisted(t Target, arch string, a abi, number uint32, known bool) bool {
	if p.Unlisted == UnlistedDefault {
		return false
	}
	if p.Unlisted == UnlistedNewer && p.DefaultAction.permissive() {
		return false
	}
	if p.Unlisted == UnlistedNoSys && !known {
		return true
	}
	// The newest call that a rule names comes first from the end.
	for _, c := range slices.Backward(a.calls) {
		if slices.ContainsFunc(p.Syscalls, func(r Rule) bool {
			return slices.Contains(r.Names, c.name) && t.selects(r, arch)
		}) {
			return number > c.number|a.bit
		}
	}
	return false
}
