package seccomp

import (
	moby "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// docker is Docker's default profile, unchanged.
func docker() *Policy {
	profile := moby.DefaultProfile()
	p := &Policy{
		DefaultAction: Action(profile.DefaultAction),
		DefaultErrno:  narrow(profile.DefaultErrnoRet),
		Syscalls:      make([]Rule, len(profile.Syscalls)),
	}
	for _, m := range profile.ArchMap {
		p.ArchMap = append(p.ArchMap, ArchMapping{Arch: Arch(m.Arch), SubArches: arches(m.SubArches)})
	}
	for i, s := range profile.Syscalls {
		p.Syscalls[i] = Rule{
			Names:    s.Names,
			Action:   Action(s.Action),
			Errno:    narrow(s.ErrnoRet),
			Args:     args(s.Args),
			Comment:  s.Comment,
			Includes: condition(s.Includes),
			Excludes: condition(s.Excludes),
		}
	}
	return p
}

func narrow(errno *uint) *uint16 {
	if errno == nil {
		return nil
	}
	return new(uint16(*errno))
}

func arches(list []specs.Arch) []Arch {
	var out []Arch
	for _, a := range list {
		out = append(out, Arch(a))
	}
	return out
}

func args(list []specs.LinuxSeccompArg) []Arg {
	var out []Arg
	for _, a := range list {
		out = append(out, Arg{Index: a.Index, Value: a.Value, ValueTwo: a.ValueTwo, Op: Operator(a.Op)})
	}
	return out
}

func condition(f *moby.Filter) Condition {
	if f == nil {
		return Condition{}
	}
	c := Condition{Caps: f.Caps, Arches: f.Arches}
	if f.MinKernel != nil {
		c.MinKernel = f.MinKernel.String()
	}
	return c
}
