package namespace_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/namespace"
)

// toolDir makes a directory with the two tools as files without content.
func toolDir(t *testing.T, mode uint32) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"newuidmap", "newgidmap"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o755), unix.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func needRootAndSuid(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: making a set-user-ID program of root")
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(os.TempDir(), &stat); err != nil || stat.Flags&unix.ST_NOSUID != 0 {
		t.Skipf("needs suid: %s is mounted nosuid: %v", os.TempDir(), err)
	}
}

func TestLookupToolsFindsSetuidPrograms(t *testing.T) {
	needRootAndSuid(t)
	dir := toolDir(t, 0o4755)
	t.Setenv("PATH", dir)
	uidTool, gidTool, err := namespace.LookupTools()
	if err != nil || uidTool != filepath.Join(dir, "newuidmap") || gidTool != filepath.Join(dir, "newgidmap") {
		t.Errorf("LookupTools = %q, %q, %v", uidTool, gidTool, err)
	}
}

func TestLookupToolsFindsFileCapabilities(t *testing.T) {
	needRootAndSuid(t)
	dir := toolDir(t, 0o755)
	t.Setenv("PATH", dir)
	// struct vfs_cap_data, revision 2: cap_setuid=ep and cap_setgid=ep.
	attribute := func(flags, permitted byte) []byte {
		return append([]byte{flags, 0, 0, 2, permitted}, make([]byte, 15)...)
	}
	set := func(name string, value []byte) {
		t.Helper()
		if err := unix.Setxattr(filepath.Join(dir, name), "security.capability", value, 0); err != nil {
			t.Skipf("needs xattr: file capabilities cannot be set in %s: %v", dir, err)
		}
	}
	set("newuidmap", attribute(1, 1<<7))
	set("newgidmap", attribute(1, 1<<6))
	if _, _, err := namespace.LookupTools(); err != nil {
		t.Error(err)
	}
	set("newgidmap", attribute(1, 1<<7))
	if _, _, err := namespace.LookupTools(); err == nil {
		t.Error("newgidmap with cap_setuid alone was accepted")
	}
	set("newgidmap", attribute(0, 1<<6))
	if _, _, err := namespace.LookupTools(); err == nil {
		t.Error("newgidmap with a permitted capability that is not effective was accepted")
	}
}

func TestLookupToolsRefuses(t *testing.T) {
	for _, test := range []struct{ what, dir, reason, fix string }{
		{"not installed", t.TempDir(), "not found", "apt-get install uidmap"},
		{"without privilege", toolDir(t, 0o755), "neither a set-user-ID program", "chmod u+s"},
	} {
		t.Setenv("PATH", test.dir)
		uidTool, gidTool, err := namespace.LookupTools()
		var bad *namespace.UnsupportedError
		if !errors.As(err, &bad) || !errors.Is(err, errors.ErrUnsupported) || uidTool+gidTool != "" {
			t.Errorf("%s: %q, %q, %v; want an UnsupportedError", test.what, uidTool, gidTool, err)
			continue
		}
		nosuid := strings.Contains(bad.Reason, "nosuid") // of the temporary directory
		if !nosuid && (!strings.Contains(bad.Reason, test.reason) || !strings.Contains(bad.Fix, test.fix)) {
			t.Errorf("%s: %v; want the reason %q and the fix %q", test.what, err, test.reason, test.fix)
		}
	}
}

func TestLookupToolsOnNosuidMount(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: mounting")
	}
	target := t.TempDir()
	t.Setenv("PATH", target)
	withFiles(t, nil, func() {
		if err := unix.Mount("tmpfs", target, "tmpfs", unix.MS_NOSUID, ""); err != nil {
			t.Errorf("mounting a tmpfs: %v", err)
			return
		}
		for _, name := range []string{"newuidmap", "newgidmap"} {
			path := filepath.Join(target, name)
			if err := errors.Join(os.WriteFile(path, nil, 0o755), unix.Chmod(path, 0o4755)); err != nil {
				t.Error(err)
			}
		}
		if _, _, err := namespace.LookupTools(); err == nil || !strings.Contains(err.Error(), "mounted nosuid") {
			t.Errorf("LookupTools = %v", err)
		}
	})
}

func TestLookupToolsWithNoNewPrivileges(t *testing.T) {
	needRootAndSuid(t)
	t.Setenv("PATH", toolDir(t, 0o4755))
	withFiles(t, nil, func() { // for its thread, which ends
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			t.Error(err)
		}
		if _, _, err := namespace.LookupTools(); err == nil || !strings.Contains(err.Error(), "no_new_privs is set") {
			t.Errorf("LookupTools = %v", err)
		}
	})
}
