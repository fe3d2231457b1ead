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
	if err := p.checkHead(); err != nil {
		return err
	}
	for i, r := range p.Syscalls {
		if err := r.check(fmt.Sprintf("syscalls[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

// checkHead checks everything but the rules.
func (p *Policy) checkHead() error {
	if p.DefaultAction == "" {
		return mistake("defaultAction", "", "missing")
	}
	if err := checkAction("defaultAction", p.DefaultAction, "defaultErrnoRet", p.DefaultErrno); err != nil {
		return err
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
			return mistake(fmt.Sprintf("flags[%d]", i), string(f), "unknown flag")
		}
	}
	return p.checkArches()
}

func (p *Policy) checkArches() error {
	if len(p.Architectures) > 0 && len(p.ArchMap) > 0 {
		return mistake("archMap", "", "not possible together with architectures")
	}
	if err := checkArches("architectures", p.Architectures); err != nil {
		return err
	}
	for i, m := range p.ArchMap {
		field := fmt.Sprintf("archMap[%d]", i)
		if !m.Arch.known() {
			return mistake(field+".architecture", string(m.Arch), "unknown architecture")
		}
		if err := checkArches(field+".subArchitectures", m.SubArches); err != nil {
			return err
		}
	}
	return nil
}

func checkArches(field string, arches []Arch) error {
	for i, a := range arches {
		if !a.known() {
			return mistake(fmt.Sprintf("%s[%d]", field, i), string(a), "unknown architecture")
		}
	}
	return nil
}

func (r Rule) check(field string) error {
	if len(r.Names) == 0 {
		return mistake(field+".names", "", "no system call named")
	}
	for i, name := range r.Names {
		if name == "" {
			return mistake(fmt.Sprintf("%s.names[%d]", field, i), "", "empty name")
		}
	}
	field = fmt.Sprintf("%s (%s)", field, r.Names[0])
	if err := checkAction(field+".action", r.Action, field+".errnoRet", r.Errno); err != nil {
		return err
	}
	for i, a := range r.Args {
		if err := a.check(fmt.Sprintf("%s.args[%d]", field, i)); err != nil {
			return err
		}
	}
	if err := r.Includes.check(field + ".includes"); err != nil {
		return err
	}
	return r.Excludes.check(field + ".excludes")
}

func checkAction(field string, a Action, errnoField string, errno *uint16) error {
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

func (a Arg) check(field string) error {
	if a.Index >= maxArgs {
		return mistake(field+".index", strconv.FormatUint(uint64(a.Index), 10), "system calls have arguments 0 to 5")
	}
	switch a.Op {
	case OpNotEqual, OpLessThan, OpLessEqual, OpEqualTo, OpGreaterEqual, OpGreaterThan:
		return nil
	case OpMaskedEqual:
		if a.ValueTwo&^a.Value != 0 {
			return mistake(field+".valueTwo", fmt.Sprintf("%#x", a.ValueTwo),
				fmt.Sprintf("has bits outside the mask %#x, so the rule would never apply", a.Value))
		}
		return nil
	}
	return mistake(field+".op", string(a.Op), "unknown operator")
}

func (c Condition) check(field string) error {
	for i, name := range c.Caps {
		if !validCap(name) {
			return mistake(fmt.Sprintf("%s.caps[%d]", field, i), name, "not of the form CAP_NAME")
		}
	}
	for i, name := range c.Arches {
		if !knownCondition(name) {
			return mistake(fmt.Sprintf("%s.arches[%d]", field, i), name, "unknown architecture")
		}
	}
	if c.MinKernel == "" {
		return nil
	}
	if _, err := parseMinKernel(c.MinKernel); err != nil {
		return mistake(field+".minKernel", c.MinKernel, err.Error())
	}
	return nil
}

// ruleField names the place of a name in the rules.
func ruleField(rule, name int) string {
	return fmt.Sprintf("syscalls[%d].names[%d]", rule, name)
}

func mistake(field, value, reason string) *PolicyError {
	return &PolicyError{Field: field, Value: value, Reason: reason}
}
