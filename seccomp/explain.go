package seccomp

import (
	"fmt"
	"strconv"
	"strings"
)

// Explain says what happens to one system call, by name or number, and which
// rule decides it, once per permitted architecture. Rules are named by their
// index in Syscalls.
func (p *Policy) Explain(t Target, syscall string) string {
	if err := p.Validate(); err != nil {
		return err.Error()
	}
	m, err := t.check()
	if err != nil {
		return err.Error()
	}
	if p.unconfined {
		return syscall + ": allow, no filter\n"
	}
	var b strings.Builder
	for _, r := range p.resolve(t, m) {
		number, ok := r.find(syscall)
		if !ok {
			fmt.Fprintf(&b, "%s, %s: no such system call known\n", syscall, r.arch)
			continue
		}
		fmt.Fprintf(&b, "%s, %s number %d:\n", syscall, r.arch, number&^r.bit)
		p.explain(&b, r.of(number))
	}
	return b.String()
}

// find resolves a name, or a number in decimal or with a base prefix.
func (a abi) find(syscall string) (uint32, bool) {
	for _, c := range a.calls {
		if c.name == syscall {
			return c.number | a.bit, true
		}
	}
	n, err := strconv.ParseUint(syscall, 0, 32)
	return uint32(n) | a.bit, err == nil
}

func (p *Policy) explain(b *strings.Builder, o outcome) {
	for _, c := range o.clauses {
		fmt.Fprintf(b, "  if %s: %s\n", describeArgs(c.args), p.describe(c.decision))
	}
	if len(o.clauses) > 0 {
		b.WriteString("  otherwise: ")
	} else {
		b.WriteString("  ")
	}
	fmt.Fprintf(b, "%s\n", p.describe(o.final))
}

func (p *Policy) describe(d decision) string {
	switch d.rule {
	case byDefault:
		return Describe(d.ret) + ", by default"
	case byUnlisted:
		return Describe(d.ret) + ", not listed"
	}
	s := fmt.Sprintf("%s, by syscalls[%d]", Describe(d.ret), d.rule)
	if c := p.Syscalls[d.rule].Comment; c != "" {
		s += " (" + c + ")"
	}
	return s
}

func describeArgs(args []Arg) string {
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = a.String()
	}
	return strings.Join(parts, " and ")
}

// String gives "arg0 == 0x1".
func (a Arg) String() string {
	if a.Op == OpMaskedEqual {
		return fmt.Sprintf("arg%d & %#x == %#x", a.Index, a.Value, a.ValueTwo)
	}
	return fmt.Sprintf("arg%d %s %#x", a.Index, a.Op.symbol(), a.Value)
}

func (op Operator) symbol() string {
	switch op {
	case OpNotEqual:
		return "!="
	case OpLessThan:
		return "<"
	case OpLessEqual:
		return "<="
	case OpEqualTo:
		return "=="
	case OpGreaterEqual:
		return ">="
	case OpGreaterThan:
		return ">"
	}
	return string(op)
}
