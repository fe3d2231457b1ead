package seccomp_test

import (
	"encoding/json"
	"fmt"
	"syscall"

	"github.com/seed-d1379373/sandbox/seccomp"
)

func ExamplePolicy_Compile() {
	p := &seccomp.Policy{
		DefaultAction: seccomp.ActErrno,
		Syscalls: []seccomp.Rule{
			{Names: []string{"read", "write", "exit_group"}, Action: seccomp.ActAllow},
		},
	}
	f, err := p.Compile(seccomp.Target{Arch: "amd64"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(f)
	// Output:
	//   0  load arch
	//   1  == 0xc000003e ? 3 : 2
	//   2  return kill process
	//   3  load number
	//   4  >= 0xe7 ? 7 : 5
	//   5  >= 0x2 ? 6 : 8
	//   6  return errno 1 (EPERM)
	//   7  >= 0xe8 ? 9 : 8
	//   8  return allow
	//   9  return errno 38 (ENOSYS)
}

func ExamplePolicy_Explain() {
	p := &seccomp.Policy{
		DefaultAction: seccomp.ActAllow,
		Syscalls: []seccomp.Rule{{
			Names:   []string{"socket"},
			Action:  seccomp.ActErrno,
			Args:    []seccomp.Arg{{Index: 0, Value: 1, Op: seccomp.OpNotEqual}},
			Comment: "unix sockets only",
		}},
	}
	fmt.Print(p.Explain(seccomp.Target{Arch: "arm64"}, "socket"))
	// Output:
	// socket, SCMP_ARCH_AARCH64 number 198:
	//   if arg0 != 0x1: errno 1 (EPERM), by syscalls[0] (unix sockets only)
	//   otherwise: allow, by default
}

func ExampleParse() {
	p, err := seccomp.Parse([]byte(`{
		"defaultAction": "SCMP_ACT_ALLOW",
		"syscalls": [{"names": ["chmod", "fchmodat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := p.Compile(seccomp.Target{Arch: "amd64"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ret, err := f.Run(seccomp.Data{NR: 90, Arch: seccomp.AuditX86_64})
	fmt.Println(seccomp.Describe(ret), err)

	_, err = seccomp.Parse([]byte(`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["chmod"], "action": "DENY"}]}`))
	fmt.Println(err)
	// Output:
	// errno 1 (EPERM) <nil>
	// seccomp profile: syscalls[0].action: "DENY": unknown action
}

func ExamplePolicy_Deny() {
	p := &seccomp.Policy{DefaultAction: seccomp.ActErrno}
	q := p.Allow("read", "write").Deny(syscall.Errno(38), "write")
	text, err := json.Marshal(q)
	fmt.Println(string(text), err)
	// Output:
	// {"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"},{"names":["write"],"action":"SCMP_ACT_ERRNO","errnoRet":38}]} <nil>
}

func ExampleDiff() {
	a := &seccomp.Policy{DefaultAction: seccomp.ActErrno}
	b := a.Allow("getpid")
	b.Unlisted = seccomp.UnlistedDefault
	list, err := seccomp.Diff(a, b, seccomp.Target{Arch: "arm64"})
	for _, d := range list {
		fmt.Println(d)
	}
	fmt.Println(err)
	// Output:
	// SCMP_ARCH_AARCH64 getpid: errno 1 (EPERM) -> allow
	// <nil>
}
