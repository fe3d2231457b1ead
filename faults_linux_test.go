package sandbox_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/launch"
)

// A listedCall is an instruction of a program, as its listing has it.
type listedCall struct {
	index      int
	step, name string
	text       string
}

var callInListing = regexp.MustCompile(`^(?:[^("]* = )?([a-z0-9_]+)\(`)

// listing takes the listing of a program apart: one line for each instruction,
// below its step. What is no call, such as a jump, cannot fail and is left out.
func listing(p *launch.Program) (out []listedCall) {
	step, index := "", 0
	for line := range strings.Lines(p.String()) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "    "):
			c := listedCall{index: index, step: step, text: line[4:]}
			if m := callInListing.FindStringSubmatch(c.text); m != nil {
				c.name = m[1]
				out = append(out, c)
			}
			index++
		case !strings.HasPrefix(line, "  "):
			step = line
		}
	}
	return out
}

// A tampered is a sandbox whose programs are changed.
type tampered struct {
	*sandbox.Sandbox
	change func(*launch.Program)
	calls  []listedCall // of the last program
	steps  func(i int) (launch.Step, bool)
}

// newTampered makes a sandbox that runs what the caller of t.change likes.
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
	c := &tampered{Sandbox: box}
	if prepared { // the first start decides about cgroups, the second about the view
		for range 2 {
			if _, err := box.Run(context.Background(), exec.Command("/bin/true")); err != nil {
				t.Fatal(err)
			}
		}
	}
	err = sandbox.Tamper(box, prepared, func(p *launch.Program) {
		c.calls, c.steps = listing(p), p.StepOf
		if c.change != nil {
			c.change(p)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// patience is how long a start that was disturbed may take: only a program that
// hangs comes near it.
const patience = 30 * time.Second

// start runs a shell with a change until look has looked at it, and returns
// how that ended.
func (c *tampered) start(change func(*launch.Program), look func(p *sandbox.Process)) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.startContext(ctx, change, look)
}

func (c *tampered) startContext(ctx context.Context, change func(*launch.Program), look func(p *sandbox.Process)) error {
	if err := sandbox.Tamper(c.Sandbox, true, func(p *launch.Program) {
		c.calls, c.steps = listing(p), p.StepOf
		if change != nil {
			change(p)
		}
	}); err != nil {
		return err
	}
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
	p, err := c.Start(ctx, cmd)
	if err != nil {
		return err
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil && !errors.Is(err, io.EOF) {
		return errors.Join(err, func() error { _, err := p.Wait(); return err }())
	}
	if look != nil {
		look(p)
	}
	stdin.Close()
	_, err = p.Wait()
	return err
}

func TestProto(t *testing.T) {
	c := newTampered(t, false)
	begin := time.Now()
	for range 20 {
		if err := c.start(nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(time.Since(begin)/20, len(c.calls))
	begin = time.Now()
	for range 10 {
		takeInventory()
	}
	t.Log(time.Since(begin) / 10)
	c = newTampered(t, true)
	begin = time.Now()
	for range 20 {
		if err := c.start(nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(time.Since(begin)/20, len(c.calls))
	for _, l := range c.calls {
		t.Log(l)
	}
}
