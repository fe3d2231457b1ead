package faults

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/cgroup"
	"github.com/seed-d1379373/sandbox/internal/leak"
)

// moments are the calls of an act at which something is to happen. Unlike for
// failures it does not matter what they are.
func moments(all []call) (out []call) {
	every := 12
	if slow() {
		every = 40
	}
	for i, c := range all {
		if thorough() || i%every == 0 {
			out = append(out, c)
		}
	}
	return out
}

// The context ends while the host program makes any of its calls. The start or
// the command ends with it, and nothing is left behind.
func TestContextEndsAtEveryHostCall(t *testing.T) {
	for _, name := range []string{"start", "start prepared", "pool", "exec"} {
		t.Run(name, func(t *testing.T) {
			s := newSupervisor(t)
			defer s.close(t)
			sound, err := s.act(name, nil)
			if err != nil || sound.Err != "" {
				t.Fatalf("undisturbed: %+v, %v", sound, err)
			}
			canceled := 0
			for _, c := range moments(slices.Clone(s.seen)) {
				met := false
				o, err := s.act(name, func(now call) verdict {
					if !now.is(c) || met {
						return verdict{}
					}
					met = true
					s.cancel.Write([]byte{0})
					return verdict{after: s.canceled}
				})
				switch {
				case err != nil:
					t.Fatalf("at %v: %v", c, err)
				case o.Left != "":
					t.Errorf("at %v: left behind: %s (%s)", c, o.Left, o.Err)
				case o.Err == "" && o.Out != sound.Out:
					t.Errorf("at %v: no error, and the command said %q", c, o.Out)
				case o.Err != "" && !o.Canceled:
					t.Errorf("at %v: another error: %s", c, o.Err)
				}
				if o.Canceled {
					canceled++
				}
				s.drain() // of an act that ended before it came
			}
			if canceled == 0 {
				t.Error("none came in time")
			}
		})
	}
}

// The host program is killed while it makes any of its calls. Nothing that it
// has started lives on, and the next host takes its cgroups away.
func TestHostIsKilledAtEveryCall(t *testing.T) {
	for _, name := range []string{"start", "start prepared", "pool", "exec"} {
		t.Run(name, func(t *testing.T) {
			s := newSupervisor(t)
			sound, err := s.act(name, nil)
			s.close(t)
			if err != nil || sound.Err != "" {
				t.Fatalf("undisturbed: %+v, %v", sound, err)
			}
			all := moments(slices.Clone(s.seen))
			if !thorough() {
				all = slices.DeleteFunc(all, func(c call) bool { return c.n%4 != 0 })
			}
			before := leak.Take()
			var hosts []int
			for _, c := range all {
				s := newSupervisor(t)
				hosts = append(hosts, s.process.Process.Pid)
				s.act(name, func(now call) verdict {
					if now.is(c) {
						s.process.Process.Kill()
					}
					return verdict{}
				})
				s.close(t) // the end of every process with the filter
				if n := survivors(t, before); n != 0 {
					t.Fatalf("at %v: %d processes outlive their host", c, n)
				}
			}
			h, err := cgroup.Discover()
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			// Those of other users' hosts are not for this one to remove.
			if _, err := h.Sweep(); err != nil && !errors.Is(err, fs.ErrPermission) {
				t.Error(err)
			}
			if left := leak.Cgroups(hosts...); len(left) > 0 {
				t.Errorf("not swept: %v", left)
			}
		})
	}
}

// survivors waits for the death of all that a dead host has left: this process
// adopts orphans. It counts what lives for longer than patience.
func survivors(t *testing.T, before leak.Inventory) int {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		left := slices.DeleteFunc(leak.Children(), func(child string) bool { return slices.Contains(before.Processes, child) })
		if len(left) == 0 || time.Now().After(deadline) {
			return len(left)
		}
		var pid int
		fmt.Sscan(left[0], &pid)
		awaitDeath(pid)
	}
}

func awaitDeath(pid int) {
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
