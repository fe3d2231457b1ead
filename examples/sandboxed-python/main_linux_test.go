package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/needs"
)

// judged runs snippets under the example's policy; where memory cannot be
// limited, under that for ordinary users.
func judged(t *testing.T, text string) (verdicts []verdict, table string) {
	t.Helper()
	needs.Program(t, "python3")
	var out strings.Builder
	verdicts, err := judgeAll(t.Context(), &out, text, policy(needs.NoController("memory") != nil)...)
	if err != nil {
		t.Fatal(err)
	}
	return verdicts, out.String()
}

// TestExamples checks the verdict on each of the example's own snippets.
func TestExamples(t *testing.T) {
	verdicts, table := judged(t, examples)
	t.Log("\n" + table)
	want := []string{"ok", "error", "timeout", "memory", "output limit", "seccomp", "network refused", "error", "error", "killed"}
	var got []string
	for _, v := range verdicts {
		got = append(got, v.outcome)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("verdicts %q, want %q", got, want)
	}
	for i, detail := range map[int]string{
		0: "332833500", 1: "ZeroDivisionError: division by zero", 7: "FileNotFoundError", 8: "Resource temporarily unavailable",
	} {
		if !strings.Contains(verdicts[i].detail, detail) {
			t.Errorf("%s: %q, want %q", verdicts[i].snippet, verdicts[i].detail, detail)
		}
	}
	if lines := strings.Count(table, "\n"); lines != len(want)+1 {
		t.Errorf("%d lines for %d snippets", lines, len(want))
	}
}

// TestControls runs on the host what the sandbox refuses and what is harmless
// there: it is the sandbox that refuses.
func TestControls(t *testing.T) {
	needs.Program(t, "python3")
	for _, snippet := range []string{
		`import ctypes; libc = ctypes.CDLL(None, use_errno=True); libc.unshare(-1); assert ctypes.get_errno() == 22`,
		`print("x" * 8192)`,
		`x = bytearray(300 << 20)`,
		`import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); socket.create_connection(s.getsockname())`,
	} {
		if out, err := exec.Command("/usr/bin/python3", "-I", "-c", snippet).CombinedOutput(); err != nil {
			t.Errorf("control: on the host %s failed: %v\n%.200s", snippet, err, out)
		}
	}
	for snippet, want := range map[string]string{
		`import ctypes; ctypes.CDLL(None).unshare(-1)`: "seccomp",
		`print("x" * 8192)`:                            "output limit",
		`x = bytearray(300 << 20)`:                     "memory",
		`x = bytearray(20 << 20)`:                      "ok",
		`print("x" * 2000)`:                            "ok",
		`open("/tmp/f", "w").write("x" * 1000)`:        "ok",
	} {
		if got, _ := judged(t, snippet); len(got) != 1 || got[0].outcome != want {
			t.Errorf("%s: %+v, want %s", snippet, got, want)
		}
	}
}

// TestHostile runs what wants to mislead the judge.
func TestHostile(t *testing.T) {
	for _, c := range []struct{ what, snippet, want string }{
		{"a child that holds the output open", `import os, time
if os.fork() == 0: time.sleep(1000)
print("parent")`, "ok"},
		{"a false last line", `import sys; sys.stderr.write("MemoryError"); sys.exit(0)`, "ok"},
		{"bytes for a terminal", `print("\x1b[2J\x1b]0;title\x07")`, "ok"},
		{"bytes that are no text", `import os; os.write(1, bytes(range(256)))`, "ok"},
		{"a program that is none", "\xff(", "error"},
		{"a killed parent", `import os, signal
try: os.kill(1, signal.SIGKILL)
except PermissionError: pass # by Landlock, where it has scopes
print("alive")`, "ok"},
		{"an early exit", `import os; os._exit(77)`, "error"},
	} {
		got, table := judged(t, c.snippet)
		if len(got) != 1 || got[0].outcome != c.want {
			t.Errorf("%s: %+v, want %s", c.what, got, c.want)
		}
		if strings.ContainsAny(table, "\x1b\x07\x00") || strings.Count(table, "\n") != 2 {
			t.Errorf("%s: the table is %q", c.what, table)
		}
	}
}

// TestApart shows that one snippet leaves nothing for the next.
func TestApart(t *testing.T) {
	got, _ := judged(t, "open('/tmp/note', 'w').write('x')\n---\nprint(open('/tmp/note').read())\n")
	if len(got) != 2 || got[0].outcome != "ok" || !strings.HasPrefix(got[1].detail, "FileNotFoundError") {
		t.Errorf("%+v", got)
	}
}

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"":                            nil,
		"---\n---\n":                  nil,
		"a":                           {"a"},
		"a\n---\nb\n":                 {"a\n", "b\n"},
		"a\r\n---\r\nb\r\n":           {"a\r\n", "b\r\n"},
		"---\n  a\n---":               {"  a\n"},
		"a = '---'\n # ---\n---\n\nb": {"a = '---'\n # ---\n", "\nb"},
	} {
		if got := split(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
