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
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/cgroup"
)

// family is a command that leaves processes everywhere: in the background, in
// a session of its own, as a daemon that was forked twice, deaf to signals.
// Then it says so and does what comes last.
func family(last string) []string {
	return []string{"sh", "-c", `trap '' HUP TERM INT
sleep 1000 &
setsid sleep 1000 &
(setsid sh -c 'trap "" HUP TERM INT; sleep 1000 & sleep 1000' &)
until [ "$(cat /proc/[0-9]*/comm | grep -c '^sleep$')" = 4 ]; do :; done
echo ready
` + last}
}

// watched are the processes of a sandbox by pidfd.
type watched []int

// watch opens the whole family of a command while it lives.
func watch(t *testing.T, command int) watched {
	t.Helper()
	var w watched
	for _, pid := range members(command) {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // a process that came and went
		}
		t.Cleanup(func() { unix.Close(fd) })
		w = append(w, fd)
	}
	if len(w) < 6 { // PID 1, the command and four sleepers
		t.Fatalf("only %d processes in the sandbox", len(w))
	}
	return w
}

// launcherOf is the process of a sandbox that its host started: PID 1, or for an
// ordinary caller the parent of that, outside of the sandbox.
func launcherOf(command, host int) int {
	for pid := command; pid > 1; {
		st, ok := readStat(pid)
		if !ok || st.parent == host {
			return pid
		}
		pid = st.parent
	}
	return 0
}

// watchLauncher opens the process that the host started.
func watchLauncher(t *testing.T, command, host int) int {
	t.Helper()
	fd, err := unix.PidfdOpen(launcherOf(command, host), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// alive counts those that live, after at most so many milliseconds for each.
func (w watched) alive(milliseconds int) (n int) {
	for _, fd := range w {
		for {
			ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, milliseconds)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if ready == 0 {
				n++
			}
			break
		}
	}
	return n
}

// However a sandbox ends, everything in it is dead when Wait returns.
func TestEverythingDies(t *testing.T) {
	for _, c := range []struct {
		name string
		last string
		end  func(s *session, cancel context.CancelFunc)
		want sandbox.Reason
	}{
		{"with the command", "read x; exit 3", func(s *session, _ context.CancelFunc) { s.stdin.Close() }, sandbox.Exited},
		{"with a killed command", "cat", func(s *session, _ context.CancelFunc) { s.Signal(unix.SIGKILL) }, sandbox.Signaled},
		{"with the context", "cat", func(_ *session, cancel context.CancelFunc) { cancel() }, sandbox.Canceled},
		{"with Kill", "cat", func(s *session, _ context.CancelFunc) { s.Kill() }, sandbox.Signaled},
		{"with PID 1", "cat", func(s *session, _ context.CancelFunc) {
			st, _ := readStat(s.PID())
			unix.Kill(st.parent, unix.SIGKILL)
		}, sandbox.Signaled},
		{"with the launcher", "cat", func(s *session, _ context.CancelFunc) {
			unix.Kill(launcherOf(s.PID(), os.Getpid()), unix.SIGKILL)
		}, sandbox.Signaled},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			s := startContext(t, ctx, family(c.last))
			w := watch(t, s.PID())
			if got := w.alive(0); got != len(w) {
				t.Fatalf("control: %d of %d live before the end", got, len(w))
			}
			c.end(s, cancel)
			res, err := s.Wait()
			if n := w.alive(0); n != 0 {
				t.Errorf("%d of %d processes live after Wait", n, len(w))
			}
			if res.Reason != c.want {
				t.Errorf("reason %v, want %v (%v)", res.Reason, c.want, err)
			}
		})
	}
}

// A host that is killed cannot clean up; everything inside is gone all the
// same.
func TestEverythingDiesWithTheHost(t *testing.T) {
	before := ownCgroups()
	t.Cleanup(func() {
		if h, err := cgroup.Discover(); err == nil {
			h.Sweep()
			h.Close()
		}
	})
	for _, signal := range []unix.Signal{unix.SIGKILL, unix.SIGTERM} {
		host := exec.Command(probeBinary, append([]string{"host", probeBinary}, family("sleep 1000")...)...)
		out, err := host.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var complaints bytes.Buffer
		host.Stderr = &complaints
		if err := host.Start(); err != nil {
			t.Fatal(err)
		}
		rememberHost(host.Process.Pid)
		t.Cleanup(func() { host.Process.Kill(); host.Wait() })
		var command int
		if _, err := fmt.Fscan(out, &command); err != nil {
			t.Fatal(err, complaints.String())
		}
		w := append(watch(t, command), watchLauncher(t, command, host.Process.Pid))
		host.Process.Signal(signal)
		host.Wait()
		const patience = 30_000 // milliseconds; it takes one
		if n := w.alive(patience); n != 0 {
			t.Errorf("%v: %d of %d processes survive their host", signal, n, len(w))
		}
	}
	// The groups that the dead hosts could not remove go with the next start.
	if _, _, err := runInside([]string{"true"}); err != nil {
		t.Fatal(err)
	}
	for _, group := range ownCgroups() {
		if !slices.Contains(before, group) {
			t.Errorf("left by a dead host: %s", group)
		}
	}
}

// One that is left behind with standard output open cannot hold Wait up.
func TestOpenOutputDoesNotHoldWaitUp(t *testing.T) {
	for _, script := range []string{"setsid sleep 1000 & echo out; exit 3", "(setsid sleep 1000 2>&1 &) ; echo out; exit 3", "exec 9>&1; sleep 1000 & echo out; exit 3"} {
		out, res, err := runInside([]string{"sh", "-c", script})
		if res == nil || res.ExitCode != 3 || res.Reason != sandbox.Exited || out != "out\n" {
			t.Errorf("%s: %q %v", script, out, err)
		}
	}
	// A reader of a StdoutPipe sees its end, too.
	cmd := exec.Command("sh", "-c", "sleep 1000 & echo out")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := sandbox.Start(context.Background(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(pipe); err != nil || string(out) != "out\n" {
		t.Errorf("%q %v", out, err)
	}
	if _, err := p.Wait(); err != nil {
		t.Error(err)
	}
}

// All of the output of a command that has ended arrives.
func TestOutputIsComplete(t *testing.T) {
	for range 5 {
		out, _, err := runInside([]string{"sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo end"})
		if err != nil || len(out) != 3_000_004 || !strings.HasSuffix(out, "end\n") {
			t.Errorf("%d bytes, %v", len(out), err)
		}
	}
}

// A time limit, too, ends what does not listen.
func TestTimeoutEndsEverything(t *testing.T) {
	s := startContext(t, context.Background(), family("cat"), sandbox.WithTimeout(5*moment(t)))
	w := watch(t, s.PID())
	res, err := s.Wait()
	if n := w.alive(0); n != 0 || res.Reason != sandbox.TimedOut {
		t.Errorf("%d live, %v", n, err)
	}
}
