package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// The part of the host that everyone shows, as the library's default view does.
var (
	systemDirs = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}
	etcFiles   = []string{
		"/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
		"/etc/services", "/etc/protocols", "/etc/mime.types", "/etc/fonts", "/etc/terminfo",
	}
	devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}
)

// hostView calls link for what is a symbolic link on this host and bind for the
// rest.
func hostView(bind func(path string), link func(target, path string)) {
	for _, p := range append(systemDirs[:len(systemDirs):len(systemDirs)], etcFiles...) {
		st, err := os.Lstat(p)
		switch {
		case err != nil:
		case st.Mode()&fs.ModeSymlink != 0:
			if target, err := os.Readlink(p); err == nil {
				link(target, p)
			}
		default:
			bind(p)
		}
	}
}

// A rival is a way by another program.
type rival struct {
	program string
	ways    func(path string) ([]way, error)
}

func (b *bench) rivals() []rival {
	return []rival{
		{"bwrap", b.bwrap}, {"nsjail", b.nsjail}, {"runc", b.oci("runc")}, {"crun", b.oci("crun")}, {"firejail", b.firejail}, {"unshare", b.unshare},
	}
}

// rivalWays are those of what is installed and works here. Who is missing is
// kept, with the reason.
func (b *bench) rivalWays() ([]way, error) {
	var working []way
	for _, r := range b.rivals() {
		where, err := exec.LookPath(r.program)
		if err != nil {
			b.leaveOut(r.program, "not installed")
			continue
		}
		ways, err := r.ways(where)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.program, err)
		}
		for _, w := range ways {
			if out, err := w.facts(); err != nil {
				b.leaveOut(w.name, strings.TrimSpace(err.Error()+" "+string(out)))
				continue
			}
			working = append(working, w)
		}
	}
	return working, nil
}

// leaveOut keeps why a rival has no figures.
func (b *bench) leaveOut(name, why string) {
	if line := name + ": " + why; !slices.Contains(b.results.LeftOut, line) {
		b.progress("left out: %s", line)
		b.results.LeftOut = append(b.results.LeftOut, line)
	}
}

func (b *bench) bwrap(program string) ([]way, error) {
	args := []string{"--unshare-all", "--die-with-parent", "--new-session", "--hostname", "sandbox", "--cap-drop", "ALL"}
	hostView(
		func(p string) { args = append(args, "--ro-bind", p, p) },
		func(target, p string) { args = append(args, "--symlink", target, p) })
	args = append(args, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--ro-bind", b.work, inside, "--seccomp", "3", "--")
	command := func(inner ...string) *exec.Cmd {
		all := append(args[:len(args):len(args)], path.Join(inside, inner[0]))
		cmd := exec.Command(program, append(all, inner[1:]...)...)
		if filter, err := os.Open(b.file("default.bpf")); err == nil { // bwrap says so otherwise
			cmd.ExtraFiles = []*os.File{filter}
		}
		return cmd
	}
	user := commandWay("bubblewrap, ordinary user", false, func(inner ...string) *exec.Cmd { return b.asUser(command(inner...)) })
	if !b.root {
		return []way{user}, nil
	}
	return []way{commandWay("bubblewrap", false, command), user}, nil
}

func (b *bench) nsjail(program string) ([]way, error) {
	id := strconv.Itoa(os.Getuid())
	if b.root {
		id = "65534"
	}
	args := []string{"-Mo", "-Q", "--user", id, "--group", id, "--hostname", "sandbox", "--rlimit_nofile", "1024", "--time_limit", "0"}
	hostView(
		func(p string) { args = append(args, "-R", p) },
		func(target, p string) { args = append(args, "-s", target+":"+p) })
	for _, d := range devices {
		args = append(args, "-B", d)
	}
	args = append(args, "-T", "/tmp", "-T", "/dev/shm", "-R", b.work+":"+inside)
	if b.root {
		groups, err := b.nsjailGroups()
		if err != nil {
			return nil, err
		}
		args = append(args, groups...)
	}
	args = append(args, "--")
	return []way{commandWay("nsjail", false, func(inner ...string) *exec.Cmd {
		all := append(args[:len(args):len(args)], path.Join(inside, inner[0]))
		return exec.Command(program, append(all, inner[1:]...)...)
	})}, nil
}

// nsjailGroups makes the parent groups that nsjail wants on cgroup v1.
func (b *bench) nsjailGroups() ([]string, error) {
	args := []string{"--cgroup_mem_max", strconv.Itoa(memoryLimit), "--cgroup_pids_max", strconv.Itoa(pidsLimit), "--cgroup_cpu_ms_per_sec", "1000"}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return append(args, "--use_cgroupv2"), nil
	}
	for _, controller := range []string{"memory", "pids", "cpu"} {
		dir := path.Join("/sys/fs/cgroup", controller, "NSJAIL")
		switch err := os.Mkdir(dir, 0o755); {
		case err == nil:
			b.atEnd(func() { os.Remove(dir) })
		case !errors.Is(err, fs.ErrExist):
			return nil, err
		}
	}
	return args, nil
}

func (b *bench) firejail(program string) ([]way, error) {
	if !b.root { // its set-user-ID bit lets it work, but not below /tmp for everyone
		return nil, nil
	}
	return []way{commandWay("firejail", true, func(inner ...string) *exec.Cmd {
		args := []string{"--quiet", "--noprofile", "--net=none", "--caps.drop=all", "--seccomp", "--nonewprivs", "--ipc-namespace", "--private-dev", "--hostname=sandbox", "--"}
		return exec.Command(program, append(append(args, b.file(inner[0])), inner[1:]...)...)
	})}, nil
}

func (b *bench) unshare(program string) ([]way, error) {
	return []way{commandWay("unshare", false, func(inner ...string) *exec.Cmd {
		args := []string{"-Urmpinu", "-C", "--fork", "--kill-child", "--mount-proc", "--", b.file(inner[0])}
		return exec.Command(program, append(args, inner[1:]...)...)
	})}, nil
}

// plain is os/exec, and by flags with a user namespace, for which Go does without vfork.
func (b *bench) plain(name string, flags uintptr) way {
	return commandWay(name, false, func(inner ...string) *exec.Cmd {
		cmd := exec.Command(b.file(inner[0]), inner[1:]...)
		if flags != 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
		}
		return cmd
	})
}
