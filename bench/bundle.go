package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sync/atomic"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// oci makes the way of a runtime that takes bundles.
func (b *bench) oci(name string) func(program string) ([]way, error) {
	return func(program string) ([]way, error) {
		if !b.root {
			return nil, nil
		}
		for _, inner := range [][]string{{"exit"}, {"program", "facts"}} {
			if err := b.writeBundle(name+"-"+inner[0], inner); err != nil {
				return nil, err
			}
		}
		var count atomic.Int64
		return []way{commandWay(name, true, func(inner ...string) *exec.Cmd {
			id := fmt.Sprintf("sandbox-bench-%d-%d", os.Getpid(), count.Add(1))
			return exec.Command(program, "--root", b.file("state-"+name), "run", "-b", b.file(name+"-"+inner[0]), id)
		})}, nil
	}
}

// writeBundle writes the directory that a runtime is given for a command.
func (b *bench) writeBundle(name string, inner []string) error {
	root := filepath.Join(b.file(name), "rootfs")
	spec := b.bundle(inner)
	hostView(
		func(p string) { spec.Mounts = append(spec.Mounts, readOnly(p, p)) },
		func(target, p string) {
			os.MkdirAll(filepath.Join(root, filepath.Dir(p)), 0o755)
			os.Symlink(target, filepath.Join(root, p)) // in the root file system, where a mount cannot say it
		})
	spec.Mounts = append(spec.Mounts, readOnly(b.work, inside))
	for _, m := range spec.Mounts { // which root of the sandbox could not make there
		if err := makeTarget(m, filepath.Join(root, m.Destination)); err != nil {
			return err
		}
	}
	profile, err := seccomp.GetDefaultProfile(spec)
	if err != nil {
		return err
	}
	spec.Linux.Seccomp = profile
	config, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.file(name), "config.json"), config, 0o644)
}

// makeTarget makes the place of a mount: a file for a file.
func makeTarget(m specs.Mount, target string) error {
	st, err := os.Stat(m.Source)
	if m.Type != "bind" || err == nil && st.IsDir() {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, nil, 0o644)
}

func readOnly(source, target string) specs.Mount {
	return specs.Mount{Type: "bind", Source: source, Destination: target, Options: []string{"rbind", "ro", "nosuid", "nodev"}}
}

// bundle is the specification without the host's files and the filter.
func (b *bench) bundle(inner []string) *specs.Spec {
	shares, memory, pids := uint64(cpuShares), int64(memoryLimit), int64(pidsLimit)
	nobody := []specs.LinuxIDMapping{{ContainerID: 65534, HostID: 65534, Size: 1}, {ContainerID: 0, HostID: 200000, Size: 1}}
	var spaces []specs.LinuxNamespace
	for _, t := range []specs.LinuxNamespaceType{
		specs.UserNamespace, specs.MountNamespace, specs.PIDNamespace, specs.IPCNamespace,
		specs.UTSNamespace, specs.NetworkNamespace, specs.CgroupNamespace,
	} {
		spaces = append(spaces, specs.LinuxNamespace{Type: t})
	}
	return &specs.Spec{
		Version:  "1.0.2",
		Hostname: "sandbox",
		Root:     &specs.Root{Path: "rootfs", Readonly: true},
		Process: &specs.Process{
			Args: append([]string{path.Join(inside, inner[0])}, inner[1:]...), Cwd: "/", Env: []string{"PATH=/usr/bin:/bin"},
			User: specs.User{UID: 65534, GID: 65534}, Capabilities: &specs.LinuxCapabilities{}, NoNewPrivileges: true,
			Rlimits: []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
		},
		Mounts: []specs.Mount{
			{Type: "proc", Source: "proc", Destination: "/proc"},
			{Type: "tmpfs", Source: "tmpfs", Destination: "/dev", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Type: "devpts", Source: "devpts", Destination: "/dev/pts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
			{Type: "tmpfs", Source: "shm", Destination: "/dev/shm", Options: []string{"nosuid", "nodev", "mode=1777", "size=65536k"}},
			{Type: "mqueue", Source: "mqueue", Destination: "/dev/mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Type: "tmpfs", Source: "tmpfs", Destination: "/tmp", Options: []string{"nosuid", "nodev", "mode=1777", "size=65536k"}},
		},
		Linux: &specs.Linux{
			UIDMappings: nobody, GIDMappings: nobody, Namespaces: spaces,
			Resources: &specs.LinuxResources{
				CPU: &specs.LinuxCPU{Shares: &shares}, Memory: &specs.LinuxMemory{Limit: &memory, Swap: &memory}, Pids: &specs.LinuxPids{Limit: pids},
			},
			MaskedPaths: b.hidden, ReadonlyPaths: b.protected,
		},
	}
}
