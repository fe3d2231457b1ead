package sandbox

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// A Trace is a start that was timed: the steps of [Plan], and those of the host, in
// the order in which they began. Steps of different processes overlap.
type Trace struct {
	Steps  []TracedStep `json:"steps"`
	Result *Result      `json:"result"` // of the command
}

// A TracedStep is one step of a start.
type TracedStep struct {
	Step    string        `json:"step"`    // as in [Plan]
	Process string        `json:"process"` // who took it: host, outer process, PID 1 or command
	At      time.Duration `json:"at"`      // since Start was called
	Took    time.Duration `json:"took"`    // until the same process began its next step
}

// String is a table with a line for each step.
func (t *Trace) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%9s %9s  %-14s %s\n", "at us", "took us", "process", "step")
	for _, s := range t.Steps {
		fmt.Fprintf(&b, "%9.0f %9.0f  %-14s %s\n", micros(s.At), micros(s.Took), s.Process, s.Step)
	}
	return b.String()
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// Trace runs a command as [Sandbox.Run] does and says where the time goes. The
// launcher asks for the time at each step, which takes well under a microsecond; what
// follows after a process has given up all calls but a few is counted to the step
// before. The trace is nil if the command could not be started.
func (s *Sandbox) Trace(ctx context.Context, cmd *exec.Cmd) (*Trace, error) { return s.trace(ctx, cmd) }
