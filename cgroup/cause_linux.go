package cgroup

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// cause says in words why the kernel most likely refused an operation on a
// file of a group, or on its directory if file is empty.
func cause(version int, file string, err error) string {
	for _, r := range reasons() {
		switch {
		case !errors.Is(err, r.errno), r.version != 0 && r.version != version:
		case r.dir != (file == ""), !strings.HasPrefix(file, r.file):
		default:
			return r.text
		}
	}
	return ""
}

type reason struct {
	errno   unix.Errno
	version int    // 0: both
	file    string // the beginning of the file's name
	dir     bool   // the directory itself
	text    string
}

func reasons() []reason {
	return []reason{
		{errno: unix.EAGAIN, dir: true, text: "a group above allows no more descendants (cgroup.max.descendants, cgroup.max.depth)"},
		{errno: unix.EBUSY, dir: true, text: "there are still processes in it"},
		{errno: unix.EEXIST, dir: true, text: "a group of this name exists"},
		{errno: unix.ENODEV, dir: true, text: "the group above is being removed"},

		{errno: unix.EINVAL, version: 1, file: "memory.limit", text: "more than memory and swap together are allowed (memory.memsw.limit_in_bytes)"},
		{errno: unix.EINVAL, version: 1, file: "memory.memsw.limit", text: "less than memory alone is allowed (memory.limit_in_bytes)"},
		{errno: unix.EBUSY, version: 1, file: "memory.", text: "more is in use and cannot be reclaimed"},
		{errno: unix.EINVAL, version: 1, file: "cpu.cfs_", text: "more CPU time than a group above is allowed, or less than a group below"},
		{errno: unix.EINVAL, file: "cpuset.", text: "no such CPU or memory node, or not online"},
		{errno: unix.ERANGE, file: "cpuset.", text: "no such CPU or memory node"},
		{errno: unix.EACCES, version: 1, file: "cpuset.", text: "not among those of the group above"},
		{errno: unix.ENOSPC, file: "cpuset.", text: "the group has processes, which would be left with none"},
		{errno: unix.EBUSY, file: "cpuset.", text: "a group below uses more"},
		{errno: unix.ENODEV, file: "io.", text: "no such disk (a partition is none), or it is handled by no block layer that can be limited"},
		{errno: unix.ENODEV, file: "blkio.", text: "no such disk (a partition is none), or it is handled by no block layer that can be limited"},
		{errno: unix.EPERM, file: "devices.", text: "the group above does not allow this device"},

		{errno: unix.ESRCH, file: "cgroup.procs", text: "no such process"},
		{errno: unix.ENOSPC, file: "cgroup.procs", text: "the group has no CPU or memory node (cpuset.cpus, cpuset.mems)"},
		{errno: unix.EBUSY, file: "cgroup.procs", text: "the group has controllers enabled for groups below it, so it can hold no process"},
		{errno: unix.EOPNOTSUPP, file: "cgroup.procs", text: "the group is threaded or below a threaded one"},
		{errno: unix.EACCES, file: "cgroup.procs", text: "the process belongs to another user, or to a cgroup that was not delegated together with this one"},
		{errno: unix.EINVAL, file: "cgroup.procs", text: "a kernel thread or a process with real-time scheduling cannot enter"},

		{errno: unix.ENOENT, file: "cgroup.kill", text: "needs Linux 5.14"},
		{errno: unix.ENOENT, text: "this kernel was built without it, or the group was removed"},
		{errno: unix.ENODEV, text: "the group was removed"},
		{errno: unix.EACCES, text: "the group belongs to another user"},
		{errno: unix.EROFS, text: "the cgroup file system is mounted read-only"},
	}
}
