package lsm

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata anew")

func TestDefaultProfileText(t *testing.T) {
	const file = "testdata/sandbox-default"
	got := DefaultProfileText(DefaultProfile, "host-program")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
		t.Errorf("differs from %s; go test ./lsm -update, and read the difference:\n%s", file, got)
	}
}

// A name cannot add a rule or become a pattern.
func TestProfileNamesAreQuoted(t *testing.T) {
	for name, want := range map[string]string{
		"plain":          "plain",
		"/usr/bin/x":     "/usr/bin/x",
		"a b":            `"a b"`,
		`a" { file, } "`: `"a\" \{ file, \} \""`,
		"glob*[x]?":      `"glob\*\[x\]\?"`,
		"@{PROC}":        `"\@\{PROC\}"`,
	} {
		if got := quote(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
