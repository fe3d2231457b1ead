package sandbox

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/lsm"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// aboutTCP says whether rules restrict TCP.
func aboutTCP(rules []lsm.Rule) bool {
	return slices.ContainsFunc(rules, func(r lsm.Rule) bool { return r.Kind == lsm.KindBindTCP || r.Kind == lsm.KindConnectTCP })
}

// detours are ways to TCP that Landlock does not look at. They are refused
// together with its rules, whatever the policy allows:
//   - sockets of other protocols that speak TCP: MPTCP, which Go programs prefer
//     for listening, and SMC, which falls back to TCP. Programs get the errors
//     of a kernel without them, and use TCP;
//   - TCP Fast Open, which connects by sending;
//   - io_uring, which no filter sees.
func detours() []seccomp.Rule {
	const ipprotoSMC = 256 // IPPROTO_SMC, Linux 6.11
	rule := func(errno unix.Errno, comment string, arg *seccomp.Arg, names ...string) seccomp.Rule {
		r := seccomp.Rule{Names: names, Action: seccomp.ActErrno, Errno: new(uint16(errno)), Comment: comment}
		if arg != nil {
			r.Args = []seccomp.Arg{*arg}
		}
		return r
	}
	equal := func(index uint, value uint64) *seccomp.Arg {
		return &seccomp.Arg{Index: index, Op: seccomp.OpMaskedEqual, Value: 0xffffffff, ValueTwo: value}
	}
	fastOpen := func(index uint) *seccomp.Arg {
		return &seccomp.Arg{Index: index, Op: seccomp.OpMaskedEqual, Value: unix.MSG_FASTOPEN, ValueTwo: unix.MSG_FASTOPEN}
	}
	return []seccomp.Rule{
		rule(unix.EPROTONOSUPPORT, "MPTCP", equal(2, unix.IPPROTO_MPTCP), "socket"),
		rule(unix.EPROTONOSUPPORT, "SMC", equal(2, ipprotoSMC), "socket"),
		rule(unix.EAFNOSUPPORT, "SMC", equal(0, unix.AF_SMC), "socket"),
		rule(unix.EOPNOTSUPP, "TCP Fast Open", fastOpen(3), "sendto", "sendmmsg"),
		rule(unix.EOPNOTSUPP, "TCP Fast Open", fastOpen(2), "sendmsg"),
		rule(unix.EPERM, "out of the filter's sight", nil, "io_uring_setup", "socketcall"),
	}
}
