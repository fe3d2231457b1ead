package caps

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/seed-d1379373/sandbox/internal/plain"
)

const lastCapPath = "/proc/sys/kernel/cap_last_cap"

// Last returns the highest capability that the running kernel knows, from
// /proc/sys/kernel/cap_last_cap (Linux 3.2 and later).
func Last() (Cap, error) {
	text, err := plain.Read(lastCapPath)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 8)
	if err != nil || n > maxCap {
		return 0, fmt.Errorf("%s: %q is not the number of a capability", lastCapPath, text)
	}
	return Cap(n), nil
}

// Supported returns every capability that the running kernel knows, including
// those without a name here. It is not what the caller may use or grant: that
// is in the sets of [Process].
func Supported() (Set, error) {
	last, err := Last()
	if err != nil {
		return 0, err
	}
	// The shift drops the unused high bits, as 1<<(last+1) - 1 cannot for 63.
	return ^Set(0) >> (maxCap - last), nil
}

// Process returns the sets of the process with that pid (of its main thread)
// in the pid namespace of the /proc that is mounted; 0 means the calling
// thread, which a goroutine stays on only between runtime.LockOSThread and
// UnlockOSThread.
//
// A process that has ended is an error satisfying errors.Is(err, fs.ErrNotExist)
// or syscall.ESRCH.
func Process(pid int) (State, error) {
	path := "/proc/thread-self/status"
	switch {
	case pid < 0:
		return State{}, fmt.Errorf("caps: %d is not a process id", pid)
	case pid > 0:
		path = fmt.Sprintf("/proc/%d/status", pid)
	}
	f, err := plain.Open(path, syscall.O_RDONLY)
	if err != nil {
		return State{}, err
	}
	defer f.Close()
	state, err := ParseStatus(f)
	if err != nil {
		return State{}, fmt.Errorf("%s: %w", path, err)
	}
	return state, nil
}
