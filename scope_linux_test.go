package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/leak"
)

// needUserManager skips where no systemd gives this caller a cgroup.
func needUserManager(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("needs user: root makes groups itself")
	}
	if _, err := os.Stat(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "systemd")); err != nil || os.Getenv("XDG_RUNTIME_DIR") == "" {
		t.Skip("needs systemd: this user has no manager")
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil || !strings.HasPrefix(string(text), "0::") {
		t.Skip("needs cgroup2: the manager gives nothing on v1")
	}
}

// cgroupOf is the v2 cgroup of a process.
func cgroupOf(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(text)), "0::")
}

// An ordinary user who has set nothing up asks for a limit, and it holds.
func TestScopeLimitsMemory(t *testing.T) {
	needUserManager(t)
	before := leak.Take()
	limit := sandbox.WithMemory(64 * mib)
	hog := func(megabytes int) []string { return probeArgs("hog", fmt.Sprint(megabytes*mib)) }
	out, res, err := runInside(hog(16), limit)
	if err != nil || !strings.Contains(out, "ok") {
		t.Fatalf("16 MiB of 64: %v %s", err, out)
	}
	if e := entry(t, res.Report, sandbox.FeatureMemory); e.State != sandbox.Enforced || !strings.Contains(e.Detail, "systemd") {
		t.Errorf("the report is %+v", e)
	}
	var exit *sandbox.ExitError
	if _, res, err := runInside(hog(128), limit); !errors.As(err, &exit) || res.Reason != sandbox.OOMKilled {
		t.Errorf("128 MiB of 64: %v", err)
	}
	if out, _, err := runInside(hog(128), sandbox.WithMemory(256*mib)); err != nil || !strings.Contains(out, "ok") {
		t.Errorf("control: 128 MiB of 256: %v %s", err, out)
	}
	if left := before.Since(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// The process that keeps a scope has no file of the host, not even a leaked
// one, and ends with its host's.
func TestScopeKeeper(t *testing.T) {
	leaked, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0) // without O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(leaked)
	pid, end, err := sandbox.Keep()
	if err != nil {
		t.Fatal(err)
	}
	files := func() (names []string) {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	deadline := time.Now().Add(time.Minute) // for a program of three calls
	for got := files(); len(got) != 1 || got[0] != "0"; got = files() {
		if time.Now().After(deadline) {
			t.Fatalf("it has the files %v", got)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// A sandbox without a named limit asks nobody.
func TestScopeIsNotMadeForDefaults(t *testing.T) {
	needUserManager(t)
	_, res, err := runInside([]string{"true"})
	if err != nil {
		t.Fatal(err)
	}
	if e := entry(t, res.Report, sandbox.FeatureMemory); e.State != sandbox.Missing || !strings.Contains(e.Fix, "systemd is asked") {
		t.Errorf("the report is %+v", e)
	}
}

// sleeper is a command that has started and waits for the end of its input.
func sleeper(t *testing.T, box *sandbox.Sandbox) (p *sandbox.Process, end func() error) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "echo ready; read x")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p, err = box.Start(context.Background(), cmd); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("it said %q, %v", line, err)
	}
	return p, func() error {
		fmt.Fprintln(in)
		_, err := p.Wait()
		return err
	}
}

// One scope serves all starts of a sandbox, each with a group of its own, and
// goes with it.
func TestScopeIsReused(t *testing.T) {
	needUserManager(t)
	before := leak.Take()
	box, err := sandbox.New(sandbox.WithMemory(64*mib), sandbox.WithPids(50))
	if err != nil {
		t.Fatal(err)
	}
	one, endOne := sleeper(t, box)
	two, endTwo := sleeper(t, box)
	a, b := cgroupOf(t, one.PID()), cgroupOf(t, two.PID())
	if a == b || path.Dir(a) != path.Dir(b) || !strings.HasSuffix(path.Dir(a), ".scope") {
		t.Errorf("groups %s and %s", a, b)
	}
	if s, err := one.Stats(); err != nil || s.Memory.Limit != 64*mib || s.Pids.Limit != 50 {
		t.Errorf("statistics %+v, %v", s, err)
	}
	if err := one.Update(sandbox.WithMemory(96 * mib)); err != nil {
		t.Error(err)
	}
	if s, err := one.Stats(); err != nil || s.Memory.Limit != 96*mib {
		t.Errorf("after the update: %+v, %v", s, err)
	}
	var out bytes.Buffer
	more := exec.Command("cat", "/proc/self/cgroup")
	more.Stdout = &out
	if _, err := two.Exec(context.Background(), more); err != nil || !strings.HasPrefix(out.String(), "0::/\n") {
		t.Errorf("one more command is in %q, %v", out.String(), err)
	}
	if err := errors.Join(one.Pause(), one.Resume()); err != nil {
		t.Error(err)
	}
	if err := endOne(); err != nil {
		t.Error(err)
	}
	// The commands that run are not affected.
	if err := box.Close(); err != nil {
		t.Error(err)
	}
	if got := cgroupOf(t, two.PID()); got != b {
		t.Errorf("after Close: %s, want %s", got, b)
	}
	if err := endTwo(); err != nil {
		t.Error(err)
	}
	gone(t, path.Dir(a))
	if left := before.Since(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// gone waits until systemd has taken a scope away.
func gone(t *testing.T, scope string) {
	t.Helper()
	bound := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(filepath.Join("/sys/fs/cgroup", scope)); errors.Is(err, os.ErrNotExist) {
			return
		}
		select {
		case <-tick.C:
		case <-bound:
			t.Fatalf("%s is still there", scope)
		}
	}
}

// A host that is killed leaves no scope.
func TestScopeEndsWithAKilledHost(t *testing.T) {
	needUserManager(t)
	host := exec.Command(probeBinary, "host", probeBinary, "sh", "-c", "echo ready; exec sleep 1000")
	host.Env = append(os.Environ(), hostMemory+"=67108864")
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	rememberHost(host.Process.Pid)
	t.Cleanup(func() { host.Process.Kill(); host.Wait() })
	var command int
	if _, err := fmt.Fscan(out, &command); err != nil {
		t.Fatal(err)
	}
	scope := path.Dir(cgroupOf(t, command))
	if !strings.HasSuffix(scope, ".scope") {
		t.Fatalf("the command's group is below %s", scope)
	}
	host.Process.Kill()
	host.Wait()
	gone(t, scope)
}
