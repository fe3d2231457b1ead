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
	if err := os.WriteFile(filepath.Join(dir, probeInside), nil, 0o644); err != nil { // the place for it
		t.Fatal(err)
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

// What a root file system has in /dev is never used: neither as the empty file
// that masks are made of (CVE-2025-31133) nor as a console (CVE-2025-52565).
func TestDevicesOfARootFSAreNotUsed(t *testing.T) {
	dir := rootFS(t)
	for name, target := range map[string]string{"null": "/etc/secret", "console": "/etc/secret", "ptmx": "/etc/secret", "tty": "/etc/secret"} {
		if err := os.Symlink(target, filepath.Join(dir, "dev", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "etc/secret"), []byte("planted"), 0o666); err != nil {
		t.Fatal(err)
	}
	in := sandboxed(sandbox.WithRootFS(dir), sandbox.WithReadOnlyBind("/usr", "/usr"))
	dev := ask[map[string]string](t, in, "entries", "/dev")
	if dev["null"] != "char 1:3" || dev["tty"] != "char 5:0" || dev["console"] != "" {
		t.Errorf("/dev has %v", dev)
	}
	for p, what := range ask[map[string]string](t, in, "read", "/etc/secret", "/proc/interrupts", "/proc/cmdline", "/proc/keys") {
		if planted := p == "/etc/secret"; planted != (what == "full") {
			t.Errorf("%s reads as %s", p, what)
		}
	}
}

// A number is an id, even where a name in the root file system looks like it
// (CVE-2016-3697: a user named 1000 with the id 0).
func TestNumberIsNoName(t *testing.T) {
	dir := rootFS(t)
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("passwd", "root:x:0:0::/:/bin/sh\n4711:x:0:0::/:/bin/sh\nother:x:4712:4713::/:/bin/sh\n")
	write("group", "root:x:0:\n4711:x:0:\n")
	for user, want := range map[string][2]int{"4711": {4711, 4711}, "4711:4711": {4711, 4711}, "other": {4712, 4713}} {
		ids := ask[identity](t, sandboxed(sandbox.WithRootFS(dir), sandbox.WithReadOnlyBind("/usr", "/usr"), sandbox.WithUser(user)), "ids")
		if ids.UID != want[0] || ids.GID != want[1] {
			t.Errorf("WithUser(%q): %+v, want %v", user, ids, want)
		}
	}
}

// A directory that is exchanged for a link while a sandbox is built, in a bind
// that others may write to, leads nothing onto the host (CVE-2021-30465): not the
// mount itself, and not the directories that the launcher makes below it.
func TestExchangedPlaceStaysInside(t *testing.T) {
	outside, data := openDir(t), openDir(t)
	if err := errors.Join(os.Mkdir(data+"/place", 0o755), os.Symlink(outside, data+"/link")); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				stopped <- n
				return
			default:
				if unix.Renameat2(unix.AT_FDCWD, data+"/place", unix.AT_FDCWD, data+"/link", unix.RENAME_EXCHANGE) == nil {
					n++
				}
			}
		}
	}()
	const starts = 50 // a tenth of them went wrong where names were used from outside
	started := 0
	for range starts {
		_, _, err := runInside([]string{"true"}, sandbox.WithBind(data, "/data"),
			sandbox.WithTmpfs("/data/place", mib), sandbox.WithTmpfs("/data/place/one", mib), sandbox.WithTmpfs("/data/place/two/three", mib))
		if err == nil {
			started++
		}
	}
	close(stop)
	if n := <-stopped; n < starts {
		t.Errorf("control: only %d exchanges", n)
	}
	if left := listNames(outside); len(left) > 0 {
		t.Errorf("on the host there is %v", left)
	}
	t.Logf("%d of %d sandboxes started", started, starts)
}
