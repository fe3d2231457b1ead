package cgroup

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/plain"
)

// processOwner identifies a process for the names of its groups.
func processOwner(pid int) (owner, error) {
	file := fmt.Sprintf("/proc/%d/stat", pid)
	stat, err := plain.Read(file)
	if err != nil {
		return owner{}, &Error{Op: "read", Path: file, Err: err}
	}
	start, err := parseStartTime(string(stat))
	if err != nil {
		return owner{}, err
	}
	ns, err := pidNamespace()
	return owner{pid: pid, start: start, pidNS: ns}, err
}

// pidNamespace is the inode of this process's PID namespace.
func pidNamespace() (uint64, error) {
	const file = "/proc/self/ns/pid"
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		return 0, &Error{Op: "read", Path: file, Err: err}
	}
	return st.Ino, nil
}

// gone tells whether a process of this PID namespace is certainly dead. When
// in doubt it is not: /proc may hide the processes of others.
func (o owner) gone() bool {
	now, err := processOwner(o.pid)
	if err == nil {
		return now.start != o.start
	}
	return unix.Kill(o.pid, 0) == unix.ESRCH
}
