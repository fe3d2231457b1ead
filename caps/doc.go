// Package caps names Linux capabilities, does set arithmetic on them, and
// reads which of them a process holds.
//
// A [Cap] is one capability and a [Set] is any number of them. [Default] is
// the set that Docker grants to a container, and [Change] is what its --cap-add
// and --cap-drop flags do to a base set:
//
//	set, err := caps.Change{Drop: []string{"net_raw"}}.Apply(caps.Default())
//
// A [State] is the five sets that the kernel keeps for every thread:
// inheritable, permitted, effective, bounding and ambient. [Process] reads
// them for a live process and [State.Data] encodes the three of them that
// capset(2) takes.
//
// The package only computes and reads. It never changes the capabilities of
// the calling process, and it does not know what a capability is worth: inside
// a user namespace a capability reaches only the resources which that namespace
// owns, while in the initial one several of them (SYS_ADMIN, SYS_MODULE,
// SYS_PTRACE, DAC_OVERRIDE and more) amount to full control of the host.
//
// Names, numbers and sets work on every operating system. [Last],
// [Supported] and [Process] ask the running kernel; elsewhere than on Linux they
// return an error that satisfies errors.Is(err, errors.ErrUnsupported).
//
// See capabilities(7), capset(2) and include/uapi/linux/capability.h.
package caps
