package sandbox_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/caps"
)

var capSets = []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}

// capsIn are the five sets of a program in a place.
func capsIn(t *testing.T, in place) map[string]caps.Set {
	t.Helper()
	return parseCaps(t, in(t, "cat", "/proc/self/status"))
}

func parseCaps(t *testing.T, text string) map[string]caps.Set {
	t.Helper()
	st := status(text)
	out := map[string]caps.Set{}
	for _, name := range capSets {
		n, err := strconv.ParseUint(st[name], 16, 64)
		if err != nil {
			t.Fatalf("%s in %q: %v", name, text, err)
		}
		out[name] = caps.Set(n)
	}
	return out
}

// sets are the five sets in the order of capSets.
func sets(inheritable, permitted, effective, bounding, ambient caps.Set) map[string]caps.Set {
	return map[string]caps.Set{"CapInh": inheritable, "CapPrm": permitted, "CapEff": effective, "CapBnd": bounding, "CapAmb": ambient}
}

func TestCapabilitySets(t *testing.T) {
	if control := capsIn(t, unsandboxed); control["CapEff"].Empty() || control["CapBnd"].Empty() {
		t.Fatalf("control: root of a plain user namespace has %v", control)
	}
	// Docker's fourteen, written out: chown dac_override fowner fsetid kill
	// setgid setuid setpcap net_bind_service net_raw sys_chroot mknod
	// audit_write setfcap.
	const docker = caps.Set(0xa80425fb)
	netAdmin, netRaw := caps.Of(caps.NetAdmin), caps.Of(caps.NetRaw)
	for _, c := range []struct {
		name string
		opts []sandbox.Option
		want map[string]caps.Set
	}{
		{"default", nil, sets(0, 0, 0, 0, 0)},
		{"no user namespace", []sandbox.Option{sandbox.WithHostUserNS()}, sets(0, 0, 0, 0, 0)},
		{"new privileges", []sandbox.Option{sandbox.WithNewPrivileges()}, sets(0, 0, 0, 0, 0)},
		{"root", []sandbox.Option{sandbox.WithUser("root")}, sets(0, docker, docker, docker, 0)},
		{"root, all dropped", []sandbox.Option{sandbox.WithUser("root"), sandbox.DropCap("all")}, sets(0, 0, 0, 0, 0)},
		{"root, one dropped", []sandbox.Option{sandbox.WithUser("root"), sandbox.DropCap("NET_RAW")}, sets(0, docker&^netRaw, docker&^netRaw, docker&^netRaw, 0)},
		{"root, one added", []sandbox.Option{sandbox.WithUser("root"), sandbox.AddCap("CAP_NET_ADMIN")}, sets(0, docker|netAdmin, docker|netAdmin, docker|netAdmin, 0)},
		{"one added", []sandbox.Option{sandbox.AddCap("net_admin")}, sets(netAdmin, netAdmin, netAdmin, docker|netAdmin, netAdmin)},
		{"one added, all else dropped", []sandbox.Option{sandbox.AddCap("net_admin"), sandbox.DropCap("all")}, sets(netAdmin, netAdmin, netAdmin, netAdmin, netAdmin)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if slices.Contains([]string{"no user namespace"}, c.name) {
				needRoot(t, "WithHostUserNS needs CAP_SYS_ADMIN")
			}
			if got := capsIn(t, sandboxed(c.opts...)); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
			// What the host sees is the same.
			p := start(t, c.opts...)
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
			if err != nil {
				t.Fatal(err)
			}
			if got := parseCaps(t, string(b)); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("from outside\ngot  %v\nwant %v", got, c.want)
			}
		})
	}
}

// A parent's inheritable and ambient capabilities would become a command's.
func TestCapabilitiesOfTheParentAreNotInherited(t *testing.T) {
	needRoot(t, "only root can give a program inheritable and ambient capabilities")
	r := runDirty(t, dirt{Ambient: []int{int(caps.NetRaw), int(caps.SysAdmin)}}, "cat", "/proc/self/status")
	if control := parseCaps(t, r.Control); !control["CapInh"].Has(caps.SysAdmin) || !control["CapAmb"].Has(caps.SysAdmin) {
		t.Fatalf("control: outside the sets are %v", control)
	}
	if got := parseCaps(t, r.Out); fmt.Sprint(got) != fmt.Sprint(sets(0, 0, 0, 0, 0)) {
		t.Errorf("inside: %v", got)
	}
}

// An added capability works, for a user who is not root, and no other does.
func TestAddedCapabilityWorks(t *testing.T) {
	for _, c := range []struct{ capability, attempt, without string }{
		{"net_bind_service", "listen:127.0.0.1:80", "EACCES"},
		{"net_raw", "socket-raw", "EPERM"},
		{"net_raw", "socket-packet", "EAFNOSUPPORT"},
		{"sys_admin", "sethostname:x", "EPERM"},
		{"sys_admin", "mount:/tmp", "EPERM"},
		{"sys_chroot", "chroot:/tmp", "EPERM"},
	} {
		t.Run(c.capability+" "+c.attempt, func(t *testing.T) {
			wantResults(t, sandboxed(), "default", map[string]string{c.attempt: c.without})
			wantResults(t, sandboxed(sandbox.AddCap(c.capability)), "added", map[string]string{c.attempt: "ok"})
			other := map[string]string{"net_bind_service": "net_raw"}[c.capability]
			if other == "" {
				other = "net_bind_service"
			}
			// With any capability the bounding set has net_raw, for which the
			// filter lets more families through to the kernel.
			wantResults(t, sandboxed(sandbox.AddCap(other)), "another added", map[string]string{c.attempt: c.without + "|EPERM"})
			wantResults(t, sandboxed(sandbox.AddCap(c.capability), sandbox.DropCap("all")), "added alone", map[string]string{c.attempt: "ok"})
		})
	}
}

// A capability that is dropped cannot be used or had again by root.
func TestDroppedCapability(t *testing.T) {
	root := sandbox.WithUser("root")
	attempts := func(result string) map[string]string { return map[string]string{"socket-raw": result} }
	wantResults(t, sandboxed(root), "control", attempts("ok"))
	wantResults(t, sandboxed(root, sandbox.DropCap("net_raw")), "dropped", attempts("EPERM"))
	wantResults(t, sandboxed(root, sandbox.DropCap("CAP_NET_RAW")), "other spelling", attempts("EPERM"))
	wantResults(t, sandboxed(root, sandbox.DropCap("all")), "all", attempts("EPERM"))
	wantResults(t, sandboxed(root, sandbox.DropCap("all"), sandbox.AddCap("net_raw")), "all but this", attempts("ok"))
}

// A capability reaches the sandbox's own namespaces and nothing of the host.
func TestEveryCapabilityStaysInside(t *testing.T) {
	all := sandboxed(sandbox.WithUser("root"), sandbox.AddCap("all"))
	wantResults(t, all, "all capabilities", map[string]string{
		"reboot": "EPERM", "clock_settime": "EPERM", "swapoff": "EPERM|EFAULT", "kexec_load": "EPERM",
		"init_module": "EPERM|ENOSYS", "delete_module": "EPERM|ENOSYS", "syslog": "EPERM", "open_by_handle_at": "EPERM|EFAULT",
		"device:/tmp/device": "EPERM", "realtime": "EPERM", "nice:-5": "EACCES|EPERM", "acct": "EPERM",
		"chown:/tmp": "EINVAL", "setuid:1": "EINVAL",
		"sethostname:x": "ok", "socket-raw": "ok", "mount:/tmp": "ok", // and these are its own
	})
}

func TestNoNewPrivileges(t *testing.T) {
	if got := status(onHost(t, "cat", "/proc/self/status"))["NoNewPrivs"]; got != "0" {
		t.Skip("needs suid: the tests themselves run with no_new_privs")
	}
	for want, opts := range map[string][]sandbox.Option{
		"1": {},
		"0": {sandbox.WithNewPrivileges()},
	} {
		for _, more := range [][]sandbox.Option{{}, {sandbox.WithUser("root")}, {sandbox.AddCap("net_raw")}} {
			st := status(sandboxed(append(opts, more...)...)(t, "cat", "/proc/self/status"))
			if st["NoNewPrivs"] != want {
				t.Errorf("no_new_privs is %s, want %s", st["NoNewPrivs"], want)
			}
			if st["Seccomp"] != "2" {
				t.Errorf("seccomp mode is %s with no_new_privs %s", st["Seccomp"], want)
			}
		}
	}
}
