package probe

import (
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

// Numbers that golang.org/x/sys/unix does not have, the same everywhere.
const (
	sysListNamespaces = 470
	sysOpenTreeAttr   = 467
)

// kernel is the kernel's surface: system calls that ordinary programs do not
// need, and that have had holes or do harm.
func kernel() []Probe {
	var out []Probe
	none := ^uintptr(0) // no descriptor
	for _, c := range []struct {
		name, why string
		act       func(*Facts) error
	}{
		{"bpf", "CVE-2021-3490: programs in the kernel", reach(unix.SYS_BPF, 9999)},
		{"perf_event_open", "CVE-2013-2094: performance counters", reach(unix.SYS_PERF_EVENT_OPEN)},
		{"userfaultfd", "userfaultfd(2): makes races in the kernel easy to win", always(func() error {
			return attempt.Closing(attempt.FD(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|1))
		})},
		{"io_uring_setup", "CVE-2022-29582: system calls out of a filter's sight", reach(unix.SYS_IO_URING_SETUP, 1)},
		{"io_uring_enter", "CVE-2022-29582: system calls out of a filter's sight", reach(unix.SYS_IO_URING_ENTER, none)},
		{"io_uring_register", "CVE-2022-29582: system calls out of a filter's sight", reach(unix.SYS_IO_URING_REGISTER, none)},
		{"fanotify_init", "fanotify(7): what others open", always(func() error {
			const reportFID = 0x200
			return attempt.Closing(attempt.FD(unix.SYS_FANOTIFY_INIT, reportFID|unix.FAN_CLOEXEC))
		})},
		{"personality", "personality(2): no address space randomisation", reach(unix.SYS_PERSONALITY, attempt.NoRandomAddresses)},
		{"personality-exec", "personality(2): every readable page is executable", reach(unix.SYS_PERSONALITY, 0x0400000)},
		{"kcmp", "kcmp(2): addresses of kernel objects, by their order", always(func() error {
			return compare(os.Getpid())
		})},
		{"process_vm_readv", "process_vm_readv(2): memory of others without stopping them", always(func() error { return readsMemory(0) })},
		{"process_vm_writev", "process_vm_writev(2)", reach(unix.SYS_PROCESS_VM_WRITEV, uintptr(os.Getpid()))},
		{"mbind", "mbind(2): memory of NUMA nodes", reach(unix.SYS_MBIND, 1)},
		{"set_mempolicy", "set_mempolicy(2): memory of NUMA nodes", reach(unix.SYS_SET_MEMPOLICY)},
		{"get_mempolicy", "get_mempolicy(2): where memory lies", reach(unix.SYS_GET_MEMPOLICY)},
		{"migrate_pages", "migrate_pages(2)", reach(unix.SYS_MIGRATE_PAGES)},
		{"move_pages", "move_pages(2): where memory lies", reach(unix.SYS_MOVE_PAGES)},
		{"memfd_secret", "memfd_secret(2): memory that no limit can take back", always(func() error {
			return attempt.Closing(attempt.FD(unix.SYS_MEMFD_SECRET, unix.O_CLOEXEC))
		})},
		{"kexec_load", "kexec_load(2): another kernel", reach(unix.SYS_KEXEC_LOAD)},
		{"kexec_file_load", "kexec_file_load(2): another kernel", reach(unix.SYS_KEXEC_FILE_LOAD, none, none)},
		{"init_module", "init_module(2): code in the kernel", reach(unix.SYS_INIT_MODULE)},
		{"finit_module", "finit_module(2): code in the kernel", reach(unix.SYS_FINIT_MODULE, none)},
		{"delete_module", "delete_module(2)", reach(unix.SYS_DELETE_MODULE)},
		{"reboot", "reboot(2), with a number that is none of its commands", reach(unix.SYS_REBOOT)},
		{"swapon", "swapon(2)", reach(unix.SYS_SWAPON)},
		{"swapoff", "swapoff(2)", reach(unix.SYS_SWAPOFF)},
		{"acct", "acct(2): a log of every process", reach(unix.SYS_ACCT, 1)},
		{"syslog", "syslog(2): the kernel's messages, with addresses", reach(unix.SYS_SYSLOG, 10)},
		{"quotactl", "quotactl(2): quotas of the host", reach(unix.SYS_QUOTACTL, 0x80000100)}, // Q_SYNC
		{"quotactl_fd", "quotactl(2): quotas of the host", reach(unix.SYS_QUOTACTL_FD, none)},
		{"settimeofday", "settimeofday(2): the host's clock", always(func() error { return attempt.Call(unix.SYS_SETTIMEOFDAY) })},
		{"adjtimex", "adjtimex(2): the host's clock", always(sameTick)},
		{"open_by_handle_at", "the \"shocker\" exploit: files without a path", reach(unix.SYS_OPEN_BY_HANDLE_AT, none)},
		{"setns", "setns(2): namespaces of others", reach(unix.SYS_SETNS, none)},
		{"mount_setattr", "mount_setattr(2): mounts by a newer number", reach(unix.SYS_MOUNT_SETATTR, none)},
		{"open_tree_attr", "mount_setattr(2): mounts by a newer number", reach(sysOpenTreeAttr, none)},
		{"fsconfig", "CVE-2022-0185", reach(unix.SYS_FSCONFIG, none)},
		{"fspick", "fspick(2)", reach(unix.SYS_FSPICK, none)},
		{"statmount", "statmount(2): mounts and where they come from", reach(unix.SYS_STATMOUNT)},
		{"listmount", "listmount(2): mounts and where they come from", reach(unix.SYS_LISTMOUNT)},
		{"listns", "namespaces of others", reach(sysListNamespaces)},
		{"lsm_set_self_attr", "CVE-2025-52881: labels, by a newer number", reach(unix.SYS_LSM_SET_SELF_ATTR)},
		{"lsm_list_modules", "which security modules there are", reach(unix.SYS_LSM_LIST_MODULES)},
		{"sched-deadline", "sched(7), SCHED_DEADLINE: before every other process", always(func() error {
			return unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_DEADLINE, Runtime: 1e6, Deadline: 1e8, Period: 1e8}, 0)
		})},
		{"trace-child", "ptrace(2): before Linux 4.8 a way around seccomp", always(func() error { return attempt.WithChild(unix.PtraceSeize) })},
	} {
		out = append(out, Probe{"kernel/" + c.name, "reach " + c.name, c.why, Plain, c.act})
	}
	return out
}

// compare asks whether another process has the memory of this one.
func compare(pid int) error {
	const memory = 1 // KCMP_VM
	return attempt.Call(unix.SYS_KCMP, uintptr(os.Getpid()), uintptr(pid), memory)
}

// sameTick sets the length of the clock's tick to what it is.
func sameTick() error {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return err
	}
	t.Modes = unix.ADJ_TICK
	_, err := unix.Adjtimex(&t)
	return err
}

// abi are system calls by other doors than the native one.
func abi() []Probe {
	if runtime.GOARCH != "amd64" {
		return nil
	}
	const compat = "CVE-2010-3081: the compatibility code is large, seldom used and seldom read"
	return append(old(),
		Probe{"kernel/i386-call", "make an i386 system call from a 64-bit program (int $0x80)", compat, Plain, runs(attempt.I386Call)},
		Probe{"kernel/i386-program", "run a 32-bit program", compat, Plain, runs(attempt.I386Program)},
		Probe{"kernel/x32-call", "make an x32 system call", "CVE-2014-0038: numbers that a filter by number does not know", Plain, runs(attempt.X32Call)},
	)
}

// runs executes a program, which must exit with status 0.
func runs(program []byte) func(*Facts) error {
	return always(func() error {
		return inTmp(func(path string) error {
			if err := os.WriteFile(path, program, 0); err != nil {
				return err
			}
			if err := os.Chmod(path, 0o755); err != nil {
				return err
			}
			return exec.Command(path).Run()
		})
	})
}
