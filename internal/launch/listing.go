package launch

import (
	"fmt"
	"strings"
)

// String lists the program for people: one line per step, its calls below.
func (p *Program) String() string {
	marks := p.labelMarks()
	var b strings.Builder
	step := -1
	for i, in := range p.instrs {
		if in.step != step {
			step = in.step
			b.WriteString(p.steps[step].String() + "\n")
		}
		for _, m := range marks[i] {
			b.WriteString("  " + m + ":\n")
		}
		b.WriteString("    " + p.describe(in) + "\n")
	}
	return b.String()
}

// labelMarks finds the labels by the instructions that use them.
func (p *Program) labelMarks() map[int][]string {
	marks := map[int][]string{}
	seen := map[*Label]bool{}
	add := func(l *Label) {
		if l != nil && !seen[l] {
			seen[l] = true
			marks[l.index] = append(marks[l.index], l.name)
		}
	}
	add(p.fail)
	for _, in := range p.instrs {
		add(in.onErrno)
		add(in.target)
		if l, ok := in.args[0].(labelArg); ok {
			add(l.Label)
		}
	}
	return marks
}

func (p *Program) describe(in *Instr) string {
	var b strings.Builder
	switch {
	case in.patch != nil:
		b.WriteString("pointer = ")
	case in.store != nil:
		b.WriteString(p.name(in.store.ref) + " = ")
	}
	b.WriteString(p.operation(in))
	switch {
	case in.expect == anyErrno && in.onErrno == nil:
		b.WriteString(", any error ignored")
	case in.expect == anyErrno:
		b.WriteString(", on any error go to " + in.onErrno.name)
	case in.expect != 0 && in.onErrno == nil:
		fmt.Fprintf(&b, ", errno %d ignored", in.expect)
	case in.expect != 0:
		fmt.Fprintf(&b, ", on errno %d go to %s", in.expect, in.onErrno.name)
	}
	return b.String() + p.condition(in)
}

func (p *Program) operation(in *Instr) string {
	if in.call == sum {
		if in.args[1] == Int(0) {
			return p.value(in.args[0])
		}
		return p.value(in.args[0]) + " + " + p.value(in.args[1])
	}
	var args []string
	for _, a := range in.args {
		if a != nil {
			args = append(args, p.value(a))
		}
	}
	return in.call.Name + "(" + strings.Join(args, ", ") + ")"
}

func (p *Program) condition(in *Instr) string {
	switch {
	case in.target == nil:
		return ""
	case in.call == sum && in.args[0] == in.value && in.mask == ^uint64(0):
		return ", go to " + in.target.name
	case in.mask != ^uint64(0):
		return fmt.Sprintf(", if result&%#x is %s go to %s", in.mask, p.value(in.value), in.target.name)
	}
	return fmt.Sprintf(", if %s go to %s", p.value(in.value), in.target.name)
}

func (p *Program) value(a Arg) string {
	switch a := a.(type) {
	case Int:
		if a > 0xffff {
			return fmt.Sprintf("%#x", int64(a))
		}
		return fmt.Sprint(int64(a))
	case Cell:
		return p.name(a.ref)
	case Ref:
		return p.name(a)
	case labelArg:
		return "place of " + a.name
	case pointee:
		return "*pointer"
	case errnoArg:
		return "errno of " + a.call.Name
	}
	return "?"
}

// name is what was placed at an address, or its distance from the nearest
// thing before it.
func (p *Program) name(r Ref) string {
	for back := 0; back <= r.offset && back < 4096; back++ {
		if s, ok := p.at[r.offset-back]; ok {
			if back > 0 {
				return fmt.Sprintf("%s+%d", s, back)
			}
			return s
		}
	}
	return "header"
}
