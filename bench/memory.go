package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

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

// A crowd is many idle programs, and what ends them.
type crowd struct {
	start func() (end func(), err error)
	name  string
}

func (b *bench) measureMemory() error {
	if !b.root {
		return nil // the launcher is not dumpable: only root may look
	}
	n := b.fewer(100)
	b.progress("memory of %d idle sandboxes", n)
	pause := []string{path.Join(inside, "program"), "pause"}
	s, err := sandbox.New(b.libraryOptions()...)
	if err != nil {
		return err
	}
	defer s.Close()
	crowds := []crowd{
		{name: plainExec, start: func() (func(), error) { return startPlain(exec.Command(b.file("program"), "pause")) }},
		{name: libraryCold, start: func() (func(), error) {
			p, err := s.Start(context.Background(), exec.Command(pause[0], pause[1:]...))
			if err != nil {
				return nil, err
			}
			return func() { p.Kill(); p.Wait() }, nil
		}},
	}
	if bwrap, err := exec.LookPath("bwrap"); err == nil {
		crowds = append(crowds, crowd{name: "bubblewrap", start: func() (func(), error) {
			return startPlain(exec.Command(bwrap, "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--ro-bind", b.work, inside, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--", pause[0], pause[1]))
		}})
	}
	bare := int64(0)
	for i, c := range crowds {
		m, err := c.measure(n)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
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

func startPlain(cmd *exec.Cmd) (func(), error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() { cmd.Process.Kill(); cmd.Wait() }, nil
}

// measure starts n and looks at what belongs to them.
func (c crowd) measure(n int) (memory, error) {
	m := memory{Way: c.name}
	end, err := c.start() // what is prepared once is not counted
	if err != nil {
		return m, err
	}
	end()
	time.Sleep(time.Second) // the kernel still frees what went before
	before := kernelMemory()
	for range n {
		end, err := c.start()
		if err != nil {
			return m, err
		}
		defer end()
	}
	time.Sleep(time.Second) // until the last program pauses
	m.Kernel = (kernelMemory() - before) / int64(n)
	for _, pid := range descendants(os.Getpid()) {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if strings.TrimSpace(string(name)) == "program" {
			continue
		}
		m.Processes++
		rollup := fields(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		m.Shared += rollup["Pss"]
		m.Private += rollup["Private_Clean"] + rollup["Private_Dirty"]
		m.Tables += fields(fmt.Sprintf("/proc/%d/status", pid))["VmPTE"]
	}
	m.Processes /= n
	m.Shared, m.Private, m.Tables = m.Shared/int64(n), m.Private/int64(n), m.Tables/int64(n)
	return m, nil
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
