package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// TestCompare checks the answers to every attempt. The host and the sandbox
// without a filter are the controls: there each call reaches the kernel.
func TestCompare(t *testing.T) {
	needs.Program(t, "python3", "unshare")
	var table strings.Builder
	columns, err := compare(t.Context(), &table, "profile.json")
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	const refused, reached = "Operation not permitted", "Invalid argument"
	for name, want := range map[string][]string{
		"ON THE HOST": {"yes", reached, "yes", "yes", "yes", "yes"},
		"DEFAULT":     {refused, refused, "yes", "yes", "yes", "yes"},
		"PROFILE":     {"yes", reached, "Disk quota exceeded", "Operation not supported", "Address family not supported by protocol", "yes"},
		"UNCONFINED":  {"yes", reached, "yes", "yes", "yes", "yes"},
	} {
		if got := columns[name]; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, a := range attempts {
		if !strings.Contains(table.String(), a.what) {
			t.Errorf("the table lacks %q", a.what)
		}
	}
}

// TestDefault checks that a sandbox without WithSeccomp has the default filter.
func TestDefault(t *testing.T) {
	for name, opts := range map[string][]sandbox.Option{
		"no option":  nil,
		"unconfined": {sandbox.WithSeccomp(seccomp.Unconfined)},
	} {
		var stdout strings.Builder
		cmd := exec.Command("sh", "-c", "unshare -U true && echo yes")
		cmd.Stdout = &stdout
		sandbox.Run(context.Background(), cmd, opts...) // its status is that of unshare
		if got, want := stdout.String() == "yes\n", opts != nil; got != want {
			t.Errorf("%s: unshare worked: %v, want %v", name, got, want)
		}
	}
}

// TestBadProfile checks the errors for profiles that cannot be used.
func TestBadProfile(t *testing.T) {
	if _, err := compare(t.Context(), &strings.Builder{}, "no-such.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a profile that does not exist: %v", err)
	}
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"defaultAction": "SCMP_ACT_DENY"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := compare(t.Context(), &strings.Builder{}, bad); err == nil || !strings.Contains(err.Error(), "SCMP_ACT_DENY") {
		t.Errorf("a profile with an unknown action: %v", err)
	}
}
