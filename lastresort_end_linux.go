package sandbox

import (
	"time"

	"golang.org/x/sys/unix"
)

// killDescendants has the supervisor end whatever lives below it, where no PID
// namespace does: it notices that the host has hung up. One that does not is killed,
// and then the outer process does the same.
func (r *running) killDescendants() error {
	if r.late == nil {
		const patience = 2 * time.Second
		r.late = time.AfterFunc(patience, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if !r.ended {
				unix.PidfdSendSignal(r.initPidfd, unix.SIGKILL, nil, 0)
			}
		})
		r.stops = append(r.stops, r.late.Stop)
	}
	r.launcher.Process.Signal(unix.SIGCONT) // one that was stopped ends no one
	unix.PidfdSendSignal(r.initPidfd, unix.SIGCONT, nil, 0)
	return r.control.Hangup()
}

// isLastResort says whether the sandbox has no namespaces.
func (r *running) isLastResort() bool { return r.prepared != nil && r.prepared.spec.LastResort != nil }

// needNamespaces is the error of what a sandbox without namespaces cannot do.
func (r *running) needNamespaces(feature string) error {
	if !r.isLastResort() {
		return nil
	}
	e, _ := r.report.Entry(FeatureNamespaces)
	return &UnsupportedError{feature, "that sandbox has no namespaces: " + e.Detail, e.Fix, nil}
}
