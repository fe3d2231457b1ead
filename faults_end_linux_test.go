package sandbox_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/launch"
)

// firstOfSteps are the calls that begin a step; a process that dies or stops
// there does so before the step.
func firstOfSteps(calls []launcherCall) (out []launcherCall) {
	last := ""
	for _, c := range calls {
		if c.step != last && c.name != "exit_group" {
			out = append(out, c)
		}
		last = c.step
	}
	return out
}

// notReached are steps that an undisturbed start does not come to, or only when
// PID 1 is late.
var notReached = []string{"report the failure", "wait for PID 1", "wait for the id maps"}

// One of the launcher's processes ends where no one expects it to, without a
// word. The start fails, or the sandbox ends with it, and nothing stays behind.
func TestLauncherDiesAtEveryStep(t *testing.T) {
	for name, c := range variants(t) {
		t.Run(name, func(t *testing.T) {
			before := takeInventory()
			for _, call := range firstOfSteps(c.calls) {
				ctx := forbearing(t)
				err := c.run(ctx, func(p *launch.Program) { p.Replace(call.index, launch.ExitGroup, launch.Int(3)) }, nil)
				switch {
				case ctx.Err() != nil:
					t.Errorf("%v: hangs (%v)", call, err)
				case err == nil && strings.Contains(call.text, `"cgroup.procs"`):
					// Only where a command cannot be born in its v2 group.
				case err == nil && !slices.Contains(notReached, call.step):
					t.Errorf("%v: no error", call)
				}
				if left := before.leftBehind(); left != "" {
					t.Fatalf("%v: left behind:\n%s", call, left)
				}
			}
		})
	}
}

// One of the launcher's processes stops for ever. The context ends the start
// all the same, and nothing stays behind.
func TestLauncherStopsAtEveryStep(t *testing.T) {
	const enough = 50 * time.Millisecond // to come to the step; none depends on it
	for name, c := range variants(t) {
		t.Run(name, func(t *testing.T) {
			before := takeInventory()
			for _, call := range firstOfSteps(c.calls) {
				// Without descriptors, time or signals this poll has no end.
				stop := func(p *launch.Program) {
					p.Replace(call.index, launch.Ppoll, launch.Int(0), launch.Int(0), launch.Int(0), launch.Int(0), launch.Int(8))
				}
				ctx, cancel := context.WithTimeout(context.Background(), enough)
				ended := make(chan error, 1)
				go func() { ended <- c.run(ctx, stop, nil) }()
				select {
				case <-ended: // without an error, if the command was done before
				case <-time.After(patience):
					t.Fatalf("%v: hangs although its context has ended", call)
				}
				cancel()
				if left := before.leftBehind(); left != "" {
					t.Fatalf("%v: left behind:\n%s", call, left)
				}
			}
		})
	}
}

// The outer process dies before it could tell of PID 1, which itself does not get
// far: nobody but the kernel knows of it then.
func TestOuterProcessDiesUnheard(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("needs user: root's launcher has no process outside of the sandbox")
	}
	c := newTampered(t, false)
	before := takeInventory()
	ended := make(chan error, 1)
	go func() {
		ended <- c.run(context.Background(), func(p *launch.Program) {
			for _, call := range c.calls {
				switch {
				case call.step == "make mounts private /":
					p.Replace(call.index, launch.Ppoll, launch.Int(0), launch.Int(0), launch.Int(0), launch.Int(0), launch.Int(8))
				case strings.HasPrefix(call.step, "create namespaces") && call.name == "sendmsg":
					p.Replace(call.index, launch.ExitGroup, launch.Int(3))
				}
			}
		}, nil)
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(patience):
		t.Fatal("hangs")
	}
	if left := before.leftBehind(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// descendants are the processes below a process, by /proc.
func descendants(of int) (out []int) {
	entries, _ := os.ReadDir("/proc")
	parents := map[int]int{}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if st, ok := readStat(pid); ok && st.state != "Z" {
				parents[pid] = st.parent
			}
		}
	}
	for pid := range parents {
		for up := parents[pid]; up > 1; up = parents[up] {
			if up == of {
				out = append(out, pid)
				break
			}
		}
	}
	return out
}

// Somebody kills or stops the launcher's processes from outside, at any moment:
// the outer one, PID 1 or the command's.
func TestLauncherIsKilledAtAnyTime(t *testing.T) {
	c := newTampered(t, true)
	before := takeInventory()
	for signal, rounds := range map[unix.Signal]int{unix.SIGKILL: rounds(60), unix.SIGSTOP: rounds(30)} {
		hits := 0
		for round := range rounds {
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- c.run(ctx, nil, func(*sandbox.Process) { <-ctx.Done() }) }()
			victim := pick(before, ended, time.Duration(rand.IntN(15))*time.Millisecond)
			if victim > 0 && unix.Kill(victim, signal) == nil {
				hits++
			}
			cancel()
			select {
			case <-ended:
			case <-time.After(patience):
				t.Fatalf("round %d, %v of %d: hangs although its context has ended", round, signal, victim)
			}
			if left := before.leftBehind(); left != "" {
				t.Fatalf("round %d, %v of %d: left behind:\n%s", round, signal, victim, left)
			}
		}
		if hits == 0 {
			t.Errorf("%v met no process", signal)
		}
	}
}

// isFork says whether a process still runs this program, on its way to execve. Who
// stops it there stops the thread that made it, as with any command of os/exec.
func isFork(pid int) bool {
	comm, err1 := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	own, err2 := os.ReadFile("/proc/self/comm")
	return err1 == nil && err2 == nil && string(comm) == string(own)
}

// pick waits until a start has begun and a while longer, and then takes one of
// its processes; 0 if it has ended by then.
func pick(before inventory, ended chan error, after time.Duration) int {
	own := os.Getpid()
	var old []int
	for _, child := range before.Processes {
		pid, _, _ := strings.Cut(child, " ")
		n, _ := strconv.Atoi(pid)
		old = append(old, n)
	}
	begun := time.Now()
	for found := false; time.Since(begun) < patience; {
		candidates := slices.DeleteFunc(descendants(own), func(pid int) bool { return slices.Contains(old, pid) || isFork(pid) })
		if len(candidates) > 0 && !found {
			found, begun = true, time.Now()
		}
		if found && time.Since(begun) >= after {
			if len(candidates) == 0 {
				return 0
			}
			return candidates[rand.IntN(len(candidates))]
		}
	}
	return 0
}
