package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-d1379373/sandbox"
)

const mib = 1 << 20

// moment is how long a flood without an end goes on.
const moment = 300 * time.Millisecond

// flood is a hostile command of the helper.
type flood struct {
	name  string // of the helper's function
	opts  []sandbox.Option
	wants []want
}

// floods use up everything that there is. What a command may have is its own
// matter; that it gets no more, how its end is called and what the host feels of
// it are the library's.
func floods() (out []Scenario) {
	var (
		exited  = want{sandbox.Exited, 0}
		oom     = want{sandbox.OOMKilled, 0}
		timeout = want{sandbox.TimedOut, 0}
		memory  = sandbox.WithMemory(32 * mib)
		pids    = sandbox.WithPids(48)
		short   = sandbox.WithTimeout(moment)
	)
	for _, f := range []flood{
		{"output", []sandbox.Option{sandbox.WithOutputLimit(mib)}, []want{{sandbox.OutputLimit, 0}}},
		{"output", []sandbox.Option{short}, []want{timeout}},
		{"anonymous memory", []sandbox.Option{memory}, []want{oom}},
		{"memfd", []sandbox.Option{memory}, []want{oom}},
		{"shared memory", []sandbox.Option{memory}, []want{oom}},
		{"tmpfs", []sandbox.Option{memory}, []want{oom}},
		{"pipes", []sandbox.Option{sandbox.WithMemory(16 * mib)}, []want{oom}},
		{"sockets", []sandbox.Option{sandbox.WithMemory(16 * mib)}, []want{oom}},
		{"disk", nil, []want{exited}},
		{"inodes", nil, []want{exited}},
		{"processes", []sandbox.Option{pids, short}, []want{timeout}},
		{"threads", []sandbox.Option{pids}, []want{{sandbox.Exited, 2}}}, // the Go runtime gives up
		{"zombies", []sandbox.Option{pids}, []want{exited}},
		{"deafness", []sandbox.Option{short}, []want{timeout}},
	} {
		name := "flood " + f.name + " until " + f.wants[0].reason.String()
		out = append(out, Scenario{name, func(ctx context.Context, e *Env) error {
			cmd, bind := e.helper(f.name)
			var written atomic.Int64
			cmd.Stdout = counter{&written}
			res, err := sandbox.Run(ctx, cmd, limited(append(f.opts, bind)...)...)
			if err := check(res, err, f.wants...); err != nil {
				return err
			}
			if f.wants[0].reason == sandbox.OutputLimit && written.Load() != mib {
				return fmt.Errorf("%d bytes came", written.Load())
			}
			return nil
		}})
	}
	return append(out,
		Scenario{"flood small writes", smallWrites},
		Scenario{"flood unread input", unreadInput},
		Scenario{"flood fork bomb", forkBomb},
		Scenario{"flood orphans", orphans},
		Scenario{"flood page cache", pageCache},
	)
}

// counter counts what is written to it.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// smallWrites are many, and all arrive.
func smallWrites(ctx context.Context, e *Env) error {
	cmd, bind := e.helper("small writes", fmt.Sprint(e.Many))
	var written atomic.Int64
	cmd.Stdout = counter{&written}
	if _, err := sandbox.Run(ctx, cmd, limited(bind)...); err != nil {
		return err
	}
	if written.Load() != int64(e.Many) {
		return fmt.Errorf("%d of %d bytes came", written.Load(), e.Many)
	}
	return nil
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// unreadInput has no end, and the command reads none of it.
func unreadInput(ctx context.Context, _ *Env) error {
	cmd := exec.Command("sleep", "0.05")
	cmd.Stdin = io.Reader(zeros{})
	_, err := sandbox.Run(ctx, cmd, limited()...)
	return err
}

// pageCache reads a file that is several times larger than the memory limit. The
// kernel makes room, and no one is killed.
func pageCache(ctx context.Context, e *Env) error {
	const limit, size = 32 * mib, 128 * mib
	f, err := os.CreateTemp(e.Dir, "hole-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := errors.Join(f.Truncate(size), f.Chmod(0o644)); err != nil {
		return err
	}
	out, res, err := shell(ctx, "wc -c < /hole; cat /hole | wc -c", limited(sandbox.WithMemory(limit), sandbox.WithReadOnlyBind(f.Name(), "/hole"))...)
	if err == nil && (!strings.HasSuffix(out, fmt.Sprint(size)) || res.Usage.Memory > limit+mib) {
		err = fmt.Errorf("it read %s, with %d bytes of memory", out, res.Usage.Memory)
	}
	return err
}

// forkBomb is the classic one. The shell gives up in one way or another.
func forkBomb(ctx context.Context, _ *Env) error {
	_, res, err := shell(ctx, `f() { f | f & f; }; f`, limited(sandbox.WithPids(40), sandbox.WithTimeout(moment))...)
	if res != nil && res.Reason != sandbox.TimedOut && res.Reason != sandbox.Exited && res.Reason != sandbox.Signaled {
		return err
	}
	if res == nil {
		return err
	}
	return nil
}

// orphans are many, and PID 1 reaps all of them: there is room for few.
func orphans(ctx context.Context, _ *Env) error {
	const script = `i=0
while [ $i -lt 200 ]; do
	(true &); i=$((i+1))
	if [ $((i%20)) = 0 ]; then until [ $(ls /proc | grep -c '^[0-9]') -lt 10 ]; do :; done; fi
done
echo all`
	out, _, err := shell(ctx, script, limited(sandbox.WithPids(60))...)
	if err == nil && out != "all" {
		err = errors.New(out)
	}
	return err
}
