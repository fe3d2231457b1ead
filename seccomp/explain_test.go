package seccomp

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	p := &Policy{
		DefaultAction: ActErrno, Architectures: []Arch{ArchX86},
		Syscalls: []Rule{
			{Names: []string{"read", "openat2"}, Action: ActAllow},
			{
				Names: []string{"socket"}, Action: ActAllow, Comment: "sockets of the host",
				Args: []Arg{{Value: 1, Op: OpEqualTo}, {Index: 2, Value: 0xff, ValueTwo: 1, Op: OpMaskedEqual}},
			},
			{Names: []string{"socket"}, Action: ActErrno, Errno: new(uint16(97))},
		},
	}
	tests := map[string]string{
		"read": "read, SCMP_ARCH_X86_64 number 0:\n  allow, by syscalls[0]\n" +
			"read, SCMP_ARCH_X86 number 3:\n  allow, by syscalls[0]\n",
		"socket": "socket, SCMP_ARCH_X86_64 number 41:\n" +
			"  if arg0 == 0x1 and arg2 & 0xff == 0x1: allow, by syscalls[1] (sockets of the host)\n" +
			"  otherwise: errno 97 (EAFNOSUPPORT), by syscalls[2]\n" +
			"socket, SCMP_ARCH_X86 number 359:\n" +
			"  if arg0 == 0x1 and arg2 & 0xff == 0x1: allow, by syscalls[1] (sockets of the host)\n" +
			"  otherwise: errno 97 (EAFNOSUPPORT), by syscalls[2]\n",
		"socketcall": "socketcall, SCMP_ARCH_X86_64: no such system call known\n" +
			"socketcall, SCMP_ARCH_X86 number 102:\n  errno 1 (EPERM), by default\n",
		"900": "900, SCMP_ARCH_X86_64 number 900:\n  errno 38 (ENOSYS), not listed\n" +
			"900, SCMP_ARCH_X86 number 900:\n  errno 38 (ENOSYS), not listed\n",
		"mseal": "mseal, SCMP_ARCH_X86_64 number 462:\n  errno 38 (ENOSYS), not listed\n" +
			"mseal, SCMP_ARCH_X86 number 462:\n  errno 38 (ENOSYS), not listed\n",
	}
	for name, want := range tests {
		if got := p.Explain(amd64, name); got != want {
			t.Errorf("Explain(%s):\n%s\nwant:\n%s", name, got, want)
		}
	}
	if got := Unconfined.Explain(amd64, "read"); got != "read: allow, no filter\n" {
		t.Errorf("unconfined: %q", got)
	}
	if got := p.Explain(Target{Arch: "vax"}, "read"); !strings.Contains(got, "vax") {
		t.Errorf("unknown target: %q", got)
	}
}

func TestDiff(t *testing.T) {
	base := &Policy{DefaultAction: ActErrno, Unlisted: UnlistedNoSys, Syscalls: []Rule{
		{Names: []string{"read", "write", "mseal"}, Action: ActAllow},
	}}
	limited := base.Deny(38, "write").With(Rule{
		Names: []string{"kill"}, Action: ActAllow, Args: []Arg{{Index: 1, Value: 0, Op: OpEqualTo}},
	})
	limited.Unlisted = UnlistedDefault
	limited.Architectures = []Arch{ArchX32}
	got, err := Diff(base, limited, amd64)
	if err != nil {
		t.Fatal(err)
	}
	const eperm, noSys = "errno 1 (EPERM)", "errno 38 (ENOSYS)"
	native := slices.DeleteFunc(slices.Clone(got), func(d Difference) bool { return d.Arch != ArchX86_64 || d.A == noSys && d.B == eperm })
	want := []Difference{
		{ArchX86_64, "write", "allow", noSys},
		{ArchX86_64, "kill", eperm, "allow if arg1 == 0x0, else " + eperm},
	}
	if !reflect.DeepEqual(native, want) {
		t.Errorf("got %v, want %v", native, want)
	}
	if !slices.Contains(got, Difference{ArchX86_64, namelessCall, noSys, eperm}) {
		t.Errorf("numbers without a name are not among %v", got)
	}
	if !slices.Contains(got, Difference{ArchX32, "read", noSys, "allow"}) {
		t.Errorf("x32 is not among %v", got)
	}
	same, err := Diff(base, base.Clone(), amd64)
	if err != nil || len(same) != 0 {
		t.Errorf("a clone differs: %v, %v", same, err)
	}
	open, err := Diff(Unconfined, base, amd64)
	if err != nil || !slices.Contains(open, Difference{ArchX86, allCalls, "allow", "kill process"}) {
		t.Errorf("unconfined: %v, %v", open, err)
	}
	if s := want[0].String(); s != "SCMP_ARCH_X86_64 write: allow -> errno 38 (ENOSYS)" {
		t.Errorf("String = %q", s)
	}
	if _, err := Diff(base, &Policy{}, amd64); err == nil {
		t.Error("an invalid policy was compared")
	}
	if _, err := Diff(base, base, Target{}); err == nil {
		t.Error("an invalid target was accepted")
	}
}
