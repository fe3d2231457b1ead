package sandbox

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// verdict says how the command ended.
func (r *running) verdict(m launch.Message, known bool) *Result {
	result := &Result{ExitCode: -1, Signal: unix.SIGKILL, Reason: Signaled, Report: r.report}
	if known {
		status := syscall.WaitStatus(m.Status)
		if status.Exited() {
			result.ExitCode, result.Signal, result.Reason = status.ExitStatus(), 0, Exited
		} else {
			result.Signal = status.Signal()
		}
		result.Usage.User = time.Duration(m.Usage.UserMicros) * time.Microsecond
		result.Usage.System = time.Duration(m.Usage.SystemMicros) * time.Microsecond
		result.Usage.MaxRSS = m.Usage.MaxRSSKiB << 10
	}
	result.Usage.CPU = result.Usage.User + result.Usage.System
	r.measure(result)
	stop, _ := r.stopped()
	switch {
	case result.Reason == Exited && result.ExitCode == 0:
	case stop != Exited && result.Reason != Exited:
		result.Reason = stop
	case r.wasCanceled() && result.Reason != Exited:
		result.Reason = Canceled
	case result.Usage.OOMKills > 0:
		result.Reason = OOMKilled
	case result.Reason == Exited:
	case result.Signal == unix.SIGSYS && r.settings.Seccomp != "unconfined":
		result.Reason = SeccompKilled
	case result.Signal == unix.SIGXCPU && r.settings.CPUTime > 0:
		result.Reason = CPUTimeExceeded
	}
	return result
}

// measure takes the cgroup's numbers before it goes.
func (r *running) measure(result *Result) {
	if r.output != nil && r.output.exceeded() {
		result.Violations = append(result.Violations, Violation{"output", "more than " + sizeText(r.settings.OutputLimit) + " were written", 0})
	}
	if r.group == nil {
		return
	}
	totals := r.totals
	if totals == nil {
		var err error
		if totals, err = r.group.Totals(); err != nil {
			return
		}
	}
	result.Usage.Memory = totals.MemoryPeak
	result.Usage.OOMKills = totals.OOMKills
	result.Usage.Throttled = totals.Throttled
	result.Usage.CPU = max(result.Usage.CPU, totals.CPU)
	if n := totals.OOMKills; n > 0 {
		result.Violations = append(result.Violations, Violation{"memory", "processes killed at the limit of " + sizeText(r.settings.Memory), n})
	}
	if n := totals.ForksRefused; n > 0 {
		result.Violations = append(result.Violations, Violation{"pids", "fork refused at the limit", n})
	}
}
