package sandbox_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/internal/leak"
)

// The host program is killed at any moment of a start. All that it had started
// dies, and the next start takes its cgroups away.
func TestHostIsKilledAtAnyTime(t *testing.T) {
	before := takeInventory()
	for round := range rounds(200) {
		host := exec.Command(probeBinary, "host", probeBinary, "sh", "-c", "setsid sleep 1000 & echo ready; cat")
		if err := host.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rand.IntN(120))*time.Millisecond, func() { host.Process.Kill() })
		host.Wait()
		timer.Stop()
		if n := outlive(t, before); n != 0 {
			t.Fatalf("round %d: %d processes outlive their host", round, n)
		}
	}
	if _, _, err := runInside([]string{"true"}); err != nil {
		t.Fatal(err)
	}
	if left := before.leftBehind(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// outlive waits for the death of all that a dead host has left: this process
// adopts orphans. It counts what lives for longer than patience.
func outlive(t *testing.T, before inventory) int {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		orphans := slices.DeleteFunc(leak.Children(), func(child string) bool { return slices.Contains(before.Processes, child) })
		if len(orphans) == 0 {
			return 0
		}
		if time.Now().After(deadline) {
			t.Log(orphans)
			return len(orphans)
		}
		awaitAny(orphans[0])
	}
}

// awaitAny waits until a process is dead, for a while.
func awaitAny(child string) {
	var pid int
	if _, err := fmt.Sscan(child, &pid); err != nil {
		return
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience/time.Millisecond))
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// withFewFiles runs f while only so many more descriptors can be opened.
func withFewFiles(t *testing.T, more int, f func()) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	// A limit counts numbers, not files: every lower number that is free counts.
	next, err := unix.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(next)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(next + more), Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	f()
}

// With ever more descriptors to be had, the start fails at one place after the
// other, says why, and gives everything back; with enough of them it succeeds. How
// many that are varies a little, since the host does two things at once.
func TestExhaustedDescriptors(t *testing.T) {
	_, sound, err := runInside([]string{"true"})
	if err != nil {
		t.Fatal(err)
	}
	before := takeInventory()
	const enough = 60
	succeeded := false
	for more := 0; more < 120; more++ {
		var res *sandbox.Result
		withFewFiles(t, more, func() { _, res, err = runInside([]string{"true"}) })
		var setup *sandbox.SetupError
		switch {
		case err == nil:
			succeeded = true
			if now, want := fmt.Sprint(res.Report.Features), fmt.Sprint(sound.Report.Features); now != want {
				t.Errorf("with %d descriptors a weaker sandbox starts: %s instead of %s", more, now, want)
			}
		case more >= enough:
			t.Errorf("%d descriptors are too few: %v", more, err)
		case !errors.Is(err, unix.EMFILE):
			t.Errorf("with %d descriptors: %v", more, err)
		case errors.As(err, &setup) && setup.Step == "":
			t.Errorf("with %d descriptors: no step in %v", more, err)
		}
		if left := before.leftBehind(); left != "" {
			t.Fatalf("with %d descriptors: left behind:\n%s", more, left)
		}
	}
	if !succeeded {
		t.Error("120 descriptors are not enough")
	}
}

// The kernel refuses the id maps that the host writes: here because the
// process that asks for them has made no user namespace.
func TestUnwritableIDMap(t *testing.T) {
	needRoot(t, "an ordinary caller's launcher writes its maps itself, see TestEveryCallFails")
	c := newTampered(t, true, sandbox.AddCap("net_raw")) // or PID 1 writes them
	before := takeInventory()
	err := c.run(forbearing(t), func(p *launch.Program) {
		for _, call := range c.calls {
			if call.step == "create user namespace" {
				p.Replace(call.index, launch.Getpid)
			}
		}
	}, nil)
	var setup *sandbox.SetupError
	if !errors.As(err, &setup) || setup.Step != "map user and group ids" || !strings.HasPrefix(setup.Path, "/proc/") || !errors.Is(err, unix.EPERM) {
		t.Errorf("%v", err)
	}
	if left := before.leftBehind(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// A process that is no launcher cannot be mistaken for one: it says nothing, or
// not what it should.
func TestLauncherThatSaysNonsense(t *testing.T) {
	c := newTampered(t, true)
	before := takeInventory()
	for _, text := range []string{"", "x", "nonsense", "\x02\x00\x00\x00more", "\x04\x00\x00\x00\x00\x00\x00\x00", "\x05\x00\x00\x00\x00\x00\x00\x00", strings.Repeat("z", 300)} {
		err := c.run(forbearing(t), func(p *launch.Program) {
			for i, call := range c.calls[:2] { // before anything is set up
				p.Replace(call.index, launch.Sendto, launch.Int(3), p.Text(text), launch.Int(len(text)), launch.Int(0), launch.Int(0), launch.Int(0))
				if i == 1 {
					p.Replace(call.index, launch.ExitGroup, launch.Int(0))
				}
			}
		}, nil)
		var setup *sandbox.SetupError
		if !errors.As(err, &setup) {
			t.Errorf("%q: %v", text, err)
		}
		if left := before.leftBehind(); left != "" {
			t.Fatalf("%q: left behind:\n%s", text, left)
		}
	}
}

// A launcher that floods the host with descriptors, one a message or many,
// fills no table: what nobody asked for is closed.
func TestLauncherThatFloodsDescriptors(t *testing.T) {
	c := newTampered(t, true)
	before := takeInventory()
	for _, each := range []int{1, 2, 24, 100} {
		err := c.run(forbearing(t), func(p *launch.Program) {
			message := littleEndian(p.Message(launch.MessageBorn).Address(), 8)
			rights := littleEndian(uint64(16+4*each), unix.SOL_SOCKET|unix.SCM_RIGHTS<<32)
			rights = append(rights, make([]byte, (4*each+7)/8*8)...) // all of descriptor 0
			control := p.Data("rights", rights)
			header := p.Data("flood", littleEndian(0, 0, p.Data("iovec", message).Address(), 1, control.Address(), uint64(16+4*each), 0))
			const last = 8
			for _, call := range c.calls[:last] { // before anything is set up
				p.Replace(call.index, launch.Sendmsg, launch.Int(3), header, launch.Int(0))
			}
			p.Replace(c.calls[last].index, launch.ExitGroup, launch.Int(0))
		}, nil)
		var setup *sandbox.SetupError
		if !errors.As(err, &setup) {
			t.Errorf("%d descriptors a message: %v", each, err)
		}
		if left := before.leftBehind(); left != "" {
			t.Fatalf("%d descriptors a message: left behind:\n%s", each, left)
		}
	}
}

func littleEndian(words ...uint64) (out []byte) {
	for _, w := range words {
		out = binary.LittleEndian.AppendUint64(out, w)
	}
	return out
}
