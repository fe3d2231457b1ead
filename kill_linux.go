package sandbox

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func (r *running) signal(sig os.Signal) error {
	n, ok := sig.(syscall.Signal)
	if !ok {
		return errors.New("sandbox: not a signal of this system")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || r.commandPidfd < 0 {
		return os.ErrProcessDone
	}
	err := unix.PidfdSendSignal(r.commandPidfd, n, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return os.NewSyscallError("pidfd_send_signal", err)
}

// alive says whether the command is still there, and is to stay.
func (r *running) alive() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || r.killed || r.commandPidfd < 0 {
		return false
	}
	return !isDead(r.commandPidfd)
}

// isDead says whether a process has ended: its pidfd becomes readable then,
// before it is reaped.
func isDead(pidfd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 0)
	return n > 0 && err == nil
}

// knowsInit says whether PID 1 can be killed.
func (r *running) knowsInit() bool { return r.direct || r.initPidfd >= 0 }

// initIsDead says whether PID 1 has ended.
func (r *running) initIsDead() (dead bool) {
	if !r.direct {
		return isDead(r.initPidfd)
	}
	r.launcher.Process.WithHandle(func(pidfd uintptr) { dead = isDead(int(pidfd)) })
	return dead
}

// killAll kills PID 1, whose death no process of its namespace survives, and
// which the outer process of the launcher reaps. That one is killed itself while
// PID 1 is not known, which PID 1 does not survive either, and when it does not
// end in time, having been stopped for instance.
func (r *running) killAll() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || !r.launched {
		return nil
	}
	r.killed = true
	switch {
	case r.additional:
		// Its launcher kills it, and must live to reap it: PID 1 of the sandbox
		// cannot end before.
		return r.control.Hangup()
	case r.direct, r.initPidfd < 0:
		return r.killLauncher()
	case r.isLastResort():
		return r.killDescendants()
	}
	if r.late == nil {
		const patience = 2 * time.Second
		r.late = time.AfterFunc(patience, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if !r.ended {
				r.killLauncher()
			}
		})
		r.stops = append(r.stops, r.late.Stop)
	}
	r.launcher.Process.Signal(unix.SIGCONT) // one that was stopped reaps no one
	target := r.initPidfd
	if r.settings.joinsPID() && r.commandPidfd >= 0 {
		target = r.commandPidfd // what else there is ends with its cgroup, see finish
	}
	err := unix.PidfdSendSignal(target, unix.SIGKILL, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return os.NewSyscallError("pidfd_send_signal", err)
}

func (r *running) killLauncher() error {
	err := r.launcher.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return os.NewSyscallError("kill", err)
}
