package seccomp

import "testing"

func TestRulePrecedence(t *testing.T) {
	socket := func(a Action, errno *uint16, args ...Arg) Rule {
		return Rule{Names: []string{"socket"}, Action: a, Errno: errno, Args: args}
	}
	is := func(v uint64) Arg { return Arg{Value: v, Op: OpEqualTo} }
	tests := []struct {
		name  string
		rules []Rule
		arg   uint64
		want  uint32
	}{
		{"argument beats plain allow", []Rule{socket(ActAllow, nil), socket(ActErrno, nil, is(3))}, 3, retErrno | 1},
		{"argument beats plain refusal", []Rule{socket(ActErrno, nil), socket(ActAllow, nil, is(3))}, 3, retAllow},
		{"plain without match", []Rule{socket(ActErrno, new(uint16(97))), socket(ActAllow, nil, is(3))}, 4, retErrno | 97},
		{"strictest plain, refusal last", []Rule{socket(ActAllow, nil), socket(ActErrno, nil)}, 0, retErrno | 1},
		{"strictest plain, refusal first", []Rule{socket(ActErrno, nil), socket(ActAllow, nil)}, 0, retErrno | 1},
		{"strictest match", []Rule{socket(ActAllow, nil, is(3)), socket(ActKillProcess, nil, is(3))}, 3, retKillProcess},
		{"first errno", []Rule{socket(ActErrno, new(uint16(5))), socket(ActErrno, new(uint16(6)))}, 0, retErrno | 5},
		{"errno zero", []Rule{socket(ActErrno, new(uint16(0)))}, 0, retErrno},
		{"default", []Rule{socket(ActErrno, nil, is(3))}, 4, retTrap},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &Policy{DefaultAction: ActTrap, Syscalls: tt.rules}
			f := compile(t, p, amd64)
			d := Data{NR: 41, Arch: AuditX86_64, Args: [6]uint64{tt.arg}}
			if got, err := f.Run(d); err != nil || got != tt.want {
				t.Errorf("Run = %s, %v, want %s", Describe(got), err, Describe(tt.want))
			}
			agree(t, p, f, amd64)
		})
	}
}

func TestOperators(t *testing.T) {
	for _, op := range testOps {
		for _, v := range testValues {
			for _, w := range testValues {
				a := Arg{Index: 5, Value: v, Op: op}
				if op == OpMaskedEqual {
					a.ValueTwo = w & v
				}
				p := &Policy{DefaultAction: ActErrno, Syscalls: []Rule{{Names: []string{"mmap"}, Action: ActAllow, Args: []Arg{a}}}}
				f := compile(t, p, amd64)
				for _, x := range testValues {
					agreeOn(t, p, f, amd64, Data{NR: 9, Arch: AuditX86_64, Args: [6]uint64{5: x}})
					agreeOn(t, p, f, amd64, Data{NR: 9, Arch: AuditX86_64, Args: [6]uint64{5: x + 1}})
				}
				if op != OpMaskedEqual {
					break
				}
			}
		}
	}
}

func TestForeignArchitectures(t *testing.T) {
	const allowed, killed, noSys = retAllow, retKillProcess, retErrno | 38
	getpid := map[uint32]uint32{AuditX86_64: 39, AuditX86: 20, AuditAARCH64: 172, AuditARM: 20}
	tests := []struct {
		arches []Arch
		target string
		audit  uint32
		bit    uint32
		want   uint32
	}{
		{nil, "amd64", AuditX86_64, 0, allowed},
		{nil, "amd64", AuditX86_64, X32Bit, noSys},
		{nil, "amd64", AuditX86, 0, killed},
		{nil, "amd64", AuditAARCH64, 0, killed},
		{[]Arch{ArchX86}, "amd64", AuditX86, 0, allowed},
		{[]Arch{ArchX86}, "amd64", AuditX86_64, 0, allowed},
		{[]Arch{ArchX86}, "amd64", AuditX86_64, X32Bit, noSys},
		{[]Arch{ArchX32}, "amd64", AuditX86_64, X32Bit, allowed},
		{[]Arch{ArchX32}, "amd64", AuditX86, 0, killed},
		{[]Arch{ArchARM}, "amd64", AuditARM, 0, killed},
		{[]Arch{ArchARM}, "arm64", AuditARM, 0, allowed},
		{nil, "arm64", AuditAARCH64, 0, allowed},
		{nil, "arm64", AuditARM, 0, killed},
		{nil, "386", AuditX86, 0, allowed},
		{nil, "386", AuditX86_64, 0, killed},
		{[]Arch{ArchX86_64}, "386", AuditX86_64, 0, allowed},
	}
	for _, tt := range tests {
		for _, def := range []Action{ActErrno, ActAllow} {
			p := &Policy{
				DefaultAction: def, Architectures: tt.arches,
				Syscalls: []Rule{{Names: []string{"getpid"}, Action: ActAllow}},
			}
			target := Target{Arch: tt.target}
			f := compile(t, p, target)
			d := Data{NR: getpid[tt.audit] | tt.bit, Arch: tt.audit}
			if got, err := f.Run(d); err != nil || got != tt.want {
				t.Errorf("%v on %s, default %s: %#x/%#x: %s, %v, want %s",
					tt.arches, tt.target, def, d.Arch, d.NR, Describe(got), err, Describe(tt.want))
			}
			agree(t, p, f, target)
		}
	}
}

func TestUnlisted(t *testing.T) {
	const eperm, noSys = retErrno | 1, retErrno | 38
	// On amd64: 39 named, 100 known, 390 a hole, 439 the newest one named,
	// 440 known and newer, 600 beyond the table.
	numbers := []uint32{39, 100, 390, 439, 440, 600}
	tests := []struct {
		mode Unlisted
		def  Action
		want []uint32
	}{
		{UnlistedNewer, ActErrno, []uint32{retAllow, eperm, eperm, retAllow, noSys, noSys}},
		{UnlistedNewer, ActAllow, []uint32{retAllow, retAllow, retAllow, retAllow, retAllow, retAllow}},
		{UnlistedNoSys, ActErrno, []uint32{retAllow, eperm, noSys, retAllow, noSys, noSys}},
		{UnlistedNoSys, ActAllow, []uint32{retAllow, retAllow, noSys, retAllow, noSys, noSys}},
		{UnlistedDefault, ActErrno, []uint32{retAllow, eperm, eperm, retAllow, eperm, eperm}},
	}
	for _, tt := range tests {
		p := &Policy{
			DefaultAction: tt.def, Unlisted: tt.mode,
			Syscalls: []Rule{{Names: []string{"getpid", "faccessat2"}, Action: ActAllow}},
		}
		f := compile(t, p, amd64)
		for i, n := range numbers {
			got, err := f.Run(Data{NR: n, Arch: AuditX86_64})
			if err != nil || got != tt.want[i] {
				t.Errorf("%q, default %s: number %d: %s, %v, want %s", tt.mode, tt.def, n, Describe(got), err, Describe(tt.want[i]))
			}
		}
	}
}

func TestConditions(t *testing.T) {
	rule := func(in, ex Condition) *Policy {
		return &Policy{DefaultAction: ActErrno, Syscalls: []Rule{
			{Names: []string{"mount"}, Action: ActAllow, Includes: in, Excludes: ex},
		}}
	}
	admin := []string{"CAP_SYS_ADMIN"}
	both := []string{"CAP_SYS_ADMIN", "CAP_NET_RAW"}
	tests := []struct {
		name   string
		in, ex Condition
		target Target
		want   bool
	}{
		{"no condition", Condition{}, Condition{}, amd64, true},
		{"has cap", Condition{Caps: admin}, Condition{}, Target{Arch: "amd64", Caps: admin}, true},
		{"lacks cap", Condition{Caps: admin}, Condition{}, amd64, false},
		{"needs both caps", Condition{Caps: both}, Condition{}, Target{Arch: "amd64", Caps: admin}, false},
		{"has both caps", Condition{Caps: both}, Condition{}, Target{Arch: "amd64", Caps: both}, true},
		{"one cap excludes", Condition{}, Condition{Caps: both}, Target{Arch: "amd64", Caps: admin}, false},
		{"arch", Condition{Arches: []string{"arm64", "amd64"}}, Condition{}, amd64, true},
		{"other arch", Condition{Arches: []string{"arm64"}}, Condition{}, amd64, false},
		{"arch excludes", Condition{}, Condition{Arches: []string{"amd64"}}, amd64, false},
		{"386 is x86", Condition{Arches: []string{"x86"}}, Condition{}, Target{Arch: "386"}, true},
		{"kernel", Condition{MinKernel: "4.8"}, Condition{}, amd64, true},
		{"same kernel", Condition{MinKernel: "6.1"}, Condition{}, amd64, true},
		{"old kernel", Condition{MinKernel: "6.2"}, Condition{}, amd64, false},
		{"unknown kernel", Condition{MinKernel: "4.8"}, Condition{}, Target{Arch: "amd64"}, false},
		{"kernel excludes", Condition{}, Condition{MinKernel: "4.8"}, amd64, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := rule(tt.in, tt.ex)
			m := mustMachine(tt.target)
			number, _ := m.native.find("mount")
			got, err := compile(t, p, tt.target).Run(Data{NR: number, Arch: m.native.audit})
			if err != nil || (got == retAllow) != tt.want {
				t.Errorf("%s, %v, want allowed: %v", Describe(got), err, tt.want)
			}
		})
	}
}
