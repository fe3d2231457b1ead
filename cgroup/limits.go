package cgroup

// Unlimited removes a limit, for those fields of [Limits] that say so.
const Unlimited = -1

// Limits is what a group may use. The zero value of a field asks for nothing:
// [Hierarchy.Create] then does not touch that limit and, on v1, does not make
// a directory for its controller, and [Group.Set] leaves it as it is.
type Limits struct {
	// Memory is the most memory that may be used, in bytes: anonymous memory,
	// page cache and kernel memory. At least 65536, or [Unlimited]. The kernel
	// rounds it down to whole pages. A group that needs more is reclaimed from
	// and then meets the OOM killer.
	// Files: v2 memory.max, v1 memory.limit_in_bytes.
	Memory int64

	// MemorySwap is memory and swap together, in bytes, as Docker counts it:
	// equal to Memory means no swap, Unlimited means as much swap as the host
	// has. A value needs Memory too and must not be less. Zero leaves swap
	// unlimited, which is not Docker's default of twice Memory.
	// Where the kernel does not account for swap, a value is accepted only while the host
	// has no swap at all (/proc/swaps): swap that is switched on later is then not limited.
	// Files: v2 memory.swap.max (the difference), v1 memory.memsw.limit_in_bytes.
	MemorySwap int64

	// MemoryReservation is the amount, in bytes, that the kernel tries to leave
	// to the group when the host runs short. It limits nothing.
	// Files: v2 memory.low, v1 memory.soft_limit_in_bytes.
	MemoryReservation int64

	// OOMGroup makes the OOM killer end all processes of the group instead of
	// one. v2 only (memory.oom.group); on v1 asking for it is an error.
	OOMGroup bool

	// CPUShares is the share of CPU time under contention, from 2 to 262144,
	// where 1024 is what a group has by default. It limits nothing while CPUs idle.
	// Files: v1 cpu.shares, v2 cpu.weight by [WeightFromShares].
	CPUShares uint64

	// CPUs is the most CPU time per second of real time, in CPUs: 0.75 is a
	// quota of 75000 in every period of 100000 microseconds. At least 0.01.
	// Cannot be combined with CPUQuota or CPUPeriod.
	CPUs float64

	// CPUQuota is the CPU time in microseconds that may be used per CPUPeriod.
	// At least 1000, or Unlimited.
	// Files: v2 cpu.max, v1 cpu.cfs_quota_us.
	CPUQuota int64

	// CPUPeriod is the length of a quota's period in microseconds, from 1000
	// to 1000000. Zero means 100000 where a quota is set.
	// Files: v2 cpu.max, v1 cpu.cfs_period_us.
	CPUPeriod uint64

	// CPUSet names the CPUs that may be used, in the list format of
	// [ParseCPUList]. All must exist and be allowed to the group above.
	// Files: cpuset.cpus.
	CPUSet string

	// CPUSetMems names the NUMA memory nodes that may be used, in the same format.
	// Files: cpuset.mems.
	CPUSetMems string

	// Pids is the most processes and threads that may exist at once, from 1 to
	// 4194304, or Unlimited. A process that is moved in counts but is never refused.
	// Files: pids.max.
	Pids int64

	// IOWeight is the share of disk time under contention, from 10 to 1000 as
	// Docker's --blkio-weight. It takes effect only on devices that use the BFQ
	// scheduler, or on v2 have io.cost enabled. Where the kernel offers neither
	// file the error is an [UnsupportedError].
	// Files: v1 blkio.bfq.weight or blkio.weight; v2 io.bfq.weight, and io.weight with 10 mapped to 1 and 1000 to 10000.
	IOWeight uint16

	// IOMax limits the traffic to single block devices.
	// Files: v2 io.max, v1 blkio.throttle.*_device. On v1 only direct and
	// synchronous traffic is counted; writeback of cached pages is not.
	IOMax []IOMax

	// Devices are rules for opening and making device nodes. Nil leaves
	// devices as they are. A non-nil list (an empty one too) starts by denying
	// all devices; then the rules are applied in order and the last one that matches decides.
	// That is decided for each access (r, w, m) by itself.
	// v2 has no file for it: a BPF program is attached to the group, which takes CAP_SYS_ADMIN,
	// or CAP_BPF and CAP_NET_ADMIN, in the initial user namespace (bpf(2)).
	// Files: v1 devices.allow and devices.deny. They cannot express every list: a rule
	// that takes back a part of an earlier wider rule is an [UnsupportedError].
	Devices []DeviceRule
}

// IOMax limits the traffic to one block device. A zero rate is no limit.
type IOMax struct {
	// Device is the path of a whole disk's node (/dev/sda, not a partition) or
	// its number as "MAJOR:MINOR".
	Device string
	// ReadBPS and WriteBPS are bytes per second.
	ReadBPS, WriteBPS uint64
	// ReadIOPS and WriteIOPS are operations per second, at most 4294967295.
	ReadIOPS, WriteIOPS uint64
}

// DeviceRule allows or denies access to device nodes.
type DeviceRule struct {
	// Type is 'c' for character devices, 'b' for block devices, 'a' for both.
	Type byte
	// Major and Minor are device numbers; -1 is any.
	Major, Minor int64
	// Access is a set of the letters r (read), w (write) and m (mknod).
	Access string
	// Allow says whether the rule allows or denies.
	Allow bool
}

// needs lists the controllers that the limits ask for, by their v2 names.
func (l Limits) needs() []string {
	asked := []struct {
		controller string
		yes        bool
	}{
		{"memory", l.Memory != 0 || l.MemorySwap != 0 || l.MemoryReservation != 0 || l.OOMGroup},
		{"cpu", l.CPUShares != 0 || l.CPUs != 0 || l.CPUQuota != 0 || l.CPUPeriod != 0},
		{"cpuset", l.CPUSet != "" || l.CPUSetMems != ""},
		{"pids", l.Pids != 0},
		{"io", l.IOWeight != 0 || len(l.IOMax) != 0},
		{"devices", l.Devices != nil},
	}
	var names []string
	for _, a := range asked {
		if a.yes {
			names = append(names, a.controller)
		}
	}
	return names
}
