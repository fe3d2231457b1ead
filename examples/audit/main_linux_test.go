package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/needs"
	"github.com/seed-d1379373/sandbox/sandboxtest"
)

// verdicts are those of one column.
func verdicts(c column) map[string]sandboxtest.Verdict {
	out := map[string]sandboxtest.Verdict{}
	for _, r := range c.Rows {
		out[r.Name] = r.Verdict
	}
	return out
}

// needsGo skips where the probes cannot be built.
func needsGo(t *testing.T) {
	t.Helper()
	if os.Getenv(sandboxtest.Prebuilt) != "" {
		return
	}
	if err := exec.Command("go", "build", "-o", "/dev/null", "../../sandboxtest/probe").Run(); err != nil {
		t.Skipf("needs go: not installed (%v)", err)
	}
}

func TestAudit(t *testing.T) {
	needsGo(t)
	const shared, loopback = "namespaces/shared-net", "network/loopback"
	closed, _, err := audit(t.Context(), nil, nil, shared, loopback)
	if err != nil {
		t.Fatal(err)
	}
	open, _, err := audit(t.Context(), nil, []string{"--network", "host"}, shared, loopback)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{shared, loopback} {
		if got := verdicts(closed[0])[name]; got != sandboxtest.Closed {
			t.Errorf("by default %s is %v", name, got)
		}
		if got := verdicts(open[0])[name]; got != sandboxtest.Opened {
			t.Errorf("with --network host %s is %v", name, got)
		}
	}
	var out strings.Builder
	show(&out, open)
	for _, want := range []string{"network/loopback", "open", "connect to a server on the host's 127.0.0.1", "0 of 1", "0 of 2"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q lacks %q", out.String(), want)
		}
	}
	if _, _, err := audit(t.Context(), nil, []string{"--no-such-flag"}); err == nil {
		t.Error("a flag that docker does not have is accepted")
	}
}

// Beside others: what all close is closed, and each is found open where it is.
func TestBesideOthers(t *testing.T) {
	needsGo(t)
	needs.Root(t, "runc and crun are used as Docker does")
	needs.Program(t, "bwrap", "runc", "crun")
	columns, notes, err := audit(t.Context(), []string{"bwrap", "runc", "crun"}, nil, "keys/*", "kernel/io_uring_setup", "identity/host-root", "files/read", "namespaces/shared-pid")
	if err != nil {
		t.Fatal(err)
	}
	for _, note := range notes { // crun 1.8 refuses hosts with both versions of cgroups
		if !strings.HasPrefix(note.Error(), "crun: ") {
			t.Error(note)
		}
		t.Log(note)
	}
	for _, c := range columns {
		v := verdicts(c)
		for _, name := range []string{"files/read", "namespaces/shared-pid"} {
			if v[name] != sandboxtest.Closed {
				t.Errorf("%s: %s is %v", c.name, name, v[name])
			}
		}
		docker := c.name == "runc" || c.name == "crun"
		if root := v["identity/host-root"] == sandboxtest.Opened; root != docker {
			t.Errorf("%s: is it root of the host? %v", c.name, root)
		}
		if open := v["kernel/io_uring_setup"] == sandboxtest.Opened; open != (c.name == "bwrap") {
			t.Errorf("%s: is io_uring open? %v", c.name, open)
		}
	}
	if _, _, err := audit(t.Context(), []string{"no-such-launcher"}, nil); err == nil {
		t.Error("a launcher that is not installed is accepted")
	}
}

func TestSplit(t *testing.T) {
	with, flags := split([]string{"-with", "bwrap,runc", "--memory", "1g"})
	if strings.Join(with, " ") != "bwrap runc" || strings.Join(flags, " ") != "--memory 1g" {
		t.Errorf("%q and %q", with, flags)
	}
	if with, flags := split([]string{"--memory", "1g"}); with != nil || len(flags) != 2 {
		t.Errorf("%q and %q", with, flags)
	}
}
