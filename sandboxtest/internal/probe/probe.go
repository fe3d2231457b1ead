package probe

import "strings"

// A Probe is one hostile act and what there is to know about it.
type Probe struct {
	Name  string // "group/what"
	Tries string
	Why   string
	// Control is where the act is tried without a sandbox.
	Control Control

	act func(*Facts) error
}

// A Control is where an act shows that it would succeed without a sandbox.
type Control int

const (
	// Plain is an ordinary process of the host program's user.
	Plain Control = iota
	// Bare is a process with every capability in namespaces of its own and
	// nothing else: for acts that need privilege or would harm the host.
	Bare
)

// Group is the part of the name before the slash.
func (p *Probe) Group() string {
	group, _, _ := strings.Cut(p.Name, "/")
	return group
}

// Find returns a probe by its name, or nil.
func Find(name string) *Probe {
	for _, p := range All() {
		if p.Name == name {
			return &p
		}
	}
	return nil
}
