package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/caps"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

// TestPolicies compares what each policy gives with what it can be used for.
func TestPolicies(t *testing.T) {
	needs.Program(t, "perl", "mount")
	docker := caps.Default()
	want := []struct{ effective, bounding caps.Set }{
		{docker, docker},
		{docker.Without(caps.NetRaw), docker.Without(caps.NetRaw)},
		{docker.With(caps.SysAdmin), docker.With(caps.SysAdmin)},
		{caps.Of(caps.NetRaw), caps.Of(caps.NetRaw)},
		{0, 0},
		{caps.Of(caps.NetRaw, caps.SysAdmin), docker.With(caps.SysAdmin)},
	}
	if len(want) != len(policies) {
		t.Fatalf("%d policies", len(policies))
	}
	var outcomes []outcome
	for i, opts := range policies {
		o, err := try(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, o)
		if o.caps.Effective != want[i].effective || o.caps.Permitted != want[i].effective || o.caps.Bounding != want[i].bounding {
			t.Errorf("policy %d: effective %v, permitted %v, bounding %v; want %+v", i, o.caps.Effective, o.caps.Permitted, o.caps.Bounding, want[i])
		}
		if works := o.rawSocket == ""; works != want[i].effective.Has(caps.NetRaw) {
			t.Errorf("policy %d: raw socket %q with %v", i, o.rawSocket, o.caps.Effective)
		}
		if works := o.mount == ""; works != want[i].effective.Has(caps.SysAdmin) {
			t.Errorf("policy %d: mount %q with %v", i, o.mount, o.caps.Effective)
		}
	}
	if o := outcomes[1]; o.rawSocket != "Operation not permitted" {
		t.Errorf("without net_raw the socket failed by %q", o.rawSocket)
	}
	var table strings.Builder
	show(&table, outcomes)
	t.Log("\n" + table.String())
}

// TestConfig: the configuration shows what was added and dropped.
func TestConfig(t *testing.T) {
	s, err := sandbox.New(sandbox.WithUser("root"), sandbox.AddCap("sys_admin", "SYS_TIME"), sandbox.DropCap("net_raw"), sandbox.DropCap("mknod"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := s.Config()
	if !slices.Equal(c.CapAdd, []string{"sys_admin", "SYS_TIME"}) || !slices.Equal(c.CapDrop, []string{"net_raw", "mknod"}) {
		t.Errorf("added %q, dropped %q", c.CapAdd, c.CapDrop)
	}
	if want := caps.Default().With(caps.SysAdmin, caps.SysTime).Without(caps.NetRaw, caps.Mknod); c.Bounding != want {
		t.Errorf("bounding set %v, want %v", c.Bounding, want)
	}
}

// TestCapsh has the same read by another program.
func TestCapsh(t *testing.T) {
	needs.Program(t, "capsh")
	for _, c := range []struct {
		opts       []sandbox.Option
		has, lacks string
	}{
		{nil, "cap_net_raw", "cap_sys_admin"},
		{[]sandbox.Option{sandbox.DropCap("net_raw")}, "cap_chown", "cap_net_raw"},
		{[]sandbox.Option{sandbox.AddCap("sys_admin")}, "cap_sys_admin", "cap_sys_module"},
	} {
		var out strings.Builder
		cmd := exec.Command("capsh", "--print")
		cmd.Stdout = &out
		if _, err := sandbox.Run(t.Context(), cmd, append(c.opts, sandbox.WithUser("root"))...); err != nil {
			t.Fatal(err)
		}
		_, set, _ := strings.Cut(out.String(), "Bounding set =")
		set, _, _ = strings.Cut(set, "\n")
		names := strings.Split(set, ",")
		if !slices.Contains(names, c.has) || slices.Contains(names, c.lacks) {
			t.Errorf("bounding set %q, want %s and not %s", names, c.has, c.lacks)
		}
	}
}
