package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/plan"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// newPool is a pool that is taken down with the test.
func newPool(t *testing.T, size int, opts ...sandbox.Option) *sandbox.Pool {
	t.Helper()
	box, err := sandbox.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	pool, err := box.Pool(context.Background(), size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return pool
}

// awaitReady waits until the pool has what it is to have.
func awaitReady(t *testing.T, p *sandbox.Pool) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		s := p.State()
		if s.Ready == s.Size {
			return
		}
		if time.Now().After(deadline) || s.Err != nil {
			t.Fatalf("the pool is not filled: %v", s)
		}
	}
}

// A command from a pool has its own arguments, environment, directory and files,
// and its verdict is true.
func TestPoolRunsCommands(t *testing.T) {
	pool := newPool(t, 2)
	awaitReady(t, pool)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("sh", "-c", `cat; pwd; echo "$0 $X"; echo extra >&3; echo error >&2; exit 7`, "name")
	cmd.Env, cmd.Dir = []string{"X=y", "PATH=/usr/bin:/bin"}, "/tmp"
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = strings.NewReader("input\n"), &out, &errs, []*os.File{w}
	res, err := pool.Run(context.Background(), cmd)
	w.Close()
	extra, _ := io.ReadAll(r)
	var exit *sandbox.ExitError
	if !errors.As(err, &exit) || res.ExitCode != 7 || res.Reason != sandbox.Exited || cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("%v, %v", err, cmd.ProcessState)
	}
	if out.String() != "input\n/tmp\nname y\n" || errs.String() != "error\n" || string(extra) != "extra\n" {
		t.Errorf("%q %q %q", out.String(), errs.String(), extra)
	}
	if s := pool.State(); s.Warm != 1 || s.Cold != 0 {
		t.Errorf("%v", s)
	}
	_, err = pool.Run(context.Background(), exec.Command("no-such-program"))
	if !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("%v", err)
	}
	bad := exec.Command("true")
	bad.Dir = "/no/such/directory"
	_, err = pool.Run(context.Background(), bad)
	var setup *sandbox.SetupError
	if !errors.As(err, &setup) || setup.Step != "change directory" || setup.Path != bad.Dir || !errors.Is(err, unix.ENOENT) {
		t.Errorf("%v", err)
	}
}

// Probe by probe, a command from a pool is in the same sandbox as one without.
func TestPoolIsTheSameSandbox(t *testing.T) {
	for name, opts := range map[string][]sandbox.Option{
		"default": nil, "capabilities": {sandbox.AddCap("net_raw")}, "user": {sandbox.WithUser("root")},
	} {
		t.Run(name, func(t *testing.T) {
			box, err := sandbox.New(opts...)
			if err != nil {
				t.Fatal(err)
			}
			defer box.Close()
			pool, err := box.Pool(context.Background(), 1)
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			cold, warm := postureOf(t, box.Start), postureOf(t, pool.Start)
			if len(cold) < 20 {
				t.Fatalf("posture %v", cold)
			}
			if d := cold.difference(warm); d != "" {
				t.Errorf("warm: %s", d)
			}
			if s := pool.State(); s.Warm != 1 {
				t.Errorf("control: %v", s)
			}
		})
	}
}

func postureOf(t *testing.T, start func(context.Context, *exec.Cmd) (*sandbox.Process, error)) posture {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "echo ready; read x; exit 0")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := start(context.Background(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	now := takePosture(p)
	maps.DeleteFunc(now, func(key, _ string) bool { return !strings.HasPrefix(key, "command ") }) // all it can see
	stdin.Close()
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	return now
}

// No two commands share anything: what one leaves in /tmp the next does not see.
func TestPoolUsesNothingTwice(t *testing.T) {
	pool := newPool(t, 1)
	for range 3 {
		awaitReady(t, pool)
		var out bytes.Buffer
		cmd := exec.Command("sh", "-c", "ls /tmp /dev/shm; touch /tmp/left /dev/shm/left")
		cmd.Stdout = &out
		if _, err := pool.Run(context.Background(), cmd); err != nil || strings.Contains(out.String(), "left") {
			t.Fatalf("%q %v", out.String(), err)
		}
	}
	if s := pool.State(); s.Warm != 3 {
		t.Errorf("control: %v", s)
	}
}

// A burst is served, from the pool or without, and everything is gone after.
func TestPoolSurvivesBursts(t *testing.T) {
	before := takeInventory()
	box, err := sandbox.New()
	if err != nil {
		t.Fatal(err)
	}
	pool, err := box.Pool(context.Background(), 4)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	const burst = 40
	for i := range burst {
		wg.Go(func() {
			var out bytes.Buffer
			cmd := exec.Command("echo", fmt.Sprint(i))
			cmd.Stdout = &out
			if _, err := pool.Run(context.Background(), cmd); err != nil || out.String() != fmt.Sprintln(i) {
				t.Errorf("%d: %q %v", i, out.String(), err)
			}
		})
	}
	wg.Wait()
	if s := pool.State(); s.Warm+s.Cold != burst || s.Warm == 0 {
		t.Errorf("%v", s)
	}
	if err := pool.Resize(1); err != nil {
		t.Error(err)
	}
	awaitReady(t, pool)
	if err := errors.Join(pool.Close(), box.Close()); err != nil {
		t.Error(err)
	}
	if left := before.leftBehind(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// The context of a pool takes down what waits, not what runs; the context of a
// start and the death of the courier end the command.
func TestEndsOfAPool(t *testing.T) {
	before := takeInventory()
	box, err := sandbox.New()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	pool, err := box.Pool(ctx, 3)
	if err != nil {
		t.Fatal(err)
	}
	awaitReady(t, pool)
	own, stop := context.WithCancel(context.Background())
	canceled, err := pool.Start(own, exec.Command("sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if res, err := canceled.Wait(); res.Reason != sandbox.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("%v %v", res, err)
	}
	cmd := exec.Command("sleep", "1000")
	shot, err := pool.Start(context.Background(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Process.Kill()
	if res, err := shot.Wait(); res.Signal != unix.SIGKILL || err == nil {
		t.Errorf("%v %v", res, err)
	}
	running, err := pool.Start(context.Background(), exec.Command("sh", "-c", "read x; exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	awaitReady(t, pool)
	cancel()
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
	if s := pool.State(); s.Ready != 0 || s.Starting != 0 {
		t.Errorf("after the end: %v", s)
	}
	if res, err := running.Wait(); res.ExitCode != 3 {
		t.Errorf("%v %v", res, err)
	}
	if _, err := pool.Run(context.Background(), exec.Command("true")); err != nil {
		t.Errorf("after the end: %v", err)
	}
	if err := box.Close(); err != nil {
		t.Error(err)
	}
	if left := before.leftBehind(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// A launcher that died while it waited is not used.
func TestPoolLeavesTheDead(t *testing.T) {
	pool := newPool(t, 1)
	awaitReady(t, pool)
	for _, pid := range descendants(os.Getpid()) {
		unix.Kill(pid, unix.SIGKILL)
		awaitAny(fmt.Sprint(pid))
	}
	if _, err := pool.Run(context.Background(), exec.Command("true")); err != nil {
		t.Error(err)
	}
}

func TestPoolsThatCannotBe(t *testing.T) {
	var option *sandbox.OptionError
	box, err := sandbox.New(sandbox.WithTerminal())
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	if _, err := box.Pool(context.Background(), 1); !errors.As(err, &option) || option.Option != "WithTerminal" {
		t.Errorf("%v", err)
	}
	if _, err := box.Pool(context.Background(), 0); !errors.As(err, &option) || option.Option != "Pool" {
		t.Errorf("%v", err)
	}
	missing, err := sandbox.New(sandbox.WithReadOnlyBind("/no/such/file", "/file"))
	if err != nil {
		t.Fatal(err)
	}
	defer missing.Close()
	var setup *sandbox.SetupError
	if _, err := missing.Pool(context.Background(), 1); !errors.As(err, &setup) {
		t.Errorf("%v", err)
	}
}

// A waiting launcher has loaded the default filter, which must not refuse what is
// left to do, on any architecture.
func TestDefaultFilterLetsTheLauncherFinish(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		for _, call := range plan.AfterFilter {
			got := seccomp.Default().Explain(seccomp.Target{Arch: arch}, call)
			verdict, _, _ := strings.Cut(strings.TrimSpace(got[strings.Index(got, "\n")+1:]), ",")
			verdict = strings.TrimPrefix(verdict, map[string]string{"prlimit64": "if arg0 & 0xffffffff == 0x0: "}[call]) // its own limits
			if verdict != "allow" {
				t.Errorf("%s", got)
			}
		}
		if got := seccomp.Default().Explain(seccomp.Target{Arch: arch}, "mount"); strings.Contains(got, "\n  allow") {
			t.Errorf("mount is allowed: %s", got)
		}
	}
}

// A command of a pool that has no files finds what one of a cold start finds: its
// standard files are /dev/null, and there are no others.
func TestPoolCommandWithoutFiles(t *testing.T) {
	const script = `
		for i in 0 1 2; do [ "$(readlink /proc/$$/fd/$i)" = /dev/null ] || exit 1$i; done
		grep -q 'flags:.*0$' /proc/$$/fdinfo/0 || exit 20
		for i in 1 2; do grep -q 'flags:.*1$' /proc/$$/fdinfo/$i || exit 2$i; done
		for i in 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 62 63 64 65 66 67; do [ -e /proc/$$/fd/$i ] && exit 30; done
		echo to nowhere || exit 40
		read line && exit 50
		exit 77`
	command := func() *exec.Cmd { return exec.Command("sh", "-c", script) }
	pool := newPool(t, 1)
	awaitReady(t, pool)
	for name, run := range map[string]func(context.Context, *exec.Cmd) (*sandbox.Result, error){
		"cold": newBox(t).Run, "warm": pool.Run,
	} {
		if res, err := run(context.Background(), command()); res == nil || res.ExitCode != 77 {
			t.Errorf("%s: %v, %v", name, res, err)
		}
	}
	if s := pool.State(); s.Warm != 1 {
		t.Errorf("%v", s)
	}
	cmd := command()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	cmd.ExtraFiles = []*os.File{w}
	if res, err := newBox(t).Run(context.Background(), cmd); res == nil || res.ExitCode != 30 {
		t.Errorf("control: with a file more: %v, %v", res, err)
	}
}

// A limit of open files below the numbers that a launcher has while it waits is there
// when the command is, and not sooner.
func TestPoolWithFewDescriptors(t *testing.T) {
	few := sandbox.WithRlimit("NOFILE", 16, 20)
	pool := newPool(t, 1, few)
	for name, run := range map[string]func(context.Context, *exec.Cmd) (*sandbox.Result, error){"cold": newBox(t, few).Run, "warm": pool.Run} {
		awaitReady(t, pool)
		var out bytes.Buffer
		extra := tempFile(t)
		cmd := exec.Command("sh", "-c", "ulimit -n; ulimit -Hn; ulimit -n 21 2>/dev/null || echo refused; echo extra >&4; cat; exec 15</ 16</ 17</")
		cmd.Stdin, cmd.Stdout, cmd.ExtraFiles = strings.NewReader("input\n"), &out, []*os.File{extra, extra}
		res, err := run(context.Background(), cmd)
		if res == nil || res.ExitCode == 0 || out.String() != "16\n20\nrefused\ninput\n" {
			t.Errorf("%s: %v, %v: %q", name, res, err, out.String())
		}
		if said, err := os.ReadFile(extra.Name()); err != nil || string(said) != "extra\n" {
			t.Errorf("%s: %q, %v", name, said, err)
		}
	}
	if s := pool.State(); s.Warm != 1 {
		t.Errorf("%v", s)
	}
}
