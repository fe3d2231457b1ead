package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// needsGroup skips where the caller cannot have a cgroup.
func needsGroup(t *testing.T) {
	t.Helper()
	if e, _ := sandbox.Probe().Entry(sandbox.FeatureMemory); e.State != sandbox.Enforced {
		t.Skip("needs cgroup2: " + e.Detail)
	}
}

// begin starts a command that runs until its standard input ends.
func begin(t *testing.T, script string, opts ...sandbox.Option) (*sandbox.Process, io.WriteCloser, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdout, cmd.Stderr = &out, &out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := sandbox.Start(context.Background(), cmd, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		in.Close()
		p.Wait()
	})
	return p, in, &out
}

func TestExecRunsInTheSameSandbox(t *testing.T) {
	p, _, _ := begin(t, "echo first > /tmp/mark; exec cat", sandbox.WithBestEffort(sandbox.FeatureMemory))
	const ask = "while [ ! -e /tmp/mark ]; do :; done; cat /tmp/mark; id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status; for n in user mnt pid ipc uts net cgroup; do readlink /proc/self/ns/$n; done; cat /proc/self/cgroup; hostname"
	var inside, own bytes.Buffer
	cmd := exec.Command("sh", "-c", ask)
	cmd.Stdout, cmd.Stderr = &inside, &inside
	if _, err := p.Exec(context.Background(), cmd); err != nil {
		t.Fatalf("%v\n%s", err, &inside)
	}
	// The first command's own shell says the same, but for what only it is.
	cmd = exec.Command("sh", "-c", ask)
	cmd.Stdout, cmd.Stderr = &own, &own
	if _, err := p.Exec(context.Background(), cmd); err != nil {
		t.Fatal(err)
	}
	if inside.String() != own.String() || !strings.HasPrefix(inside.String(), "first\n") {
		t.Errorf("got\n%s\nthen\n%s", &inside, &own)
	}
	for _, ns := range []string{"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"} {
		first, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", p.PID(), ns))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(inside.String(), first+"\n") {
			t.Errorf("the second command is not in %s of the first:\n%s", first, &inside)
		}
	}
	if !strings.Contains(inside.String(), "Seccomp:\t2") || !strings.Contains(inside.String(), "NoNewPrivs:\t1") || !strings.Contains(inside.String(), "CapBnd:\t0000000000000000") {
		t.Errorf("the second command is less confined:\n%s", &inside)
	}
}

// A sandbox with capabilities may have one user namespace inside another, and
// its other namespaces belong to the one or the other.
func TestExecHasTheCapabilities(t *testing.T) {
	p, _, _ := begin(t, "exec cat", sandbox.AddCap("net_bind_service"), sandbox.DropCap("all"))
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", "grep -E '^Cap(Eff|Bnd|Amb):' /proc/self/status; for n in user mnt pid ipc uts net cgroup; do readlink /proc/self/ns/$n; done")
	cmd.Stdout, cmd.Stderr = &out, &out
	if _, err := p.Exec(t.Context(), cmd); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	const mask = "0000000000000400"
	want := fmt.Sprintf("CapEff:\t%s\nCapBnd:\t%s\nCapAmb:\t%s\n", mask, mask, mask)
	for _, ns := range []string{"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"} {
		first, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", p.PID(), ns))
		if err != nil {
			t.Fatal(err)
		}
		want += first + "\n"
	}
	if out.String() != want {
		t.Errorf("got\n%s\nwant, as the first command has,\n%s", &out, want)
	}
	p.Kill()
	p.Wait()
	if _, err := p.Exec(t.Context(), exec.Command("true")); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("after the end: %v", err)
	}
}

func TestExecReportsExitAndFailure(t *testing.T) {
	p, _, _ := begin(t, "exec cat")
	var exit *sandbox.ExitError
	if _, err := p.Exec(context.Background(), exec.Command("sh", "-c", "exit 7")); !errors.As(err, &exit) || exit.ExitCode != 7 {
		t.Errorf("got %v", err)
	}
	if _, err := p.Exec(context.Background(), exec.Command("no-such-program")); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.Command("sh", "-c", "echo ready; exec sleep 1000")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		io.ReadAtLeast(out, make([]byte, 6), 6)
		cancel()
	}()
	if _, err := p.Exec(ctx, cmd); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := p.Signal(unix.Signal(0)); err != nil {
		t.Errorf("the first command is gone: %v", err)
	}
	p.Kill()
	p.Wait()
	if _, err := p.Exec(context.Background(), exec.Command("true")); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("after the end: %v", err)
	}
}

// Many commands at once have each their own input, output and exit status.
func TestManyExecsAtOnce(t *testing.T) {
	p, _, _ := begin(t, "exec cat")
	const many = 16
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			var out bytes.Buffer
			cmd := exec.Command("sh", "-c", "read word; echo out $word; echo error >&2; exit $word")
			cmd.Stdin, cmd.Stdout = strings.NewReader(fmt.Sprintln(i)), &out
			result, err := p.Exec(context.Background(), cmd)
			if result == nil || result.ExitCode != i || result.Success() != (err == nil) || out.String() != fmt.Sprintf("out %d\n", i) {
				t.Errorf("%d: %v, %v, %q", i, result, err, &out)
			}
		})
	}
	all.Wait()
	if err := p.Signal(unix.Signal(0)); err != nil {
		t.Errorf("the first command is gone: %v", err)
	}
}

// A command of Exec ends with the sandbox.
func TestExecEndsWithTheSandbox(t *testing.T) {
	p, _, _ := begin(t, "exec cat")
	cmd := exec.Command("sh", "-c", "echo ready; exec sleep 1000")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		io.ReadAtLeast(out, make([]byte, 6), 6)
		p.Kill()
	}()
	var exit *sandbox.ExitError
	if _, err := p.Exec(context.Background(), cmd); !errors.As(err, &exit) || exit.Signal != unix.SIGKILL {
		t.Errorf("got %v", err)
	}
}

func TestExecIsInTheCgroup(t *testing.T) {
	needsGroup(t)
	p, _, _ := begin(t, "exec cat", sandbox.WithPids(8), sandbox.WithMemory(64<<20))
	cmd := exec.Command("cat", "/proc/self/cgroup")
	var out bytes.Buffer
	cmd.Stdout = &out
	before, err := p.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if before.Pids.Current != 1 || before.Pids.Limit != 8 {
		t.Errorf("pids: %+v", before.Pids)
	}
	cmd = exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pr, pw := io.Pipe()
	cmd.Stdout = pw
	done := make(chan error, 1)
	go func() {
		_, err := p.Exec(context.Background(), cmd)
		done <- err
	}()
	in.Write([]byte("x"))
	io.ReadFull(pr, make([]byte, 1)) // it runs
	if st, err := p.Stats(); err != nil || st.Pids.Current != 2 {
		t.Errorf("with a second command: %+v, %v", st.Pids, err)
	}
	in.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A limit of CPU time makes it counted, also where that is another controller.
func TestStatsCountCPUTime(t *testing.T) {
	for name, limit := range map[string]sandbox.Option{"shares": sandbox.WithCPUShares(512), "CPUs": sandbox.WithCPUs(1.5)} {
		needFeature(t, sandbox.FeatureCPU, limit)
		p, in, _ := begin(t, "read go; while :; do :; done", limit)
		in.Write([]byte("go\n"))
		for {
			st, err := p.Stats()
			if err != nil || !slices.Contains(st.Controllers, "cpuacct") {
				t.Fatalf("%s: %v, %v", name, st, err)
			}
			if st.CPU.Usage > 50*time.Millisecond {
				break
			}
		}
	}
}

func TestUpdate(t *testing.T) {
	needsGroup(t)
	p, _, _ := begin(t, "exec cat", sandbox.WithMemory(64<<20), sandbox.WithPids(16))
	if err := p.Update(sandbox.WithMemory(128<<20), sandbox.WithPids(5)); err != nil {
		t.Fatal(err)
	}
	st, err := p.Stats()
	if err != nil || st.Memory.Limit != 128<<20 || st.Pids.Limit != 5 {
		t.Errorf("got %+v %+v, %v", st.Memory, st.Pids, err)
	}
	// The new limit is in force.
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", "for i in 1 2 3 4 5 6; do sleep 60 >/dev/null 2>&1 & done; echo all")
	cmd.Stdout, cmd.Stderr = &out, &out
	if _, err := p.Exec(context.Background(), cmd); err == nil || strings.Contains(out.String(), "all") {
		t.Errorf("six processes beyond the limit of five: %v, %s", err, &out)
	}
	var bad *sandbox.OptionError
	if err := p.Update(sandbox.WithUser("root")); !errors.As(err, &bad) {
		t.Errorf("got %v", err)
	}
}

// A paused sandbox makes no progress, and goes on afterwards.
func TestPauseAndResume(t *testing.T) {
	needsGroup(t)
	p, in, _ := begin(t, "while read line; do echo $line > /tmp/$line; done", sandbox.WithMemory(64<<20))
	usage := func() int64 {
		t.Helper()
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
		if err != nil {
			t.Fatal(err)
		}
		var state byte
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
		state = fields[0][0]
		return int64(state)
	}
	for range 2 {
		if err := p.Pause(); err != nil {
			t.Fatal(err)
		}
		// While it is frozen, what it is told stays unread.
		if _, err := in.Write([]byte("one\n")); err != nil {
			t.Fatal(err)
		}
		if s := usage(); s == 'R' {
			t.Errorf("a paused process runs")
		}
		if err := p.Resume(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Exec(context.Background(), exec.Command("sh", "-c", "while [ ! -e /tmp/one ]; do :; done; rm /tmp/one")); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if r, _ := p.Wait(); r.Signal != unix.SIGKILL {
		t.Errorf("a paused sandbox that is killed: %v", r)
	}
}
