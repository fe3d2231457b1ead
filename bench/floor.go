package main

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/cgroup"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// floorWay is the C program, with parts left out.
func (b *bench) floorWay(name string, root bool, without ...string) way {
	return residentWay(name, func(program ...string) *exec.Cmd { return b.floor(root, without, program) })
}

// floorPool is the C program with all of the sandbox but the command there before.
func (b *bench) floorPool() way {
	return residentWay(floorWarm, func(program ...string) *exec.Cmd {
		cmd := b.floor(true, nil, program)
		cmd.Args = slices.Insert(cmd.Args, 1, "-waiting")
		return cmd
	})
}

// floor is the command line of the C program.
func (b *bench) floor(root bool, without, program []string) *exec.Cmd {
	var args []string
	switch {
	case root && slices.Contains(without, "cgroup"):
		args = []string{"-root", "-id", "65534", "65534"}
	case root:
		args = append([]string{"-root", "-id", "65534", "65534"}, b.groupArgs...)
	case b.root:
		args = []string{"-id", strconv.Itoa(user), strconv.Itoa(user)}
	default:
		args = []string{"-id", strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getgid())}
	}
	for _, p := range b.hidden {
		args = append(args, "-hide", p)
	}
	for _, p := range b.protected {
		args = append(args, "-protect", p)
	}
	args = append(args, "-bind", b.work, inside, "-filter", b.file("default.bpf"), "-guard", b.file("guard.bpf"),
		"-without", ","+strings.Join(without, ",")+",", "--", path.Join(inside, program[0]))
	cmd := exec.Command(b.file("floor"), append(args, program[1:]...)...)
	if root {
		return cmd
	}
	return b.asUser(cmd)
}

// coveredProc finds what of /proc the library's plan hides or makes read-only.
func (b *bench) coveredProc() error {
	s, err := sandbox.New(b.libraryOptions()...)
	if err != nil {
		return err
	}
	defer s.Close()
	plan, err := s.Plan(exec.Command(path.Join(inside, "exit")))
	if err != nil {
		return err
	}
	for _, step := range plan.Steps {
		if p, ok := strings.CutPrefix(step, "mask "); ok {
			b.hidden = append(b.hidden, p)
		}
		if p, ok := strings.CutPrefix(step, "make read-only "); ok && p != "/" {
			b.protected = append(b.protected, p)
		}
	}
	return nil
}

// groupArguments are the limits for the C program, in the hierarchies that the
// library uses for them.
func groupArguments() ([]string, error) {
	h, err := cgroup.Discover()
	if err != nil {
		return nil, err
	}
	defer h.Close()
	memory, pids := strconv.Itoa(memoryLimit), strconv.Itoa(pidsLimit)
	var args []string
	for _, limit := range []struct {
		limits cgroup.Limits
		files  [2][]string // file and value, for cgroup v1 and v2
	}{
		{
			cgroup.Limits{Memory: memoryLimit},
			[2][]string{{"memory.limit_in_bytes", memory, "memory.memsw.limit_in_bytes", memory}, {"memory.max", memory, "memory.swap.max", "0"}},
		},
		{
			cgroup.Limits{CPUShares: cpuShares},
			[2][]string{{"cpu.shares", strconv.Itoa(cpuShares)}, {"cpu.weight", fmt.Sprint(cgroup.WeightFromShares(cpuShares))}},
		},
		{
			cgroup.Limits{Pids: pidsLimit},
			[2][]string{{"pids.max", pids}, {"pids.max", pids}},
		},
	} {
		places, err := h.Places(limit.limits, cgroup.Options{})
		if err != nil {
			return nil, err
		}
		for _, p := range places {
			if p.Version == 2 && len(args) == 0 {
				args = append(args, "-v2")
			}
			for file := range slices.Chunk(limit.files[p.Version-1], 2) {
				args = append(args, "-cgroup", p.Path, file[0], file[1])
			}
		}
	}
	return args, nil
}

// guard is what the library's own processes may do once the command runs.
var guard = &seccomp.Policy{
	DefaultAction: seccomp.ActKillProcess,
	Syscalls: []seccomp.Rule{{
		Names:  []string{"read", "ppoll", "wait4", "kill", "sendto", "sendmsg", "exit_group", "futex", "close", "close_range", "clock_gettime", "restart_syscall"},
		Action: seccomp.ActAllow,
	}},
}

// prepareFloor works out what the C program has to do here, and compiles the
// filters that it and others load from files.
func (b *bench) prepareFloor() error {
	if err := b.coveredProc(); err != nil {
		return err
	}
	if b.root {
		var err error
		if b.groupArgs, err = groupArguments(); err != nil {
			return fmt.Errorf("the limits of the C program: %w", err)
		}
	}
	return b.writeFilters()
}

func (b *bench) writeFilters() error {
	target, err := seccomp.NativeTarget()
	if err != nil {
		return err
	}
	for name, p := range map[string]*seccomp.Policy{"default.bpf": seccomp.Default(), "guard.bpf": guard} {
		f, err := p.Compile(target)
		if err != nil {
			return err
		}
		if err := os.WriteFile(b.file(name), f.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
