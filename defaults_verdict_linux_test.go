package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// verdict is how a command should end.
type verdict struct {
	reason sandbox.Reason
	code   int
	signal syscall.Signal
}

var killed = verdict{code: -1, signal: unix.SIGKILL}

func (v verdict) because(r sandbox.Reason) verdict { v.reason = r; return v }

// killing allows everything but one call, and kills for that.
func killing(action seccomp.Action, call string) sandbox.Option {
	return sandbox.WithSeccomp(&seccomp.Policy{
		DefaultAction: seccomp.ActAllow,
		Syscalls:      []seccomp.Rule{{Names: []string{call}, Action: action}},
	})
}

// The ways in which a command can end are told apart.
func TestVerdicts(t *testing.T) {
	sh := func(script string) []string { return []string{"sh", "-c", script} }
	short := sandbox.WithTimeout(moment(t))
	bySignal := func(s syscall.Signal) verdict { return verdict{sandbox.Signaled, -1, s} }
	for _, c := range []struct {
		name string
		argv []string
		need sandbox.Feature // may be missing on this host
		opts []sandbox.Option
		want verdict
	}{
		{"success", sh("exit 0"), "", nil, verdict{}},
		{"failure", sh("exit 3"), "", nil, verdict{code: 3}},
		{"largest status", sh("exit 255"), "", nil, verdict{code: 255}},
		{"status like a signal's", sh("exit 137"), "", nil, verdict{code: 137}},
		{"status like the launcher's own", sh("exit 125"), "", nil, verdict{code: 125}},
		{"child was killed", sh("sh -c 'kill -9 $$'; exit 9"), "", nil, verdict{code: 9}},
		{"killed itself", sh("kill -9 $$"), "", nil, bySignal(unix.SIGKILL)},
		{"terminated", sh("kill -TERM $$"), "", nil, bySignal(unix.SIGTERM)},
		{"segmentation fault", sh("kill -SEGV $$"), "", nil, bySignal(unix.SIGSEGV)},
		{"a signal that the shell's user sent", sh("kill -SYS $$"), "", []sandbox.Option{unconfined}, bySignal(unix.SIGSYS)},
		{"real-time signal", sh("kill -40 $$"), "", nil, bySignal(40)},
		{"timeout", sh("sleep 1000"), "", []sandbox.Option{short}, killed.because(sandbox.TimedOut)},
		{"timeout, deaf", sh("trap '' TERM; sleep 1000"), "", []sandbox.Option{short}, killed.because(sandbox.TimedOut)},
		{"in time", sh("exit 4"), "", []sandbox.Option{sandbox.WithTimeout(time.Hour)}, verdict{code: 4}},
		{"CPU time", sh("while :; do :; done"), sandbox.FeatureCPUTime, []sandbox.Option{sandbox.WithCPUTime(100 * time.Millisecond)}, killed.because(sandbox.CPUTimeExceeded)},
		{"CPU time of children", sh("while :; do sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'; done"), sandbox.FeatureCPUTime, []sandbox.Option{sandbox.WithCPUTime(200 * time.Millisecond)}, killed.because(sandbox.CPUTimeExceeded)},
		{"CPU time left", sh("sleep 1.2; exit 5"), sandbox.FeatureCPUTime, []sandbox.Option{sandbox.WithCPUTime(time.Second)}, verdict{code: 5}},
		{"out of memory", probeArgs("hog", fmt.Sprint(200*mib)), sandbox.FeatureMemory, []sandbox.Option{sandbox.WithMemory(32 * mib)}, killed.because(sandbox.OOMKilled)},
		{"output", sh("yes"), "", []sandbox.Option{sandbox.WithOutputLimit(1000)}, killed.because(sandbox.OutputLimit)},
		{"output on both", sh("while :; do echo x; echo y >&2; done"), "", []sandbox.Option{sandbox.WithOutputLimit(1000)}, killed.because(sandbox.OutputLimit)},
		{"output within the limit", sh("head -c 1000 /dev/zero; exit 6"), "", []sandbox.Option{sandbox.WithOutputLimit(1000)}, verdict{code: 6}},
		{"seccomp kills the process", sh("sync; exit 7"), "", []sandbox.Option{killing(seccomp.ActKillProcess, "setsid")}, verdict{code: 7}},
		{"seccomp kills", []string{"sync"}, "", []sandbox.Option{killing(seccomp.ActKillProcess, "sync")}, verdict{sandbox.SeccompKilled, -1, unix.SIGSYS}},
		{"seccomp kills a child", sh("sync; exit 8"), "", []sandbox.Option{killing(seccomp.ActKillProcess, "sync")}, verdict{code: 8}},
		{"killed by the user under a filter", sh("kill -9 $$"), "", []sandbox.Option{killing(seccomp.ActKillProcess, "sync"), sandbox.WithTimeout(time.Hour), sandbox.WithOutputLimit(1000)}, bySignal(unix.SIGKILL)},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, res, err := runInside(c.argv, c.opts...)
			var missing *sandbox.UnsupportedError
			if errors.As(err, &missing) && c.need != "" && missing.Feature == string(c.need) {
				t.Skip("needs cgroup2: ", err)
			}
			checkVerdict(t, res, err, c.want)
			if len(out) > 1000 && c.want.reason == sandbox.OutputLimit {
				t.Errorf("%d bytes of output came through", len(out))
			}
			if c.want.reason == sandbox.OutputLimit && len(out) < 1000 {
				t.Errorf("only %d bytes of the output came through", len(out))
			}
		})
	}
}

func checkVerdict(t *testing.T, res *sandbox.Result, err error, want verdict) {
	t.Helper()
	if res == nil {
		t.Fatalf("no result: %v", err)
	}
	if got := (verdict{res.Reason, res.ExitCode, res.Signal}); got != want {
		t.Errorf("got %v, want %v (%v)", got, want, err)
	}
	if success := want == (verdict{}); success != (err == nil) || success != res.Success() {
		t.Errorf("error %v for %v", err, want)
	}
	var exit *sandbox.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.Result != res || strings.Contains(err.Error(), "\n")) {
		t.Errorf("error %q is no ExitError with the result", err)
	}
	if res.Report == nil || res.Setup <= 0 || res.Usage.Wall <= 0 {
		t.Errorf("result %+v", res)
	}
}

// A context that ends is the reason, and its cause is in the error.
func TestCanceledVerdict(t *testing.T) {
	cause := errors.New("the user left")
	for _, c := range []struct {
		name string
		ctx  func() (context.Context, func())
		is   error
	}{
		{"canceled", func() (context.Context, func()) { return context.WithCancel(context.Background()) }, context.Canceled},
		{"with a cause", func() (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(context.Background())
			return ctx, func() { cancel(cause) }
		}, cause},
		{"deadline", func() (context.Context, func()) {
			ctx, cancel := context.WithTimeout(context.Background(), moment(t))
			_ = cancel
			return ctx, func() {}
		}, context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, end := c.ctx()
			s := startContext(t, ctx, probeArgs("wait"))
			end()
			res, err := s.Wait()
			checkVerdict(t, res, err, killed.because(sandbox.Canceled))
			if !errors.Is(err, c.is) {
				t.Errorf("%v is no %v", err, c.is)
			}
			if _, again := s.Wait(); again != err {
				t.Errorf("a second Wait: %v", again)
			}
			if err := s.Signal(unix.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("a signal afterwards: %v", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := sandbox.Run(ctx, exec.Command("true")); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended before: %v", err)
	}
	// One that ends after the command is too late.
	ctx, cancel = context.WithCancel(context.Background())
	s := startContext(t, ctx, probeArgs("wait"))
	_, err := s.end()
	cancel()
	if err != nil {
		t.Errorf("canceled afterwards: %v", err)
	}
}

// Signals reach the command, and what it does about them is its verdict.
func TestSignalsReachTheCommand(t *testing.T) {
	s := startCommand(t, []string{"sh", "-c", "trap 'exit 42' USR1; echo ready; while :; do :; done"})
	if err := s.Signal(unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	res, err := s.Wait()
	checkVerdict(t, res, err, verdict{code: 42})

	s = start(t)
	if err := s.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	res, err = s.Wait()
	checkVerdict(t, res, err, verdict{sandbox.Signaled, -1, unix.SIGTERM})
}
