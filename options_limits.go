package sandbox

import (
	"strings"
	"time"
)

// WithMemory limits the memory of all processes of the sandbox together, in
// bytes: anonymous memory, page cache, the contents of /tmp and /dev/shm, and what
// the kernel charges for sockets and page tables (memory.max; on cgroup v1
// memory.limit_in_bytes). The launcher is not charged. At the limit the kernel
// takes page cache back first and then kills a process; if the command did not
// succeed after that, the Reason is OOMKilled.
//
// From 64 KiB on; most programs need a few MiB to start. [Unlimited] removes the
// limit. The default, 1 GiB, is a best effort; a limit that is named needs the
// memory controller (cgroups(7)), and without it Start fails with an
// *[UnsupportedError]. For an ordinary user who may make no cgroup, the systemd of
// the login session is asked for one. Swap is not used unless [WithMemorySwap] says so.
//
// It does not limit memory that is locked ([WithRlimit] MEMLOCK does), nor what
// other processes hold on the sandbox's behalf, such as a server that it talks to.
func WithMemory(bytes int64) Option {
	return named("WithMemory", func(s *settings) { s.Memory = bytes })
}

// WithMemorySwap limits memory and swap together, in bytes, as Docker's
// --memory-swap. A value equal to the memory limit, the default, means no swap,
// and [Unlimited] as much as the host has; less than the memory limit is an
// *[OptionError], and so is a value with an unlimited memory.
//
// It needs a kernel that accounts for swap (memory.swap.max; on cgroup v1
// memory.memsw.limit_in_bytes, swapaccount=1), else Start fails with an
// *[UnsupportedError], unless the host has no swap at all. What is swapped out
// lies on the host's disk, beyond the end of the sandbox too.
func WithMemorySwap(total int64) Option {
	return named("WithMemorySwap", func(s *settings) { s.MemorySwap = total })
}

// WithMemoryReservation asks for this much memory, in bytes, to be left to the
// sandbox while the host runs short of it (memory.low; on cgroup v1
// memory.soft_limit_in_bytes). The default is none; it must be positive and not
// above the memory limit. It needs the memory controller. It enforces nothing: the
// kernel takes from others first, and on cgroup v2 no more than the groups above
// protect.
func WithMemoryReservation(bytes int64) Option {
	return named("WithMemoryReservation", func(s *settings) { s.MemoryReservation = bytes })
}

// WithCPUShares sets the sandbox's weight while CPUs are contended, as Docker's
// --cpu-shares, from 2 to 262144; a group without it has 1024. A sandbox with 1024
// gets twice the time of one with 512, and either may use all there is while the
// other is idle. It needs the cpu controller (cpu.shares); on cgroup v2 the value
// is converted so that 1024 is the default weight of 100 (cpu.weight).
//
// Weights count among groups with the same parent. They do not limit anything:
// see [WithCPUs].
func WithCPUShares(shares uint64) Option {
	return named("WithCPUShares", func(s *settings) { s.CPUShares = shares })
}

// WithCPUs limits CPU time to this many CPUs' worth, from 0.01, as Docker's
// --cpus: 0.75 is 75 ms in each period of 100 ms, on however many CPUs (cpu.max; on
// cgroup v1 cpu.cfs_quota_us). A sandbox that has used its part is stopped for the
// rest of the period, which Stats().CPU and Result.Usage count as throttled. The
// default is no limit. It needs the cpu controller with CONFIG_CFS_BANDWIDTH.
//
// It limits a rate and not a sum, which is [WithCPUTime]; and it does not say which
// CPUs, which is [WithCPUSet].
func WithCPUs(n float64) Option {
	return named("WithCPUs", func(s *settings) { s.CPUs = n })
}

// WithCPUSet confines the sandbox to these CPUs, in the list format of cpuset(7),
// such as "0" or "0-2,4". The default is all that the host program may use. An empty or malformed list is an *[OptionError]; a CPU that the host
// does not have, or the group above may not use, a *[SetupError] of Start. It needs
// the cpuset controller.
//
// The CPUs are not taken from anyone else: others run there as well.
func WithCPUSet(cpus string) Option {
	return named("WithCPUSet", func(s *settings) { s.CPUSet = cpus })
}

// WithCPUSetMems confines the sandbox's memory to these NUMA nodes, in the list
// format of [WithCPUSet]. The default is the host program's nodes. It needs the
// cpuset controller. Pages that are shared, such as those of libraries, stay where
// they are.
func WithCPUSetMems(nodes string) Option {
	return named("WithCPUSetMems", func(s *settings) { s.CPUSetMems = nodes })
}

// WithPids limits the number of processes and threads in the sandbox, from 1 to
// 4194304; the launcher does not count. Beyond it fork(2) and pthread_create(3)
// fail with EAGAIN, which Result.Violations counts. [Unlimited] removes the limit.
// The default, 512, is a best effort; a limit that is named is enforced or an
// *[UnsupportedError].
//
// Where the pids controller cannot be had, and for the default on cgroup v1, the
// limit is enforced by RLIMIT_NPROC in the sandbox's own user namespace (Linux
// 5.14), which counts the same there and reports no violations.
func WithPids(n int64) Option {
	return named("WithPids", func(s *settings) { s.Pids = n })
}

// WithCgroupParent makes the sandbox's cgroup below this one in place of the host
// program's own: an absolute path as in /proc/self/cgroup, such as
// "/user.slice/judge". The group must exist, and the host program must be allowed
// to make groups there, and on cgroup v2 to move processes from its own (cgroups(7),
// delegation); else Start fails with an *[UnsupportedError]. Limits of the
// groups above bind the sandbox as well. Close the [Sandbox] before you remove it.
func WithCgroupParent(path string) Option {
	return named("WithCgroupParent", func(s *settings) { s.CgroupParent = path })
}

// WithRlimit sets a limit of setrlimit(2) for every process of the sandbox by its
// name, such as "NOFILE" or "RLIMIT_NOFILE", in the limit's own unit; math.MaxUint64
// is no limit. It is additive by name. An unknown name, or a soft limit above the
// hard one, is an *[OptionError]; a hard limit above the host program's own needs
// CAP_SYS_RESOURCE, and is a *[SetupError] without.
//
// Defaults: NOFILE 1024, FSIZE 4 GiB, MEMLOCK 64 KiB, RTPRIO 0, NICE 0, CORE 1
// byte (0 would not stop a core handler that reads from a pipe, core(5)),
// MSGQUEUE 800 KiB, STACK 8 MiB; lower where the host program's own is lower.
// All others are the host program's own.
//
// Each process has these limits for itself; only [WithMemory], [WithPids] and
// the like bind all together. NPROC counts by user and user namespace.
func WithRlimit(name string, soft, hard uint64) Option {
	return named("WithRlimit", func(s *settings) {
		name = strings.TrimPrefix(strings.ToUpper(name), "RLIMIT_")
		s.Rlimits[name], s.rlimitNamed[name] = Rlimit{soft, hard}, true
	})
}

// WithTimeout ends the sandbox after this time, counted from Start and also while
// it is paused; the Reason is TimedOut. Zero and less is an *[OptionError]; the
// default is no limit. All processes are killed at once, without a signal that
// they could catch: send one with [Process.Signal] before.
func WithTimeout(d time.Duration) Option {
	return named("WithTimeout", func(s *settings) { s.Timeout = d })
}

// WithCPUTime ends the sandbox when all its processes together have used this much
// CPU time, in user mode and in the kernel, also those that have ended; the Reason is
// CPUTimeExceeded. The total is looked at every few milliseconds of use, so it may be
// exceeded by a little on each CPU. The default is no limit; it must be positive.
//
// It needs a cgroup that counts CPU time (cpuacct, or any on cgroup v2), else Start
// fails with an *[UnsupportedError]. As a second line each process has RLIMIT_CPU of
// the same time in whole seconds, rounded up. Time that a server outside spends on
// the sandbox's behalf does not count.
func WithCPUTime(d time.Duration) Option {
	return named("WithCPUTime", func(s *settings) { s.CPUTime = d })
}

// WithOutputLimit ends the sandbox when it has written more than this many bytes to
// its standard output and standard error together; the Reason is OutputLimit, and
// no more than the limit is passed on. The default is no limit; it must be positive.
//
// Output that goes to /dev/null, which is where a nil Stdout goes, is not counted,
// nor is what is written to files: [WithTmpfs] and [WithRlimit] FSIZE limit those.
// Output then passes through the host program, also where Stdout is a file.
func WithOutputLimit(bytes int64) Option {
	return named("WithOutputLimit", func(s *settings) { s.OutputLimit = bytes })
}
