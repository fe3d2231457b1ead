package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

// open is a directory of the host that everyone may enter.
func open(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "users-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestIdentities(t *testing.T) {
	for user, want := range map[string]string{
		"":               "65534:65534",
		"nobody":         "65534:65534",
		"nobody:nogroup": "65534:65534",
		"daemon":         "1:1",
		"10000:20000":    "10000:20000",
		"10000":          "10000:10000",
		"daemon:20000":   "1:20000",
	} {
		var opts []sandbox.Option
		if user != "" {
			opts = append(opts, sandbox.WithUser(user))
		} else if os.Geteuid() != 0 {
			continue // an ordinary caller stays who it is
		}
		out, err := command(t.Context(), "echo $(id -u):$(id -g)", opts...)
		if err != nil || out != want {
			t.Errorf("%q: got %q, %v; want %q", user, out, err, want)
		}
	}
	if _, err := command(t.Context(), "id", sandbox.WithUser("no-such-user")); err == nil {
		t.Error("a name that nobody has was accepted")
	}
	var out strings.Builder
	if err := identities(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"uid=65534(nobody) gid=65534(nogroup)", "uid=1(daemon) gid=1(daemon)", "uid=10000", "gid=20000", "users: root daemon nobody"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

// TestSecret lets only root of the host's user namespace read the file. A file
// beside it that everyone may read is the control.
func TestSecret(t *testing.T) {
	needs.Root(t, "only root can have a file of root's")
	dir := open(t)
	var out strings.Builder
	if err := secret(t.Context(), dir, &out); err != nil {
		t.Fatal(err)
	}
	want := "nobody: cat: /data/secret: Permission denied\n" +
		"root: cat: /data/secret: Permission denied\n" +
		"root, host user namespace: the secret\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "notice"), []byte("for all\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, r := range readers {
		got, err := command(t.Context(), "cat /data/notice", append(r.opts, sandbox.WithReadOnlyBind(dir, "/data"))...)
		if err != nil || got != "for all" {
			t.Errorf("control: %s read %q, %v", r.who, got, err)
		}
	}
}

func TestLogFiles(t *testing.T) {
	needs.Root(t, "only root can give a directory to another user")
	dir := open(t)
	var out strings.Builder
	if err := logFiles(t.Context(), dir, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	log := filepath.Join(dir, "logFiles/log")
	if text, err := os.ReadFile(log); err != nil || string(text) != "first\nsecond\n" {
		t.Errorf("the log is %q, %v", text, err)
	}
	st, err := os.Stat(log)
	if err != nil {
		t.Fatal(err)
	}
	if owner := st.Sys().(*syscall.Stat_t); owner.Uid != 2000 || owner.Gid != 2000 {
		t.Errorf("the log belongs to %d:%d", owner.Uid, owner.Gid)
	}
	// Another user's sandbox can read it and not write to it.
	other := []sandbox.Option{sandbox.WithUser("2001:2001"), sandbox.WithBind(filepath.Dir(log), "/logFiles")}
	if got, err := command(t.Context(), "cat /logFiles/log", other...); err != nil || got != "first\nsecond" {
		t.Errorf("user 2001 read %q, %v", got, err)
	}
	if got, err := command(t.Context(), "echo third >> /logFiles/log", other...); err == nil || !strings.Contains(got, "Permission denied") {
		t.Errorf("user 2001 wrote to the log: %q, %v", got, err)
	}
}
