package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// memory is what one idle sandbox takes, in bytes, without the program in it.
type memory struct {
	Way       string `json:"way"`
	Processes int    `json:"processes"` // of the launcher
	Shared    int64  `json:"shared"`    // their proportional share of memory (PSS)
	Private   int64  `json:"private"`   // what nobody shares
	Tables    int64  `json:"tables"`    // page tables
	Kernel    int64  `json:"kernel"`    // slab, stacks, page tables and per-CPU memory of the kernel, beyond a bare process
}

// A crowd is many idle programs: each start adds one, and close ends them all.
type crowd struct {
	way  string
	open func() (starter, error)
}

func (b *bench) measureMemory() error {
	if !b.root {
		return nil // the launcher is not dumpable: only root may look
	}
	n := b.fewer(100)
	b.progress("memory of %d idle sandboxes", n)
	idle := func(cmd *exec.Cmd) (starter, error) { return newResident(cmd) }
	crowds := []crowd{
		{plainExec, func() (starter, error) { return newIdle(b.plainIdle), nil }},
		{libraryCold, func() (starter, error) { return idle(b.resident("idle")) }},
		{libraryUser, func() (starter, error) { return idle(b.asUser(b.resident("idle"))) }},
	}
	if bwrap, err := exec.LookPath("bwrap"); err == nil {
		crowds = append(crowds, crowd{"bubblewrap", func() (starter, error) {
			return newIdle(func() (func(), error) {
				return startPlain(exec.Command(bwrap, "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--ro-bind", b.work, inside,
					"--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--", path.Join(inside, "program"), "pause"))
			}), nil
		}})
	}
	bare := int64(0)
	for i, c := range crowds {
		m, err := c.measure(n)
		if err != nil {
			return fmt.Errorf("%s: %w", c.way, err)
		}
		if i == 0 {
			bare = m.Kernel
			continue
		}
		m.Kernel -= bare
		b.results.Memory = append(b.results.Memory, m)
	}
	return nil
}

// An idleStarter keeps what it starts.
type idleStarter struct {
	begin func() (end func(), err error)
	ends  []func()
}

func newIdle(begin func() (end func(), err error)) *idleStarter { return &idleStarter{begin: begin} }

func (s *idleStarter) start() (time.Duration, error) {
	return timed(func() error {
		end, err := s.begin()
		if err == nil {
			s.ends = append(s.ends, end)
		}
		return err
	})
}

func (s *idleStarter) close() error {
	for _, end := range s.ends {
		end()
	}
	return nil
}

// libraryIdle starts programs that wait, in sandboxes.
func (b *bench) libraryIdle() way {
	return way{open: func() (starter, error) {
		s, err := sandbox.New(b.libraryOptions()...)
		return newIdle(func() (func(), error) {
			p, err := s.Start(context.Background(), exec.Command(path.Join(inside, "program"), "pause"))
			if err != nil {
				return nil, err
			}
			return func() { p.Kill(); p.Wait() }, nil
		}), err
	}}
}

func (b *bench) plainIdle() (func(), error) {
	return startPlain(exec.Command(b.file("program"), "pause"))
}

func startPlain(cmd *exec.Cmd) (func(), error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() { cmd.Process.Kill(); cmd.Wait() }, nil
}

// measure starts n and looks at what belongs to them.
func (c crowd) measure(n int) (memory, error) {
	m := memory{Way: c.way}
	s, err := c.open()
	if err != nil {
		return m, err
	}
	defer s.close()
	if _, err := s.start(); err != nil { // what is prepared once is not counted
		return m, err
	}
	time.Sleep(time.Second) // the kernel still frees what went before
	before := kernelMemory()
	for range n {
		if _, err := s.start(); err != nil {
			return m, err
		}
	}
	time.Sleep(time.Second) // until the last program pauses
	m.Kernel = (kernelMemory() - before) / int64(n)
	var seen []int
	for _, pid := range descendants(os.Getpid()) {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if n := strings.TrimSpace(string(name)); n == "program" || n == "bench" {
			continue // what runs inside, and the host program
		}
		m.Processes++
		if slices.ContainsFunc(seen, func(other int) bool { return sameMemory(pid, other) }) {
			continue
		}
		seen = append(seen, pid)
		rollup := fields(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		m.Shared += rollup["Pss"]
		m.Private += rollup["Private_Clean"] + rollup["Private_Dirty"]
		m.Tables += fields(fmt.Sprintf("/proc/%d/status", pid))["VmPTE"]
	}
	all := int64(n + 1)
	m.Processes /= n
	m.Shared, m.Private, m.Tables = m.Shared/all, m.Private/all, m.Tables/all
	return m, nil
}

// sameMemory says whether two processes share their address space.
func sameMemory(a, b int) bool {
	const vm = 1 // KCMP_VM, kcmp(2)
	order, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(a), uintptr(b), vm, 0, 0, 0)
	return errno == 0 && order == 0
}

// kernelMemory is what the kernel itself has allocated.
func kernelMemory() int64 {
	f := fields("/proc/meminfo")
	return f["Slab"] + f["KernelStack"] + f["PageTables"] + f["Percpu"]
}

// fields reads the lines "Name: N kB" of a file, in bytes.
func fields(path string) map[string]int64 {
	out := map[string]int64{}
	f, err := os.Open(path)
	if err != nil {
		return out
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, rest, ok := strings.Cut(lines.Text(), ":")
		number, unit, _ := strings.Cut(strings.TrimSpace(rest), " ")
		if n, err := strconv.ParseInt(number, 10, 64); ok && err == nil && unit == "kB" {
			out[name] = n << 10
		}
	}
	return out
}

// descendants are all processes below one.
func descendants(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, p := range stats {
		content, err := os.ReadFile(p)
		if err != nil {
			continue // gone
		}
		id, _, _ := strings.Cut(string(content), " ")
		_, rest, _ := strings.Cut(string(content[strings.LastIndexByte(string(content), ')')+1:]), " ")
		values := strings.Fields(rest)
		if len(values) < 2 {
			continue
		}
		child, _ := strconv.Atoi(id)
		parent, _ := strconv.Atoi(values[1])
		children[parent] = append(children[parent], child)
	}
	var all []int
	for next := children[pid]; len(next) > 0; next = next[1:] {
		all = append(all, next[0])
		next = append(next, children[next[0]]...)
	}
	return all
}
