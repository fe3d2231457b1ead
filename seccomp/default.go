package seccomp

import "slices"

// Default returns the policy for programs that are not trusted: Docker's
// profile (github.com/moby/profiles/seccomp, the version in go.mod), which
// allows what ordinary programs use and answers EPERM to the rest, with these
// changes. Each call returns a fresh copy, which the caller may change.
//
//   - Only native calls are permitted: no i386 and no x32 on amd64, no 32-bit
//     ARM on arm64. The kernel's compatibility code is large, seldom used, and
//     has had more than its share of vulnerabilities. Such a call kills the
//     process; x32 numbers get ENOSYS.
//   - Numbers without a name, and those newer than everything that the profile
//     names, get ENOSYS, so that C libraries fall back to older calls.
//   - socket is limited to the families unix, inet and inet6, and to netlink
//     with the protocol NETLINK_ROUTE, which C libraries use to list addresses.
//     Docker allows some thirty families, and many load a kernel module on
//     first use. CAP_NET_RAW adds AF_PACKET, CAP_NET_ADMIN all netlink
//     protocols. Others get EAFNOSUPPORT, as from a kernel without them. Of the
//     internet families' protocols, MPTCP, SCTP, DCCP, UDP-Lite and L2TP get
//     EPROTONOSUPPORT: few programs need them, and those fall back to TCP.
//     socketpair is limited to unix. socketcall, through which 32-bit x86
//     programs can reach every family out of the filter's sight, is refused,
//     so programs that know no other way (old C libraries, Go) have no sockets.
//   - The ioctls TIOCSTI (types into a terminal), TIOCLINUX (pastes into a
//     console) and TIOCSETD (loads line disciplines) get EPERM, whatever the
//     upper half of the register holds, and whatever the capabilities.
//   - process_vm_readv and process_vm_writev need CAP_SYS_PTRACE. They read and
//     write other processes without stopping them. ptrace stays as in
//     Docker's profile, for debuggers; a program can trace its own children.
//   - prlimit64 can read the limits of any process and set those of the caller
//     alone: PID 1 of a sandbox has the same user.
//   - memfd_secret is refused: nothing can take its memory back.
//   - modify_ldt is refused: only 16-bit programs need it, and it widens the
//     kernel's attack surface.
//   - io_uring (which acts outside the filter's view), userfaultfd (which makes
//     races in the kernel easy to win), the keyring calls (keys are not
//     namespaced) and kexec are refused by rules, as Docker's default action
//     does today. A capability does not bring them back.
//
// What Docker's profile ties to a capability, or to its absence, stays so:
// unshare, setns, mount, bpf, perf_event_open, clone with namespace flags, and
// so on. clone3 has its flags behind a pointer, so without CAP_SYS_ADMIN it
// gets ENOSYS and programs use clone.
//
// It does not stop a program from using up memory, processes or time, from
// reading files, or from using the network. On systems other than Linux it
// refuses everything.
func Default() *Policy {
	p := docker()
	if len(p.Syscalls) == 0 {
		return p
	}
	p.Architectures, p.ArchMap = nil, nil
	p.Unlisted = UnlistedNoSys
	rules := hardening()
	var replaced []string
	for _, r := range rules {
		replaced = append(replaced, r.Names...)
	}
	p.forget(func(Rule) bool { return true }, replaced...)
	p.forget(func(r Rule) bool { return len(r.Includes.Caps) == 0 }, "process_vm_readv", "process_vm_writev")
	p.Syscalls = append(p.Syscalls, rules...)
	return p
}

// hardening are the rules that replace Docker's for the calls that they name.
func hardening() []Rule {
	return slices.Concat(sockets(), protocols(), terminals(), limits(), refusals())
}

// The kernel reads these arguments as 32-bit integers, and compilers may leave
// anything in the upper half of the register.
func equal32(index uint, value uint32) Arg {
	return Arg{Index: index, Value: 0xffffffff, ValueTwo: uint64(value), Op: OpMaskedEqual}
}

// Socket families and protocols, include/linux/socket.h and uapi/linux/netlink.h.
const (
	afUnix       = 1
	afInet       = 2
	afInet6      = 10
	afNetlink    = 16
	afPacket     = 17
	netlinkRoute = 0
)

func sockets() []Rule {
	allow := func(comment string, needs []string, args ...Arg) Rule {
		return Rule{
			Names: []string{"socket"}, Action: ActAllow, Args: args,
			Comment: comment, Includes: Condition{Caps: needs},
		}
	}
	noFamily := func(comment string, names ...string) Rule {
		return Rule{Names: names, Action: ActErrno, Errno: new(errnoEAFNOSUPPORT), Comment: comment}
	}
	return []Rule{
		allow("AF_UNIX", nil, equal32(0, afUnix)),
		allow("AF_INET", nil, equal32(0, afInet)),
		allow("AF_INET6", nil, equal32(0, afInet6)),
		allow("AF_NETLINK, NETLINK_ROUTE", nil, equal32(0, afNetlink), equal32(2, netlinkRoute)),
		allow("AF_NETLINK, every protocol", []string{"CAP_NET_ADMIN"}, equal32(0, afNetlink)),
		allow("AF_PACKET", []string{"CAP_NET_RAW"}, equal32(0, afPacket)),
		{
			Names: []string{"socketpair"}, Action: ActAllow, Args: []Arg{equal32(0, afUnix)}, Comment: "AF_UNIX",
		},
		noFamily("families are an allow list", "socket", "socketpair"),
		refuse("would create sockets of any family", "socketcall"),
	}
}

// Types and protocols of sockets, include/linux/net.h and uapi/linux/in.h. In
// the other families that are allowed these numbers mean nothing.
const (
	sockTypeMask  = 0xf
	sockSeqpacket = 5 // SCTP, in the internet families
	sockDCCP      = 6
	protoDCCP     = 33
	protoL2TP     = 115
	protoSCTP     = 132
	protoUDPLite  = 136
	protoMPTCP    = 262
)

func protocols() []Rule {
	refused := func(comment string, args ...Arg) Rule {
		return Rule{Names: []string{"socket"}, Action: ActErrno, Errno: new(errnoEPROTONOSUPPORT), Comment: comment, Args: args}
	}
	kind := func(value uint64) Arg {
		return Arg{Index: 1, Value: sockTypeMask, ValueTwo: value, Op: OpMaskedEqual}
	}
	return []Rule{
		refused("DCCP", equal32(2, protoDCCP)),
		refused("L2TP", equal32(2, protoL2TP)),
		refused("SCTP", equal32(2, protoSCTP)),
		refused("UDP-Lite", equal32(2, protoUDPLite)),
		refused("MPTCP", equal32(2, protoMPTCP)),
		refused("DCCP by its type", kind(sockDCCP)),
		refused("SCTP by its type", equal32(0, afInet), kind(sockSeqpacket)),
		refused("SCTP by its type", equal32(0, afInet6), kind(sockSeqpacket)),
	}
}

// limits lets a process set its own limits only, and read those of others.
func limits() []Rule {
	allow := func(comment string, arg Arg) Rule {
		return Rule{Names: []string{"prlimit64"}, Action: ActAllow, Comment: comment, Args: []Arg{arg}}
	}
	return []Rule{
		allow("of the caller", equal32(0, 0)),
		allow("reads only", Arg{Index: 2, Value: 0, Op: OpEqualTo}),
		refuse("of another process", "prlimit64"),
	}
}

// Terminal ioctls, include/uapi/asm-generic/ioctls.h: the same on every
// architecture that this package compiles for.
const (
	tiocSTI   = 0x5412
	tiocLinux = 0x541c
	tiocSetD  = 0x5423
)

func terminals() []Rule {
	ioctl := func(request uint32, comment string) Rule {
		r := refuse(comment, "ioctl")
		r.Args = []Arg{equal32(1, request)}
		return r
	}
	return []Rule{
		{Names: []string{"ioctl"}, Action: ActAllow},
		ioctl(tiocSTI, "TIOCSTI types into the terminal"),
		ioctl(tiocLinux, "TIOCLINUX pastes into the console"),
		ioctl(tiocSetD, "TIOCSETD loads line disciplines"),
	}
}

func refusals() []Rule {
	return []Rule{
		refuse("acts outside the filter's view", "io_uring_setup", "io_uring_enter", "io_uring_register"),
		refuse("makes races in the kernel easy to win", "userfaultfd"),
		refuse("keys are not namespaced", "add_key", "request_key", "keyctl"),
		refuse("replaces the kernel", "kexec_load", "kexec_file_load"),
		refuse("for 16-bit programs only", "modify_ldt"),
		refuse("memory that nothing can take back", "memfd_secret"),
	}
}

func refuse(comment string, names ...string) Rule {
	return Rule{Names: names, Action: ActErrno, Errno: new(errnoEPERM), Comment: comment}
}
