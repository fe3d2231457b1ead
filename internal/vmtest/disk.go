package vmtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tester is the ordinary user of the guests, uid and gid 1000.
const tester = "tester"

// What the guests have beyond debootstrap's minbase. A foreign architecture's
// packages are unpacked and not configured, so there is no systemd there.
var (
	userland = []string{
		"passwd", "util-linux", "uidmap", "procps", "iproute2", "libcap2-bin",
		"apparmor", "netbase", "ca-certificates", "openssl", "bzip2", "curl", "python3",
	}
	session = []string{"systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd", "login", "kmod"}
)

const (
	diskSize = "1G" // sparse
	recipe   = "3"  // to be raised when the steps below change
)

// disk gives the root file system of an architecture's guests, an ext4 image.
func (c *Cache) disk(ctx context.Context, arch string) (string, error) {
	packages := userland
	if !foreign(arch) {
		packages = append(packages[:len(packages):len(packages)], session...)
	}
	include := strings.Join(packages, ",")
	key := sha256.Sum256([]byte(recipe + suite + include))
	name := fmt.Sprintf("disk-%s-%x", arch, key[:4])
	if os.Geteuid() != 0 {
		if _, err := os.Stat(filepath.Join(c.Dir, name)); err != nil {
			return "", c.withoutDisk(err)
		}
	}
	dir, err := c.build(name, func(tmp string) error {
		if err := c.need(ctx, "debootstrap", "mke2fs", "dpkg-deb", "tar"); err != nil {
			return err
		}
		root := filepath.Join(tmp, "root")
		if err := again(ctx, func() error { return c.bootstrap(ctx, arch, include, root) }); err != nil {
			return err
		}
		if foreign(arch) {
			if err := c.unpackAll(ctx, root); err != nil {
				return err
			}
		}
		if err := furnish(root); err != nil {
			return err
		}
		if err := c.run(ctx, "mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, filepath.Join(tmp, "disk.ext4"), diskSize); err != nil {
			return err
		}
		return os.RemoveAll(root)
	})
	return filepath.Join(dir, "disk.ext4"), err
}

// withoutDisk tells an ordinary user what to do about a disk that is not there.
func (c *Cache) withoutDisk(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no disk is in %[1]s; building it needs root, once: sudo go run ./internal/vmtest/cmd -prepare -cache %[1]s", c.Dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("this user may not read %[1]s; its owner can run: chmod -R a+rX %[1]s", c.Dir)
	}
	return err
}

// bootstrap fills a directory with the packages, unpacked and on this
// machine's architecture configured.
func (c *Cache) bootstrap(ctx context.Context, arch, include, root string) error {
	// What a power failure would leave does not matter, and syncing takes long.
	dpkg := filepath.Join(root, "etc/dpkg/dpkg.cfg.d")
	if err := errors.Join(os.RemoveAll(root), os.MkdirAll(dpkg, 0o755)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dpkg, "unsafe"), []byte("force-unsafe-io\n"), 0o644); err != nil {
		return err
	}
	args := []string{"debootstrap", "--variant=minbase", "--arch=" + arch, "--include=" + include}
	if foreign(arch) {
		args = append(args, "--foreign")
	}
	return c.run(ctx, append(args, suite, root, c.Mirror+"/debian")...)
}

// unpackAll unpacks what debootstrap --foreign downloaded, and does what the
// few maintainer scripts that matter here would do.
func (c *Cache) unpackAll(ctx context.Context, root string) error {
	debs, err := filepath.Glob(filepath.Join(root, "var/cache/apt/archives/*.deb"))
	if err != nil {
		return err
	}
	for _, deb := range debs {
		// dpkg-deb -x would replace the links of a merged /usr by directories.
		script := `dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2" -f -`
		if err := c.run(ctx, "sh", "-c", script, "sh", deb, root); err != nil {
			return err
		}
	}
	for to, from := range map[string]string{
		"etc/passwd":        "usr/share/base-passwd/passwd.master",
		"etc/group":         "usr/share/base-passwd/group.master",
		"etc/nsswitch.conf": "usr/share/libc-bin/nsswitch.conf",
	} {
		content, err := os.ReadFile(filepath.Join(root, from))
		if err == nil {
			err = os.WriteFile(filepath.Join(root, to), content, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return os.Symlink("mawk", filepath.Join(root, "usr/bin/awk"))
}

// furnish adds the ordinary user and takes away what no test reads.
func furnish(root string) error {
	// In a container debootstrap makes /proc a link to the outer one.
	for _, dir := range []string{"proc", "sys", "dev", "run", "tmp", "mnt", "media", "opt", "srv"} {
		path := filepath.Join(root, dir)
		if st, err := os.Lstat(path); err == nil && st.IsDir() {
			continue
		}
		if err := errors.Join(os.RemoveAll(path), os.Mkdir(path, 0o755)); err != nil {
			return err
		}
	}
	for _, dir := range []string{"var/cache/apt", "var/lib/apt", "usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "debootstrap"} {
		if err := os.RemoveAll(filepath.Join(root, dir)); err != nil {
			return err
		}
	}
	for file, line := range map[string]string{
		"etc/passwd":                    tester + ":x:1000:1000::/home/" + tester + ":/bin/bash",
		"etc/group":                     tester + ":x:1000:",
		"etc/shadow":                    tester + ":*:19000:0:99999:7:::",
		"etc/subuid":                    tester + ":100000:65536",
		"etc/subgid":                    tester + ":100000:65536",
		"etc/hosts":                     "127.0.0.1 localhost",
		"var/lib/systemd/linger/tester": "",
	} {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		perm := os.FileMode(0o644)
		if file == "etc/shadow" {
			perm = 0o600
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, perm)
		if err != nil {
			return err
		}
		if line != "" {
			_, err = fmt.Fprintln(f, line)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	home := filepath.Join(root, "home", tester)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	return os.Chown(home, 1000, 1000)
}
