package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

// TestCompare checks what each job could change. The privileged one is the
// control of the others.
func TestCompare(t *testing.T) {
	needs.Program(t, "ip")
	var table strings.Builder
	found, err := compare(t.Context(), &table)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	before := found["HOST BEFORE"]
	if after := found["HOST AFTER"]; !slices.Equal(before, after) {
		t.Errorf("the host's settings were %q and are %q", before, after)
	}
	// A new network namespace may begin with the host's value of the sysctl.
	initial := found["DEFAULT"][0]
	turned := map[string]string{"0": "1", "1": "0"}[initial]
	want := map[string][]string{
		"HOST BEFORE": {before[0], "no"},
		"DEFAULT":     {initial, "no"},
		"NET_ADMIN":   {initial, "yes"},
		"PRIVILEGED":  {turned, "yes"},
		"HOST AFTER":  {before[0], "no"},
	}
	if os.Getuid() == 0 {
		want["SERVICE"] = []string{turned, "yes"}
	}
	for name, answers := range want {
		if !slices.Equal(found[name], answers) {
			t.Errorf("%s: %q, want %q", name, found[name], answers)
		}
	}
	if len(found) != len(want) {
		t.Errorf("%d columns, want %d", len(found), len(want))
	}
}

// TestNothingStays checks that a network ends with its job.
func TestNothingStays(t *testing.T) {
	needs.Program(t, "ip")
	first, err := job(t.Context(), configure+look, sandbox.WithPrivileged())
	if err != nil {
		t.Fatal(err)
	}
	next, err := job(t.Context(), look, sandbox.WithPrivileged())
	if err != nil {
		t.Fatal(err)
	}
	if first[1] != "yes" || next[1] != "no" || first[0] == next[0] {
		t.Errorf("the first job saw %q, and the next %q", first, next)
	}
}

// TestFailure checks that a job that fails is an error.
func TestFailure(t *testing.T) {
	if _, err := job(t.Context(), "exit 3"); err == nil || !strings.Contains(err.Error(), "status 3") {
		t.Errorf("a job that failed: %v", err)
	}
	if _, err := job(t.Context(), "echo"); err == nil {
		t.Error("a job that said nothing is no error")
	}
}
