package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// A start that fails closes the command's pipes, as one of os/exec does:
// whoever reads from them does not wait for ever.
func TestFailedStartClosesThePipes(t *testing.T) {
	ended, end := context.WithCancel(context.Background())
	end()
	closed, err := sandbox.New()
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	p := start(t)
	for name, begin := range map[string]func(cmd *exec.Cmd) error{
		"bad option": func(cmd *exec.Cmd) error {
			_, err := sandbox.Start(context.Background(), cmd, sandbox.WithPids(0))
			return err
		},
		"bad command":    func(cmd *exec.Cmd) error { cmd.Dir = "tmp"; _, err := p.Exec(context.Background(), cmd); return err },
		"ended context":  func(cmd *exec.Cmd) error { _, err := sandbox.Start(ended, cmd); return err },
		"closed sandbox": func(cmd *exec.Cmd) error { _, err := closed.Start(context.Background(), cmd); return err },
		"missing program": func(cmd *exec.Cmd) error {
			cmd.Path = "/no/such"
			_, err := sandbox.Start(context.Background(), cmd)
			return err
		},
	} {
		cmd := exec.Command("/bin/true")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := begin(cmd); err == nil {
			t.Fatalf("%s: it started", name)
		}
		if _, err := io.ReadAll(out); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: reading: %v", name, err)
		}
		if _, err := in.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: writing: %v", name, err)
		}
	}
}

// A host program that reaps every child itself, as PID 1 of a container does,
// loses nothing but the launcher's status.
func TestForeignReaper(t *testing.T) {
	for range rounds(20) {
		s := startCommand(t, []string{"sh", "-c", "echo ready; read x; exit 3"})
		st, _ := readStat(s.PID())
		st, _ = readStat(st.parent)
		s.stdin.Close()
		for { // the launcher
			_, err := unix.Wait4(st.parent, nil, 0, nil)
			if !errors.Is(err, unix.EINTR) {
				break
			}
		}
		if res, err := s.Wait(); res.ExitCode != 3 || res.Reason != sandbox.Exited {
			t.Errorf("%+v, %v", res, err)
		}
	}
}

// isDone says whether the command has ended.
func isDone(p *sandbox.Process) bool { return errors.Is(p.Signal(unix.Signal(0)), os.ErrProcessDone) }

// All methods of a Process at once, from many goroutines, while the command
// comes to its end in different ways. Each call does what it says or reports
// that the process is done, Wait says the same to all, and nothing is left.
func TestMethodsAtOnce(t *testing.T) {
	box, err := sandbox.New(sandbox.WithPids(64), sandbox.WithBestEffort(sandbox.FeatureMemory))
	if err != nil {
		t.Fatal(err)
	}
	before := takeInventory()
	for round := range rounds(30) {
		cmd := exec.Command("sh", "-c", "read x; exit 5")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		p, err := box.Start(ctx, cmd)
		if err != nil {
			t.Fatal(err)
		}
		var callers sync.WaitGroup
		for name, call := range map[string]func() error{
			"Signal": func() error { return p.Signal(unix.SIGWINCH) },
			"Pause":  p.Pause,
			"Resume": p.Resume,
			"Update": func() error { return p.Update(sandbox.WithPids(int64(60 + round%4))) },
			"Stats":  func() error { _, err := p.Stats(); return err },
			"Exec": func() error {
				_, err := p.Exec(ctx, exec.Command("true"))
				var exit *sandbox.ExitError
				if errors.As(err, &exit) && exit.Reason != sandbox.Exited {
					return nil // it ended with the sandbox
				}
				return err
			},
		} {
			for range 2 {
				callers.Go(func() {
					for {
						err := call()
						canceled := name == "Exec" && errors.Is(err, context.Canceled)
						if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, os.ErrProcessDone) || canceled || isDone(p) {
							return
						}
						if err != nil {
							t.Errorf("%s: %v", name, err)
							return
						}
					}
				})
			}
		}
		results := make([]*sandbox.Result, 4)
		for i := range results {
			callers.Go(func() { results[i], _ = p.Wait() })
		}
		switch round % 3 {
		case 0:
			p.Resume()
			in.Close()
		case 1:
			p.Kill()
		case 2:
			cancel()
		}
		res, err := p.Wait()
		callers.Wait()
		cancel()
		in.Close()
		for _, other := range results {
			if other != res {
				t.Errorf("round %d: Wait said %v and %v", round, res, other)
			}
		}
		want := []sandbox.Reason{sandbox.Exited, sandbox.Signaled, sandbox.Canceled}[round%3]
		if res.Reason != want {
			t.Errorf("round %d: %v (%v), want %v", round, res, err, want)
		}
	}
	if err := box.Close(); err != nil {
		t.Error(err)
	}
	if left := before.leftBehind(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// A process that gets the number of a command that has ended is not taken for it.
func TestReusedProcessID(t *testing.T) {
	needRoot(t, "an ordinary user cannot choose the next process id")
	s := startCommand(t, []string{"sh", "-c", "echo ready; read x"})
	// PID 1 ends when it has told how the command ended.
	command, _ := readStat(s.PID())
	var gone watched
	for _, pid := range []int{s.PID(), command.parent} {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		gone = append(gone, fd)
	}
	s.stdin.Close()
	if n := gone.alive(30_000); n != 0 {
		t.Fatalf("%d processes have not ended", n)
	}
	const tries = 1000 // other programs take numbers, too
	for range tries {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", fmt.Append(nil, s.PID()-1), 0); err != nil {
			t.Fatal(err)
		}
		other := exec.Command("sleep", "1000")
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		reused := other.Process.Pid == s.PID()
		if reused {
			if err := s.Signal(unix.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("Signal: %v", err)
			}
			if err := s.Kill(); err != nil {
				t.Errorf("Kill: %v", err)
			}
			if _, err := s.Exec(context.Background(), exec.Command("true")); !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("Exec: %v", err)
			}
			if res, err := s.Wait(); res.Reason != sandbox.Exited {
				t.Errorf("%+v, %v", res, err)
			}
			if err := other.Process.Signal(unix.Signal(0)); err != nil {
				t.Errorf("the other process: %v", err)
			}
			if st, ok := readStat(other.Process.Pid); !ok || st.state == "Z" {
				t.Error("the other process is dead")
			}
		}
		other.Process.Kill()
		other.Wait()
		if reused {
			return
		}
	}
	t.Errorf("number %d was not to be had", s.PID())
}
