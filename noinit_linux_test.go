package sandbox_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// Without the launcher's PID 1 the command is it.
func TestWithoutInit(t *testing.T) {
	for want, opts := range map[string][]sandbox.Option{"2": nil, "1": {sandbox.WithoutInit()}} {
		out, _, err := runInside([]string{"sh", "-c", "echo $$"}, opts...)
		if err != nil || strings.TrimSpace(out) != want {
			t.Errorf("pid %q, want %s (%v)", out, want, err)
		}
	}
}

// However a command without init ends, the verdict is true.
func TestVerdictsWithoutInit(t *testing.T) {
	ends, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, c := range []struct {
		script string
		opts   []sandbox.Option
		want   sandbox.Result
	}{
		{"exit 0", nil, sandbox.Result{Reason: sandbox.Exited}},
		{"exit 7", nil, sandbox.Result{ExitCode: 7, Reason: sandbox.Exited}},
		{"sleep 1000 & exit 7", nil, sandbox.Result{ExitCode: 7, Reason: sandbox.Exited}},
		{"exit 125", nil, sandbox.Result{ExitCode: 125, Reason: sandbox.Exited}},
		{"sleep 1000", []sandbox.Option{sandbox.WithTimeout(moment(t))}, sandbox.Result{ExitCode: -1, Signal: unix.SIGKILL, Reason: sandbox.TimedOut}},
		{"while :; do echo x; done", []sandbox.Option{sandbox.WithOutputLimit(1000)}, sandbox.Result{ExitCode: -1, Signal: unix.SIGKILL, Reason: sandbox.OutputLimit}},
	} {
		cmd := exec.Command("sh", "-c", c.script)
		cmd.Stdout = new(strings.Builder)
		res, err := sandbox.Run(ends, cmd, append(c.opts, sandbox.WithoutInit())...)
		if res == nil || res.ExitCode != c.want.ExitCode || res.Signal != c.want.Signal || res.Reason != c.want.Reason {
			t.Errorf("%s: %v, %v", c.script, res, err)
		}
	}
	_, _, err := runInside([]string{"no-such-program"}, sandbox.WithoutInit())
	if !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("%v", err)
	}
	_, _, err = runInside([]string{"/etc/passwd"}, sandbox.WithoutInit())
	var setup *sandbox.SetupError
	if !errors.As(err, &setup) || setup.Step != "execute" || setup.Path != "/etc/passwd" || !errors.Is(err, unix.EACCES) {
		t.Errorf("%v", err)
	}
}

// What a command without init leaves behind dies with it, and all of it with the
// launcher outside.
func TestEverythingDiesWithoutInit(t *testing.T) {
	for name, end := range map[string]func(*session, context.CancelFunc){
		"with the command": func(s *session, _ context.CancelFunc) { s.stdin.Close() },
		"with Kill":        func(s *session, _ context.CancelFunc) { s.Kill() },
		"with the context": func(_ *session, cancel context.CancelFunc) { cancel() },
		"with the launcher": func(s *session, _ context.CancelFunc) {
			unix.Kill(launcherOf(s.PID(), os.Getpid()), unix.SIGKILL)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			s := startContext(t, ctx, family("read x; exit 3"), sandbox.WithoutInit())
			var w watched
			for _, pid := range members(s.PID()) {
				if fd, err := unix.PidfdOpen(pid, 0); err == nil {
					t.Cleanup(func() { unix.Close(fd) })
					w = append(w, fd)
				}
			}
			if got := w.alive(0); got < 5 { // the command and four sleepers
				t.Fatalf("control: %d live before the end", got)
			}
			end(s, cancel)
			if res, err := s.Wait(); w.alive(0) != 0 {
				t.Errorf("%d live after Wait: %v %v", w.alive(0), res, err)
			}
		})
	}
}

// One more command enters a sandbox without init, too, and a pool can keep such.
func TestExecAndPoolWithoutInit(t *testing.T) {
	s := startContext(t, context.Background(), []string{"sh", "-c", "echo ready; read x"}, sandbox.WithoutInit())
	out := new(strings.Builder)
	cmd := exec.Command("cat", "/proc/1/comm")
	cmd.Stdout = out
	if _, err := s.Exec(context.Background(), cmd); err != nil || out.String() != "sh\n" {
		t.Errorf("%q %v", out, err)
	}
	s.stdin.Close()
	s.Wait()
	pool := newPool(t, 1, sandbox.WithoutInit())
	awaitReady(t, pool)
	out.Reset()
	cmd = exec.Command("sh", "-c", "echo $$")
	cmd.Stdout = out
	if _, err := pool.Run(context.Background(), cmd); err != nil || out.String() != "1\n" || pool.State().Warm != 1 {
		t.Errorf("%q %v", out, err)
	}
}
