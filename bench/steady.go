package main

import (
	"context"
	"fmt"
	"os/exec"
	"path"
	"strconv"
	"strings"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// steady is what system calls cost a program that runs, in nanoseconds.
type steady struct {
	Where string             `json:"where"`
	Calls map[string]float64 `json:"calls"` // by kind
}

// kinds are the loops of the C program, and how often each goes round.
var kinds = []struct {
	name, label string
	times       int
}{
	{"getpid", "getpid", 100_000},
	{"read", "read a byte", 100_000},
	{"open", "open and close", 20_000},
	{"forkexec", "vfork, exec and wait", 100},
}

func (b *bench) measureSteady() error {
	b.progress("system calls outside and inside, in turn")
	places := []struct {
		name    string
		off     []sandbox.Option
		outside bool
	}{
		{name: "outside", outside: true},
		{name: "inside"},
		{name: "inside, without Landlock", off: []sandbox.Option{sandbox.WithoutLandlock()}},
		{name: "inside, without the filter", off: []sandbox.Option{sandbox.WithSeccomp(seccomp.Unconfined)}},
		{name: "inside, without either", off: []sandbox.Option{sandbox.WithoutLandlock(), sandbox.WithSeccomp(seccomp.Unconfined)}},
	}
	boxes := make([]*sandbox.Sandbox, len(places))
	for i, p := range places {
		s, err := sandbox.New(b.libraryOptions(p.off...)...)
		if err != nil {
			return err
		}
		defer s.Close()
		boxes[i] = s
	}
	all := make([]map[string][]float64, len(places))
	for range b.rounds(9) {
		for _, k := range kinds {
			for i, p := range places {
				ns, err := b.loop(boxes[i], p.outside, k.name, b.fewer(k.times))
				if err != nil {
					return fmt.Errorf("%s %s: %w", k.name, p.name, err)
				}
				if all[i] == nil {
					all[i] = map[string][]float64{}
				}
				all[i][k.name] = append(all[i][k.name], ns)
			}
		}
	}
	for i, p := range places {
		s := steady{p.name, map[string]float64{}}
		for _, k := range kinds {
			s.Calls[k.name] = medianOf(all[i][k.name])
		}
		b.results.Steady = append(b.results.Steady, s)
	}
	return nil
}

// loop runs one loop of the C program, outside or inside.
func (b *bench) loop(s *sandbox.Sandbox, outside bool, kind string, times int) (float64, error) {
	var out strings.Builder
	args := []string{"loop", kind, strconv.Itoa(times)}
	run := func(cmd *exec.Cmd) error {
		cmd.Stdout = &out
		if outside {
			return cmd.Run()
		}
		_, err := s.Run(context.Background(), cmd)
		return err
	}
	where := path.Join(inside, "program")
	if outside {
		where = b.file("program")
	}
	if err := run(exec.Command(where, args...)); err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(out.String()), 64)
}
