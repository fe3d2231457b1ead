package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

// ready skips for an ordinary user without ids to give to a sandbox.
func ready(t *testing.T) (owner, sandbox.Option) {
	t.Helper()
	o, ids, err := users()
	if err != nil {
		t.Skipf("needs suid: two users: %v", err)
	}
	if os.Getuid() != 0 {
		needs.Program(t, "newuidmap", "newgidmap")
	}
	return o, ids
}

// TestRun checks who the program is in each combination.
func TestRun(t *testing.T) {
	ready(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	answers, err := run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const same, root = "user 1000 runs a program of user 1000", "user 1000 runs a program of user 0"
	if want := []string{same, same, same, root}; !slices.Equal(answers, want) {
		t.Errorf("got %q, want %q", answers, want)
	}
	var table strings.Builder
	show(&table, answers)
	for _, a := range attempts {
		if !strings.Contains(table.String(), a.what) {
			t.Errorf("the table lacks %s", a.what)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestControl runs the program on the host, where its mode counts.
func TestControl(t *testing.T) {
	needs.Root(t, "only root can run a program as somebody else")
	o, _ := ready(t)
	dir, err := install(o)
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(filepath.Join(dir, "id"), "-u")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != fmt.Sprintln(o.uid) {
		t.Errorf("on the host the program is %q, %v; want user %d", out, err, o.uid)
	}
}

// TestRootInside checks what the program has gained: root's files inside, no
// capability unless one was granted, and nothing that belongs to another user
// of the host.
func TestRootInside(t *testing.T) {
	o, ids := ready(t)
	dir, err := install(o)
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cat, err := os.ReadFile("/usr/bin/cat")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "cat")
	secret := filepath.Join(dir, "secret")
	for _, err := range []error{
		os.WriteFile(file, cat, 0o755), os.Chown(file, o.uid, o.gid), os.Chmod(file, 0o755|os.ModeSetuid),
		os.WriteFile(secret, []byte("of root inside\n"), 0o600), os.Chown(secret, o.uid, o.gid),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	base := []sandbox.Option{ids, sandbox.WithUser("1000:1000"), sandbox.WithReadOnlyBind(dir, "/suid")}
	for _, c := range []struct {
		what string
		opts []sandbox.Option
		file string
		want string // the end of what is printed
	}{
		{"default", nil, "/suid/secret", "Permission denied\n"},
		{"both", attempts[3].opts, "/suid/secret", "of root inside\n"},
		{"both", attempts[3].opts, "/proc/self/status", "CapEff:\t0000000000000000\n"},
		{"both and a capability", append([]sandbox.Option{sandbox.AddCap("chown"), sandbox.DropCap("all")}, attempts[3].opts...),
			"/proc/self/status", "CapEff:\t0000000000000001\n"},
	} {
		cmd := exec.Command("sh", "-c", "/suid/cat "+c.file+" | grep -e root -e CapEff")
		if strings.HasSuffix(c.want, "denied\n") {
			cmd = exec.Command("/suid/cat", c.file)
		}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		sandbox.Run(t.Context(), cmd, append(base[:len(base):len(base)], c.opts...)...)
		if !strings.HasSuffix(out.String(), c.want) {
			t.Errorf("%s: %s is %q, want %q", c.what, c.file, out.String(), c.want)
		}
	}
}
