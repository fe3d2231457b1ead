package sandbox_test

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

func TestEveryNamespaceIsNew(t *testing.T) {
	host := ownNamespaces()
	if outside := ask[map[string]string](t, onHost, "namespaces"); outside["net"] != host["net"] || outside["user"] != host["user"] {
		t.Errorf("control: a plain child is in other namespaces: %v and %v", outside, host)
	}
	seen := map[string]bool{}
	for _, c := range []struct {
		name string
		opts []sandbox.Option
	}{
		{"default", nil},
		{"again", nil},
		{"user root", []sandbox.Option{sandbox.WithUser("root")}},
		{"added capability", []sandbox.Option{sandbox.AddCap("net_admin")}},
	} {
		inside := ask[map[string]string](t, sandboxed(c.opts...), "namespaces")
		for _, n := range namespaceNames {
			if !strings.HasPrefix(inside[n], n+":[") || inside[n] == host[n] {
				t.Errorf("%s: %s namespace is %s, the host's is %s", c.name, n, inside[n], host[n])
			}
		}
	}
	// Two that run at once share nothing.
	for range 2 {
		p := start(t)
		for _, n := range namespaceNames {
			link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", p.PID(), n))
			if err != nil {
				t.Fatal(err)
			}
			if seen[link] {
				t.Errorf("two sandboxes share %s", link)
			}
			seen[link] = true
		}
	}
}

// A policy that is used again shares nothing between its commands, though it
// keeps what it has prepared for them.
func TestReusedPolicySharesNothing(t *testing.T) {
	for name, opts := range map[string][]sandbox.Option{"default": {}, "sys_admin": {sandbox.AddCap("sys_admin")}} {
		_, opts := command(probeArgs("wait"), opts)
		s, err := sandbox.New(opts...)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		first := startIn(t, s, []string{"sh", "-c", "touch /tmp/first /dev/shm/first; mount -t tmpfs first /usr/share 2>/dev/null; echo ready; cat"})
		mounts := parseMounts(fmt.Sprintf("/proc/%d/mountinfo", first.PID()))
		if mounted := slices.ContainsFunc(mounts, func(m mount) bool { return m.point == "/usr/share" }); mounted != (name == "sys_admin") {
			t.Errorf("control: %s: has the first a mount of its own? %v", name, mounted)
		}
		second := startIn(t, s, probeArgs("wait"))
		for _, n := range namespaceNames {
			one, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", first.PID(), n))
			if err != nil {
				t.Fatal(err)
			}
			if two, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", second.PID(), n)); one == two {
				t.Errorf("%s: two commands share %s", name, one)
			}
		}
		third := startIn(t, s, []string{"sh", "-c", "echo $(ls -A /tmp /dev/shm) $(grep -c first /proc/mounts)"})
		if third.first != "/dev/shm: /tmp: 0\n" {
			t.Errorf("%s: a later command sees %q", name, third.first)
		}
	}
}

func TestNetworkIsLoopbackAlone(t *testing.T) {
	inside := ask[network](t, sandboxed(), "network")
	if flags := inside.Interfaces["lo"]; len(inside.Interfaces) != 1 || !strings.Contains(flags, "up") {
		t.Errorf("interfaces are %v, want lo alone, up", inside.Interfaces)
	}
	if got := inside.Loopback["127.0.0.1:0"]; got != "ok" {
		t.Errorf("a conversation over 127.0.0.1: %s", got)
	}
	outside := ask[network](t, onHost, "network")
	if got, want := inside.Loopback["[::1]:0"], outside.Loopback["[::1]:0"]; got != want {
		t.Errorf("a conversation over ::1: %s, on the host %s", got, want)
	}
	if inside.Outside != "ENETUNREACH" {
		t.Errorf("a route to the world: %s, want ENETUNREACH", inside.Outside)
	}
	open := ask[network](t, sandboxed(sandbox.WithNetwork(sandbox.NetworkHost)), "network")
	if fmt.Sprint(open) != fmt.Sprint(outside) {
		t.Errorf("control: with the host's network %v, the host has %v", open, outside)
	}
}

// An abstract socket has no path that a mount could hide.
func TestAbstractSocketsOfTheHostAreOutOfReach(t *testing.T) {
	name := "sandbox-test-" + rand.Text()
	l, err := net.Listen("unix", "@"+name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	attempt := "connect-abstract:" + name
	wantResults(t, onHost, "control", map[string]string{attempt: "ok"})
	wantResults(t, sandboxed(), "default", map[string]string{attempt: "ECONNREFUSED|EPERM"})
	wantResults(t, sandboxed(sandbox.WithoutLandlock()), "by the namespace alone", map[string]string{attempt: "ECONNREFUSED"})
	wantResults(t, sandboxed(sandbox.WithNetwork(sandbox.NetworkHost)), "host network", map[string]string{attempt: "ok"})
}

// A server on the host's loopback is the usual way to a host's databases.
func TestLoopbackOfTheHostIsOutOfReach(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	attempt := "connect:" + l.Addr().String()
	wantResults(t, onHost, "control", map[string]string{attempt: "ok"})
	wantResults(t, sandboxed(), "default", map[string]string{attempt: "ECONNREFUSED"})
	wantResults(t, sandboxed(sandbox.WithNetwork(sandbox.NetworkHost)), "host network", map[string]string{attempt: "ok"})
}

func TestCgroupNamespaceHidesThePath(t *testing.T) {
	for line := range strings.Lines(sandboxed()(t, "cat", "/proc/self/cgroup")) {
		if _, path, ok := strings.Cut(strings.TrimSpace(line), "::"); ok && path != "/" {
			t.Errorf("path inside: %s", line)
		} else if f := strings.SplitN(strings.TrimSpace(line), ":", 3); len(f) == 3 && f[2] != "/" {
			t.Errorf("path inside: %s", line)
		}
	}
	limit := sandbox.WithMemory(64 << 20)
	needFeature(t, sandbox.FeatureMemory, limit)
	p := start(t, limit)
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "/sandbox-") {
		t.Errorf("control: the host sees no group of its own: %s", b)
	}
}

func TestHostname(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(sandboxed()(t, "cat", "/proc/sys/kernel/hostname")); got != "sandbox" {
		t.Errorf("host name inside: %q", got)
	}
	if got := strings.TrimSpace(sandboxed(sandbox.WithHostname("other"))(t, "cat", "/proc/sys/kernel/hostname")); got != "other" {
		t.Errorf("with WithHostname: %q", got)
	}
	wantResults(t, sandboxed(), "default", map[string]string{"sethostname:x": "EPERM"})
	wantResults(t, sandboxed(sandbox.AddCap("sys_admin")), "control", map[string]string{"sethostname:x": "ok"})
	if now, _ := os.Hostname(); now != host {
		t.Errorf("the host's name became %q", now)
	}
}

func TestSystemVIPCIsPrivate(t *testing.T) {
	const key = 0x5b0c5
	id, err := unix.SysvShmGet(key, 4096, unix.IPC_CREAT|0o666)
	if err != nil {
		t.Skip("needs syscall: System V shared memory: ", err)
	}
	defer unix.SysvShmCtl(id, unix.IPC_RMID, nil)
	attempt := "shmget:" + strconv.Itoa(key)
	wantResults(t, onHost, "control", map[string]string{attempt: "ok"})
	wantResults(t, sandboxed(), "default", map[string]string{attempt: "ENOENT"})
	wantResults(t, sandboxed(sandbox.WithIPC(sandbox.IPCHost)), "host IPC", map[string]string{attempt: "ok"})
}

// The host's namespaces cannot be entered, even by a command that may.
func TestNamespacesCannotBeLeft(t *testing.T) {
	wantResults(t, unsandboxed, "control", map[string]string{"setns:uts": "ok"})
	want := map[string]string{
		"setns:uts": "EPERM", "setns:net": "EPERM", "setns:mnt": "EPERM",
		"setns-of:/proc/1/ns/user": "EACCES|EPERM", "setns-of:/proc/1/ns/mnt": "EACCES|EPERM",
	}
	wantResults(t, sandboxed(), "default", want)
	wantResults(t, sandboxed(sandbox.WithUser("root")), "root", want)
	// What is left to one with sys_admin is its own.
	wantResults(t, sandboxed(sandbox.WithUser("root"), sandbox.AddCap("sys_admin", "sys_ptrace")), "sys_admin", map[string]string{
		"setns:uts": "ok", "setns-of:/proc/1/ns/user": "EACCES|EPERM", "setns-of:/proc/1/ns/mnt": "EACCES|EPERM",
	})
}
