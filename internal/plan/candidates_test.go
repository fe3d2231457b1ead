package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// The candidates of a name are tried as execvp(3) does it.
func TestCandidates(t *testing.T) {
	const a, b, c = "/usr/local/bin/x", "/usr/bin/x", "/bin/x"
	const busy, noexec = 26, 8
	inImage, inFile := decode(t, candidates().Program()), decode(t, block().Program())
	for _, test := range []struct {
		name    string
		missing map[string]int64
		runs    string // "" if none does
		step    string // otherwise: the one that is reported
		errno   int64
	}{
		{"the first is there", nil, a, "", 0},
		{"the second", map[string]int64{a: enoent}, b, "", 0},
		{"the last", map[string]int64{a: enoent, b: enoent}, c, "", 0},
		{"below a file", map[string]int64{a: enotdir}, b, "", 0},
		{"not to be executed, but another is", map[string]int64{a: eacces, b: enoent}, c, "", 0},
		{"none", map[string]int64{a: enoent, b: enoent, c: enoent}, "", c, enoent},
		{"none, and one below a file", map[string]int64{a: enoent, b: enotdir, c: enoent}, "", c, enoent},
		{"none, and the last below a file", map[string]int64{a: enoent, b: enoent, c: enotdir}, "", c, enotdir},
		{"one that may not be executed", map[string]int64{a: enoent, b: eacces, c: enoent}, "", b, eacces},
		{"one that may not be executed, and the last below a file", map[string]int64{a: eacces, b: enoent, c: enotdir}, "", a, eacces},
		{"the last may not be executed", map[string]int64{a: enoent, b: enoent, c: eacces}, "", c, eacces},
		{"two that may not be executed", map[string]int64{a: eacces, b: eacces, c: enoent}, "", b, eacces},
		{"another error ends the search", map[string]int64{a: noexec}, "", a, noexec},
		{"in the middle too", map[string]int64{a: enoent, b: busy}, "", b, busy},
	} {
		for place, d := range map[string]*decoded{"in the image": inImage, "in a file": inFile} {
			t.Run(test.name+" "+place, func(t *testing.T) { testCandidates(t, d, test.missing, test.runs, test.step, test.errno) })
		}
	}
}

// testCandidates runs a program: either one candidate is executed, or one is
// reported.
func testCandidates(t *testing.T, d *decoded, missing map[string]int64, runs, reported string, errno int64) {
	m := d.load()
	m.missing = missing
	m.run()
	if m.spinning || m.stuck {
		t.Fatal(m.where())
	}
	command := m.process("command")
	if command.program {
		last := command.trace[len(command.trace)-1]
		if got := command.text(last.args[0]); got != runs {
			t.Errorf("%s runs", got)
		}
		return
	}
	i := slices.IndexFunc(m.host.messages, func(m message) bool { return m.kind == launch.MessageFail })
	if i < 0 || runs != "" {
		t.Fatalf("not executed, messages %v", m.host.messages)
	}
	msg := m.host.messages[i]
	step := launch.Step{Name: "execute"}
	if path := candidates().Command.PathOf(step, msg.detail); m.lines[msg.index].step != "execute "+strings.Join(candidates().Command.Candidates, " ") || path != reported || msg.errno != errno {
		t.Errorf("%s, %s: errno %d, want %s: errno %d", m.lines[msg.index].step, path, msg.errno, reported, errno)
	}
}
