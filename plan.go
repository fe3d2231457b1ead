package sandbox

import (
	"github.com/seed-d1379373/sandbox/internal/launch"
)

// A Plan is every step that a start would take inside the launcher, in order.
type Plan struct {
	Steps   []string // one line per step
	program *launch.Program
}

// String lists the steps with the system calls of each.
func (p *Plan) String() string { return p.program.String() }

func newPlan(program *launch.Program) *Plan {
	p := &Plan{program: program}
	for _, s := range program.Steps() {
		p.Steps = append(p.Steps, s.String())
	}
	return p
}
