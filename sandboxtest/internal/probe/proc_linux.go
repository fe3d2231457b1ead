package probe

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

func proc() []Probe {
	var out []Probe
	for _, r := range []struct{ name, why string }{
		{"keys", "keyrings(7): keys are not namespaced"},
		{"key-users", "keyrings(7): users of the host and their keys"},
		{"interrupts", "proc_interrupts(5): the timing of keystrokes and packets"},
		{"kcore", "proc_kcore(5): the kernel's memory"},
		{"kmsg", "proc_kmsg(5): the kernel's messages"},
		{"kpagecount", "proc_kpagecount(5): use of physical pages"},
		{"kpageflags", "proc_kpageflags(5): use of physical pages"},
		{"latency_stats", "what others wait for"},
		{"sched_debug", "processes of the host by name"},
		{"slabinfo", "proc_slabinfo(5): what a heap exploit needs to know"},
		{"timer_list", "proc_timer_list(5): addresses and processes of the host"},
		{"pagetypeinfo", "proc_pagetypeinfo(5): what a heap exploit needs to know"},
		{"swaps", "proc_swaps(5): the host's disks"},
		{"cmdline", "proc_cmdline(5): the kernel's arguments, sometimes with secrets"},
		{"config.gz", "proc_config.gz(5): which holes the kernel may have"},
		{"diskstats", "proc_diskstats(5): when the host reads and writes"},
		{"partitions", "proc_partitions(5): the host's disks"},
		{"modules", "proc_modules(5): which holes the kernel may have, and addresses"},
		{"softirqs", "the host's work: a side channel"},
		{"zoneinfo", "proc_zoneinfo(5): the host's memory"},
		{"loadavg", "proc_loadavg(5): the host's load"},
		{"meminfo", "proc_meminfo(5): the host's memory"},
		{"stat", "proc_stat(5): the host's work"},
		{"uptime", "proc_uptime(5): when the host started"},
		{"version", "proc_version(5): which holes the kernel may have"},
	} {
		out = append(out, Probe{"proc/" + r.name, "read /proc/" + r.name, r.why, Plain, content("/proc/" + r.name)})
	}
	for _, name := range []string{"kallsyms", "vmallocinfo", "iomem", "ioports"} {
		out = append(out, Probe{"proc/" + name, "read addresses in /proc/" + name, "kptr_restrict: where the kernel and its devices lie in memory", Plain,
			addresses("/proc/" + name)})
	}
	for _, name := range []string{"acpi", "asound", "bus", "driver", "fs", "scsi"} {
		out = append(out, Probe{"proc/" + name, "find files in /proc/" + name, "Docker masks it or makes it read-only: hardware of the host", Plain,
			always(func() error { return anyFile("/proc/" + name) })})
	}
	for _, w := range []struct{ path, why string }{
		{"sysrq-trigger", "proc_sysrq-trigger(5): reboots the host"},
		{"irq/default_smp_affinity", "interrupts of the host"},
		{"mtrr", "caching of the host's memory"},
		{"sys/kernel/core_pattern", "core(5): a program that the host's root runs"},
		{"sys/kernel/modprobe", "proc_sys_kernel(5): a program that the host's root runs"},
		{"sys/kernel/hotplug", "proc_sys_kernel(5): a program that the host's root runs"},
		{"sys/vm/overcommit_memory", "proc_sys_vm(5): memory of the host"},
		{"sys/fs/file-max", "proc_sys_fs(5): limits of the host"},
		{"sys/fs/binfmt_misc/register", "binfmt_misc: an interpreter for programs of the host"},
	} {
		out = append(out, Probe{"proc/write-" + strings.ReplaceAll(w.path, "/", "-"), "open /proc/" + w.path + " for writing", w.why, Plain, opens("/proc/" + w.path)})
	}
	return append(out, []Probe{
		{"proc/write-sys-net", "write a network sysctl", "CVE-2025-52881, CVE-2022-0811: sysctls from inside", Bare,
			always(func() error { return attempt.Rewrite("/proc/sys/net/ipv4/ip_default_ttl") })},
		{"proc/write-sys-hostname", "open the host name's sysctl for writing", "proc_sys_kernel(5)", Plain, opens("/proc/sys/kernel/hostname")},
		{"proc/write-sys-user", "open the limits of user namespaces for writing", "proc_sys_user(5)", Bare, opens("/proc/sys/user/max_user_namespaces")},
		{"proc/host-process", "find a process of the host", "pid_namespaces(7)", Plain, func(f *Facts) error { _, err := f.bystander(); return err }},
		{"proc/host-environment", "read the environment of a process of the host", "proc_pid_environ(5): where secrets are kept", Plain, func(f *Facts) error {
			dir, err := f.bystander()
			if err != nil {
				return err
			}
			return attempt.Open(dir+"/environ", unix.O_RDONLY)
		}},
		{"proc/mount-sources", "read on which disk of the host the view lies", "proc_pid_mountinfo(5)", Plain, always(mountSources)},
		{"proc/physical-addresses", "read physical addresses of own memory", "proc_pid_pagemap(5): what Rowhammer needs", Plain, always(physicalAddress)},
	}...)
}

// anyFile finds a file in a directory or below it.
func anyFile(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	found := errHidden
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			found = nil
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// bystander finds the host's process by its arguments: its number may be another.
func (f *Facts) bystander() (dir string, err error) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return "", err
	}
	for _, p := range lines {
		b, err := os.ReadFile(p)
		if args := strings.Split(string(b), "\x00"); err == nil && len(args) > 2 && args[1] == Bystander && args[2] == f.Word {
			return filepath.Dir(p), nil
		}
	}
	return "", errHidden
}

func mountSources() error {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	return holds(strings.Contains(string(b), " /dev/"), "no disk")
}

// physicalAddress reads the page table of a page of this process: the frame's
// number is zero for those who may not know it.
func physicalAddress() error {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	var address int64
	if _, err := fmt.Sscanf(string(maps), "%x-", &address); err != nil {
		return err
	}
	fd, err := unix.Open("/proc/self/pagemap", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	b := make([]byte, 8)
	if _, err := unix.Pread(fd, b, address/int64(os.Getpagesize())*8); err != nil {
		return err
	}
	const frame = 1<<55 - 1
	return holds(binary.NativeEndian.Uint64(b)&frame != 0, "zero")
}

func sys() []Probe {
	var out []Probe
	for _, r := range []struct{ path, why string }{
		{"class/net", "sysfs(5): interfaces of the network"},
		{"block", "sysfs(5): the host's disks"},
		{"devices/system/cpu", "sysfs(5): CPUs, and by their caches what others do"},
		{"bus", "sysfs(5): the host's hardware"},
		{"firmware", "firmware and its tables, serial numbers among them"},
		{"fs/cgroup", "cgroups(7): groups of the host and their limits"},
		{"kernel/debug", "debugfs: everything"},
		{"kernel/tracing", "tracefs: what the kernel does for others"},
		{"kernel/security", "securityfs: policies"},
		{"module", "sysfs(5): parameters of the kernel"},
	} {
		out = append(out, Probe{"sys/list-" + strings.ReplaceAll(r.path, "/", "-"), "list /sys/" + r.path, r.why, Plain, always(func() error {
			entries, err := os.ReadDir("/sys/" + r.path)
			if err != nil {
				return err
			}
			return holds(len(entries) > 0, "empty")
		})})
	}
	for _, w := range []struct{ path, why string }{
		{"power/state", "the host's sleep"},
		{"kernel/uevent_helper", "kernel/kmod: a program that the host's root runs"},
		{"kernel/mm/transparent_hugepage/enabled", "the host's memory"},
		{"module/printk/parameters/time", "a parameter of the kernel"},
	} {
		name := w.path[strings.LastIndexByte(w.path, '/')+1:]
		out = append(out, Probe{"sys/write-" + name, "open /sys/" + w.path + " for writing", w.why, Plain, opens("/sys/" + w.path)})
	}
	return append(out, []Probe{
		{"sys/release-agent", "open a release_agent for writing", "CVE-2022-0492: a program that the host's root runs", Plain, always(releaseAgent)},
		{"sys/cgroup", "make a cgroup", "cgroups(7): limits evaded in a group of one's own", Plain, always(makeCgroup)},
	}...)
}

func releaseAgent() error {
	agents, err := filepath.Glob("/sys/fs/cgroup/*/release_agent")
	if err != nil {
		return err
	}
	err = errHidden
	for _, p := range agents {
		if err = attempt.Open(p, unix.O_WRONLY); err == nil {
			break
		}
	}
	return err
}

func makeCgroup() error {
	err := errHidden
	for _, dir := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory", "/sys/fs/cgroup"} {
		var st unix.Statfs_t
		if unix.Statfs(dir, &st) != nil || st.Type != unix.CGROUP2_SUPER_MAGIC && st.Type != unix.CGROUP_SUPER_MAGIC {
			continue
		}
		group := filepath.Join(dir, fmt.Sprintf("probe-%d", os.Getpid()))
		if err = unix.Mkdir(group, 0o755); err == nil {
			return unix.Rmdir(group)
		}
	}
	return err
}
