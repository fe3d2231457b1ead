package sandbox_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

var systemDirs = []string{"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"}

// The root holds the system's programs and libraries, as they are on the host,
// and nothing else.
func TestRootDirectory(t *testing.T) {
	want := map[string]string{"dev": "dir", "etc": "dir", "proc": "dir", "tmp": "dir", "probe": "file"}
	host := describeEntries("/")
	for _, d := range systemDirs {
		if what, ok := host[d]; ok {
			want[d] = what // a symbolic link stays one
		}
	}
	if got := ask[map[string]string](t, sandboxed(), "entries", "/"); !maps.Equal(got, want) {
		t.Errorf("the root has %v, want %v", got, want)
	}
}

func TestHostDirectoriesAreNotThere(t *testing.T) {
	absent, present := map[string]string{}, map[string]string{}
	for _, d := range []string{"/home", "/root", "/var", "/run", "/sys", "/mnt", "/srv", "/opt", "/boot", "/media", "/lost+found"} {
		absent["stat:"+d] = "ENOENT"
		if _, err := os.Stat(d); err == nil {
			present["stat:"+d] = "ok"
		}
	}
	if len(present) < 5 {
		t.Fatalf("control: the host has only %v", present)
	}
	wantResults(t, onHost, "control", present)
	wantResults(t, sandboxed(), "default", absent)
	wantResults(t, sandboxed(sandbox.WithUser("root")), "root", absent)
}

// Of the host's /etc there is what programs need and nothing that tells of
// its users, keys or services.
func TestEtc(t *testing.T) {
	needed := []string{
		"passwd", "group", "hosts", "hostname", "nsswitch.conf", "ld.so.cache", "alternatives", "localtime", "ssl", "pki",
		"ca-certificates", "crypto-policies", "services", "protocols", "mime.types", "fonts", "terminfo",
	}
	for _, name := range ask[[]string](t, sandboxed(), "list", "/etc") {
		if !slices.Contains(needed, name) {
			t.Errorf("/etc/%s is there", name)
		}
	}
	for _, name := range ask[[]string](t, sandboxed(), "list", "/etc/ssl") {
		if name != "certs" && name != "openssl.cnf" {
			t.Errorf("/etc/ssl/%s is there", name)
		}
	}
	absent := map[string]string{}
	for _, p := range []string{"shadow", "gshadow", "sudoers", "ssh", "ssl/private", "subuid", "fstab", "crontab", "machine-id", "resolv.conf", "environment", "krb5.keytab"} {
		absent["stat:/etc/"+p] = "ENOENT"
	}
	wantResults(t, sandboxed(), "default", absent)
	wantResults(t, onHost, "control", map[string]string{"stat:/etc/shadow": "ok", "stat:/etc/fstab": "ok|ENOENT"})
}

// The user database has root, nobody and the user, and no one of the host's.
func TestUserDatabase(t *testing.T) {
	id := os.Geteuid()
	for _, c := range []struct {
		opts []sandbox.Option
		want []string
	}{
		{nil, map[bool][]string{true: {"root 0", "nobody 65534"}, false: {"root 0", fmt.Sprintf("sandbox %d", id), "nobody 65534"}}[id == 0]},
		{[]sandbox.Option{sandbox.WithUser("root")}, []string{"root 0", "nobody 65534"}},
		{[]sandbox.Option{sandbox.WithUser("4711:4712")}, []string{"root 0", "sandbox 4711", "nobody 65534"}},
		{[]sandbox.Option{sandbox.WithUser("daemon")}, []string{"root 0", "daemon 1", "nobody 65534"}},
	} {
		var got []string
		for line := range strings.Lines(sandboxed(c.opts...)(t, "cat", "/etc/passwd")) {
			f := strings.Split(line, ":")
			got = append(got, f[0]+" "+f[2])
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("users are %q, want %q", got, c.want)
		}
		if out := sandboxed(c.opts...)(t, "sh", "-c", "id -un && id -gn"); strings.Contains(out, "cannot find") {
			t.Errorf("id: %s", out)
		}
	}
}

// Nothing but /tmp and /dev/shm takes a write, from anyone, whichever of the
// two lines is asked.
func TestRootIsReadOnly(t *testing.T) {
	const no = "EROFS|EACCES|EPERM"
	refused := map[string]string{
		"mkdir:/x": no, "create:/x": no, "create:/usr/x": no, "mkdir:/usr/bin/x": no, "create:/etc/x": no, "write:/etc/passwd": no,
		"chmod:/etc/passwd": no, "chmod:/": no, "create:/dev/x": no, "mkdir:/proc/x": no + "|ENOENT", "write:/probe": no + "|ETXTBSY",
		"remove:/etc/hosts": no, "remove:/usr/bin/env": no,
		"mkdir:/tmp/ok": "ok", "create:/tmp/file": "ok", "create:/dev/shm/file": "ok",
	}
	for name, opts := range map[string][]sandbox.Option{
		"default":             {},
		"without Landlock":    {sandbox.WithoutLandlock()},
		"root":                {sandbox.WithUser("root")},
		"root, mounts alone":  {sandbox.WithUser("root"), sandbox.WithoutLandlock()},
		"root, dac_override":  {sandbox.WithUser("root"), sandbox.AddCap("dac_override", "dac_read_search", "fowner"), sandbox.WithoutLandlock(), unconfined},
		"root, sys_admin":     {sandbox.WithUser("root"), sandbox.AddCap("all"), unconfined},
		"user with sys_admin": {sandbox.AddCap("sys_admin")},
	} {
		wantResults(t, sandboxed(opts...), name, refused)
	}
	if os.Geteuid() == 0 {
		// The strongest: root of the host itself, by the mounts alone.
		for _, attempt := range []string{"write:/probe", "remove:/usr/bin/env", "write:/dev/null"} {
			delete(refused, attempt)
		}
		wantResults(t, sandboxed(sandbox.WithUser("root"), sandbox.WithHostUserNS(), sandbox.WithoutLandlock()), "root of the host", refused)
	}
	dir := openDir(t)
	wantResults(t, sandboxed(sandbox.WithBind(dir, "/data")), "control", map[string]string{"create:/data/x": "ok", "mkdir:/data/y": "ok"})
	wantResults(t, sandboxed(sandbox.WithReadOnlyBind(dir, "/data")), "read-only bind", map[string]string{
		"create:/data/z": "EROFS", "write:/data/x": "EROFS", "remove:/data/x": "EROFS", "chmod:/data/x": "EROFS", "list:/data": "ok",
	})
}

// Every mount is accounted for, with the flags that it should have.
func TestMountTable(t *testing.T) {
	mounts := mountLines(sandboxed()(t, "cat", "/proc/self/mountinfo"))
	if len(mounts) == 0 {
		t.Fatal("no mounts")
	}
	writable := []string{"/tmp", "/dev/shm", "/dev/mqueue", "/dev/pts", "/proc", "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}
	for _, m := range mounts {
		opts := strings.Split(m.options, ",")
		top := "/" + strings.Split(m.point, "/")[1]
		if !slices.Contains([]string{"/", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/dev", "/proc", "/tmp"}, top) {
			t.Errorf("mount on %s", m.point)
		}
		if !slices.Contains(opts, "nosuid") {
			t.Errorf("%s has no nosuid: %s", m.point, m.options)
		}
		if !slices.Contains(opts, "ro") && !slices.Contains(writable, m.point) {
			t.Errorf("%s is writable: %s", m.point, m.options)
		}
		hasDevices := m.point == "/" || top == "/dev" && m.point != "/dev/shm" && m.point != "/dev/mqueue" || top == "/proc"
		if !slices.Contains(opts, "nodev") && !hasDevices {
			t.Errorf("%s has no nodev: %s", m.point, m.options)
		}
		if slices.Contains([]string{"ext4", "xfs", "btrfs", "overlay"}, m.fstype) && m.root == "/" && top != "/usr" {
			t.Errorf("the whole of a host's file system is on %s", m.point)
		}
	}
	if host := parseMounts("/proc/self/mountinfo"); !slices.ContainsFunc(host, func(m mount) bool { return m.point == "/sys" }) {
		t.Errorf("control: the host's table has no /sys: %v", host)
	}
}
