package seccomp

import "fmt"

// Action is what happens to a system call, by the name that Docker and OCI
// profiles use. The zero value is not an action.
type Action string

// The actions, from the strictest to the most permissive.
const (
	// ActKillProcess ends the whole process by SIGSYS. Linux 4.14.
	ActKillProcess Action = "SCMP_ACT_KILL_PROCESS"
	// ActKillThread ends the calling thread only, which leaves a program of
	// several threads in a state that it cannot expect.
	ActKillThread Action = "SCMP_ACT_KILL_THREAD"
	// ActKill is the older name of ActKillThread.
	ActKill Action = "SCMP_ACT_KILL"
	// ActTrap sends SIGSYS to the thread, which may handle it.
	ActTrap Action = "SCMP_ACT_TRAP"
	// ActErrno makes the call fail with the rule's errno, without running it.
	ActErrno Action = "SCMP_ACT_ERRNO"
	// ActNotify asks the holder of the filter's listener descriptor, Linux 5.0.
	// This package does not open listeners: a filter loaded without one fails
	// such calls with ENOSYS.
	ActNotify Action = "SCMP_ACT_NOTIFY"
	// ActTrace asks the ptrace tracer and fails with ENOSYS if there is none.
	ActTrace Action = "SCMP_ACT_TRACE"
	// ActLog allows the call and writes an audit record. Linux 4.14.
	ActLog Action = "SCMP_ACT_LOG"
	// ActAllow runs the call.
	ActAllow Action = "SCMP_ACT_ALLOW"
)

// The kernel's return values, include/uapi/linux/seccomp.h. The low 16 bits
// carry an errno or a value for the tracer.
const (
	retKillProcess uint32 = 0x80000000
	retKillThread  uint32 = 0x00000000
	retTrap        uint32 = 0x00030000
	retErrno       uint32 = 0x00050000
	retNotify      uint32 = 0x7fc00000
	retTrace       uint32 = 0x7ff00000
	retLog         uint32 = 0x7ffc0000
	retAllow       uint32 = 0x7fff0000

	retActionMask uint32 = 0xffff0000
	retDataMask   uint32 = 0x0000ffff
)

// maxErrno is the largest errno that the kernel returns; it silently lowers
// larger ones to this.
const maxErrno = 4095

func (a Action) base() (uint32, bool) {
	switch a {
	case ActKillProcess:
		return retKillProcess, true
	case ActKillThread, ActKill:
		return retKillThread, true
	case ActTrap:
		return retTrap, true
	case ActErrno:
		return retErrno, true
	case ActNotify:
		return retNotify, true
	case ActTrace:
		return retTrace, true
	case ActLog:
		return retLog, true
	case ActAllow:
		return retAllow, true
	}
	return retKillProcess, false
}

// takesErrno reports whether the action carries a value of its own.
func (a Action) takesErrno() bool { return a == ActErrno || a == ActTrace }

// permissive reports whether the call goes on to the kernel. A tracer counts:
// it is expected to deal with calls that the profile's author did not know.
func (a Action) permissive() bool {
	return a == ActAllow || a == ActLog || a == ActTrace
}

// ret is the kernel's return value. A nil errno means EPERM where the action
// takes one. An unknown action, which Validate refuses, kills.
func (a Action) ret(errno *uint16) uint32 {
	base, _ := a.base()
	if !a.takesErrno() {
		return base
	}
	if errno == nil {
		return base | uint32(errnoEPERM)
	}
	return base | uint32(*errno)
}

// strictness orders return values as the kernel does among stacked filters:
// the smallest signed value wins.
func strictness(ret uint32) int32 { return int32(ret & retActionMask) }

// Describe says in words what a filter's return value means, for example
// "allow", "kill process" or "errno 1 (EPERM)".
func Describe(ret uint32) string {
	data := uint16(ret & retDataMask)
	switch ret & retActionMask {
	case retKillProcess:
		return "kill process"
	case retKillThread:
		return "kill thread"
	case retTrap:
		return "trap"
	case retErrno:
		if name := errnoName(data); name != "" {
			return fmt.Sprintf("errno %d (%s)", data, name)
		}
		return fmt.Sprintf("errno %d", data)
	case retNotify:
		return "notify"
	case retTrace:
		return fmt.Sprintf("trace %d", data)
	case retLog:
		return "log"
	case retAllow:
		return "allow"
	}
	// The kernel treats every value that it does not know as the strictest.
	return fmt.Sprintf("kill process (unknown value %#x)", ret)
}
