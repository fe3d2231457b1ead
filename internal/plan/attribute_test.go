package plan

import (
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// reports is what the host hears of a program's failure.
func (m *machine) reports() (step string, errno int64) {
	for _, msg := range m.host.messages {
		if msg.kind == launch.MessageFail {
			return m.lines[msg.index].step, msg.errno
		}
	}
	return "", 0
}

// The answer is compared byte by byte, however long it is.
func TestLabelIsReadBack(t *testing.T) {
	for answer, taken := range map[string]bool{
		"strict (":      true, // as the kernel of the tests answers
		"strict":        true,
		"s":             true,
		"":              true,
		"strict (e":     true,
		"strict (enfor": true,
		"strict (x":     false,
		"stric_":        false,
		"t":             false,
		"unconfined":    false,
		"strict (enforce)\nand more than there is": false,
	} {
		s := labels()
		s.AttrExec[0].Answer = answer
		m := completed(t, s.Program())
		step, errno := m.reports()
		if taken && (errno != 0 || !executed(m)) {
			t.Errorf("%q: errno %d in %s", answer, errno, step)
		}
		if !taken && (errno != NotTaken || step != "set AppArmor profile exec strict" || executed(m)) {
			t.Errorf("%q: errno %d in %s, executed %v", answer, errno, step, executed(m))
		}
	}
}

// Nothing is written where /proc is something else.
func TestLabelNeedsProc(t *testing.T) {
	const ext4 = 0xef53
	d := decode(t, labels().Program())
	m := d.load()
	m.filesystem = ext4
	m.run()
	if step, errno := m.reports(); errno != NotProc || !strings.HasPrefix(step, "set AppArmor profile") || executed(m) {
		t.Errorf("errno %d in %q, executed %v", errno, step, executed(m))
	}
	for _, e := range m.process("command").in("set AppArmor profile exec strict") {
		if e.line.call == "write" || e.line.call == "openat2" {
			t.Errorf("%v", e)
		}
	}
}

// The file is found beneath /proc, across no mount and no link out of it.
func TestLabelIsWrittenBeneathProc(t *testing.T) {
	const noXdev, noMagicLinks, beneath = 0x01, 0x02, 0x08
	c := completed(t, labels().Program()).process("command")
	step := "set AppArmor profile exec strict"
	proc, file := c.one(t, step, "openat"), c.one(t, step, "openat2")
	if c.text(proc.args[1]) != "/proc" || file.args[0] != uint64(proc.result) || c.text(file.args[1]) != "thread-self/attr/apparmor/exec" {
		t.Errorf("opens %s and %s beneath %d", c.text(proc.args[1]), c.text(file.args[1]), file.args[0])
	}
	if how := c.words(file.args[2], 3); how[2] != noXdev|noMagicLinks|beneath {
		t.Errorf("resolves with %#x", how[2])
	}
	write := c.one(t, step, "write")
	if text := c.text(write.args[1])[:write.args[2]]; text != "exec strict" || write.args[0] != uint64(file.result) {
		t.Errorf("writes %q to %d", text, write.args[0])
	}
	if landlock := c.first(call("landlock_restrict_self")); landlock < c.place(func(e event) bool { return e.line.step == step }) {
		t.Error("Landlock is in force before the label is written")
	}
}

// File systems of the view have the label of their part.
func TestMountsHaveLabels(t *testing.T) {
	init := completed(t, labels().Program()).process("init")
	option := ""
	for _, e := range init.in("mount the root tmpfs") {
		if e.line.call == "fsconfig" && e.args[2] != 0 && init.text(e.args[2]) == "context" {
			option = init.text(e.args[3])
		}
	}
	if option != "u:object_r:t:s0" {
		t.Errorf("the root has %q", option)
	}
	for step, want := range map[string]bool{"mount tmpfs /tmp": true, "mount devpts /dev/pts": true, "mount proc /proc": false} {
		data := init.text(init.one(t, step, "mount").args[4])
		if labelled := strings.Contains(data, `context="u:object_r:t:s0:c1,c2"`); labelled != want {
			t.Errorf("%s: %s", step, data)
		}
	}
	for _, p := range completed(t, ordinary().Program()).processes {
		for _, e := range p.calls("mount") {
			if e.args[4] != 0 && strings.Contains(p.text(e.args[4]), "context") {
				t.Errorf("without a label: %v", e)
			}
		}
	}
}
