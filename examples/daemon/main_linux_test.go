package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

func started(t *testing.T, opts ...sandbox.Option) *daemon {
	t.Helper()
	needs.Program(t, "dnsmasq", "getent")
	dir, err := resolver()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d, err := serve(t.Context(), append(policy(dir), opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Kill(); d.wait() })
	return d
}

// TestAnswers asks for names from inside, and stops the server.
func TestAnswers(t *testing.T) {
	d := started(t)
	for name, want := range map[string]string{"www.example": "192.0.2.7", "printer.example": "192.0.2.8", "www.other": ""} {
		if got, err := d.lookup(t.Context(), name); err != nil || got != want {
			t.Errorf("%s has the address %q, %v; want %q", name, got, err, want)
		}
	}
	result, err := d.stop()
	if err != nil || !result.Success() {
		t.Errorf("the server %v, %v; want a clean exit", result, err)
	}
	if !strings.Contains(d.said.String(), "exiting on receipt of SIGTERM") {
		t.Errorf("the server ended for another reason:\n%s", &d.said)
	}
	if _, err := d.lookup(t.Context(), "www.example"); err == nil {
		t.Error("something answers after the end")
	}
}

// TestPrivileges looks at the user and the capabilities, and shows that without
// the one the server cannot listen.
func TestPrivileges(t *testing.T) {
	d := started(t)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.PID()))
	if err != nil {
		t.Fatal(err)
	}
	uid := os.Getuid()
	if uid == 0 {
		uid = 65534
	}
	const bind = "0000000000000400" // CAP_NET_BIND_SERVICE is number 10
	want := []string{fmt.Sprintf(`Uid:(\s%d){4}`, uid), `NoNewPrivs:\s1`}
	for _, set := range []string{"Prm", "Eff", "Bnd", "Amb"} {
		want = append(want, `Cap`+set+`:\s`+bind)
	}
	for _, line := range want {
		if !regexp.MustCompile(`(?m)^` + line + `$`).Match(status) {
			t.Errorf("no %s in\n%s", line, status)
		}
	}
	_, err = serve(t.Context(), sandbox.AddCap("chown"), sandbox.DropCap("all"))
	if err == nil || !strings.Contains(err.Error(), "failed to create listening socket for 127.0.0.1: Permission denied") {
		t.Errorf("without %s: %v, want a refusal", capability, err)
	}
}

// TestOwnNetwork shows that the server is in a network of its own: nobody on
// the host reaches it, and two of them do not meet.
func TestOwnNetwork(t *testing.T) {
	d, other := started(t), started(t)
	for _, d := range []*daemon{d, other} {
		if got, err := d.lookup(t.Context(), "www.example"); err != nil || got != "192.0.2.7" {
			t.Errorf("control: %q, %v", got, err)
		}
	}
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:53")
	}}
	if addresses, err := resolver.LookupHost(t.Context(), "www.example"); err == nil {
		t.Errorf("the host reaches the server: %v", addresses)
	}
}

// TestFromAnotherSandbox asks from a sandbox that has joined the network.
func TestFromAnotherSandbox(t *testing.T) {
	needs.Root(t, "joining a network needs CAP_SYS_ADMIN")
	d := started(t)
	dir, err := resolver()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, c := range []struct {
		network sandbox.NetworkMode
		want    string
	}{{sandbox.NetworkFrom(d.Process), "192.0.2.8 "}, {sandbox.NetworkNone, ""}} {
		var stdout strings.Builder
		cmd := exec.Command("getent", "ahosts", "printer.example")
		cmd.Stdout = &stdout
		sandbox.Run(t.Context(), cmd, append(policy(dir), sandbox.WithNetwork(c.network))...) // the output says how it went
		if got := stdout.String(); !strings.HasPrefix(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("network %v: %q, want %q", c.network, got, c.want)
		}
	}
}
