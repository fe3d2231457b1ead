package seccomp

import (
	"fmt"
	"strconv"
)

// Validate reports the first mistake in the policy as a *PolicyError. It knows
// no target: names without a system call are not mistakes, see
// [Policy.Unknown]. Compile validates too.
func (p *Policy) Validate() error {
	if p == nil {
		return &PolicyError{Reason: "nil policy (Unconfined means no filter)"}
	}
	if p.unconfined {
		return nil
	}
	if e := p.checkHead(); e != nil {
		return e
	}
	for i, r := range p.Syscalls {
		if e := r.check(); e != nil {
			return e.in("syscalls[%d]", i)
		}
	}
	return nil
}

// checkHead checks everything but the rules.
func (p *Policy) checkHead() *PolicyError {
	if p.DefaultAction == "" {
		return mistake("defaultAction", "", "missing")
	}
	if e := checkAction("defaultAction", p.DefaultAction, "defaultErrnoRet", p.DefaultErrno); e != nil {
		return e
	}
	if p.DefaultAction == ActNotify {
		// The program could not even hand over the listener's descriptor.
		return mistake("defaultAction", string(p.DefaultAction), "not possible as a default")
	}
	switch p.Unlisted {
	case UnlistedNewer, UnlistedNoSys, UnlistedDefault:
	default:
		return mistake("unlistedSyscalls", string(p.Unlisted), "not one of nosys, default")
	}
	for i, f := range p.Flags {
		if _, ok := f.bit(); !ok {
			return mistake("", string(f), "unknown flag").in("flags[%d]", i)
		}
	}
	return p.checkArches()
}

func (p *Policy) checkArches() *PolicyError {
	if len(p.Architectures) > 0 && len(p.ArchMap) > 0 {
		return mistake("archMap", "", "not possible together with architectures")
	}
	if e := checkArches("architectures", p.Architectures); e != nil {
		return e
	}
	for i, m := range p.ArchMap {
		if !m.Arch.known() {
			return mistake("architecture", string(m.Arch), "unknown architecture").in("archMap[%d]", i)
		}
		if e := checkArches("subArchitectures", m.SubArches); e != nil {
			return e.in("archMap[%d]", i)
		}
	}
	return nil
}

func checkArches(field string, arches []Arch) *PolicyError {
	for i, a := range arches {
		if !a.known() {
			return mistake("", string(a), "unknown architecture").in("%s[%d]", field, i)
		}
	}
	return nil
}

func (r Rule) check() *PolicyError {
	if len(r.Names) == 0 {
		return mistake("names", "", "no system call named")
	}
	for i, name := range r.Names {
		if name == "" {
			return mistake("", "", "empty name").in("names[%d]", i)
		}
	}
	if e := checkAction("action", r.Action, "errnoRet", r.Errno); e != nil {
		return e
	}
	for i, a := range r.Args {
		if e := a.check(); e != nil {
			return e.in("args[%d]", i)
		}
	}
	if e := r.Includes.check(); e != nil {
		return e.in("includes")
	}
	if e := r.Excludes.check(); e != nil {
		return e.in("excludes")
	}
	return nil
}

func checkAction(field string, a Action, errnoField string, errno *uint16) *PolicyError {
	if _, ok := a.base(); !ok {
		return mistake(field, string(a), "unknown action")
	}
	if errno == nil {
		return nil
	}
	value := strconv.Itoa(int(*errno))
	if !a.takesErrno() {
		return mistake(errnoField, value, fmt.Sprintf("%s takes no errno", a))
	}
	if a == ActErrno && *errno > maxErrno {
		return mistake(errnoField, value, fmt.Sprintf("beyond the kernel's largest errno, %d", maxErrno))
	}
	return nil
}

func (a Arg) check() *PolicyError {
	if a.Index >= maxArgs {
		return mistake("index", strconv.FormatUint(uint64(a.Index), 10), "system calls have arguments 0 to 5")
	}
	switch a.Op {
	case OpNotEqual, OpLessThan, OpLessEqual, OpEqualTo, OpGreaterEqual, OpGreaterThan:
		return nil
	case OpMaskedEqual:
		if a.ValueTwo&^a.Value != 0 {
			return mistake("valueTwo", fmt.Sprintf("%#x", a.ValueTwo),
				fmt.Sprintf("has bits outside the mask %#x, so the rule would never apply", a.Value))
		}
		return nil
	}
	return mistake("op", string(a.Op), "unknown operator")
}

func (c Condition) check() *PolicyError {
	for i, name := range c.Caps {
		if !validCap(name) {
			return mistake("", name, "not of the form CAP_NAME").in("caps[%d]", i)
		}
	}
	for i, name := range c.Arches {
		if !knownCondition(name) {
			return mistake("", name, "unknown architecture").in("arches[%d]", i)
		}
	}
	if c.MinKernel == "" {
		return nil
	}
	if _, err := parseMinKernel(c.MinKernel); err != nil {
		return mistake("minKernel", c.MinKernel, err.Error())
	}
	return nil
}

func mistake(field, value, reason string) *PolicyError {
	return &PolicyError{Field: field, Value: value, Reason: reason}
}

// in puts the field into a larger one. The place is spelled out only here, as
// valid policies need none.
func (e *PolicyError) in(format string, args ...any) *PolicyError {
	outer := fmt.Sprintf(format, args...)
	if e.Field != "" {
		outer += "." + e.Field
	}
	e.Field = outer
	return e
}
