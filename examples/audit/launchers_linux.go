package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/seed-d1379373/sandbox/caps"
	"github.com/seed-d1379373/sandbox/sandboxtest"
)

// launcher makes the way into another sandbox, with its state in dir.
func launcher(name, dir string) (func(*exec.Cmd) error, error) {
	if _, err := exec.LookPath(name); err != nil {
		return nil, fmt.Errorf("%s: not installed", name)
	}
	switch name {
	case "bwrap":
		return sandboxtest.Through(bubblewrap()...), nil
	case "runc", "crun":
		if os.Geteuid() != 0 {
			return nil, fmt.Errorf("%s: only root can make Docker's containers with it", name)
		}
		return func(cmd *exec.Cmd) error { return contain(name, filepath.Join(dir, name), cmd) }, nil
	}
	return nil, fmt.Errorf("%s: no command line for it here; there are some for bwrap, runc and crun", name)
}

// bubblewrap is as strict a command line as one can write without a seccomp
// filter of one's own.
func bubblewrap() []string {
	argv := []string{"bwrap", "--unshare-all", "--unshare-user", "--new-session", "--die-with-parent", "--clearenv", "--cap-drop", "ALL",
		"--uid", "65534", "--gid", "65534", "--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/"}
	for link, target := range links() {
		argv = append(argv, "--symlink", target, link)
	}
	return append(argv, "--ro-bind", "PROBE", "PROBE")
}

// links are those of a merged /usr.
func links() map[string]string {
	out := map[string]string{}
	for _, p := range []string{"/bin", "/sbin", "/lib", "/lib64"} {
		if target, err := os.Readlink(p); err == nil {
			out[p] = target
		}
	}
	return out
}

// contain runs a command as docker run does by default: root of the host, held
// by namespaces, Docker's capabilities, masks, limits of no kind and its profile.
func contain(runtime, dir string, cmd *exec.Cmd) error {
	root := filepath.Join(dir, "rootfs")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	for link, target := range links() {
		os.Symlink(target, filepath.Join(root, link))
	}
	spec := docker(cmd)
	profile, err := seccomp.GetDefaultProfile(spec)
	if err != nil {
		return err
	}
	spec.Linux.Seccomp = profile
	config, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644); err != nil {
		return err
	}
	path, err := exec.LookPath(runtime)
	if err != nil {
		return err
	}
	id := fmt.Sprintf("audit-%d", os.Getpid())
	cmd.Path, cmd.Args = path, []string{runtime, "--root", filepath.Join(dir, "state"), "run", "--bundle", dir, id}
	return cmd.Run()
}

func docker(cmd *exec.Cmd) *specs.Spec {
	names := caps.Default().Names()
	mount := func(kind, target string, options ...string) specs.Mount {
		return specs.Mount{Type: kind, Source: kind, Destination: target, Options: options}
	}
	bind := func(path string) specs.Mount {
		return specs.Mount{Type: "bind", Source: path, Destination: path, Options: []string{"rbind", "ro"}}
	}
	return &specs.Spec{
		Version: "1.0.2", Hostname: "docker", Root: &specs.Root{Path: "rootfs"},
		Process: &specs.Process{
			Args: append([]string{cmd.Path}, cmd.Args[1:]...), Cwd: "/", Env: []string{"PATH=/usr/bin:/bin"},
			Capabilities: &specs.LinuxCapabilities{Bounding: names, Effective: names, Permitted: names},
		},
		Mounts: []specs.Mount{
			bind("/usr"), mount("proc", "/proc"),
			mount("tmpfs", "/dev", "nosuid", "strictatime", "mode=755", "size=65536k"),
			mount("devpts", "/dev/pts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
			mount("sysfs", "/sys", "nosuid", "noexec", "nodev", "ro"),
			mount("cgroup", "/sys/fs/cgroup", "nosuid", "noexec", "nodev", "ro"),
			mount("mqueue", "/dev/mqueue", "nosuid", "noexec", "nodev"),
			mount("tmpfs", "/dev/shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
			mount("tmpfs", "/tmp", "mode=1777"), bind(cmd.Path),
		},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.MountNamespace}, {Type: specs.PIDNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace}, {Type: specs.NetworkNamespace},
			},
			MaskedPaths: []string{
				"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
				"/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
			},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}
