package vmtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// suite is the release that guests are made of, whatever the host runs.
const suite = "bookworm"

// A Cache is where downloads and built disks are kept between runs.
type Cache struct {
	Dir    string
	Mirror string    // of Debian: https://HOST, with /debian and /debian-security below
	Log    io.Writer // what is being fetched and built

	installing sync.Mutex
}

// DefaultCacheDir is $XDG_CACHE_HOME/sandbox-vmtest, or .cache/vmtest in the
// module, which git ignores.
func DefaultCacheDir(module string) string {
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "sandbox-vmtest")
	}
	return filepath.Join(module, ".cache", "vmtest")
}

// workDir is where a run writes: the cache, or where that is another user's, a
// directory of this one.
func (c *Cache) workDir() (string, error) {
	err := os.MkdirAll(c.Dir, 0o755)
	if err == nil {
		var probe string
		if probe, err = os.MkdirTemp(c.Dir, "probe-"); err == nil {
			return c.Dir, os.Remove(probe)
		}
	}
	if !errors.Is(err, fs.ErrPermission) {
		return "", err
	}
	own, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	own = filepath.Join(own, "sandbox-vmtest")
	return own, os.MkdirAll(own, 0o755)
}

// packageOf is the Debian package of each program that the runner uses.
var packageOf = map[string]string{
	"qemu-system-x86_64":  "qemu-system-x86",
	"qemu-system-aarch64": "qemu-system-arm",
	"debootstrap":         "debootstrap",
	"mke2fs":              "e2fsprogs",
	"secilc":              "secilc",
	"xz":                  "xz-utils",
	"apt-get":             "apt",
	"dpkg-deb":            "dpkg",
	"tar":                 "tar",
}

// need makes sure that programs are there: as root by installing them, else
// by an error that says how.
func (c *Cache) need(ctx context.Context, programs ...string) error {
	c.installing.Lock()
	defer c.installing.Unlock()
	missing := lacking(programs)
	if len(missing) == 0 {
		return nil
	}
	var packages []string
	for _, p := range missing {
		packages = append(packages, packageOf[p])
	}
	install := append([]string{"apt-get", "install", "-y", "--no-install-recommends"}, packages...)
	hint := fmt.Errorf("missing on this machine: %s; get it on Debian or Ubuntu with: sudo %s", strings.Join(missing, " "), strings.Join(install, " "))
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return hint
	}
	fmt.Fprintf(c.Log, "installing %s\n", strings.Join(packages, " "))
	// The lists of a fresh container are empty or old: try again with new ones.
	// Another apt-get may hold the lock for a while.
	install = append(install, "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3")
	if c.run(ctx, install...) != nil {
		_ = c.run(ctx, "apt-get", "update")
		if err := c.run(ctx, install...); err != nil {
			return fmt.Errorf("%w\n%w", hint, err)
		}
	}
	if missing = lacking(programs); len(missing) > 0 {
		return hint
	}
	return nil
}

func lacking(programs []string) (missing []string) {
	for _, p := range programs {
		if _, err := lookPath(p); err != nil {
			missing = append(missing, p)
		}
	}
	return missing
}

// lookPath finds system administration programs for ordinary users too.
func lookPath(program string) (string, error) {
	for _, dir := range []string{"", "/usr/sbin/", "/sbin/"} {
		if p, err := exec.LookPath(dir + program); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s: %w", program, exec.ErrNotFound)
}

// run runs a program and gives the end of its output with its error.
func (c *Cache) run(ctx context.Context, argv ...string) error {
	_, err := c.output(ctx, argv...)
	return err
}

func (c *Cache) output(ctx context.Context, argv ...string) (string, error) {
	program, err := lookPath(argv[0])
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, program, argv[1:]...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, tail(string(out), 5))
	}
	return string(out), nil
}

// tail is the last n lines of a text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// build makes cache/name once: make fills a new directory, or a file in it,
// that takes its name only when it is complete.
func (c *Cache) build(name string, make func(tmp string) error) (string, error) {
	path := filepath.Join(c.Dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), "new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	fmt.Fprintf(c.Log, "building %s\n", path)
	if err := make(tmp); err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	err = os.Rename(tmp, path)
	if _, there := os.Stat(path); err != nil && there == nil {
		return path, nil // another runner was faster
	}
	return path, err
}

// handOver lets the user who prepared the cache by sudo run the matrix.
func (c *Cache) handOver() error {
	uid, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	if err != nil || os.Geteuid() != 0 {
		return nil
	}
	gid, err := strconv.Atoi(os.Getenv("SUDO_GID"))
	if err != nil {
		return nil
	}
	logs := filepath.Join(c.Dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return err
	}
	return errors.Join(os.Chown(c.Dir, uid, gid), os.Chown(logs, uid, gid))
}

// apt runs apt-get or apt-cache for one architecture with lists of its own,
// so that it works for ordinary users and leaves the host's apt alone.
func (c *Cache) apt(ctx context.Context, root, program string, args ...string) (string, error) {
	// download writes to the working directory
	return c.output(ctx, append([]string{"env", "-C", root, "APT_CONFIG=" + filepath.Join(root, "apt.conf"), program}, args...)...)
}

// aptRoot makes a directory for apt, with the lists of an architecture.
func (c *Cache) aptRoot(ctx context.Context, arch string) (root string, err error) {
	if root, err = os.MkdirTemp(c.Dir, "apt-"); err != nil {
		return "", err
	}
	key := "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
	sources := fmt.Sprintf("deb %[1]s %[2]s/debian %[3]s main\ndeb %[1]s %[2]s/debian %[3]s-updates main\ndeb %[1]s %[2]s/debian-security %[3]s-security main\n",
		key, c.Mirror, suite)
	config := fmt.Sprintf(`#clear APT::Architectures;
APT::Architecture %[2]q; APT::Architectures { %[2]q; }; APT::Sandbox::User "root"; Acquire::Languages "none"; Acquire::Retries "3";
Dir::State::Lists "%[1]s/lists"; Dir::State::status "/dev/null"; Dir::Cache "%[1]s"; Dir::Etc::SourceList "%[1]s/sources.list"; Dir::Etc::SourceParts "/dev/null";
`, root, arch)
	err = errors.Join(
		os.MkdirAll(filepath.Join(root, "lists", "partial"), 0o755),
		os.WriteFile(filepath.Join(root, "sources.list"), []byte(sources), 0o644),
		os.WriteFile(filepath.Join(root, "apt.conf"), []byte(config), 0o644))
	if err == nil {
		err = again(ctx, func() error {
			_, err := c.apt(ctx, root, "apt-get", "update")
			return err
		})
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(root))
	}
	return root, nil
}

// again does what may fail once, such as a download, a second time.
func again(ctx context.Context, do func() error) error {
	err := do()
	if err == nil || ctx.Err() != nil {
		return err
	}
	return do()
}

// packages downloads the newest versions of packages of one architecture, or of the one
// package that a metapackage depends on, and unpacks them without installing
// them, each into a directory of the cache.
func (c *Cache) packages(ctx context.Context, arch string, names ...string) (dirs map[string]string, err error) {
	dirs = map[string]string{}
	root := ""
	defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	for _, name := range names {
		dirs[name], err = c.build(filepath.Join("packages", name+"-"+arch), func(tmp string) (err error) {
			if err := c.need(ctx, "apt-get", "dpkg-deb"); err != nil {
				return err
			}
			if root == "" {
				if root, err = c.aptRoot(ctx, arch); err != nil {
					return err
				}
			}
			return again(ctx, func() error { return c.unpack(ctx, root, name, tmp) })
		})
		if err != nil {
			return nil, err
		}
	}
	return dirs, nil
}

func (c *Cache) unpack(ctx context.Context, root, name, to string) error {
	if strings.HasPrefix(name, "linux-image-") {
		out, err := c.apt(ctx, root, "apt-cache", "depends", "--important", name)
		if err != nil {
			return err
		}
		if _, dep, ok := strings.Cut(out, "Depends: linux-image-"); ok {
			name = "linux-image-" + strings.Fields(dep)[0]
		}
	}
	if _, err := c.apt(ctx, root, "apt-get", "download", name); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(root, name+"_*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("no package file for %s (%v)", name, err)
	}
	return c.run(ctx, "dpkg-deb", "-x", debs[0], to)
}

// busybox is the package of the program that starts a guest.
const busybox = "busybox-static"

// kernels are metapackages; modules are those that the disk and the tests
// need, in the order of loading. Some kernels have the first ones built in.
var (
	kernels = map[string]string{
		"amd64-6.1":  "linux-image-cloud-amd64",
		"amd64-6.12": "linux-image-6.12-cloud-amd64",
		"arm64-6.1":  "linux-image-cloud-arm64",
	}
	modules = []string{"virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk", "overlay", "dummy", "veth", "tun"}
)

// kernel gives the kernel's file and its modules, uncompressed.
func (c *Cache) kernel(ctx context.Context, r Row) (image string, modulesOf [][]byte, err error) {
	name, ok := kernels[r.Arch+"-"+r.Kernel]
	if !ok {
		return "", nil, fmt.Errorf("row %s: no package is known for kernel %s on %s", r.Name, r.Kernel, r.Arch)
	}
	dirs, err := c.packages(ctx, r.Arch, name)
	if err != nil {
		return "", nil, err
	}
	dir := dirs[name]
	images, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil || len(images) != 1 {
		return "", nil, fmt.Errorf("%s has no kernel (%v)", dir, err)
	}
	for _, module := range modules {
		found, _ := filepath.Glob(filepath.Join(dir, "lib/modules/*/kernel/*/*", module+".ko*"))
		more, _ := filepath.Glob(filepath.Join(dir, "lib/modules/*/kernel/*", module+".ko*"))
		if found = append(found, more...); len(found) == 0 {
			continue // built in
		}
		content, err := os.ReadFile(found[0])
		if err == nil && strings.HasSuffix(found[0], ".xz") {
			var text string
			if err = c.need(ctx, "xz"); err == nil {
				text, err = c.output(ctx, "xz", "-dc", found[0])
				content = []byte(text)
			}
		}
		if err != nil {
			return "", nil, err
		}
		modulesOf = append(modulesOf, content)
	}
	return images[0], modulesOf, nil
}

func foreign(arch string) bool { return arch != runtime.GOARCH }
