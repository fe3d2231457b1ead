package probe

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

const mib = 1 << 20

// resources use more of something than a program is likely to need. What is
// closed here is that there is no limit at all.
func resources() []Probe {
	return []Probe{
		{"resources/open-files", "open 4,000 files", "getrlimit(2), RLIMIT_NOFILE: kernel memory that no limit counts", Plain,
			always(func() error { return attempt.OpenMany(4000) })},
		{"resources/file-size", "make a file of a tebibyte", "getrlimit(2), RLIMIT_FSIZE", Plain, always(func() error { return attempt.TruncateBeyond(1 << 40) })},
		{"resources/locked-memory", "lock a mebibyte of memory", "mlock(2): memory that cannot be swapped out", Plain,
			always(func() error { return attempt.LockMemory(mib) })},
		{"resources/real-time", "run before every ordinary process", "sched(7), SCHED_FIFO", Plain, always(attempt.RealTime)},
		{"resources/priority", "raise the own priority", "setpriority(2)", Plain, always(func() error { return unix.Setpriority(unix.PRIO_PROCESS, 0, -1) })},
		{"resources/io-priority", "take the real-time class of I/O", "ioprio_set(2)", Plain, always(func() error {
			const ofProcess, realTime = 1, 1 << 13
			return attempt.Call(unix.SYS_IOPRIO_SET, ofProcess, 0, realTime)
		})},
		{"resources/raise-limit", "raise a hard limit", "setrlimit(2), CAP_SYS_RESOURCE", Plain, always(raiseLimit)},
		{"resources/oom-score", "be the last victim of the out-of-memory killer", "proc_pid_oom_score_adj(5): others die first", Plain,
			always(func() error { return write("/proc/self/oom_score_adj", "-900") })},
		{"resources/core", "leave a core dump", "core(5): the disk, or a program that the host's root runs", Plain, always(func() error {
			var limit unix.Rlimit
			if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
				return err
			}
			limit.Cur = limit.Max
			if err := unix.Setrlimit(unix.RLIMIT_CORE, &limit); err != nil {
				return err
			}
			return holds(limit.Cur > 1, "at most %d bytes", limit.Cur) // 1 stops a pipe, too
		})},
		{"resources/pipe", "make a pipe of 2 MiB", "pipe(7), pipe-max-size", Plain, always(widePipe)},
		{"resources/tmp", "write 256 MiB to /tmp", "tmpfs(5): the disk or the memory of the host", Plain, always(func() error { return fill("/tmp") })},
		{"resources/shm", "write 256 MiB to /dev/shm", "tmpfs(5): the memory of the host", Plain, always(func() error { return fill("/dev/shm") })},
		{"resources/files", "make 20,000 files in /dev/shm", "tmpfs(5), nr_inodes: kernel memory", Plain, always(func() error { return makeFiles("/dev/shm", 20000) })},
		{"resources/processes", "make 1,000 processes", "fork(2): the fork bomb", Plain, always(func() error { return fork(1000) })},
		{"resources/memory", "use 1,200 MiB of memory", "the memory of the host", Plain, always(func() error { return useMemory(1200 * mib) })},
	}
}

func raiseLimit() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return err
	}
	if limit.Max == unix.RLIM_INFINITY {
		return nil
	}
	limit.Max++
	return unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit)
}

func write(path, text string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(text))
	return err
}

func widePipe() error {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	_, err := unix.FcntlInt(uintptr(ends[0]), unix.F_SETPIPE_SZ, 2*mib)
	return err
}

// fill takes the space without writing it.
func fill(dir string) error {
	f, err := os.CreateTemp(dir, "fill")
	if err != nil {
		return err
	}
	defer f.Close()
	defer os.Remove(f.Name())
	return unix.Fallocate(int(f.Fd()), 0, 0, 256*mib)
}

func makeFiles(dir string, n int) error {
	dir, err := os.MkdirTemp(dir, "files")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for i := range n {
		if err := unix.Mknod(fmt.Sprintf("%s/%d", dir, i), unix.S_IFREG|0o600, 0); err != nil {
			return err
		}
	}
	return nil
}

func fork(n int) error {
	var pids []int
	defer func() {
		for _, pid := range pids {
			unix.Kill(pid, unix.SIGKILL)
			unix.Wait4(pid, nil, unix.WALL, nil)
		}
	}()
	for range n {
		pid, errno := attempt.Fork(0, true)
		if errno != 0 {
			return errno
		}
		pids = append(pids, pid)
	}
	return nil
}

// useMemory uses it where the host has that much to spare.
func useMemory(bytes int64) error {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return err
	}
	var available int64
	for line := range strings.Lines(string(b)) {
		fmt.Sscanf(line, "MemAvailable: %d kB", &available)
	}
	if available<<10 < 2*bytes {
		return errors.New("the host has too little memory to try")
	}
	// Pages that are allocated so are charged, and not even cleared.
	fd, err := unix.MemfdCreate("probe", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Fallocate(fd, 0, 0, bytes)
}
