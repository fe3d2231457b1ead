package sandbox

import (
	"fmt"
	"syscall"
	"time"
)

// A Result is how a command ended.
type Result struct {
	// ExitCode is the exit status of a command that exited, and -1 for one
	// that was killed.
	ExitCode int `json:"exitCode"`
	// Signal is what killed the command, and 0 if it exited.
	Signal syscall.Signal `json:"signal,omitempty"`
	// Reason is why it ended.
	Reason Reason `json:"reason"`
	// Usage is what the sandbox used, all processes together where a cgroup
	// counts them.
	Usage Usage `json:"usage"`
	// Setup is the time from Start until the program was executed.
	Setup time.Duration `json:"setup"`
	// Report says what was enforced and what could not be.
	Report *Report `json:"report,omitempty"`
	// Violations are the limits that the sandbox ran into. What an LSM or the
	// filter denied is not among them; see "Denials" in the package comment.
	Violations []Violation `json:"violations,omitempty"`
}

// Usage is what a sandbox used.
type Usage struct {
	User   time.Duration `json:"user"`   // CPU time in user mode
	System time.Duration `json:"system"` // CPU time in the kernel
	// CPU is the CPU time of the whole tree. Without a cgroup that counts it, as
	// with default limits alone on cgroup v1, it is User plus System of the
	// command and the children it waited for.
	CPU time.Duration `json:"cpu"`
	// MaxRSS is the largest resident set of a single process, in bytes.
	MaxRSS int64 `json:"maxRSS"`
	// Memory is the peak of all memory charged to the cgroup, in bytes; 0
	// where no cgroup counted it.
	Memory int64 `json:"memory,omitempty"`
	// OOMKills is how many processes the kernel killed for want of memory.
	OOMKills uint64 `json:"oomKills,omitempty"`
	// Throttled is for how long a CPU quota stopped the sandbox.
	Throttled time.Duration `json:"throttled,omitempty"`
	// Wall is the time from the execution of the program to its end.
	Wall time.Duration `json:"wall"`
}

// A Violation is a limit that the sandbox ran into.
type Violation struct {
	Control string `json:"control"` // such as "memory" or "pids"
	Detail  string `json:"detail"`
	Count   uint64 `json:"count,omitempty"`
}

// String is one line.
func (v Violation) String() string {
	if v.Count > 1 {
		return fmt.Sprintf("%s: %s (%d times)", v.Control, v.Detail, v.Count)
	}
	return v.Control + ": " + v.Detail
}

// String is one line for people, such as "exited with status 3" or "was killed
// by the out-of-memory killer (limit 64 MiB)".
func (r *Result) String() string {
	switch r.Reason {
	case Exited:
		return fmt.Sprintf("exited with status %d", r.ExitCode)
	case Signaled:
		return fmt.Sprintf("was killed by signal %d (%v)", int(r.Signal), r.Signal)
	case OOMKilled:
		return "ran out of memory"
	case TimedOut:
		return "timed out"
	case CPUTimeExceeded:
		return "used up its CPU time"
	case Canceled:
		return "was canceled"
	case OutputLimit:
		return "wrote more output than allowed"
	case SeccompKilled:
		return "was killed by its seccomp filter"
	}
	return "ended for an unknown reason"
}

// Success reports whether the command exited with status 0.
func (r *Result) Success() bool { return r.Reason == Exited && r.ExitCode == 0 }

// A Reason is why a command ended. The first that applies counts: what this
// library stopped is never called an ordinary signal.
type Reason int

const (
	// Exited: it called exit, with any status.
	Exited Reason = iota
	// Signaled: a signal ended it that none of the other reasons explains,
	// Process.Kill and Process.Signal included.
	Signaled
	// OOMKilled: it did not succeed, and the kernel killed at least one
	// process of the sandbox because its memory limit was reached.
	OOMKilled
	// TimedOut: the time of WithTimeout was up.
	TimedOut
	// CPUTimeExceeded: the time of WithCPUTime was up.
	CPUTimeExceeded
	// Canceled: the context ended.
	Canceled
	// OutputLimit: it wrote more than WithOutputLimit allows.
	OutputLimit
	// SeccompKilled: it made a system call for which its filter kills.
	SeccompKilled
)

var reasons = [...]string{"Exited", "Signaled", "OOMKilled", "TimedOut", "CPUTimeExceeded", "Canceled", "OutputLimit", "SeccompKilled"}

// String is the name of the constant.
func (r Reason) String() string {
	if r < 0 || int(r) >= len(reasons) {
		return fmt.Sprintf("Reason(%d)", int(r))
	}
	return reasons[r]
}

// MarshalText makes JSON forms readable.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
