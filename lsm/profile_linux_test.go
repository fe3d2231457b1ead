package lsm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/profiles/apparmor"

	"github.com/seed-d1379373/sandbox/internal/needs"
	"github.com/seed-d1379373/sandbox/lsm"
)

// rules are a profile's rules without comments, with /proc for its variable.
func rules(text string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(regexp.MustCompile(`#[^\n]*`).ReplaceAllString(text, "")) {
		if line = strings.Join(strings.Fields(line), " "); strings.HasSuffix(line, ",") {
			out[strings.ReplaceAll(line, "@{PROC}", "/proc")] = true
		}
	}
	return out
}

// mobyProfile is the text that Docker's module would load: it gives it to
// apparmor_parser, which is another program here.
func mobyProfile(t *testing.T, name string) string {
	dir := t.TempDir()
	script := "#!/bin/sh\nfor last; do :; done\ncat \"$last\" >\"" + dir + "/text\"\n"
	if err := os.WriteFile(filepath.Join(dir, "apparmor_parser"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if err := apparmor.InstallDefault(name); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "text"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The default profile denies all that Docker's denies, and allows no more than
// it does.
func TestDefaultProfileFollowsDocker(t *testing.T) {
	theirs, ours := rules(mobyProfile(t, "p")), rules(lsm.DefaultProfileText("p"))
	if len(theirs) < 15 {
		t.Fatalf("only %d rules: %v", len(theirs), theirs)
	}
	for rule := range theirs {
		if strings.HasPrefix(rule, "deny ") && !ours[rule] {
			t.Errorf("lacks %s", rule)
		}
	}
	for rule := range ours {
		if !strings.HasPrefix(rule, "deny ") && !theirs[rule] {
			t.Errorf("allows %s", rule)
		}
	}
}

// The compiler takes the profile, whatever it is called.
func TestDefaultProfileCompiles(t *testing.T) {
	needs.Program(t, "apparmor_parser")
	t.Setenv("PATH", "/usr/sbin:/sbin:"+os.Getenv("PATH")) // an ordinary user's may lack them
	for _, name := range []string{lsm.DefaultProfile, `odd "*[{,#=`} {
		cmd := exec.Command("apparmor_parser", "--skip-kernel-load", "--skip-cache")
		cmd.Stdin = strings.NewReader(lsm.DefaultProfileText(name, "a b", "peer"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%q: %v: %s", name, err, out)
		}
	}
}
