package main

import (
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

// TestCompare checks the outcome of every attempt, with the host as the
// positive control.
func TestCompare(t *testing.T) {
	rows, result, err := compare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(attempts) {
		t.Fatalf("%d rows for %d attempts", len(rows), len(attempts))
	}
	for _, r := range rows {
		if r.host != "" {
			t.Errorf("%s: failed on the host: %s", r.what, r.host)
		}
		if inside := r.inside == ""; inside != r.allowed {
			t.Errorf("%s: worked in the sandbox: %v (%s), want %v", r.what, inside, r.inside, r.allowed)
		}
	}

	var table strings.Builder
	show(&table, rows, result)
	for _, r := range rows {
		if !strings.Contains(table.String(), r.what) {
			t.Errorf("the table lacks %q", r.what)
		}
	}
	for _, m := range result.Report.Missing() {
		if !strings.Contains(table.String(), m.Fix) {
			t.Errorf("the table does not say how to get %q", m.Feature)
		}
	}
	t.Log("\n" + table.String())
}

// TestShowMissing checks that what a host cannot enforce is said, with the fix.
func TestShowMissing(t *testing.T) {
	report := &sandbox.Report{Features: []sandbox.Entry{
		{Feature: sandbox.FeatureMemory, State: sandbox.Missing, Detail: "no controller", Fix: "run as root"},
		{Feature: sandbox.FeatureSeccomp, State: sandbox.Enforced, Detail: "default profile"},
	}}
	var out strings.Builder
	show(&out, nil, &sandbox.Result{Report: report})
	if want := "Not enforced on this host: memory: no controller. To change that: run as root.\n"; !strings.Contains(out.String(), want) {
		t.Errorf("%q lacks %q", out.String(), want)
	}
	if strings.Contains(out.String(), "seccomp") {
		t.Errorf("%q complains about what is enforced", out.String())
	}
}
