package sandbox_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// rootFS is a root file system of one's own with the host's programs in it.
func rootFS(t *testing.T) string {
	t.Helper()
	dir := openDir(t)
	for _, d := range []string{"proc", "dev", "tmp", "usr", "etc"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range []string{"bin", "lib", "lib64"} {
		if err := os.Symlink("usr/"+link, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A root file system whose directories for the kernel's file systems are links
// could have them mounted in one place and used in another: labels written to a
// file that is none of procfs (CVE-2023-27561, CVE-2025-52881), or devices made
// on the host.
func TestRootFSWithLinks(t *testing.T) {
	usr := sandbox.WithReadOnlyBind("/usr", "/usr")
	if out, _, err := runInside([]string{"true"}, sandbox.WithRootFS(rootFS(t)), usr); err != nil {
		t.Fatal("control:", err, out)
	}
	for _, name := range []string{"proc", "dev", "tmp"} {
		outside := openDir(t)
		dir := rootFS(t)
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		// The target exists inside as well as on the host.
		target, inside := outside, filepath.Join(dir, outside)
		if name == "tmp" { // which the other one is below
			target, inside = "/elsewhere", filepath.Join(dir, "elsewhere")
		}
		if err := errors.Join(os.MkdirAll(inside, 0o755), os.Symlink(target, filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
		_, _, err := runInside([]string{"true"}, sandbox.WithRootFS(dir), usr)
		var setup *sandbox.SetupError
		if !errors.As(err, &setup) || setup.Path != "/"+name || !errors.Is(err, unix.ELOOP) {
			t.Errorf("/%s is a link: %v", name, err)
		}
		if left := append(listNames(outside), listNames(inside)...); len(left) > 0 {
			t.Errorf("/%s is a link: at its target there is %v", name, left)
		}
	}
}
