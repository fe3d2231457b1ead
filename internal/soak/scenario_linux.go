package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/seed-d1379373/sandbox"
)

// A Scenario is one use of sandboxes. Run makes it once and says what was
// wrong; an error that is errors.ErrUnsupported says that this host lacks what it
// needs.
type Scenario struct {
	Name string
	Run  func(ctx context.Context, e *Env) error
}

// An Env is what scenarios share; see [NewEnv].
type Env struct {
	Self string // this program, which is its own helper, see [Main]
	Dir  string // a directory that the sandbox's user may write to
	Many int    // how much a flood does that has an end

	hosts *pids // that were killed
}

// Scenarios are all of them.
func Scenarios() []Scenario {
	return slices.Concat(programs(), floods(), races(), faults())
}

// inside is where the helper is in a sandbox.
const inside = "/soak"

// helper is this program as a command, and the bind that it needs.
func (e *Env) helper(args ...string) (*exec.Cmd, sandbox.Option) {
	return exec.Command(inside, append([]string{helperWord}, args...)...), sandbox.WithReadOnlyBind(e.Self, inside)
}

// want is how a command should end.
type want struct {
	reason sandbox.Reason
	code   int // with reason Exited
}

// check compares a verdict with what it should be, one of several.
func check(res *sandbox.Result, err error, wants ...want) error {
	if res == nil {
		return err
	}
	for _, w := range wants {
		if res.Reason == w.reason && (w.reason != sandbox.Exited || res.ExitCode == w.code) {
			return nil
		}
	}
	return fmt.Errorf("%v %v with status %d: %w", res.Reason, res, res.ExitCode, errors.Join(err))
}

// shell runs a script in a sandbox and returns what it printed.
func shell(ctx context.Context, script string, opts ...sandbox.Option) (string, *sandbox.Result, error) {
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/tmp", &out, &out
	res, err := sandbox.Run(ctx, cmd, opts...)
	return strings.TrimSpace(out.String()), res, err
}

// soon is a random short time, in which a start gets more or less far.
func soon() time.Duration { return time.Duration(rand.IntN(60)) * time.Millisecond }

// limited is what most scenarios add to the defaults.
func limited(opts ...sandbox.Option) []sandbox.Option {
	return append([]sandbox.Option{sandbox.WithPids(64)}, opts...)
}
