package seccomp

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// verdict compiles and runs one call of amd64 without arguments.
func verdict(t *testing.T, p *Policy, name string, args ...uint64) string {
	t.Helper()
	number, ok := mustMachine(amd64).native.find(name)
	if !ok {
		t.Fatalf("no call %s", name)
	}
	d := Data{NR: number, Arch: AuditX86_64}
	copy(d.Args[:], args)
	ret, err := compile(t, p, amd64).Run(d)
	if err != nil {
		t.Fatal(err)
	}
	return Describe(ret)
}

func TestEdits(t *testing.T) {
	base := &Policy{
		DefaultAction: ActErrno, DefaultErrno: new(uint16(1)),
		Architectures: []Arch{ArchX86}, Flags: []Flag{FlagLog},
		Syscalls: []Rule{
			{Names: []string{"read", "unshare"}, Action: ActAllow, Args: []Arg{{Value: 1, Op: OpEqualTo}}},
			{Names: []string{"unshare"}, Action: ActErrno, Errno: new(uint16(5)), Includes: Condition{Arches: []string{"amd64"}}},
		},
	}
	before := base.Clone()
	if got := verdict(t, base.Allow("unshare", "mount"), "unshare"); got != "allow" {
		t.Errorf("Allow: %s", got)
	}
	if got := verdict(t, base.Deny(38, "unshare"), "unshare", 1); got != "errno 38 (ENOSYS)" {
		t.Errorf("Deny: %s", got)
	}
	more := base.With(Rule{Names: []string{"unshare"}, Action: ActKillProcess, Args: []Arg{{Value: 1, Op: OpEqualTo}}})
	if got := verdict(t, more, "unshare", 1); got != "kill process" {
		t.Errorf("With: %s", got)
	}
	if got := verdict(t, more, "unshare", 2); got != "errno 5 (EIO)" {
		t.Errorf("With, other argument: %s", got)
	}
	if got := len(base.Allow().Syscalls); got != 2 {
		t.Errorf("Allow() of nothing: %d rules", got)
	}
	if err := base.Deny(5000, "read").Validate(); err == nil || !strings.Contains(err.Error(), "5000") {
		t.Errorf("Deny(5000): %v", err)
	}
	if err := base.Deny(1<<30, "read").Validate(); err == nil {
		t.Error("Deny(1<<30) is valid")
	}
	if !reflect.DeepEqual(base, before) {
		t.Errorf("the original changed:\n%+v\n%+v", base, before)
	}
}

func TestCloneIsDeep(t *testing.T) {
	p := Default().With(Rule{
		Names: []string{"read"}, Action: ActErrno, Errno: new(uint16(1)), Args: []Arg{{Op: OpEqualTo}},
		Includes: Condition{Caps: []string{"CAP_X"}}, Excludes: Condition{Arches: []string{"arm"}},
	})
	p.DefaultErrno, p.Flags = new(uint16(1)), []Flag{FlagLog}
	p.ArchMap = []ArchMapping{{ArchX86_64, []Arch{ArchX86}}}
	p.Architectures = []Arch{ArchX86}
	c := p.Clone()
	if !reflect.DeepEqual(c, p) {
		t.Fatal("the clone differs")
	}
	last := &c.Syscalls[len(c.Syscalls)-1]
	*c.DefaultErrno, c.Flags[0], c.ArchMap[0].SubArches[0], c.Architectures[0] = 9, "", "", ""
	last.Names[0], *last.Errno, last.Args[0].Index = "x", 9, 9
	last.Includes.Caps[0], last.Excludes.Arches[0] = "x", "x"
	l := p.Syscalls[len(p.Syscalls)-1]
	if *p.DefaultErrno != 1 || p.Flags[0] != FlagLog || p.ArchMap[0].SubArches[0] != ArchX86 || p.Architectures[0] != ArchX86 ||
		l.Names[0] != "read" || *l.Errno != 1 || l.Args[0].Index != 0 || l.Includes.Caps[0] != "CAP_X" || l.Excludes.Arches[0] != "arm" {
		t.Errorf("the clone shares memory: %+v", p)
	}
}

func TestUnconfined(t *testing.T) {
	u := *Unconfined
	u.DefaultAction, u.Syscalls = ActKillProcess, []Rule{{}}
	for _, p := range []*Policy{Unconfined, &u, Unconfined.Clone()} {
		f, err := p.Compile(amd64)
		if !p.IsUnconfined() || f != nil || err != nil {
			t.Errorf("IsUnconfined %v, Compile = %d instructions, %v", p.IsUnconfined(), len(f), err)
		}
		if got := p.Evaluate(amd64, Data{Arch: AuditX86}); got != retAllow {
			t.Errorf("Evaluate = %s", Describe(got))
		}
	}
	edited := Unconfined.Deny(1, "ptrace")
	if edited.IsUnconfined() || verdict(t, edited, "ptrace") != "errno 1 (EPERM)" || verdict(t, edited, "mount") != "allow" {
		t.Errorf("edited: %+v", edited)
	}
	if (*Policy)(nil).IsUnconfined() || Default().IsUnconfined() {
		t.Error("a policy that filters says it is unconfined")
	}
}

func TestUnknown(t *testing.T) {
	p := &Policy{DefaultAction: ActErrno, Syscalls: []Rule{
		{Names: []string{"read", "socketcall", "reed"}, Action: ActAllow},
		{Names: []string{"reed", "breakpoint", "aaa"}, Action: ActAllow},
	}}
	if got, want := p.Unknown(amd64), []string{"aaa", "breakpoint", "reed", "socketcall"}; !slices.Equal(got, want) {
		t.Errorf("amd64: %q, want %q", got, want)
	}
	if got, want := p.Unknown(Target{}), []string{"aaa", "reed"}; !slices.Equal(got, want) {
		t.Errorf("anywhere: %q, want %q", got, want)
	}
	p.Architectures = []Arch{ArchX86}
	if got, want := p.Unknown(amd64), []string{"aaa", "breakpoint", "reed"}; !slices.Equal(got, want) {
		t.Errorf("amd64 with x86: %q, want %q", got, want)
	}
}

func TestParseVersion(t *testing.T) {
	good := map[string]Version{
		"6.1.0-13-amd64": {6, 1}, "6.12-rc3": {6, 12}, "4.8": {4, 8}, "3.12.25-gentoo": {3, 12}, "6.18.44+": {6, 18},
	}
	for release, want := range good {
		if got, err := ParseVersion(release); err != nil || got != want {
			t.Errorf("ParseVersion(%q) = %v, %v, want %v", release, got, err, want)
		}
	}
	for _, release := range []string{"", "6", "6.", "six.one", ".1", "-1.2", "6.x"} {
		if got, err := ParseVersion(release); err == nil {
			t.Errorf("ParseVersion(%q) = %v", release, got)
		}
	}
	if !(Version{5, 0}).AtLeast(Version{4, 20}) || (Version{4, 8}).AtLeast(Version{4, 9}) || (Version{4, 8}).String() != "4.8" {
		t.Error("versions compare wrongly")
	}
}

func TestDescribe(t *testing.T) {
	tests := map[uint32]string{
		retAllow: "allow", retLog: "log", retKillProcess: "kill process", retKillThread: "kill thread", retTrap: "trap",
		retNotify: "notify", retTrace | 7: "trace 7", retErrno | 1: "errno 1 (EPERM)", retErrno | 133: "errno 133 (EHWPOISON)",
		retErrno | 41: "errno 41", retErrno | 4000: "errno 4000", retErrno: "errno 0",
		0x12340000: "kill process (unknown value 0x12340000)",
	}
	for ret, want := range tests {
		if got := Describe(ret); got != want {
			t.Errorf("Describe(%#x) = %q, want %q", ret, got, want)
		}
	}
}
