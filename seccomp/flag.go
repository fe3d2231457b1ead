package seccomp

// Flag asks the loader of the filter for something, by its OCI name.
type Flag string

// The flags that profiles may carry, include/uapi/linux/seccomp.h.
const (
	FlagTSync            Flag = "SECCOMP_FILTER_FLAG_TSYNC"
	FlagLog              Flag = "SECCOMP_FILTER_FLAG_LOG"
	FlagSpecAllow        Flag = "SECCOMP_FILTER_FLAG_SPEC_ALLOW"
	FlagWaitKillableRecv Flag = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"
)

func (f Flag) bit() (uint32, bool) {
	switch f {
	case FlagTSync:
		return 1 << 0, true
	case FlagLog:
		return 1 << 1, true
	case FlagSpecAllow:
		return 1 << 2, true
	case FlagWaitKillableRecv:
		return 1 << 5, true
	}
	return 0, false
}

// LoadFlags is the flags argument of seccomp(SECCOMP_SET_MODE_FILTER) that the
// policy asks for. Zero unless the profile names flags; in particular the
// speculation mitigations that come with a filter before Linux 5.16 stay on,
// where runc turns them off unless told otherwise.
func (p *Policy) LoadFlags() uint32 {
	var flags uint32
	for _, f := range p.Flags {
		bit, _ := f.bit()
		flags |= bit
	}
	return flags
}
