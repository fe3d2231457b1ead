package probe

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

func files() []Probe {
	out := []Probe{
		{"files/read", "read a file of the host that everyone may read", "mount_namespaces(7): what is not in the view is not there", Plain,
			func(f *Facts) error { return f.readCanary(f.Canary) }},
		{"files/write", "open a file of the host that everyone may write", "mount_namespaces(7)", Plain,
			func(f *Facts) error { return attempt.Open(f.Canary, unix.O_WRONLY) }},
		{"files/create", "make a file in a directory of the host that is open to everyone", "mount_namespaces(7)", Plain, func(f *Facts) error {
			return attempt.Open(f.Dir, unix.O_TMPFILE|unix.O_WRONLY)
		}},
		{"files/climb", "climb out of the working directory by ..", "CVE-2024-21626", Plain, func(f *Facts) error {
			return f.readCanary(strings.Repeat("../", 64) + f.Canary)
		}},
		{"files/own-root", "reach the host's files by /proc/self/root", "proc_pid_root(5)", Plain,
			func(f *Facts) error { return f.readCanary("/proc/self/root/.." + f.Canary) }},
		{"files/own-directory", "reach the host's files by /proc/self/cwd", "CVE-2024-21626", Plain,
			func(f *Facts) error { return f.readCanary("/proc/self/cwd" + strings.Repeat("/..", 64) + f.Canary) }},
		{"files/supervisor-root", "reach the host's files by the supervisor's root", "proc_pid_root(5)", Plain, onSupervisor(func(f *Facts) error {
			return f.readCanary(fmt.Sprintf("/proc/%d/root%s", f.Supervisor, f.Canary))
		})},
		{"files/link", "reach the host's files by a symbolic link", "CVE-2021-30465: links that lead out of the view", Plain, byLink},
		{"files/handle", "open a file of the host by its handle", "CVE-2014-3519 and the \"shocker\" exploit: open_by_handle_at(2) knows no view", Plain, byHandle},
		{"files/host-users", "read the host's user database", "passwd(5): names to attack", Plain, hostUsers},
		{"files/shadow", "read the host's passwords", "shadow(5)", Plain, content("/etc/shadow")},
		{"files/machine-id", "read the machine's id", "machine-id(5): confidential, it identifies the host", Plain, content("/etc/machine-id")},
		{"files/resolver", "read which name servers the host uses", "resolv.conf(5)", Plain, content("/etc/resolv.conf")},
		{"files/mode", "change the mode of a program in /usr to what it is", "CVE-2019-5736: programs of the host, changed from inside", Plain, always(sameMode)},
		{"files/trusted-attribute", "set a trusted extended attribute", "xattr(7): what overlay file systems and others believe", Plain, always(func() error {
			return inTmp(func(path string) error { return unix.Setxattr(path, "trusted.probe", []byte("x"), 0) })
		})},
	}
	for _, dir := range []string{"/", "/usr", "/usr/bin", "/usr/lib", "/etc"} {
		name := strings.Trim(strings.ReplaceAll(dir, "/", "-"), "-")
		if name == "" {
			name = "root"
		}
		out = append(out, Probe{"files/write-" + name, "make a file in " + dir, "CVE-2019-5736: programs of the host, changed from inside", Plain,
			always(func() error { return attempt.Open(dir, unix.O_TMPFILE|unix.O_WRONLY) })})
	}
	for _, dir := range Listed {
		name := strings.Trim(strings.ReplaceAll(dir, "/", "-"), "-")
		out = append(out, Probe{"files/list-" + name, "see what the host has in " + dir, "hier(7): private data, sockets of services, keys", Plain,
			func(f *Facts) error { return f.lists(dir) }})
	}
	return out
}

// Listed are directories of the host that are nobody's business.
var Listed = []string{"/boot", "/etc/ssh", "/home", "/mnt", "/opt", "/root", "/run", "/srv", "/var", "/var/lib", "/var/log"}

func (f *Facts) readCanary(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return holds(string(b) == f.Word, "another file")
}

func (f *Facts) lists(dir string) error {
	entry, ok := f.Entries[dir]
	if !ok {
		return holds(false, "the host has nothing there")
	}
	_, err := os.Lstat(filepath.Join(dir, entry))
	return err
}

func byLink(f *Facts) error {
	link := fmt.Sprintf("/tmp/link-%d", os.Getpid())
	if err := os.Symlink(f.Canary, link); err != nil {
		return err
	}
	defer os.Remove(link)
	return f.readCanary(link)
}

// byHandle needs a descriptor on the same file system: the programs in the view
// often are. A handle that the file system does not know is ESTALE.
func byHandle(f *Facts) error {
	handle := unix.NewFileHandle(f.HandleType, f.Handle)
	var last error
	for _, dir := range []string{"/usr", "/", "/etc/hosts", "/etc/resolv.conf", "/tmp"} {
		mount, err := unix.Open(dir, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		err = attempt.Closing(unix.OpenByHandleAt(mount, handle, unix.O_RDONLY|unix.O_CLOEXEC))
		unix.Close(mount)
		if err == nil {
			return nil
		}
		if last == nil || err == unix.EPERM {
			last = err
		}
	}
	return last
}

func hostUsers(f *Facts) error {
	digest, err := Digest("/etc/passwd")
	if err != nil {
		return err
	}
	return holds(digest == f.Users, "another one")
}

// Digest stands for the content of a file in the facts.
func Digest(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

func sameMode() error {
	const program = "/usr/bin/env"
	st, err := os.Stat(program)
	if err != nil {
		return err
	}
	return os.Chmod(program, st.Mode())
}
