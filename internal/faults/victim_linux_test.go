package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/cgroup"
	"github.com/seed-d1379373/sandbox/internal/leak"
)

// An outcome is what the victim says about one act.
type outcome struct {
	Err      string
	Typed    bool                       // an error of the library's own types, or the context's
	Canceled bool                       // the context's
	States   map[sandbox.Feature]string // of a sandbox that ran
	Out      string                     // of its command
	Left     string
}

// An act is something that a host program does with sandboxes. first is what
// comes before the calls are of interest.
type act struct {
	first func() (then func(ctx context.Context) (*sandbox.Result, string, error), err error)
}

func acts() map[string]act {
	return map[string]act{
		"start": {func() (func(context.Context) (*sandbox.Result, string, error), error) {
			return func(ctx context.Context) (*sandbox.Result, string, error) {
				box, err := newBox()
				if err != nil {
					return nil, "", err
				}
				res, out, err := run(ctx, box)
				return res, out, errors.Join(err, box.Close())
			}, nil
		}},
		"start prepared": {func() (func(context.Context) (*sandbox.Result, string, error), error) {
			box, err := newBox()
			if err != nil {
				return nil, err
			}
			for range 2 {
				if _, _, err := run(context.Background(), box); err != nil {
					return nil, err
				}
			}
			return func(ctx context.Context) (*sandbox.Result, string, error) {
				res, out, err := run(ctx, box)
				return res, out, errors.Join(err, box.Close())
			}, nil
		}},
		"pool": {func() (func(context.Context) (*sandbox.Result, string, error), error) {
			box, err := newBox()
			if err != nil {
				return nil, err
			}
			return func(ctx context.Context) (*sandbox.Result, string, error) {
				pool, err := box.Pool(ctx, 1)
				if err != nil {
					return nil, "", errors.Join(err, box.Close())
				}
				cmd, out := echo()
				res, err := pool.Run(ctx, cmd)
				return res, out.String(), errors.Join(err, pool.Close(), box.Close())
			}, nil
		}},
		"exec": {func() (func(context.Context) (*sandbox.Result, string, error), error) {
			p, end, err := runUntil()
			if err != nil {
				return nil, err
			}
			return func(ctx context.Context) (*sandbox.Result, string, error) {
				cmd, out := echo()
				res, err := p.Exec(ctx, cmd)
				return res, out.String(), errors.Join(err, end())
			}, nil
		}},
		"control": {func() (func(context.Context) (*sandbox.Result, string, error), error) {
			p, end, err := runUntil()
			if err != nil {
				return nil, err
			}
			return func(context.Context) (*sandbox.Result, string, error) {
				_, err := p.Stats()
				var errs []error
				for _, err := range []error{err, p.Update(sandbox.WithPids(20)), p.Pause(), p.Resume(), p.Signal(unix.SIGWINCH), p.Resume(), p.Kill()} {
					if err != nil && !errors.Is(err, errors.ErrUnsupported) { // without a cgroup
						errs = append(errs, err)
					}
				}
				return nil, "", errors.Join(append(errs, end())...)
			}, nil
		}},
	}
}

func newBox() (*sandbox.Sandbox, error) {
	return sandbox.New(sandbox.WithPids(16), sandbox.WithBestEffort(sandbox.FeatureMemory))
}

// echo is a command that says a word.
func echo() (*exec.Cmd, *bytes.Buffer) {
	var out bytes.Buffer
	cmd := exec.Command("/bin/sh", "-c", "echo ran")
	cmd.Stdout = &out
	return cmd, &out
}

func run(ctx context.Context, box *sandbox.Sandbox) (*sandbox.Result, string, error) {
	cmd, out := echo()
	res, err := box.Run(ctx, cmd)
	return res, out.String(), err
}

// runUntil starts a command that runs until it is ended.
func runUntil() (p *sandbox.Process, end func() error, err error) {
	box, err := newBox()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", "read x; exit 0")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	p, err = box.Start(context.Background(), cmd)
	if err != nil {
		return nil, nil, err
	}
	return p, func() error {
		stdin.Close()
		_, err := p.Wait()
		var exit *sandbox.ExitError
		if errors.As(err, &exit) && exit.Reason == sandbox.Signaled {
			err = nil // it was killed before
		}
		return errors.Join(err, box.Close())
	}, nil
}

// runVictim does an act each time that a line with its name arrives, and says
// how it went. A byte from the pipe ends the context of the act. It is no signal,
// because that could go to the very thread whose call waits for its effect.
func runVictim(pipe int) int {
	if err := unix.SetNonblock(pipe, true); err != nil {
		return complain(err)
	}
	ends := os.NewFile(uintptr(pipe), "pipe")
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var name string
		if err := in.Decode(&name); errors.Is(err, io.EOF) {
			return 0
		} else if err != nil {
			return complain(err)
		}
		o, err := do(acts()[name], ends)
		if err != nil {
			return complain(err)
		}
		if err := out.Encode(o); err != nil {
			return complain(err)
		}
	}
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, "victim:", err)
	return 1
}

func do(a act, ends *os.File) (outcome, error) {
	before := leak.Take()
	then, err := a.first()
	if err != nil {
		return outcome{}, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	gone := make(chan struct{})
	ends.SetReadDeadline(time.Time{})
	go func() {
		defer close(gone)
		if _, err := ends.Read(make([]byte, 1)); err == nil {
			cancel()
			say(markCanceled)
		}
	}()
	say(markBegin)
	res, out, err := then(ctx)
	say(markEnd)
	ends.SetReadDeadline(time.Now())
	<-gone
	o := outcome{Out: out}
	if err != nil {
		o.Err, o.Typed, o.Canceled = err.Error(), typed(err), errors.Is(err, context.Canceled)
	}
	if res != nil && res.Report != nil {
		o.States = map[sandbox.Feature]string{}
		for _, e := range res.Report.Features {
			o.States[e.Feature] = e.State.String()
		}
	}
	o.Left = strings.TrimSpace(before.Since())
	return o, nil
}

// say tells the test where it is, by a call that it intercepts.
func say(where uintptr) { unix.Prctl(mark, where, 0, 0, 0) }

// typed says whether an error, or each of those that it joins, is one that the
// library documents, with a step.
func typed(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			if !typed(one) {
				return false
			}
		}
		return true
	}
	var setup *sandbox.SetupError
	var exit *sandbox.ExitError
	var group *cgroup.Error
	var call *os.SyscallError // of Signal and Kill, as in package os
	return errors.As(err, &setup) && setup.Step != "" ||
		errors.As(err, &exit) || errors.As(err, &group) || errors.As(err, &call) ||
		errors.Is(err, errors.ErrUnsupported) || errors.Is(err, context.Canceled)
}
