package sandbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/launch"
)

// A launcherCall is an instruction of a program, as its listing has it.
type launcherCall struct {
	index      int
	step, name string
	text       string
}

func (c launcherCall) String() string { return c.step + ": " + c.text }

var callInListing = regexp.MustCompile(`^(?:[^("]* = )?([a-z0-9_]+)\(`)

// launcherCalls takes the listing of a program apart: one line for each
// instruction, below its step. What is no call, such as a jump, cannot fail and
// is left out.
func launcherCalls(p *launch.Program) (out []launcherCall) {
	step, index := "", 0
	for line := range strings.Lines(p.String()) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "    "):
			if m := callInListing.FindStringSubmatch(line[4:]); m != nil {
				out = append(out, launcherCall{index, step, m[1], line[4:]})
			}
			index++
		case !strings.HasPrefix(line, "  "):
			step = line
		}
	}
	return out
}

// A tampered is a sandbox whose programs are changed before they run.
type tampered struct {
	*sandbox.Sandbox
	prepared bool
	calls    []launcherCall // of the last program, without the change
	stepOf   func(i int) (launch.Step, bool)
}

// variants are the kinds of start that a caller meets with default options:
// the first one, and for root those that copy a prepared view.
func variants(t *testing.T) map[string]*tampered {
	t.Helper()
	out := map[string]*tampered{"cold": newTampered(t, false)}
	if os.Geteuid() == 0 {
		out["prepared"] = newTampered(t, true)
	}
	return out
}

func newTampered(t *testing.T, prepared bool, opts ...sandbox.Option) *tampered {
	t.Helper()
	box, err := sandbox.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &tampered{Sandbox: box, prepared: prepared}
	for range 3 { // the first start decides about cgroups, the second about the view
		if err := c.run(context.Background(), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// patience is how long a start that was disturbed may take: only a program that
// hangs comes near it.
var patience = map[bool]time.Duration{false: 20 * time.Second, true: 5 * time.Minute}[os.Getenv("CI_EMULATED") != ""]

// run runs a shell with a changed program, which ends once look has looked at
// it, and says how that ended.
func (c *tampered) run(ctx context.Context, change func(*launch.Program), look func(p *sandbox.Process)) error {
	if err := sandbox.Tamper(c.Sandbox, c.prepared, func(p *launch.Program) {
		c.calls, c.stepOf = launcherCalls(p), p.StepOf
		if change != nil {
			change(p)
		}
	}); err != nil {
		return err
	}
	defer sandbox.Tamper(c.Sandbox, c.prepared, nil) // frees the image, which is a descriptor
	cmd := exec.Command("/bin/sh", "-c", "echo ready; read x; exit 0")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	defer stdout.Close()
	p, err := c.Start(ctx, cmd)
	if err != nil {
		return err
	}
	_, err = bufio.NewReader(stdout).ReadString('\n')
	if err == nil && look != nil {
		look(p)
	}
	stdin.Close()
	_, waited := p.Wait()
	if waited == nil && err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return waited
}

// slow says that each start takes long here, or that few are wanted.
func slow() bool { return testing.Short() || os.Getenv("CI_EMULATED") != "" }

// rounds is how often something random is tried.
func rounds(n int) int {
	switch {
	case os.Getenv("SANDBOX_TEST_THOROUGH") != "": // make soak
		return n * 5
	case slow():
		return n / 10
	}
	return n
}

// forbearing is a context for a start that should end by itself.
func forbearing(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// Each call of the launcher fails once: of the outer process, of PID 1 and of
// the command. Either the start fails with an error that names the step and the
// errno, or, for those that may fail, the sandbox is as strong as it was. In no
// case does anything hang or stay behind.
func TestEveryCallFails(t *testing.T) {
	all := variants(t)
	all["capabilities"] = newTampered(t, true, sandbox.AddCap("net_raw"))
	all["new privileges"] = newTampered(t, true, sandbox.WithNewPrivileges(), sandbox.AddCap("sys_admin"))
	all["without init"] = newTampered(t, true, sandbox.WithoutInit())
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			var sound posture
			if err := c.run(forbearing(t), nil, func(p *sandbox.Process) { sound = takePosture(p) }); err != nil {
				t.Fatal(err)
			}
			if len(sound) < 40 {
				t.Fatalf("posture %v", sound)
			}
			before, failures := takeInventory(), 0
			for i, call := range c.calls {
				if slow() && i%7 != 0 {
					continue
				}
				for _, errno := range errnosOf(t, call) {
					if call.triesAgain(errno) {
						continue // no kernel says so for ever, as the change does
					}
					failures++
					if problem := c.fail(forbearing(t), call, errno, sound); problem != "" {
						t.Errorf("%v fails with %v: %s", call, errno, problem)
					}
					if left := before.leftBehind(); left != "" {
						t.Fatalf("%v fails with %v: left behind:\n%s", call, errno, left)
					}
				}
			}
			t.Logf("%d failures among %d calls", failures, len(c.calls))
		})
	}
}

// fail has one call fail and says what is wrong with the outcome.
func (c *tampered) fail(ctx context.Context, call launcherCall, errno uint32, sound posture) string {
	var now posture
	err := c.run(ctx, func(p *launch.Program) {
		p.Fail(call.index, errno)
		if birth := c.birthInside(); birth >= 0 && strings.HasPrefix(call.step, "enter cgroup") {
			p.Fail(birth, uint32(unix.ENOSYS)) // or the call would not be made
		}
	}, func(p *sandbox.Process) { now = takePosture(p) })
	step, _ := c.stepOf(call.index)
	var setup *sandbox.SetupError
	var exit *sandbox.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Sprintf("hangs (%v)", err)
	case err == nil && strings.HasPrefix(call.step, "supervise"):
		return "" // the command had ended, and nobody needed the launcher any more
	case err == nil && !call.mayFail(errno):
		return "the start goes on"
	case err == nil:
		return sound.difference(now)
	case errors.As(err, &setup) && setup.Step == step.Name && setup.Path == step.Path && errors.Is(err, errnoOf(errno)):
		return ""
	case errors.As(err, &exit) && strings.HasPrefix(call.step, "supervise"):
		return "" // the command had been executed
	case call.mayFail(errno):
		return "" // and says so
	}
	return fmt.Sprintf("reported as: %v", err)
}

// birthInside is the clone3 by which a command is born in its cgroup; -1 without one.
func (c *tampered) birthInside() int {
	i := slices.IndexFunc(c.calls, func(c launcherCall) bool { return c.name == "clone3" })
	if i < 0 {
		return -1
	}
	return c.calls[i].index
}

// mayFail says whether the program expects this errno.
func (c launcherCall) mayFail(errno uint32) bool {
	return strings.Contains(c.text, "any error ignored") ||
		strings.Contains(c.text, fmt.Sprintf("errno %d ignored", errno)) ||
		strings.Contains(c.text, fmt.Sprintf("on errno %d go to", errno))
}

// triesAgain says whether the program repeats the call after this errno.
func (c launcherCall) triesAgain(errno uint32) bool {
	const eintr, eagain = 4, 11
	return (errno == eintr || errno == eagain) && c.mayFail(errno)
}
