package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

// TestCompare checks each answer, with the host's as the control.
func TestCompare(t *testing.T) {
	columns, err := compare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	show(&table, columns)
	t.Log("\n" + table.String())
	at := func(column int) map[string]string {
		answers := map[string]string{}
		for n, f := range facts {
			answers[f.what] = columns[column][n]
		}
		return answers
	}
	host, plain, privileged, joined := at(0), at(1), at(2), at(3)
	check := func(way string, got map[string]string, want map[string]string) {
		for what, answer := range want {
			if got[what] != answer {
				t.Errorf("%s, %s: %s, want %s", way, what, got[what], answer)
			}
		}
	}
	root := os.Geteuid() == 0
	user, known := "65534", host["capabilities"]
	if !root { // in a user namespace of its own there are all that the kernel knows
		last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
		if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(strings.TrimSpace(string(last)))
		user, known = host["user"], strconv.Itoa(n+1)
	}
	check("default", plain, map[string]string{
		"user": user, "capabilities": "0", "devices": "6", "network interfaces": "lo", "seccomp filter": "yes",
		"can read the kernel's log": "no", "can mount": "no", "can set its host name": "no", "can write below /usr": "no",
	})
	all := map[string]string{
		"user": "0", "capabilities": known, "devices": host["devices"], "network interfaces": "lo", "seccomp filter": "no",
		"can read the kernel's log": host["can read the kernel's log"],
		"can mount":                 "yes", "can set its host name": "yes", "can write below /usr": "no",
	}
	check("privileged", privileged, all)
	all["network interfaces"] = host["network interfaces"]
	check("with the host's network", joined, all)
	for way, got := range map[string]map[string]string{"default": plain, "privileged": privileged} {
		if n, err := strconv.Atoi(got["processes in sight"]); err != nil || n > 10 {
			t.Errorf("%s: %s processes in sight, want the sandbox's own", way, got["processes in sight"])
		}
	}
	// Controls: the default refuses what the host has.
	if devices, _ := strconv.Atoi(host["devices"]); devices <= 6 {
		t.Errorf("control: the host has %s devices", host["devices"])
	}
	if root {
		check("control: the host", host, map[string]string{"user": "0", "can mount": "yes", "can set its host name": "yes"})
	}
}

// TestTools are those that people ask what they are, in the privileged sandbox
// and in the default one.
func TestTools(t *testing.T) {
	needs.Program(t, "capsh", "ip")
	run := func(w way, args ...string) string {
		cmd := exec.Command(args[0], args[1:]...)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		sandbox.Run(t.Context(), cmd, w.opts...) // what it printed is the answer
		return out.String()
	}
	if out := run(ways[2], "capsh", "--has-p=cap_sys_admin", "--has-b=cap_sys_module", "--is-uid=0"); out != "" {
		t.Errorf("privileged: capsh says %s", out)
	}
	if out := run(ways[1], "capsh", "--has-p=cap_sys_admin"); !strings.Contains(out, "cap_sys_admin") {
		t.Errorf("default: capsh says %q", out)
	}
	const add = `ip link add extra0 type dummy || ip link add extra0 type bridge; ip -o link show extra0`
	if out := run(ways[2], "sh", "-c", add); !strings.Contains(out, ": extra0:") {
		t.Errorf("privileged: the own network cannot be changed: %s", out)
	}
	if out := run(ways[1], "sh", "-c", add); strings.Contains(out, ": extra0:") || !strings.Contains(out, "not permitted") {
		t.Errorf("default: the network can be changed: %s", out)
	}
	if _, err := os.Stat("/sys/class/net/extra0"); err == nil {
		t.Error("the host has got the interface")
	}
}
