package sandboxtest_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/sandboxtest"
)

func TestProbes(t *testing.T) {
	probes := sandboxtest.Probes()
	if len(probes) < 100 {
		t.Errorf("there are %d probes", len(probes))
	}
	var names, groups []string
	for _, p := range probes {
		if slices.Contains(names, p.Name) {
			t.Errorf("two probes are named %s", p.Name)
		}
		names = append(names, p.Name)
		if p.Tries == "" || p.Why == "" || !strings.HasPrefix(p.Name, p.Group+"/") {
			t.Errorf("%+v is not described", p)
		}
		if !slices.Contains(groups, p.Group) {
			groups = append(groups, p.Group)
		}
	}
	want := []string{
		"identity", "namespaces", "supervisor", "files", "devices", "proc", "sys", "kernel", "network", "ipc", "terminal", "keys", "inherited", "resources",
	}
	if !slices.Equal(groups, want) {
		t.Errorf("the groups are %q, want %q", groups, want)
	}
}

// SECURITY.md names probes as evidence, so each of them must be there.
func TestSecurityNamesProbesThatExist(t *testing.T) {
	text, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var names, groups []string
	for _, p := range sandboxtest.Probes() {
		names, groups = append(names, p.Name), append(groups, p.Group)
	}
	for _, m := range regexp.MustCompile("`([a-z]+)/([^`]+)`").FindAllStringSubmatch(string(text), -1) {
		if name := m[1] + "/" + m[2]; slices.Contains(groups, m[1]) && !slices.Contains(names, name) {
			t.Errorf("SECURITY.md names the probe %s, which does not exist", name)
		}
	}
}

// What stays open is in SECURITY.md, by the name of its probe, and no other.
func TestWhatStaysOpenIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n### Probes that stay open\n")
	if !ok {
		t.Fatal("SECURITY.md has no such section")
	}
	section, _, _ = strings.Cut(section, "\n#")
	var documented, open []string
	name := regexp.MustCompile("`([a-z]+/[^`]+)`")
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "|") {
			for _, m := range name.FindAllStringSubmatch(line, -1) {
				documented = append(documented, m[1])
			}
		}
	}
	for _, p := range sandboxtest.Probes() {
		if p.StaysOpen != "" {
			open = append(open, p.Name)
		}
	}
	slices.Sort(documented)
	slices.Sort(open)
	if !slices.Equal(documented, open) {
		t.Errorf("SECURITY.md has %q\nthe probes say %q", documented, open)
	}
}
