package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
	"github.com/seed-d1379373/sandbox/lsm"
)

func needSELinux(t *testing.T) lsm.SELinux {
	t.Helper()
	host, err := lsm.ReadSELinux()
	if !host.Enforcing {
		t.Skipf("needs selinux: active is %v, enforcing %v, %v", host.Active, host.Enforcing, err)
	}
	return host
}

// relabel gives a file a label, as it stands in the policy of the guests.
func relabel(t *testing.T, path, label string) {
	t.Helper()
	if err := unix.Setxattr(path, "security.selinux", []byte(label), 0); err != nil {
		t.Fatal(err)
	}
}

func labelOf(t *testing.T, path string) string {
	t.Helper()
	b := make([]byte, 4096)
	n, err := unix.Getxattr(path, "security.selinux", b)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimRight(string(b[:n]), "\x00")
}

var container = lsm.Label{Type: "container_t"}

// A file whose type the policy denies is denied, whoever the command is; the
// control is the same command without a label.
func TestSELinuxTypeIsEnforced(t *testing.T) {
	needSELinux(t)
	dir := openDir(t)
	for _, name := range []string{"plain", "secret"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("content\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	relabel(t, filepath.Join(dir, "secret"), "system_u:object_r:secret_t:s0")
	bind := sandbox.WithBind(dir, "/data")
	for name, opts := range map[string][]sandbox.Option{
		"default":        {bind},
		"new privileges": {bind, sandbox.WithNewPrivileges()},
		"root":           {bind, sandbox.WithUser("root")},
		"capabilities":   {bind, sandbox.WithUser("root"), sandbox.AddCap("all"), sandbox.WithNewPrivileges()},
		"no filter":      {bind, unconfined},
	} {
		t.Run(name, func(t *testing.T) {
			wantResults(t, sandboxed(opts...), "control", map[string]string{"read:/data/secret": "ok", "read:/data/plain": "ok"})
			opts := append(opts, sandbox.WithSELinux(container))
			wantResults(t, sandboxed(opts...), "confined", map[string]string{"read:/data/secret": "EACCES", "read:/data/plain": "ok"})
			out, res, err := runInside([]string{"cat", "/proc/self/attr/current", "/data/secret"}, opts...)
			var exit *sandbox.ExitError
			if !errors.As(err, &exit) || exit.ExitCode != 1 {
				t.Fatalf("%v: %s", err, out)
			}
			if !regexp.MustCompile(`^system_u:system_r:container_t:s0:c\d+,c\d+\x00`).MatchString(out) {
				t.Errorf("label %q", out)
			}
			label, _, _ := strings.Cut(out, "\x00")
			if e := entry(t, res.Report, sandbox.FeatureSELinux); e.State != sandbox.Enforced || e.Detail != "label "+label {
				t.Errorf("label %s, report %+v", label, e)
			}
		})
	}
}

// ownLabel is a command's label.
func ownLabel(t *testing.T, opts ...sandbox.Option) string {
	t.Helper()
	out, _, err := runInside([]string{"cat", "/proc/self/attr/current"}, opts...)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimRight(out, "\x00")
}

// Each part can be chosen; the others are the host program's.
func TestSELinuxLabelParts(t *testing.T) {
	own := needSELinux(t).Own
	for _, l := range []lsm.Label{
		{Type: "svirt_t", Level: "s0"},
		{User: "user_u", Type: "svirt_t", Level: "s0:c5"},
		{Role: "sandbox_r", Type: "container_t", Level: "s0"},
		{Type: "container_t", Level: "s0:c3,c2,c1"},
		{User: "user_u", Role: "sandbox_r", Type: "svirt_t", Level: "s0:c100,c200"},
		own,
	} {
		got := ownLabel(t, sandbox.WithSELinux(l))
		if parsed, err := lsm.ParseLabel(got); err != nil || !parsed.Equal(l.Over(own)) {
			t.Errorf("%s became %s, %v", l, got, err)
		}
	}
	if got := ownLabel(t, sandbox.WithSELinuxDisabled()); got != own.String() {
		t.Errorf("disabled: %s", got)
	}
	got := ownLabel(t, sandbox.WithSELinux(lsm.Label{}))
	if parsed, err := lsm.ParseLabel(got); err != nil || parsed.Type != own.Type || parsed.Level == own.Level {
		t.Errorf("no part: %s, %v", got, err)
	}
}

// Two sandboxes with categories of their own cannot touch each other's files,
// though the files are in one directory and belong to one user.
func TestSELinuxCategoriesKeepSandboxesApart(t *testing.T) {
	needSELinux(t)
	dir := openDir(t)
	opts := func(level string) []sandbox.Option {
		return []sandbox.Option{sandbox.WithBind(dir, "/data"), sandbox.WithSELinux(lsm.Label{Type: "container_t", Level: level})}
	}
	file := filepath.Join(dir, "file")
	first := start(t, append(opts(""), sandbox.WithIPC(sandbox.IPCShareable))...)
	if _, err := first.Exec(context.Background(), exec.Command("sh", "-c", "umask 0; echo content >/data/file")); err != nil {
		t.Fatal(err)
	}
	label, err := lsm.ParseLabel(labelOf(t, file))
	if err != nil || !strings.HasPrefix(label.Level, "s0:c") {
		t.Fatalf("label of the file %s, %v", label, err)
	}
	use := map[string]string{"read:/data/file": "EACCES", "write:/data/file": "EACCES", "remove:/data/file": "EACCES"}
	wantResults(t, sandboxed(opts("")...), "another sandbox", use)
	wantResults(t, sandboxed(opts("s0")...), "a sandbox without categories", use)
	wantResults(t, sandboxed(opts(label.Level)...), "control: the same categories", map[string]string{"read:/data/file": "ok", "write:/data/file": "ok"})
	wantResults(t, sandboxed(sandbox.WithBind(dir, "/data")), "control: no label", map[string]string{"read:/data/file": "ok", "write:/data/file": "ok"})
	if _, err := first.Exec(context.Background(), exec.Command("cat", "/data/file")); err != nil {
		t.Errorf("its own file: %v", err)
	}
}

// However many run at once, each has a pair of its own, and the next commands
// of a Sandbox have others.
func TestSELinuxCategoriesDiffer(t *testing.T) {
	needSELinux(t)
	box := newBox(t, sandbox.WithSELinux(container))
	seen := map[string]bool{}
	for i := range 6 {
		cmd := exec.Command("sh", "-c", "cat /proc/self/attr/current; echo; read line")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		p, err := box.Start(context.Background(), cmd)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close(); p.Wait() })
		var label string
		if _, err := fmt.Fscanln(out, &label); err != nil {
			t.Fatal(err)
		}
		if seen[label] || !strings.Contains(label, ":c") {
			t.Errorf("start %d: %q, seen %v", i, label, seen[label])
		}
		seen[label] = true
	}
}

// A sandbox that joins another's IPC namespace uses the same shared memory.
func TestSELinuxCategoriesFollowIPC(t *testing.T) {
	needSELinux(t)
	needs.Root(t, "joining an IPC namespace")
	p := start(t, sandbox.WithSELinux(container), sandbox.WithIPC(sandbox.IPCShareable))
	if _, err := p.Exec(context.Background(), exec.Command("sh", "-c", "umask 0; echo shared >/dev/shm/file")); err != nil {
		t.Fatal(err)
	}
	joined := sandboxed(sandbox.WithSELinux(container), sandbox.WithIPC(sandbox.IPCFrom(p.Process)))
	if out := joined(t, "cat", "/dev/shm/file"); out != "shared\n" {
		t.Errorf("%q", out)
	}
	other := lsm.Label{Type: "container_t", Level: "s0:c1,c2"}
	wantResults(t, sandboxed(sandbox.WithSELinux(other), sandbox.WithIPC(sandbox.IPCFrom(p.Process))), "other categories", map[string]string{"read:/dev/shm/file": "EACCES"})
}

// What is mounted for the command is labelled for it: it can use its own
// temporary files, and nobody with other categories could.
func TestSELinuxMountsAreLabelled(t *testing.T) {
	needSELinux(t)
	opts := []sandbox.Option{sandbox.WithSELinux(lsm.Label{Type: "svirt_t", Level: "s0:c7,c9"}), sandbox.WithTmpfs("/scratch", mib)}
	for name, c := range map[string]struct {
		opts []sandbox.Option
		want string
	}{
		"default": {nil, "system_u:object_r:file_t:s0:c7,c9"},
		"type":    {[]sandbox.Option{sandbox.WithSELinuxMountLabel(lsm.Label{Type: "container_file_t"})}, "system_u:object_r:container_file_t:s0:c7,c9"},
		"level":   {[]sandbox.Option{sandbox.WithSELinuxMountLabel(lsm.Label{Level: "s0:c7"})}, "system_u:object_r:file_t:s0:c7"},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, append(opts, c.opts...)...)
			wantResults(t, sandboxed(append(opts, c.opts...)...), "inside", map[string]string{
				"create:/tmp/x": "ok", "create:/dev/shm/x": "ok", "create:/scratch/x": "ok", "read:/etc/passwd": "ok", "write:/dev/null": "ok", "list:/dev/pts": "ok",
			})
			inside := fmt.Sprintf("/proc/%d/root", p.PID())
			for _, dir := range []string{"/tmp", "/dev/shm", "/scratch", "/dev/pts"} {
				if got := labelOf(t, inside+dir); got != c.want {
					t.Errorf("%s: %s, want %s", dir, got, c.want)
				}
			}
			// The rest is the same for every start.
			if got := labelOf(t, inside+"/etc/passwd"); !strings.HasPrefix(got, "system_u:object_r:") || !strings.HasSuffix(got, ":s0") {
				t.Errorf("/etc/passwd: %s", got)
			}
		})
	}
}

// What the policy does not know, or does not allow, is an error that names it
// before anything starts.
func TestSELinuxLabelThatThePolicyDoesNotKnow(t *testing.T) {
	host, err := lsm.ReadSELinux()
	cases := map[string]lsm.Label{"SELinux is not active": {Type: "container_t"}}
	if host.Active {
		needSELinux(t)
		cases = map[string]lsm.Label{
			"not with type no_t":           {Type: "no_t"},
			"not with user no_u":           {User: "no_u", Type: "container_t"},
			"not with role no_r":           {Role: "no_r", Type: "container_t"},
			"not with level s0:c1,c1024":   {Type: "container_t", Level: "s0:c1,c1024"},
			"not with level s9":            {Type: "container_t", Level: "s9"},
			"not with level s0:c1.nothing": {Type: "container_t", Level: "s0:c1.nothing"},
		}
	} else if err != nil {
		t.Skipf("needs no-lsm: %v", err)
	}
	for reason, label := range cases {
		var unsupported *sandbox.UnsupportedError
		cmd := exec.Command("true")
		_, err := sandbox.Start(context.Background(), cmd, sandbox.WithSELinux(label))
		if !errors.As(err, &unsupported) || unsupported.Feature != "selinux" || !strings.Contains(unsupported.Reason, reason) || unsupported.Fix == "" || cmd.Process != nil {
			t.Errorf("%s: %v", label, err)
		}
		_, res, err := runInside([]string{"true"}, sandbox.WithSELinux(label), sandbox.WithBestEffort(sandbox.FeatureSELinux))
		if err != nil {
			t.Errorf("%s: %v", label, err)
		} else if e := entry(t, res.Report, sandbox.FeatureSELinux); e.State != sandbox.Missing {
			t.Errorf("%s: report %+v", label, e)
		}
	}
}

// A type that the policy does not let a process with no_new_privs enter.
func TestSELinuxTransitionRefused(t *testing.T) {
	needSELinux(t)
	strict := sandbox.WithSELinux(lsm.Label{Type: "strict_t"})
	_, _, err := runInside([]string{"true"}, strict)
	var unsupported *sandbox.UnsupportedError
	var setup *sandbox.SetupError
	if !errors.As(err, &unsupported) || !strings.Contains(unsupported.Fix, "nnp_transition") || !errors.As(err, &setup) || setup.Step != "execute" {
		t.Errorf("under no_new_privs: %v", err)
	}
	if got := ownLabel(t, strict, sandbox.WithNewPrivileges()); !strings.Contains(got, ":strict_t:") {
		t.Errorf("control: %s", got)
	}
}

// A permissive kernel denies nothing, and a label there is an error.
func TestSELinuxPermissive(t *testing.T) {
	needSELinux(t)
	needs.Root(t, "making the kernel permissive")
	const enforce = "/sys/fs/selinux/enforce"
	if err := os.WriteFile(enforce, []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(enforce, []byte("1"), 0); err != nil {
			t.Error(err)
		}
	})
	_, _, err := runInside([]string{"true"}, sandbox.WithSELinux(container))
	var unsupported *sandbox.UnsupportedError
	if !errors.As(err, &unsupported) || !strings.Contains(unsupported.Reason, "permissive") {
		t.Errorf("%v", err)
	}
	if e := entry(t, sandbox.Probe(), sandbox.FeatureSELinux); e.State != sandbox.Missing || e.Fix != "setenforce 1" {
		t.Errorf("probe %+v", e)
	}
	out, res, err := runInside([]string{"cat", "/proc/self/attr/current"}, sandbox.WithSELinux(container), sandbox.WithBestEffort(sandbox.FeatureSELinux))
	if err != nil || !strings.Contains(out, ":container_t:") {
		t.Fatalf("%q, %v", out, err)
	}
	if e := entry(t, res.Report, sandbox.FeatureSELinux); e.State != sandbox.Missing {
		t.Errorf("report %+v", e)
	}
}
