package sandboxtest_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/sandboxtest"
)

// lacking is what the defaults leave open for want of something on this host:
// they are a best effort there, and the report says so.
func lacking() (open []string) {
	report := sandbox.Probe()
	for feature, name := range map[sandbox.Feature]string{
		sandbox.FeatureMemory: "resources/memory", sandbox.FeatureGroups: "identity/host-groups",
	} {
		if e, _ := report.Entry(feature); e.State == sandbox.Missing {
			open = append(open, name)
		}
	}
	return open
}

// Of the probes that are open outside, at least so many are closed with no
// options, and nothing is open that need not be. Root can try most of them.
func TestDefaults(t *testing.T) {
	table, err := sandboxtest.Audit(t.Context(), sandboxtest.In(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	table.Test(t, lacking()...)
	const bar = 105
	if closed := table.Count("", sandboxtest.Closed); closed < bar {
		t.Errorf("%d are closed, want %d:\n%s", closed, bar, table)
	}
}

// The same probes find root inside no worse, but for what root of a user
// namespace is and has. PID 1 holds CAP_KILL, so that only a command with that
// capability may choose its CPUs and its niceness.
func TestRootInside(t *testing.T) {
	sandboxtest.TestSandbox(t, sandbox.WithUser("root"), sandboxtest.Open(lacking()...), sandboxtest.Open(
		"identity/become-root", "identity/capabilities", "identity/bounding-set", "identity/ambient", "identity/file-capabilities",
		"identity/securebits", "identity/drop-groups", "namespaces/chroot", "network/low-port", "network/packet", "network/raw", "network/raw6",
		"network/mark", "network/transparent", "supervisor/affinity", "supervisor/priority",
	))
}

// Every probe detects an opening: without a sandbox none is closed. And every
// probe is harmless: by root, without a sandbox, the host stays as it is.
func TestNothingIsClosedOutside(t *testing.T) {
	before := state(t)
	defer func() {
		if after := state(t); after != before {
			t.Errorf("the host was\n%s\nand is\n%s", before, after)
		}
	}()
	table, err := sandboxtest.Audit(t.Context(), sandboxtest.Through("env"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range table.With(sandboxtest.Closed) {
		// A control with more privilege than this caller has is another matter.
		if !slices.Contains([]string{"EPERM", "EACCES", "none"}, r.Detail) {
			t.Errorf("%s: %s", r.Name, r.Detail)
		}
	}
	if open := table.Count("", sandboxtest.Opened); open < 100 {
		t.Errorf("%d are open:\n%s", open, table)
	}
}

// state is what careless probes would change of the host.
func state(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, p := range []string{"/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname", "/proc/sys/net/ipv4/ip_default_ttl", "/proc/self/mountinfo"} {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			// Of mounts, the root and what probes make: others may come and go.
			if !strings.HasSuffix(p, "mountinfo") || strings.Contains(line, " / / ") || strings.Contains(line, " /tmp/mount") {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}

// An opening is found where there is one, and nowhere else.
func TestOpeningsAreFound(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name     string
		patterns []string
		opts     []sandbox.Option
		open     []string
	}{
		{"network", []string{"network/loopback", "network/abstract-socket", "network/socket-file", "namespaces/shared-*"},
			[]sandbox.Option{sandbox.WithNetwork(sandbox.NetworkHost), sandbox.WithoutLandlock()},
			[]string{"namespaces/shared-net", "network/abstract-socket", "network/loopback"}},
		{"ipc", []string{"ipc/shared-memory", "ipc/semaphore", "ipc/queue", "ipc/posix-shared-memory", "namespaces/shared-*"},
			[]sandbox.Option{sandbox.WithIPC(sandbox.IPCHost)},
			[]string{"ipc/posix-shared-memory", "ipc/queue", "ipc/semaphore", "ipc/shared-memory", "namespaces/shared-ipc"}},
		{"files", []string{"files/*"}, []sandbox.Option{sandbox.WithBind(dir, dir)}, nil},
		{"new privileges", []string{"identity/new-privileges"}, []sandbox.Option{sandbox.WithNewPrivileges()}, []string{"identity/new-privileges"}},
	} {
		table, err := sandboxtest.Audit(t.Context(), sandboxtest.In(t.Context(), c.opts...), c.patterns...)
		if err != nil {
			t.Fatal(err)
		}
		var open []string
		for _, r := range table.With(sandboxtest.Opened) {
			open = append(open, r.Name)
		}
		slices.Sort(open)
		if !slices.Equal(open, c.open) {
			t.Errorf("%s: open are %q, want %q", c.name, open, c.open)
		}
	}
}

// A launcher that fails is an error and no verdict, and so is one that ends
// before anything is tried.
func TestAuditFailsWithItsLauncher(t *testing.T) {
	for _, argv := range [][]string{{"false"}, {"true"}, {"no such program"}} {
		if table, err := sandboxtest.Audit(t.Context(), sandboxtest.Through(argv...), "keys/*"); err == nil {
			t.Errorf("%q: %v", argv, table)
		}
	}
	if _, err := sandboxtest.Audit(t.Context(), sandboxtest.Through("env"), "no/such"); err == nil {
		t.Error("a pattern that matches nothing is accepted")
	}
}

// Where a sandbox ends half-way the rest is tried in another one, and the probe
// at which it ended is not called closed.
func TestAuditGoesOn(t *testing.T) {
	runs := 0
	table, err := sandboxtest.Audit(t.Context(), func(cmd *exec.Cmd) error {
		if runs++; runs == 1 {
			cmd.Args = cmd.Args[:len(cmd.Args)-3]
		}
		return cmd.Run()
	}, "keys/*")
	if err != nil {
		t.Fatal(err)
	}
	n := len(table.Rows)
	if r := table.Rows[n-3]; r.Verdict != sandboxtest.Untried || !strings.Contains(r.Detail, "the sandbox ended") {
		t.Errorf("where it ended: %+v", r)
	}
	if r := table.Rows[n-1]; runs != 2 || strings.Contains(r.Detail, "the sandbox ended") {
		t.Errorf("the last, after %d runs: %+v", runs, r)
	}
}

// What is declared must exist.
func TestOpen(t *testing.T) {
	if s, err := sandbox.New(sandboxtest.Open("network/*")); err != nil {
		t.Error("as an option elsewhere:", err)
	} else {
		s.Close()
	}
	table := (&sandboxtest.Table{Rows: []sandboxtest.Row{
		{Probe: sandboxtest.Probe{Name: "a/b", Group: "a"}, Verdict: sandboxtest.Closed, Detail: "EPERM"},
		{Probe: sandboxtest.Probe{Name: "a/c", Group: "a"}, Verdict: sandboxtest.Opened},
		{Probe: sandboxtest.Probe{Name: "d/e", Group: "d"}, Detail: "no such thing"},
	}}).String()
	for _, want := range []string{"a: 1 of 2 closed", "closed   a/b", "open     a/c\n", "untried  d/e", "1 of 2 closed, 1 open, 1 could not be tried"} {
		if !strings.Contains(table, want) {
			t.Errorf("%q lacks %q", table, want)
		}
	}
}
