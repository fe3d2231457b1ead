package probe

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

// The supervisor is the process that the sandbox depends on: the parent of the
// probe program, PID 1 as a rule.
func supervisor() []Probe {
	pid := func(act func(pid int) error) func(*Facts) error {
		return onSupervisor(func(f *Facts) error { return act(f.Supervisor) })
	}
	entry := func(name string, act func(path string) error) func(*Facts) error {
		return pid(func(pid int) error { return act(fmt.Sprintf("/proc/%d/%s", pid, name)) })
	}
	const runC = "CVE-2019-5736: the runtime's own file, reached through the process that runs it"
	return []Probe{
		{"supervisor/trace", "attach to it with ptrace(2)", "ptrace(2): its memory and its system calls", Plain, pid(unix.PtraceSeize)},
		{"supervisor/read-memory", "read its memory by process_vm_readv(2)", "process_vm_readv(2)", Plain, pid(readsMemory)},
		{"supervisor/write-memory", "open its memory for writing", "proc_pid_mem(5)", Plain,
			entry("mem", func(p string) error { return attempt.Open(p, unix.O_RDWR) })},
		{"supervisor/memory-map", "read where its memory lies", "proc_pid_maps(5)", Plain, entry("maps", readable)},
		{"supervisor/environment", "read its environment", "proc_pid_environ(5): secrets of the host program", Plain, entry("environ", func(p string) error {
			return attempt.Open(p, unix.O_RDONLY)
		})},
		{"supervisor/descriptors", "list its descriptors", "CVE-2024-21626: a directory of the host among them", Plain, entry("fd", attempt.List)},
		{"supervisor/steal-descriptor", "copy its standard input by pidfd_getfd(2)", "pidfd_getfd(2)", Plain, pid(attempt.StealDescriptor)},
		{"supervisor/root", "reach its root directory", "proc_pid_root(5): another view of the files", Plain, entry("root/", attempt.List)},
		{"supervisor/directory", "reach its working directory", "proc_pid_cwd(5)", Plain, entry("cwd/", attempt.List)},
		{"supervisor/program", "open its program", runC, Plain, entry("exe", func(p string) error { return attempt.Open(p, unix.O_RDONLY) })},
		{"supervisor/overwrite-program", "open its program for writing", runC, Plain, entry("exe", func(p string) error {
			err := attempt.Open(p, unix.O_WRONLY)
			if err == unix.ETXTBSY { // only because it runs
				return nil
			}
			return err
		})},
		{"supervisor/namespaces", "open its namespaces", "setns(2)", Plain, entry("ns/mnt", func(p string) error { return attempt.Open(p, unix.O_RDONLY) })},
		{"supervisor/oom-score", "make it the next victim of the out-of-memory killer", "proc_pid_oom_score_adj(5): the end of what enforces the limits", Plain,
			entry("oom_score_adj", attempt.Rewrite)},
		{"supervisor/compare", "compare kernel objects with it by kcmp(2)", "kcmp(2)", Plain, pid(compare)},
		{"supervisor/limits", "set its resource limits", "prlimit(2): a CPU time of zero is its death", Plain, pid(func(pid int) error {
			var limit unix.Rlimit
			if err := unix.Prlimit(pid, unix.RLIMIT_CORE, nil, &limit); err != nil {
				return err
			}
			return unix.Prlimit(pid, unix.RLIMIT_CORE, &limit, nil)
		})},
		{"supervisor/affinity", "choose its CPUs", "sched_setaffinity(2)", Plain, pid(func(pid int) error {
			var set unix.CPUSet
			if err := unix.SchedGetaffinity(pid, &set); err != nil {
				return err
			}
			return unix.SchedSetaffinity(pid, &set)
		})},
		{"supervisor/priority", "choose its priority", "setpriority(2)", Plain, pid(func(pid int) error {
			kernel, err := unix.Getpriority(unix.PRIO_PROCESS, pid) // 20 minus the niceness
			if err != nil {
				return err
			}
			return unix.Setpriority(unix.PRIO_PROCESS, pid, 20-kernel)
		})},
		{"supervisor/stop", "stop it", "signal(7): nothing is reaped, no limit of time is kept", Plain, onSupervisor(stops)},
		{"supervisor/kill", "kill it", "signal(7): a sandbox that outlives its keeper", Plain, onSupervisor(kills)},
	}
}

// onSupervisor is an act on a process outside of this one's sight where the
// probe program is PID 1 itself.
func onSupervisor(act func(*Facts) error) func(*Facts) error {
	return func(f *Facts) error {
		if f.Supervisor <= 0 {
			return errors.New("there is none in sight")
		}
		return act(f)
	}
}

func readsMemory(pid int) error {
	err := attempt.ReadMemory(pid)
	if err == unix.EFAULT { // the address is wrong, not the act
		return nil
	}
	return err
}

// harmless says that a signal would hit the host: whoever shares its processes
// is not to be trusted with more than the question.
func (f *Facts) harmless() bool {
	own, err := os.Readlink("/proc/self/ns/pid")
	return f.StandIn || err == nil && own != f.Namespaces["pid"]
}

func stops(f *Facts) error {
	if !f.harmless() {
		return unix.Kill(f.Supervisor, 0)
	}
	if err := unix.Kill(f.Supervisor, unix.SIGSTOP); err != nil {
		return err
	}
	defer unix.Kill(f.Supervisor, unix.SIGCONT)
	return comesTo(f.Supervisor, "T")
}

// kills says open when its victim is gone. If that ends the sandbox with this
// process in it, the missing answer says the same.
func kills(f *Facts) error {
	if !f.harmless() {
		return unix.Kill(f.Supervisor, 0)
	}
	if err := unix.Kill(f.Supervisor, unix.SIGKILL); err != nil {
		return err
	}
	return comesTo(f.Supervisor, "Z")
}

// comesTo waits a moment for a process to get into a state. A signal is
// delivered at the victim's next step, which nothing tells of.
func comesTo(pid int, state string) error {
	const patience = 200 * time.Millisecond
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return holds(state == "Z", "%v", err) // gone altogether
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		if strings.HasPrefix(rest, state) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it took no notice")
		}
	}
}
