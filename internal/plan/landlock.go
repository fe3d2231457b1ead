package plan

import "github.com/seed-d1379373/sandbox/internal/launch"

const (
	landlockRulePath = 1
	landlockRulePort = 2

	einval = 22
)

// landlockRulesets makes the rulesets while the process can still reach every
// path that they name.
func (b *builder) landlockRulesets() []launch.Cell {
	var rulesets []launch.Cell
	for _, l := range b.spec.Landlock {
		rulesets = append(rulesets, b.landlockRuleset(l))
	}
	b.scratchRule(rulesets)
	return rulesets
}

func (b *builder) landlockRuleset(l Landlock) launch.Cell {
	b.Step("create "+l.Name+" ruleset", "")
	ruleset := b.Cell("ruleset", -1)
	attr := b.words("landlock_ruleset_attr", l.HandledFS, l.HandledNet, l.Scoped)
	b.Call(launch.LandlockCreateRuleset, attr, launch.Int(l.Size), launch.Int(0)).Into(ruleset)
	for _, p := range l.Paths {
		b.Step("add "+l.Name+" rule", p.Path)
		b.landlockPath(ruleset, p)
	}
	for _, p := range l.Ports {
		b.Step("add "+l.Name+" rule for a port", "")
		b.Call(launch.LandlockAddRule, ruleset, launch.Int(landlockRulePort), b.words("landlock_net_port_attr", p.Access, p.Port), launch.Int(0))
	}
	return ruleset
}

// landlockInherited adds the rules for the standard files. Pipes and sockets need
// no rule and take none.
func (b *builder) landlockInherited(rulesets []launch.Cell) {
	for i, l := range b.spec.Landlock {
		b.Step("add "+l.Name+" rule", "standard files")
		for fd, access := range l.Inherited {
			attr := b.words("landlock_path_beneath_attr", access, uint64(fd))
			b.Call(launch.LandlockAddRule, rulesets[i], launch.Int(landlockRulePath), attr, launch.Int(0)).IgnoreAll()
		}
	}
}

func (b *builder) landlockPath(ruleset launch.Cell, p LandlockPath) {
	fd := b.Cell("rule path", -1)
	missing, done := b.NewLabel("no such path"), b.NewLabel("rule is there")
	in := b.Call(launch.Openat, launch.Int(atFDCWD), b.Text(p.Path), launch.Int(oPath|oCloexec), launch.Int(0)).Into(fd)
	if p.Optional {
		in.On(enoent, missing)
	}
	add := func(access uint64) *launch.Instr {
		// struct landlock_path_beneath_attr is packed: 8 bytes of rights, 4 of descriptor.
		attr := b.words("landlock_path_beneath_attr", access, 0)
		b.Set(launch.CellAt(attr.Plus(8)), fd)
		return b.Call(launch.LandlockAddRule, ruleset, launch.Int(landlockRulePath), attr, launch.Int(0))
	}
	if p.FileAccess != 0 {
		file := b.NewLabel("no directory")
		add(p.Access).On(einval, file)
		b.Jump(done)
		b.Place(file)
		add(p.FileAccess)
	} else {
		add(p.Access)
	}
	b.Place(done)
	b.Call(launch.Close, fd)
	b.Place(missing)
}

func (b *builder) finishLandlock(rulesets []launch.Cell) {
	for i, ruleset := range rulesets {
		b.Step("enforce "+b.spec.Landlock[i].Name+" ruleset", "")
		b.Call(launch.LandlockRestrictSelf, ruleset, launch.Int(b.spec.Landlock[i].Flags))
	}
}
