package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func itoa(n int) string { return strconv.Itoa(n) }

// helperVar makes the test binary one of the helper programs below. Each
// waits for the end of its standard input before it acts.
const helperVar = "CGROUP_TEST_HELPER"

func TestMain(m *testing.M) {
	if mode := os.Getenv(helperVar); mode != "" {
		os.Exit(helper(mode))
	}
	before := leftovers()
	code := m.Run()
	if after := leftovers(); code == 0 && after != before {
		fmt.Fprintf(os.Stderr, "left behind: before\n%safter\n%s", before, after)
		code = 1
	}
	os.Exit(code)
}

// leftovers lists this process's groups, children and cgroup descriptors.
func leftovers() string {
	var b strings.Builder
	if h, err := Discover(); err == nil {
		for _, base := range h.bases {
			groups, _ := filepath.Glob(filepath.Join(base.path, namePrefix+itoa(os.Getpid())+"-*"))
			for _, g := range groups {
				fmt.Fprintln(&b, "group", g)
			}
		}
		h.Close()
	}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	for pid := range strings.FieldsSeq(string(children)) {
		fmt.Fprintln(&b, "child", pid)
	}
	runtime.GC()
	for _, target := range openFiles() {
		fmt.Fprintln(&b, "descriptor", target)
	}
	return b.String()
}

// openFiles are this process's open files of cgroups.
func openFiles() (targets []string) {
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		if target, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.Contains(target, "/cgroup") {
			targets = append(targets, target)
		}
	}
	return targets
}

var sink atomic.Int64 // what the burning helper works at

func helper(mode string) int {
	if mode != "own" {
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	mode, arg, _ := strings.Cut(mode, " ")
	switch mode {
	case "hog": // touch that many bytes
		n, _ := strconv.Atoi(arg)
		block := make([]byte, n)
		for i := 0; i < n; i += 4096 {
			block[i] = 1
		}
		fmt.Println("survived")
		runtime.KeepAlive(block)
	case "burn":
		for n := 0; ; n++ {
			sink.Store(int64(n))
		}
	case "count": // write bytes for ever
		for {
			if _, err := os.Stdout.Write([]byte{'x'}); err != nil {
				return 1
			}
		}
	case "own": // make a group and stay, to be killed
		h, err := Discover()
		if err == nil {
			var g *Group
			if g, err = h.Create("", Limits{Pids: 5}); err == nil {
				fmt.Println(g.Name())
				_, _ = io.Copy(io.Discard, os.Stdin)
				return 0
			}
		}
		fmt.Println("error", err)
	case "try": // say what Create and the probe say
		h, err := Discover()
		if err == nil {
			for _, s := range h.Controllers() {
				fmt.Println("support", s.Controller, s.Err == nil, errors.Is(s.Err, errors.ErrUnsupported))
			}
			_, err = h.Create("", Limits{Memory: 1 << 20, Pids: 5})
		}
		fmt.Println("errno", errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS))
		fmt.Println("unsupported", errors.Is(err, errors.ErrUnsupported))
		fmt.Println("text", err)
	}
	return 0
}

// program is a helper or shell command that waits until go is called.
type program struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.ReadCloser
}

func start(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{t: t, cmd: cmd}
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if p.out, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return p
}

func startHelper(t *testing.T, mode string) *program {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperVar+"="+mode, "GOMAXPROCS=1")
	return start(t, cmd)
}

// startShell runs a script after the wait. The shell has read its first line
// before it enters a group, but nothing of the script has run.
func startShell(t *testing.T, script string) *program {
	t.Helper()
	return start(t, exec.Command("/bin/sh", "-c", "read -r line; "+script))
}

// run puts the program into groups and lets it go.
func (p *program) run(groups ...*Group) *program {
	p.t.Helper()
	for _, g := range groups {
		if err := g.Add(p.cmd.Process.Pid); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := p.in.Close(); err != nil {
		p.t.Fatal(err)
	}
	return p
}

func (p *program) line() string {
	p.t.Helper()
	line, err := bufio.NewReader(p.out).ReadString('\n')
	if err != nil {
		p.t.Fatalf("the helper said nothing: %v", err)
	}
	return strings.TrimSpace(line)
}

func (p *program) wait() (status syscall.WaitStatus, said string) {
	p.t.Helper()
	text, _ := io.ReadAll(p.out)
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.Sys().(syscall.WaitStatus), string(text)
}

// liveHost gives the hierarchy, or skips if it lacks a controller.
func liveHost(t testing.TB, controllers ...string) *Hierarchy {
	t.Helper()
	h, err := Discover()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	needControllers(t, h, controllers...)
	return h
}

func needControllers(t testing.TB, h *Hierarchy, controllers ...string) {
	t.Helper()
	for _, s := range h.Controllers() {
		for _, c := range controllers {
			if s.Controller != c || s.Err == nil {
				continue
			}
			if c == "devices" && s.Version == 2 {
				t.Skip("needs bpf: ", s.Err)
			}
			t.Skip("needs cgroup2: ", s.Err)
		}
	}
}

// withoutUnified is this host as it would be without a v2 tree beside v1.
func withoutUnified(t *testing.T, controllers ...string) *Hierarchy {
	t.Helper()
	h := liveHost(t)
	mountinfo, err1 := os.ReadFile("/proc/self/mountinfo")
	cgroup, err2 := os.ReadFile("/proc/self/cgroup")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	var lines string
	for line := range strings.Lines(string(cgroup)) {
		if !strings.HasPrefix(line, "0::") {
			lines += line
		}
	}
	if lines == "" {
		t.Skip("needs cgroup1: controllers on v1")
	}
	h.Close()
	h, err := discover(source{mountinfo: string(mountinfo), memberships: lines, fs: kernelFileSystem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	needControllers(t, h, controllers...)
	return h
}

func create(t testing.TB, h *Hierarchy, l Limits, o Options) *Group {
	t.Helper()
	g, err := h.CreateWith("", l, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(g.Kill(), g.Remove()); err != nil && !errors.Is(err, errClosed) {
			t.Error(err)
		}
	})
	return g
}

// eventually asks until it is so; the bound only ends a test that has failed.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	bound := time.After(30 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-bound:
			t.Fatal("it never came about that ", what)
		}
	}
}

func startShellFiles(t *testing.T, script string, files []*os.File) *program {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "read -r line; "+script)
	cmd.ExtraFiles = files
	return start(t, cmd)
}
