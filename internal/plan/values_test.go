package plan

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// The listing shows names in place of structures; here are their contents, as
// the kernel finds them.

// in are the events of a step.
func (p *process) in(step string) (out []event) {
	for _, e := range p.trace {
		if e.line.step == step {
			out = append(out, e)
		}
	}
	return out
}

// one is the only event of a call in a step.
func (p *process) one(t *testing.T, step, call string) event {
	t.Helper()
	var found []event
	for _, e := range p.in(step) {
		if e.line.call == call {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d times %s in %q", len(found), call, step)
	}
	return found[0]
}

// words are 64-bit words in memory.
func (p *process) words(address uint64, n int) (out []uint64) {
	for i := range n {
		out = append(out, p.word(address+8*uint64(i)))
	}
	return out
}

func (p *process) list(address uint64) (out []string) {
	for ; p.word(address) != 0; address += 8 {
		out = append(out, p.text(p.word(address)))
	}
	return out
}

func TestMountFlags(t *testing.T) {
	const recursive, empty = 0x8000, 0x1000
	for _, c := range []struct {
		spec, step string
		source     string
		flags      Flags
		at         uint64
	}{
		{"ordinary", "bind /usr /usr", "/usr", ReadOnly | NoSuid | NoDev, recursive | empty},
		{"ordinary", "bind /dev/null /dev/null", "/dev/null", NoSuid | NoExec, recursive | empty},
		{"nested-binds", "bind /data /usr/share/data", "/data", NoSuid | NoDev, recursive | empty},
		{"nested-binds", "bind /more /usr/share/data/more", "/more", ReadOnly, recursive | empty},
		{"rootfs", "bind the root /srv/root", "/srv/root", ReadOnly | NoSuid | NoDev, recursive | empty},
		{"ordinary", "mask /proc/keys", "dev/null", ReadOnly | NoSuid | NoExec, empty},
		{"ordinary", "make read-only /proc/sys", "proc/sys", ReadOnly, recursive | empty},
	} {
		p := completed(t, specs()[c.spec].Program()).process("init")
		tree, attr := p.one(t, c.step, "open_tree"), p.one(t, c.step, "mount_setattr")
		if got := p.text(tree.args[1]); got != c.source || tree.args[2]&openTreeClone == 0 {
			t.Errorf("%s: opens %s with flags %#x", c.step, got, tree.args[2])
		}
		if attr.args[0] != uint64(tree.result) || attr.args[2] != c.at || attr.args[4] != 32 {
			t.Errorf("%s: mount_setattr(%x)", c.step, attr.args)
		}
		if got := p.words(attr.args[3], 4); !slices.Equal(got, []uint64{uint64(c.flags), 0, 0, 0}) {
			t.Errorf("%s: attributes %#x, want %#x", c.step, got, c.flags)
		}
	}
}

// A tree is restricted before it is attached, and the root last of all.
func TestMountsAreRestrictedFirst(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		for _, p := range completed(t, p).processes {
			for i, e := range p.trace {
				if e.line.call != "move_mount" {
					continue
				}
				for _, later := range p.trace[i+1:] {
					if later.line.step == e.line.step && later.line.call == "mount_setattr" {
						t.Errorf("%s: attached and then restricted", e.line.step)
					}
				}
			}
		}
	})
}

// Where a mount of the view covers a place, the place is found as a process
// inside would find it, and never by name from the root.
func TestPlacesInForeignTreesAreResolved(t *testing.T) {
	const inRoot, noMagicLinks, noLinks = 0x10, 0x02, 0x04
	p := completed(t, nestedBinds().Program()).process("init")
	for _, c := range []struct {
		step, by, path string
		links          uint64 // refused, where what is mounted is used by its name
	}{
		{"bind /data /usr/share/data", "openat2", "usr/share/data", 0},
		{"bind /more /usr/share/data/more", "openat2", "usr/share/data/more", 0},
		{"mount tmpfs /usr/share/data/tmp", "openat2", "usr/share/data/tmp", noLinks},
		{"mask /proc/keys", "", "proc/keys", 0},
		{"bind /deep /made/on/the/way", "", "made/on/the/way", 0},
		{"bind /below /tmp/below", "", "tmp/below", 0},
		{"mount proc /proc", "", "proc", 0},
	} {
		if c.by == "openat2" {
			place := p.one(t, c.step, "openat2")
			if how := p.words(place.args[2], 3); p.text(place.args[1]) != c.path || how[2] != inRoot|noMagicLinks|c.links {
				t.Errorf("%s: %s with %#x", c.step, p.text(place.args[1]), how)
			}
		}
		for _, e := range p.in(c.step) {
			switch {
			case c.by == "" && e.line.call == "openat2":
				t.Errorf("%s: resolved, although the view made the place", c.step)
			case e.line.call == "move_mount":
				if got := p.text(e.args[3]); c.by == "" && got != c.path || c.by != "" && got != "" {
					t.Errorf("%s: attached at %q", c.step, got)
				}
			}
		}
	}
}

func TestLimitsOfTheCommand(t *testing.T) {
	c := completed(t, ordinary().Program()).process("command")
	for _, r := range ordinary().Limits.Resources {
		e := c.one(t, "set resource limit "+r.Name, "prlimit64")
		if e.args[0] != 0 || e.args[1] != uint64(r.Resource) || e.args[3] != 0 || !slices.Equal(c.words(e.args[2], 2), []uint64{r.Soft, r.Hard}) {
			t.Errorf("%s: %x, %v", r.Name, e.args, c.words(e.args[2], 2))
		}
	}
}

func TestWhatIsExecuted(t *testing.T) {
	c := completed(t, ordinary().Program()).process("command")
	e := c.one(t, "execute /bin/true", "execve")
	want := ordinary().Command
	if c.text(e.args[0]) != want.Candidates[0] || !slices.Equal(c.list(e.args[1]), want.Args) || !slices.Equal(c.list(e.args[2]), want.Env) {
		t.Errorf("%s %q %q", c.text(e.args[0]), c.list(e.args[1]), c.list(e.args[2]))
	}
}

// Every signal goes back to its default and none stays blocked.
func TestSignalsOfTheCommand(t *testing.T) {
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		c := completed(t, p).process("command")
		if c == nil {
			return
		}
		seen := map[uint64]bool{}
		for _, e := range c.calls("rt_sigaction") {
			seen[e.args[0]] = true
			if e.args[3] != 8 || !slices.Equal(c.words(e.args[1], 4), make([]uint64, 4)) {
				t.Fatalf("signal %d: action %v", e.args[0], c.words(e.args[1], 4))
			}
		}
		for signal := uint64(1); signal <= sigmax; signal++ {
			if changeable := signal != sigkill && signal != sigstop; seen[signal] != changeable {
				t.Errorf("signal %d: reset is %v", signal, seen[signal])
			}
		}
		mask := c.calls("rt_sigprocmask")
		if last := mask[len(mask)-1]; last.args[0] != 2 || c.word(last.args[1]) != 0 {
			t.Errorf("mask %#x, how %d", c.word(last.args[1]), last.args[0])
		}
	})
}

func TestNetworkOfTheCommand(t *testing.T) {
	init := completed(t, ordinary().Program()).process("init")
	name := init.one(t, "set hostname sandbox", "sethostname")
	if init.text(name.args[0]) != "sandbox" || name.args[1] != 7 {
		t.Errorf("hostname %q, %d", init.text(name.args[0]), name.args[1])
	}
	up := init.one(t, "bring loopback up", "ioctl")
	const setFlags, isUp = 0x8914, 1
	if init.text(up.args[2]) != "lo" || up.args[1] != setFlags || init.half(up.args[2]+16) != isUp {
		t.Errorf("%x of %q, flags %d", up.args[1], init.text(up.args[2]), init.half(up.args[2]+16))
	}
}

func TestFilters(t *testing.T) {
	s := ordinary()
	s.Seccomp, s.GuardFilter = bytes.Repeat([]byte("COMMAND!"), 3), bytes.Repeat([]byte("GUARDING"), 2)
	m := completed(t, s.Program())
	for role, want := range map[string][]byte{"outer": s.GuardFilter, "init": s.GuardFilter, "command": s.Seccomp} {
		p := m.process(role)
		e := p.calls("seccomp")
		if len(e) != 1 || e[0].args[0] != seccompSetModeFilter {
			t.Fatalf("%s: %v", role, e)
		}
		count, code := p.word(e[0].args[2]), p.word(e[0].args[2]+8)
		if int(count) != len(want)/8 || !bytes.Equal(p.memory[code-dataBase:][:len(want)], want) {
			t.Errorf("%s: %d instructions", role, count)
		}
	}
}

func TestLandlockOfTheCommand(t *testing.T) {
	s := labels()
	c := completed(t, s.Program()).process("command")
	for _, l := range s.Landlock {
		c.checkLandlock(t, l)
	}
	var ports []event
	for _, e := range c.calls("landlock_add_rule") {
		if strings.HasSuffix(e.line.step, "a port") && e.args[1] == landlockRulePort {
			ports = append(ports, e)
		}
	}
	if len(ports) != 1 || !slices.Equal(c.words(ports[0].args[2], 2), []uint64{2, 443}) {
		t.Errorf("ports %v", ports)
	}
}

func (c *process) checkLandlock(t *testing.T, l Landlock) {
	t.Helper()
	e := c.one(t, "create "+l.Name+" ruleset", "landlock_create_ruleset")
	if got := c.words(e.args[0], 3); !slices.Equal(got, []uint64{l.HandledFS, l.HandledNet, l.Scoped}) || e.args[1] != uint64(l.Size) {
		t.Errorf("%s: ruleset %v, size %d", l.Name, got, e.args[1])
	}
	for _, want := range l.Paths {
		step := "add " + l.Name + " rule " + want.Path
		opened := c.one(t, step, "openat")
		if !slices.ContainsFunc(c.in(step), func(rule event) bool {
			return rule.line.call == "landlock_add_rule" && rule.args[0] == uint64(e.result) && rule.args[1] == landlockRulePath &&
				c.word(rule.args[2]) == want.Access && int64(c.half(rule.args[2]+8)) == opened.result
		}) {
			t.Errorf("%s: no rule for descriptor %d with %#x", want.Path, opened.result, want.Access)
		}
		if c.text(opened.args[1]) != want.Path {
			t.Errorf("%s: opens %s", want.Path, c.text(opened.args[1]))
		}
	}
	if last := c.one(t, "enforce "+l.Name+" ruleset", "landlock_restrict_self"); last.args[0] != uint64(e.result) {
		t.Errorf("enforces %d", last.args[0])
	}
}
