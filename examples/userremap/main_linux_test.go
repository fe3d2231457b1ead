package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

// The test binary is the example itself when this is set.
const isProgram = "USERREMAP_TEST_IS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(isProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// open is a directory of the host that everyone may enter, and write to with
// mode 0777.
func open(t *testing.T, mode os.FileMode) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "userremap-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

func ownerOf(t *testing.T, path string) (uid, gid uint32) {
	t.Helper()
	st, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	owner := st.Sys().(*syscall.Stat_t)
	return owner.Uid, owner.Gid
}

// TestEntry runs the example in a mount namespace whose /etc has the entry
// dockremap:5000:10000; the machine's own stays as it is.
func TestEntry(t *testing.T) {
	needs.Root(t, "it replaces /etc in a mount namespace")
	needs.Program(t, "unshare", "mount")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const withEntry = `set -e
cp -a /etc "$0"
echo dockremap:5000:10000 | tee "$0"/etc/subuid > "$0"/etc/subgid
mount --bind "$0"/etc /etc
exec "$1"`
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", withEntry, open(t, 0o755), self)
	cmd.Env = append(os.Environ(), isProgram+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		`^I am user 0 inside`, // and nothing about a map by hand
		`(?m)^ +0 +5000 +10000$`,
		`touch: cannot touch '/host/afile': Permission denied`,
		`(?m)^-\S+ 1 0 0 0 .* /shared/afile$`,
		`(?m)^-\S+ 1 5000 5000 0 .*/afile$`,
	} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestFiles looks at the host's files, after a remapped root and one who is the
// host's have tried the same.
func TestFiles(t *testing.T) {
	needs.Root(t, "an ordinary user has one id to map")
	const try = `touch "/host$0/afile"; touch /shared/afile`
	mine, shared := open(t, 0o755), open(t, 0o755)
	if err := os.Chown(shared, 5000, 5000); err != nil {
		t.Fatal(err)
	}
	attempt := func(opts ...sandbox.Option) (string, error) {
		cmd := exec.Command("sh", "-c", try, mine)
		var out strings.Builder
		cmd.Stderr = &out
		_, err := sandbox.Run(t.Context(), cmd, append(opts, sandbox.WithUser("root"),
			sandbox.WithBind(shared, "/shared"), sandbox.WithBind("/", "/host"))...)
		return out.String(), err
	}
	afile := filepath.Join(mine, "afile")

	out, err := attempt(sandbox.WithIDMap(byHand, byHand))
	if err != nil || !strings.Contains(out, "Permission denied") {
		t.Errorf("remapped: %q, %v", out, err)
	}
	if _, err := os.Lstat(afile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("remapped root made a file of the host's: %v", err)
	}
	if uid, gid := ownerOf(t, filepath.Join(shared, "afile")); uid != 5000 || gid != 5000 {
		t.Errorf("the shared file belongs to %d:%d", uid, gid)
	}

	if out, err := attempt(sandbox.WithHostUserNS()); err != nil || out != "" {
		t.Errorf("control: the host's root: %q, %v", out, err)
	}
	if uid, gid := ownerOf(t, afile); uid != 0 || gid != 0 {
		t.Errorf("control: the host's root made a file of %d:%d", uid, gid)
	}
}

// TestNoEntry is told what is missing and what to do about it.
func TestNoEntry(t *testing.T) {
	var out strings.Builder
	err := run(t.Context(), &out, "no-such-user")
	for _, want := range []string{`"no-such-user": there is no`, "to fix it: ", "the map is given by hand"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if os.Geteuid() == 0 {
		if err != nil || !regexp.MustCompile(`(?m)^-\S+ 1 5000 5000 0 `).MatchString(out.String()) {
			t.Errorf("%v\n%s", err, &out)
		}
		return
	}
	var unsupported *sandbox.UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Fix == "" {
		t.Errorf("error %v, want an UnsupportedError with a fix", err)
	}
}
