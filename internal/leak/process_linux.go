package leak

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Children are the living children of this process, after the dead ones were
// reaped that nobody waits for.
func Children() (out []string) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		st, ok := ReadStat(pid)
		if !ok || st.Parent != os.Getpid() {
			continue
		}
		if st.State == "Z" {
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
			continue
		}
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		// A process without memory has ended but for its last steps in the kernel.
		if len(cmdline) == 0 && hasEnded(pid) {
			continue
		}
		out = append(out, fmt.Sprintf("%d %s %q", pid, st.State, cmdline))
	}
	return out
}

// Stat is a part of /proc/PID/stat (proc(5)).
type Stat struct {
	State  string
	Parent int
}

// ReadStat reads /proc/PID/stat; the name in brackets may hold anything.
func ReadStat(pid int) (Stat, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Stat{}, false
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 2 {
		return Stat{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	return Stat{fields[0], parent}, err == nil
}

// hasEnded waits for a process on its way out and reaps it.
func hasEnded(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return errors.Is(err, unix.ESRCH)
	}
	defer unix.Close(fd)
	const patience = 5000 // milliseconds
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, patience)
	unix.Wait4(pid, nil, unix.WNOHANG, nil)
	return n == 1 && err == nil
}
