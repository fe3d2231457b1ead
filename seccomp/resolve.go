package seccomp

import (
	"cmp"
	"slices"
	"strings"
)

// Where a decision comes from, if not from a rule.
const (
	byDefault  = -1 // the default action
	byUnlisted = -2 // the policy's Unlisted field
)

// decision is a return value and the index of the rule that says so.
type decision struct {
	ret  uint32
	rule int
}

// clause decides when all its comparisons hold.
type clause struct {
	args []Arg
	decision
}

// outcome is all there is to say about one call: the clauses are tried in
// order, then final holds.
type outcome struct {
	clauses []clause
	final   decision
}

// resolved is a policy for one interface of one target: the conditions of
// rules are gone and names are numbers.
type resolved struct {
	abi
	outcomes []outcome // of the calls of the abi, in their order
	fallback decision
	nosys    func(number uint32, known bool) bool
}

// resolve lowers a valid policy. Native first.
func (p *Policy) resolve(t Target, m machine) []resolved {
	abis := m.abis(p)
	list := make([]resolved, len(abis))
	for i, a := range abis {
		list[i] = p.resolveABI(t, m, a)
	}
	return list
}

func (p *Policy) resolveABI(t Target, m machine, a abi) resolved {
	index := make(map[string]int, len(a.calls))
	for i, c := range a.calls {
		index[c.name] = i
	}
	r := resolved{
		abi:      a,
		outcomes: make([]outcome, len(a.calls)),
		fallback: decision{p.DefaultAction.ret(p.DefaultErrno), byDefault},
	}
	plain := make([]bool, len(a.calls))
	named := make([]bool, len(a.calls))
	for i, rule := range p.Syscalls {
		if !t.selects(rule, m.condition) {
			continue
		}
		d := decision{rule.Action.ret(rule.Errno), i}
		for _, name := range rule.Names {
			at, ok := index[name]
			if !ok {
				continue
			}
			o := &r.outcomes[at]
			named[at] = true
			switch {
			case len(rule.Args) > 0:
				o.clauses = append(o.clauses, clause{rule.Args, d})
			case !plain[at] || strictness(d.ret) < strictness(o.final.ret):
				o.final, plain[at] = d, true
			}
		}
	}
	r.nosys = p.nosys(a, named)
	r.complete(plain, named)
	return r
}

// complete orders the clauses and fills in what no rule decides.
func (r *resolved) complete(plain, named []bool) {
	for i := range r.outcomes {
		o := &r.outcomes[i]
		slices.SortStableFunc(o.clauses, func(a, b clause) int {
			return cmp.Compare(strictness(a.ret), strictness(b.ret))
		})
		switch {
		case plain[i]:
		case named[i]:
			o.final = r.fallback
		default:
			o.final = r.unnamed(r.calls[i].number|r.bit, true)
		}
	}
}

// unnamed is the decision about a number that no rule names; known says
// whether the kernel's table has it.
func (r *resolved) unnamed(number uint32, known bool) decision {
	if r.nosys(number, known) {
		return decision{ActErrno.ret(new(errnoENOSYS)), byUnlisted}
	}
	return r.fallback
}

// nosys returns the Unlisted field as a function.
func (p *Policy) nosys(a abi, named []bool) func(uint32, bool) bool {
	newest, any := uint32(0), false
	for i, n := range named {
		if n {
			newest, any = a.calls[i].number|a.bit, true
		}
	}
	newer := func(number uint32) bool { return any && number > newest }
	switch p.Unlisted {
	case UnlistedNoSys:
		return func(number uint32, known bool) bool { return !known || newer(number) }
	case UnlistedDefault:
		return func(uint32, bool) bool { return false }
	}
	if p.DefaultAction.permissive() {
		return func(uint32, bool) bool { return false }
	}
	return func(number uint32, _ bool) bool { return newer(number) }
}

// of returns the outcome of any number of the interface.
func (r *resolved) of(number uint32) outcome {
	for i, c := range r.calls {
		if c.number|r.bit == number {
			return r.outcomes[i]
		}
	}
	return outcome{final: r.unnamed(number, false)}
}

// Unknown lists, sorted, the names in the policy's rules that the target has
// no system call for, whether or not the rules are selected. On amd64 Docker's
// profile has many: calls of 32-bit machines. With the zero Target it lists
// the names that no architecture has: misspelt ones, and calls newer than the
// tables of this package, which know listns and rseq_slice_yield.
func (p *Policy) Unknown(t Target) []string {
	known := map[string]bool{}
	if t.Arch == "" {
		for _, name := range callsElsewhere {
			known[name] = true
		}
	}
	for _, a := range p.interfaces(t) {
		for _, c := range a.calls {
			known[c.name] = true
		}
	}
	var unknown []string
	for _, r := range p.Syscalls {
		for _, name := range r.Names {
			if !known[name] {
				unknown = append(unknown, name)
			}
		}
	}
	slices.SortFunc(unknown, strings.Compare)
	return slices.Compact(unknown)
}

func (p *Policy) interfaces(t Target) []abi {
	if t.Arch != "" {
		m, ok := machineFor(t.Arch)
		if !ok {
			return nil
		}
		return m.abis(p)
	}
	var all []abi
	for _, goarch := range []string{"amd64", "arm64"} {
		m, _ := machineFor(goarch)
		all = append(append(all, m.native), m.compat...)
	}
	return all
}
