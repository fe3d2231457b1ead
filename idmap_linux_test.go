package sandbox_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// needIDMap skips where the file system of dir allows no id-mapped mounts.
func needIDMap(t *testing.T, dir string) {
	t.Helper()
	needRoot(t, "id-mapped mounts take CAP_SYS_ADMIN")
	_, err := sandbox.Run(context.Background(), exec.Command("true"), sandbox.WithIDMappedBind(dir, "/data", 1, 1))
	var missing *sandbox.UnsupportedError
	if errors.As(err, &missing) {
		t.Skip("needs disk: ", err)
	}
}

// TestIDMappedBind: a directory of another user's is the command's own, which
// stays an ordinary user to everything else.
func TestIDMappedBind(t *testing.T) {
	const owner, stranger = 3000, 4000
	dir := openDir(t)
	needIDMap(t, dir)
	theirs, others := filepath.Join(dir, "theirs"), filepath.Join(dir, "others")
	for file, id := range map[string]int{theirs: owner, others: stranger, dir: owner} {
		if file != dir {
			if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(file, id, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const script = "cat /data/theirs; cat /data/others; echo more >> /data/theirs; echo x > /data/new; stat -c %u:%g /data/theirs /data/others; true"
	refused := "cat: /data/theirs: Permission denied\ncat: /data/others: Permission denied\n"
	if got := output(t, script, sandbox.WithUser("2000:2000"), sandbox.WithBind(dir, "/data")); !strings.HasPrefix(got, refused) {
		t.Errorf("control: without the map\n%s", got)
	}
	want := "secret\ncat: /data/others: Permission denied\n2000:2000\n65534:65534\n"
	for name, opts := range map[string][]sandbox.Option{
		"user":        {sandbox.WithUser("2000:2000")},
		"host's user": {sandbox.WithUser("2000:2000"), sandbox.WithHostUserNS()},
	} {
		got := output(t, script, append(opts, sandbox.WithIDMappedBind(dir, "/data", owner, owner))...)
		if got != want {
			t.Errorf("%s: got\n%swant\n%s", name, got, want)
		}
		for file, want := range map[string]uint32{"new": owner, "theirs": owner, "others": stranger} {
			var st unix.Stat_t
			if err := unix.Stat(filepath.Join(dir, file), &st); err != nil || st.Uid != want || st.Gid != want {
				t.Errorf("%s: %s belongs to %d:%d, want %d; %v", name, file, st.Uid, st.Gid, want, err)
			}
		}
		if err := errors.Join(os.Remove(filepath.Join(dir, "new")), os.WriteFile(theirs, []byte("secret\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// Root inside is the owner too, whatever it is outside, and a policy that is used
// again maps again.
func TestIDMappedBindAgain(t *testing.T) {
	const owner = 3000
	dir, second := openDir(t), openDir(t)
	needIDMap(t, dir)
	for _, d := range []string{dir, second} {
		if err := errors.Join(os.Chmod(d, 0o700), os.Chown(d, owner, owner)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := sandbox.New(sandbox.WithUser("root"), sandbox.WithIDMappedBind(dir, "/one", owner, owner), sandbox.WithIDMappedBind(second, "/two", owner, owner),
		sandbox.WithBind(openDir(t), "/three"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 3 {
		if _, err := s.Run(context.Background(), exec.Command("sh", "-c", "echo x >> /one/file && echo x >> /two/file && echo x > /three/file")); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{dir, second} {
		if text, err := os.ReadFile(filepath.Join(d, "file")); string(text) != "x\nx\nx\n" {
			t.Errorf("%s: %q, %v", d, text, err)
		}
	}
}

func TestIDMappedBindIsExplained(t *testing.T) {
	bind := sandbox.WithIDMappedBind("/proc", "/data", 1000, 1000) // no id maps there
	_, err := sandbox.Run(context.Background(), exec.Command("true"), bind)
	var missing *sandbox.UnsupportedError
	if !errors.As(err, &missing) || missing.Feature != "an id-mapped bind" || missing.Fix == "" {
		t.Errorf("got %v", err)
	}
	if os.Geteuid() == 0 && !strings.Contains(err.Error(), "the file system of /proc") || os.Geteuid() != 0 && !strings.Contains(err.Error(), "no CAP_SYS_ADMIN") {
		t.Errorf("got %v", err)
	}
}
