package main

import (
	"bytes"
	"context"
	"os/exec"
	"path"
	"time"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// The limits that everyone sets who can.
const (
	memoryLimit = 256 << 20
	cpuShares   = 512
	pidsLimit   = 64
)

// Names of ways that budgets and plots look for.
const (
	plainExec    = "os/exec, no sandbox"
	libraryCold  = "this library"
	libraryOnce  = "this library, Run with options"
	libraryWarm  = "this library, warm pool"
	libraryUser  = "this library, ordinary user"
	floorRoot    = "C floor"
	floorScratch = "C floor, view made anew"
	floorWarm    = "C floor, warm pool"
	floorUser    = "C floor, ordinary user"
)

// libraryOptions is the default sandbox with the view of the work directory
// and, where the caller may, all three limits.
func (b *bench) libraryOptions(more ...sandbox.Option) []sandbox.Option {
	options := []sandbox.Option{sandbox.WithReadOnlyBind(b.work, inside)}
	if b.root {
		options = append(options, sandbox.WithMemory(memoryLimit), sandbox.WithCPUShares(cpuShares), sandbox.WithPids(pidsLimit))
	}
	return append(options, more...)
}

// libraryWay uses one Sandbox for all its callers.
func libraryWay(name string, options []sandbox.Option) way {
	s, err := sandbox.New(options...)
	run := func(cmd *exec.Cmd) error {
		if err != nil {
			return err
		}
		_, err := s.Run(context.Background(), cmd)
		return err
	}
	return way{
		name: name,
		open: func() (starter, error) {
			return startFunc(func() (time.Duration, error) {
				return timed(func() error { return run(exec.Command(path.Join(inside, "exit"))) })
			}), err
		},
		facts: func() ([]byte, error) {
			var out bytes.Buffer
			cmd := exec.Command(path.Join(inside, "program"), "facts")
			cmd.Stdout = &out
			err := run(cmd)
			return out.Bytes(), err
		},
	}
}

// onceWay works the policy out for each start.
func onceWay(name string, options []sandbox.Option) way {
	w := libraryWay(name, options) // from inside it looks the same
	w.open = func() (starter, error) {
		return startFunc(func() (time.Duration, error) {
			return timed(func() error {
				_, err := sandbox.Run(context.Background(), exec.Command(path.Join(inside, "exit")), options...)
				return err
			})
		}), nil
	}
	return w
}

// layers are sandboxes of which each has one protection more than the one before,
// up to the full one. What cannot be left out is in the first: a view of its own,
// PID, UTS and cgroup namespaces, no capabilities, no_new_privs, resource limits.
func (b *bench) layers() []way {
	type layer struct {
		name string
		off  sandbox.Option // takes away what the name adds
	}
	all := []layer{
		{"+ IPC namespace", sandbox.WithIPC(sandbox.IPCHost)},
		{"+ network namespace", sandbox.WithNetwork(sandbox.NetworkHost)},
		{"+ user namespace", sandbox.WithHostUserNS()},
		{"+ Landlock", sandbox.WithoutLandlock()},
		{"+ seccomp filter", sandbox.WithSeccomp(seccomp.Unconfined)},
		{"+ process limit", sandbox.WithPids(sandbox.Unlimited)},
		{"+ memory limit", sandbox.WithMemory(sandbox.Unlimited)},
		{"+ CPU shares", nil},
	}
	view := sandbox.WithReadOnlyBind(b.work, inside)
	base := []sandbox.Option{view, sandbox.WithMemory(memoryLimit), sandbox.WithPids(pidsLimit)}
	var ways []way
	for i := range len(all) + 1 {
		name, options := "view, PID namespace, no privileges", base
		if i > 0 {
			name = all[i-1].name
		}
		for _, l := range all[i:] {
			if l.off != nil {
				options = append(options[:len(options):len(options)], l.off)
			}
		}
		if i == len(all) {
			options = append(options[:len(options):len(options)], sandbox.WithCPUShares(cpuShares))
		}
		ways = append(ways, libraryWay(name, options))
	}
	return ways
}
