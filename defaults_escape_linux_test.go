package sandbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

// canary is a file of the host that everyone may read, outside of the view.
func canary(t *testing.T) string {
	t.Helper()
	p := filepath.Join(openDir(t), "canary")
	if err := os.WriteFile(p, []byte("canary"), 0o666); err != nil {
		t.Fatal(err)
	}
	return p
}

// No name leads to the old root: every path ends beneath the new one.
func TestOldRootIsOutOfReach(t *testing.T) {
	p := canary(t)
	refused := map[string]string{}
	for _, prefix := range []string{
		"", "/..", "/../../../../..", "/usr/../..", "/proc/..", "/dev/fd/../../..", "/tmp/../..", "/proc/self/root", "/proc/self/root/..",
		"/proc/self/cwd", "/proc/self/cwd/../..", "/proc/thread-self/root/../..", "/proc/1/root", "/proc/1/cwd", "/proc/1/cwd/..",
		"/proc/1/root/proc/1/root", "/proc/1/task/1/root", "/proc/1/map_files/..", "/proc/2/root/..", "/proc/self/fd/0/..", "/proc/self/fd/3", "/proc/self/fd/4/..",
	} {
		refused["read:"+prefix+p] = "ENOENT|EACCES|EPERM|ENOTDIR"
	}
	wantResults(t, onHost, "control", map[string]string{"read:" + p: "ok", "read:/proc/self/root" + p: "ok", "read:/proc/self/cwd/../../../../../.." + p: "ok"})
	wantResults(t, sandboxed(sandbox.WithReadOnlyBind(filepath.Dir(p), filepath.Dir(p))), "control", map[string]string{"read:" + p: "ok", "read:/../.." + p: "ok"})
	for name, opts := range map[string][]sandbox.Option{
		"default":        {},
		"unconfined":     {unconfined, sandbox.WithoutLandlock()},
		"root":           {sandbox.WithUser("root")},
		"all capability": {sandbox.WithUser("root"), sandbox.AddCap("all"), unconfined, sandbox.WithoutLandlock()},
	} {
		wantResults(t, sandboxed(opts...), name, refused)
	}
}

// chroot(2) with the capability for it leads out of a chroot, and no further
// than to the sandbox's own root.
func TestChrootLeadsToTheSandboxRoot(t *testing.T) {
	for name, opts := range map[string][]sandbox.Option{
		"root":           {sandbox.WithUser("root")},
		"all capability": {sandbox.WithUser("root"), sandbox.AddCap("all"), unconfined, sandbox.WithoutLandlock()},
	} {
		names := strings.Join(ask[[]string](t, sandboxed(opts...), "chroot", "/tmp"), " ")
		if !strings.Contains(names, "probe") || strings.Contains(names, "home") || strings.Contains(names, "var") {
			t.Errorf("%s: after the escape the root has %s", name, names)
		}
	}
	if names := ask[[]string](t, sandboxed(), "chroot", "/tmp"); len(names) != 1 || names[0] != "EPERM" {
		t.Errorf("default: chroot: %v, want EPERM", names)
	}
	// On the host the same leads to the host's root.
	if names := strings.Join(ask[[]string](t, unsandboxed, "chroot", openDir(t)), " "); !strings.Contains(names, "var") {
		t.Errorf("control: the escape on the host ends at %s", names)
	}
}

// No capability unlocks what the view protects: read-only stays read-only and
// what is hidden stays hidden, even for one who may mount.
func TestMountsAreLocked(t *testing.T) {
	dir := openDir(t)
	bind := sandbox.WithReadOnlyBind(dir, "/data")
	refused := map[string]string{}
	for _, p := range []string{"/", "/usr", "/data", "/proc/sys", "/etc/ld.so.cache"} {
		if _, err := os.Stat(p); err != nil && p != "/data" {
			continue
		}
		for _, act := range []string{"remount-bind:", "remount:", "make-writable:"} {
			refused[act+p] = "EPERM"
		}
	}
	for _, p := range []string{"/usr", "/data", "/proc/sys", "/proc", "/proc/keys", "/proc/interrupts", "/dev/shm", "/tmp"} {
		refused["umount:"+p] = "EPERM|EINVAL"
	}
	refused["mount-proc"] = "EPERM" // a fresh one would have no masks
	refused["mount-sysfs"] = "EPERM"
	writes := map[string]string{"create:/data/x": "EROFS", "create:/usr/x": "EROFS|EACCES", "rewrite:/proc/sys/net/ipv4/ip_default_ttl": "EROFS|EACCES"}
	for name, opts := range map[string][]sandbox.Option{
		"root with sys_admin": {bind, sandbox.WithUser("root"), sandbox.AddCap("sys_admin")},
		"user with sys_admin": {bind, sandbox.AddCap("sys_admin")},
		"all, unconfined":     {bind, sandbox.WithUser("root"), sandbox.AddCap("all"), unconfined, sandbox.WithoutLandlock()},
	} {
		wantResults(t, sandboxed(opts...), name, refused)
		wantResults(t, sandboxed(opts...), name, writes)
		wantResults(t, sandboxed(opts...), name+", control", map[string]string{"mount-tmpfs": "ok", "make-writable-own": "ok", "sethostname:x": "ok"})
	}
	// Without a sandbox the same capability does all of it to its own mounts.
	wantResults(t, unsandboxed, "control", map[string]string{"mount-proc": "ok", "mount-tmpfs": "ok", "make-writable-own": "ok"})
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("the host's directory has %v", entries)
	}
}

// A symbolic link in a bound directory cannot lead out of the view, neither
// for the command nor for a mount that an option places below it.
func TestLinksInBindsStayInside(t *testing.T) {
	p := canary(t)
	dir := openDir(t)
	if err := os.Symlink(p, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(p), dir+"/dir"); err != nil {
		t.Fatal(err)
	}
	in := sandboxed(sandbox.WithBind(dir, "/data"))
	wantResults(t, in, "default", map[string]string{"read:/data/link": "ENOENT", "list:/data/dir": "ENOENT", "readlink:/data/link": "ok"})
	wantResults(t, onHost, "control", map[string]string{"read:" + dir + "/link": "ok", "list:" + dir + "/dir": "ok"})
	// Nor may the places that an option needs be made through it, on the host.
	for _, target := range []string{"/data/dir/sub", "/data/dir/sub/deeper", "/data/dir/sub/still/deeper"} {
		for kind, mount := range map[string]sandbox.Option{"tmpfs": sandbox.WithTmpfs(target, mib), "bind": sandbox.WithReadOnlyBind("/usr", target)} {
			if _, _, err := runInside([]string{"true"}, sandbox.WithBind(dir, "/data"), mount); err == nil {
				t.Errorf("a %s was placed at %s through a link that leads nowhere inside", kind, target)
			}
		}
	}
	if left := listNames(filepath.Dir(p)); len(left) != 1 {
		t.Errorf("beside the canary on the host: %v", left)
	}
	if content, err := os.ReadFile(p); err != nil || string(content) != "canary" {
		t.Errorf("the canary is %q, %v", content, err)
	}
}

// The launcher makes places for mounts in its own view, and none in a
// directory of the host.
func TestPlacesAreNotMadeOnTheHost(t *testing.T) {
	dir := openDir(t)
	if _, _, err := runInside([]string{"true"}, sandbox.WithBind(dir, "/data"), sandbox.WithTmpfs("/data/a/b/c", mib)); err == nil {
		t.Error("a mount was placed in a directory that is not there")
	}
	if left := listNames(dir); len(left) > 0 {
		t.Errorf("the host's directory has %v", left)
	}
	if err := os.MkdirAll(dir+"/a/b/c", 0o755); err != nil {
		t.Fatal(err)
	}
	in := sandboxed(sandbox.WithBind(dir, "/data"), sandbox.WithTmpfs("/data/a/b/c", mib), sandbox.WithTmpfs("/new/place", mib))
	wantResults(t, in, "control", map[string]string{"create:/data/a/b/c/x": "ok", "create:/new/place/x": "ok"})
	if left := listNames(dir + "/a/b/c"); len(left) > 0 {
		t.Errorf("beneath the tmpfs: %v", left)
	}
}
