package promise

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The runner says in the environment which row this is and what it promises.
func TestPromises(t *testing.T) {
	if os.Getenv("VMTEST_ROW") == "" {
		t.Skip("needs vm: this looks at the guests of internal/vmtest")
	}
	for _, feature := range strings.Fields(os.Getenv("VMTEST_PROMISES")) {
		t.Run(feature, func(t *testing.T) {
			check := checks[feature]
			if check == nil {
				t.Fatal("nothing here tells whether it is there")
			}
			if err := check(t); err != nil {
				t.Error(err)
			}
		})
	}
}

var checks = map[string]func(*testing.T) error{
	"root":           func(*testing.T) error { return is(os.Geteuid() == 0, "uid %d", os.Geteuid()) },
	"user":           func(*testing.T) error { return is(os.Geteuid() == 1000, "uid %d", os.Geteuid()) },
	"cpus":           func(*testing.T) error { return is(runtime.NumCPU() >= 2, "%d CPUs", runtime.NumCPU()) },
	"seccomp":        seccomp,
	"userns":         userNamespace,
	"i386":           func(*testing.T) error { return exists("/proc/sys/abi/vsyscall32") },
	"landlock":       landlock(1),
	"landlock-net":   landlock(4),
	"landlock-scope": landlock(6),
	"psi":            func(*testing.T) error { return contains("/proc/pressure/memory", "some ") },
	"disk":           disk,
	"xattr":          xattr,
	"suid":           suid,
	"bpf":            bpf,
	"cgroup2":        cgroup2,
	"no-cgroup":      noCgroup,
	"apparmor":       appArmor,
	"selinux":        selinux,
	"systemd":        userManager,
	"memfd-noexec":   noMemoryExec,
}

func is(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func exists(path string) error {
	_, err := os.Stat(path)
	return err
}

func contains(path, part string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return is(strings.Contains(string(text), part), "%s: %q has no %q", path, text, part)
}

// A filter that cannot be read is EFAULT where filters are known.
func seccomp(*testing.T) error {
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, 0, 0, 0)
	return is(err == unix.EFAULT, "prctl: %v", err)
}

func userNamespace(*testing.T) error {
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	return cmd.Run()
}

func landlock(want uintptr) func(*testing.T) error {
	return func(*testing.T) error {
		abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
		return is(errno == 0 && abi >= want, "ABI %d, %v; want %d", abi, errno, want)
	}
}

func disk(t *testing.T) error {
	var st unix.Statfs_t
	err := unix.Statfs(t.TempDir(), &st)
	return is(err == nil && st.Type == unix.EXT4_SUPER_MAGIC, "file system %#x, %v", st.Type, err)
}

func xattr(t *testing.T) error { return unix.Setxattr(t.TempDir(), "user.vmtest", []byte("x"), 0) }

func suid(*testing.T) error {
	path, err := exec.LookPath("newuidmap")
	if err != nil {
		return err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return is(info.Mode()&os.ModeSetuid != 0 && st.Flags&unix.ST_NOSUID == 0, "%s has mode %v, mount flags %#x", path, info.Mode(), st.Flags)
}

// A request without content is refused for what it is, not for who asks.
func bpf(*testing.T) error {
	const progLoad = 5
	_, _, errno := unix.Syscall(unix.SYS_BPF, progLoad, 0, 0)
	return is(errno != unix.EPERM && errno != unix.ENOSYS, "bpf: %v", errno)
}

func ownCgroup() (string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	path, unified := strings.CutPrefix(strings.TrimSpace(string(text)), "0::")
	if err != nil || !unified {
		return "", fmt.Errorf("not a pure v2 tree: %q, %w", text, err)
	}
	return filepath.Join("/sys/fs/cgroup", path), nil
}

// The place for new groups is the top for root, and for a user the cgroup
// above its own, where the controllers are.
func cgroup2(*testing.T) error {
	dir, err := ownCgroup()
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		dir = filepath.Dir(dir)
	}
	for _, controller := range []string{"cpuset", "cpu", "io", "memory", "pids"} {
		err = errors.Join(err, contains(filepath.Join(dir, "cgroup.controllers"), controller))
	}
	sub := filepath.Join(dir, "vmtest-promise")
	return errors.Join(err, os.Mkdir(sub, 0o755), os.Remove(sub))
}

func noCgroup(*testing.T) error {
	dir, err := ownCgroup()
	if err != nil {
		return err
	}
	for ; dir != "/sys/fs"; dir = filepath.Dir(dir) {
		err = errors.Join(err, is(unix.Access(dir, unix.W_OK) != nil, "%s is writable", dir))
	}
	return err
}

// confined runs a program after the shell has written text to an attribute.
func confined(attribute, text string, program ...string) error {
	script := `printf %s "$1" > "/proc/self/attr/$0" && shift && exec "$@"`
	out, err := exec.Command("sh", append([]string{"-c", script, attribute, text}, program...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%q as %q: %w: %s", program, text, err, out)
	}
	return nil
}

func appArmor(*testing.T) error {
	run := func(file string) error { return confined("apparmor/exec", "exec vmtest-deny", "cat", file) }
	return errors.Join(
		contains("/sys/module/apparmor/parameters/enabled", "Y"),
		run("/etc/passwd"),
		is(run("/etc/shells") != nil, "the profile vmtest-deny allows /etc/shells"))
}

func selinux(t *testing.T) error {
	file := func(context string) string {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := unix.Setxattr(path, "security.selinux", []byte(context), 0); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain, secret := file("system_u:object_r:file_t:s0"), file("system_u:object_r:secret_t:s0")
	own, other := file("system_u:object_r:container_file_t:s0:c1,c2"), file("system_u:object_r:container_file_t:s0:c1,c3")
	run := func(file string) error {
		return confined("exec", "system_u:system_r:container_t:s0:c1,c2", "cat", file)
	}
	return errors.Join(
		contains("/sys/fs/selinux/enforce", "1"),
		run(plain),
		run(own),
		is(run(secret) != nil, "container_t reads secret_t"),
		is(run(other) != nil, "s0:c1,c2 reads s0:c1,c3"))
}

func userManager(*testing.T) error {
	out, err := exec.Command("systemd-run", "--user", "--scope", "--quiet", "-p", "MemoryMax=64M", "cat", "/proc/self/cgroup").CombinedOutput()
	return is(err == nil && strings.Contains(string(out), "app.slice/run-"), "systemd-run: %v: %s", err, out)
}

func noMemoryExec(*testing.T) error {
	fd, err := unix.MemfdCreate("vmtest", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if err == nil {
		unix.Close(fd)
	}
	return is(err == unix.EACCES, "memfd_create(MFD_EXEC): %v", err)
}
