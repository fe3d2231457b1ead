package plan

import (
	"slices"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// The candidates of a name are tried as execvp(3) does it.
func TestCandidates(t *testing.T) {
	const a, b, c = "/usr/local/bin/x", "/usr/bin/x", "/bin/x"
	const busy, noexec = 26, 8
	d := decode(t, candidates().Program())
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
		t.Run(test.name, func(t *testing.T) {
			m := d.load()
			m.missing = test.missing
			m.run()
			if m.spinning || m.stuck {
				t.Fatal(m.where())
			}
			command := m.process("command")
			if command.program {
				last := command.trace[len(command.trace)-1]
				if got := command.text(last.args[0]); got != test.runs {
					t.Errorf("%s runs", got)
				}
				return
			}
			i := slices.IndexFunc(m.host.messages, func(m message) bool { return m.kind == launch.MessageFail })
			if i < 0 || test.runs != "" {
				t.Fatalf("not executed, messages %v", m.host.messages)
			}
			if msg := m.host.messages[i]; m.lines[msg.index].step != "execute "+test.step || msg.errno != test.errno {
				t.Errorf("%s: errno %d, want %s: errno %d", m.lines[msg.index].step, msg.errno, test.step, test.errno)
			}
		})
	}
}
