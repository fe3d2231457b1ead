package plan

import "github.com/seed-d1379373/sandbox/internal/launch"

const (
	landlockRulePath = 1
	landlockRulePort = 2
)

// landlockRuleset makes the ruleset while the process can still reach every
// path that it names.
func (b *builder) landlockRuleset() *launch.Cell {
	l := b.spec.Landlock
	if l == nil {
		return nil
	}
	b.Step("create Landlock ruleset", "")
	ruleset := b.Cell("ruleset", -1)
	attr := b.words("landlock_ruleset_attr", l.HandledFS, l.HandledNet, l.Scoped)
	b.Call(launch.LandlockCreateRuleset, attr, launch.Int(l.Size), launch.Int(0)).Into(ruleset)
	for _, p := range l.Paths {
		b.landlockPath(ruleset, p)
	}
	for _, p := range l.Ports {
		b.Step("add Landlock rule for a port", "")
		b.Call(launch.LandlockAddRule, ruleset, launch.Int(landlockRulePort), b.words("landlock_net_port_attr", p.Access, p.Port), launch.Int(0))
	}
	for fd, access := range l.Inherited {
		// Pipes and sockets need no rule and take none.
		attr := b.words("landlock_path_beneath_attr", access, uint64(fd))
		b.Call(launch.LandlockAddRule, ruleset, launch.Int(landlockRulePath), attr, launch.Int(0)).IgnoreAll()
	}
	return &ruleset
}

func (b *builder) landlockPath(ruleset launch.Cell, p LandlockPath) {
	b.Step("add Landlock rule", p.Path)
	fd := b.Cell("rule path", -1)
	missing := b.NewLabel("no such path")
	in := b.Call(launch.Openat, launch.Int(atFDCWD), b.Text(p.Path), launch.Int(oPath|oCloexec), launch.Int(0)).Into(fd)
	if p.Optional {
		in.On(enoent, missing)
	}
	// struct landlock_path_beneath_attr is packed: 8 bytes of rights, 4 of descriptor.
	attr := b.words("landlock_path_beneath_attr", p.Access, 0)
	b.Set(launch.CellAt(attr.Plus(8)), fd)
	b.Call(launch.LandlockAddRule, ruleset, launch.Int(landlockRulePath), attr, launch.Int(0))
	b.Call(launch.Close, fd)
	b.Place(missing)
}

func (b *builder) finishLandlock(ruleset *launch.Cell) {
	if ruleset == nil {
		return
	}
	b.Step("enforce Landlock ruleset", "")
	b.Call(launch.LandlockRestrictSelf, *ruleset, launch.Int(0))
}
