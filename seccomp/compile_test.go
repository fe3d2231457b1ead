package seccomp

import (
	"errors"
	"testing"
)

var amd64 = Target{Arch: "amd64", Kernel: Version{6, 1}}

func TestCompileListing(t *testing.T) {
	tests := []struct {
		policy *Policy
		want   string
	}{
		{
			&Policy{DefaultAction: ActErrno, Syscalls: []Rule{
				{Names: []string{"read", "write", "close", "exit_group"}, Action: ActAllow},
				{Names: []string{"lseek"}, Action: ActAllow, Args: []Arg{{Index: 1, Value: 0, Op: OpEqualTo}}},
			}},
			`  0  load arch
  1  == 0xc000003e ? 3 : 2
  2  return kill process
  3  load number
  4  >= 0xe7 ? 13 : 5
  5  >= 0x4 ? 7 : 6
  6  == 0x2 ? 12 : 14
  7  == 0x8 ? 8 : 12
  8  load arg1.high
  9  == 0x0 ? 10 : 12
 10  load arg1.low
 11  == 0x0 ? 14 : 12
 12  return errno 1 (EPERM)
 13  >= 0xe8 ? 15 : 14
 14  return allow
 15  return errno 38 (ENOSYS)
`},
		{
			&Policy{DefaultAction: ActAllow, Architectures: []Arch{ArchX86}, Syscalls: []Rule{
				{
					Names: []string{"mmap", "mprotect"}, Action: ActLog,
					Args: []Arg{{Index: 2, Value: 6, ValueTwo: 6, Op: OpMaskedEqual}},
				},
				{
					Names: []string{"socket"}, Action: ActErrno, Errno: new(uint16(97)),
					Args: []Arg{{Index: 0, Value: 1, Op: OpGreaterThan}},
				},
			}},
			`  0  load arch
  1  == 0xc000003e ? 9 : 2
  2  == 0x40000003 ? 4 : 3
  3  return kill process
  4  load number
  5  >= 0x167 ? 8 : 6
  6  == 0x7d ? 12 : 7
  7  == 0x5a ? 12 : 22
  8  >= 0x168 ? 22 : 18
  9  load number
 10  >= 0xb ? 16 : 11
 11  >= 0x9 ? 12 : 22
 12  load arg2.low
 13  and 0x6
 14  == 0x6 ? 15 : 22
 15  return log
 16  >= 0x40000000 ? 24 : 17
 17  == 0x29 ? 18 : 22
 18  load arg0.high
 19  == 0x0 ? 20 : 23
 20  load arg0.low
 21  > 0x1 ? 23 : 22
 22  return allow
 23  return errno 97 (EAFNOSUPPORT)
 24  return errno 38 (ENOSYS)
`},
	}
	for _, tt := range tests {
		f := compile(t, tt.policy, amd64)
		if got := f.String(); got != tt.want {
			t.Errorf("listing:\n%s\nwant:\n%s", got, tt.want)
		}
		agree(t, tt.policy, f, amd64)
	}
}

func compile(t testing.TB, p *Policy, target Target) Filter {
	t.Helper()
	f, err := p.Compile(target)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	return f
}

// agree compares the filter with Evaluate on interesting numbers, on all
// architectures, with arguments at boundaries.
func agree(t testing.TB, p *Policy, f Filter, target Target) {
	t.Helper()
	agreeOnNumbers(t, p, f, target, interestingNumbers())
}

// agreeOnAll adds every number up to 600.
func agreeOnAll(t testing.TB, p *Policy, f Filter, target Target) {
	t.Helper()
	numbers := interestingNumbers()
	for n := range uint32(600) {
		numbers = append(numbers, n)
	}
	agreeOnNumbers(t, p, f, target, numbers)
}

func agreeOnNumbers(t testing.TB, p *Policy, f Filter, target Target, numbers []uint32) {
	t.Helper()
	s := randomSource(uint64(len(f)), len(numbers)*16*3)
	for _, n := range numbers {
		agreeOn(t, p, f, target, Data{NR: n, Arch: mustMachine(target).native.audit})
		for range 3 {
			agreeOn(t, p, f, target, s.call(p, n))
		}
	}
}

func mustMachine(t Target) machine {
	m, _ := machineFor(t.Arch)
	return m
}

func agreeOn(t testing.TB, p *Policy, f Filter, target Target, d Data) {
	t.Helper()
	got, err := f.Run(d)
	if err != nil {
		t.Fatalf("Run(%+v): %v\n%s", d, err, f)
	}
	if want := p.Evaluate(target, d); got != want {
		t.Fatalf("call %+v on %s: filter says %s, policy says %s\n%s", d, target.Arch, Describe(got), Describe(want), f)
	}
}

func TestCompileAgreesWithEvaluate(t *testing.T) {
	for seed := range uint64(150) {
		target := testTargets[seed%uint64(len(testTargets))]
		p := randomSource(seed, 200).policy()
		f, err := p.Compile(target)
		if err != nil {
			if refusesUnknown(p, err) {
				continue
			}
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, n := range interestingNumbers() {
			s := randomSource(seed^uint64(n), 64)
			agreeOn(t, p, f, target, s.call(p, n))
			agreeOn(t, p, f, target, s.call(p, n))
		}
	}
}

// refusesUnknown recognises the one error of well-formed generated policies.
func refusesUnknown(p *Policy, err error) bool {
	var mistake *PolicyError
	return errors.As(err, &mistake) && mistake.Value == "not_a_call" && p.DefaultAction.permissive()
}

func TestCompileWholeProfiles(t *testing.T) {
	for name, p := range map[string]*Policy{"default": Default(), "docker": docker()} {
		for _, target := range testTargets {
			t.Run(name+"/"+target.Arch, func(t *testing.T) {
				agreeOnAll(t, p, compile(t, p, target), target)
			})
		}
	}
}

// A policy whose parts are farther apart than a conditional jump reaches.
func TestCompileLongJumps(t *testing.T) {
	p := &Policy{DefaultAction: ActErrno, Unlisted: UnlistedNoSys}
	for i, c := range callsAMD64 {
		r := Rule{Names: []string{c.name}, Action: ActErrno, Errno: new(uint16(i % 60))}
		if i%3 == 0 {
			r.Args = []Arg{{Index: uint(i % 6), Value: uint64(i) << 20, Op: testOps[i%6]}}
		}
		p.Syscalls = append(p.Syscalls, r)
	}
	f := compile(t, p, amd64)
	jumps := 0
	for _, ins := range f {
		if ins.Op == bpfJump {
			jumps++
		}
	}
	if len(f) < 512 || jumps == 0 {
		t.Errorf("%d instructions with %d long jumps: the policy does not test what it should", len(f), jumps)
	}
	agreeOnAll(t, p, f, amd64)
}

func TestCompileTooLong(t *testing.T) {
	for _, rules := range []int{3000, 60_000} {
		p := &Policy{DefaultAction: ActErrno}
		for i := range rules {
			p.Syscalls = append(p.Syscalls, Rule{
				Names: []string{"ioctl"}, Action: ActAllow,
				Args: []Arg{
					{Index: 1, Value: uint64(i)<<33 | uint64(i), Op: OpEqualTo},
					{Index: 2, Value: uint64(i), Op: OpNotEqual},
				},
			})
		}
		var size *SizeError
		if _, err := p.Compile(amd64); !errors.As(err, &size) || size.Instructions <= MaxInstructions {
			t.Errorf("%d rules: %v, want a SizeError", rules, err)
		}
	}
}

// Just below the limit a filter must still be right.
func TestCompileNearLimit(t *testing.T) {
	p := &Policy{DefaultAction: ActErrno}
	for i := range 900 {
		p.Syscalls = append(p.Syscalls, Rule{
			Names: []string{"ioctl"}, Action: ActErrno, Errno: new(uint16(i % 7)),
			Args: []Arg{{Index: 1, Value: uint64(i) | uint64(i)<<32, Op: OpEqualTo}},
		})
	}
	f := compile(t, p, amd64)
	for i := uint64(0); i < 1000; i += 27 {
		agreeOn(t, p, f, amd64, Data{NR: 16, Arch: AuditX86_64, Args: [6]uint64{1: i | i<<32}})
		agreeOn(t, p, f, amd64, Data{NR: 16, Arch: AuditX86_64, Args: [6]uint64{1: i | (i+1)<<32}})
	}
}

func TestCompileErrors(t *testing.T) {
	valid := &Policy{DefaultAction: ActErrno}
	tests := []struct {
		policy *Policy
		target Target
		want   string
	}{
		{&Policy{}, amd64, "seccomp profile: defaultAction: missing"},
		{nil, amd64, "seccomp profile: nil policy (Unconfined means no filter)"},
		{valid, Target{}, `seccomp target: Arch: "": no system call table`},
		{valid, Target{Arch: "riscv64"}, `seccomp target: Arch: "riscv64": no system call table`},
		{valid, Target{Arch: "amd64", Caps: []string{"SYS_ADMIN"}}, `seccomp target: Caps: "SYS_ADMIN": not of the form CAP_NAME`},
		{
			&Policy{DefaultAction: ActAllow, Syscalls: []Rule{{Names: []string{"read", "ptrase"}, Action: ActErrno}}}, amd64,
			`seccomp profile: syscalls[0].names[1]: "ptrase": refuses an unknown system call, while the default action lets it through`,
		},
	}
	for _, tt := range tests {
		f, err := tt.policy.Compile(tt.target)
		if err == nil || err.Error() != tt.want || f != nil {
			t.Errorf("Compile = %d instructions, %v, want %s", len(f), err, tt.want)
		}
	}
	if _, err := valid.Compile(Target{Arch: "riscv64"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("unsupported architecture: %v is not ErrUnsupported", err)
	}
}

// Calls decided by number must not need anything but what the kernel's
// analysis of constant allowances follows (seccomp_is_const_allow).
func TestCompileConstantAllowances(t *testing.T) {
	f := compile(t, Default(), amd64)
	for _, c := range callsAMD64 {
		constant := Default().Evaluate(amd64, Data{NR: c.number, Arch: AuditX86_64}) == retAllow
		switch c.name {
		case "clone", "personality", "ioctl", "socket", "socketpair", "prlimit64":
			constant = false
		}
		if got := constantAllow(f, c.number, AuditX86_64); got != constant {
			t.Errorf("%s: constant allowance %v, want %v", c.name, got, constant)
		}
	}
}

func constantAllow(f Filter, number, arch uint32) bool {
	a := uint32(0)
	for pc := 0; ; pc++ {
		ins := f[pc]
		taken := false
		switch ins.Op {
		case bpfLoad:
			if ins.K > 4 {
				return false
			}
			a = [...]uint32{number, arch}[ins.K/4]
			continue
		case bpfReturn:
			return ins.K == retAllow
		case bpfJump:
			pc += int(ins.K)
			continue
		case bpfAnd:
			a &= ins.K
			continue
		case bpfJumpEqual:
			taken = a == ins.K
		case bpfJumpAtLeast:
			taken = a >= ins.K
		case bpfJumpGreater:
			taken = a > ins.K
		case bpfJumpAnyBit:
			taken = a&ins.K != 0
		}
		if taken {
			pc += int(ins.Jt)
		} else {
			pc += int(ins.Jf)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(randomSource(seed, 150).data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &source{data}
		target := pick(s, testTargets)
		p := s.policy()
		filter, err := p.Compile(target)
		if err != nil {
			if refusesUnknown(p, err) {
				return
			}
			t.Fatal(err)
		}
		for _, n := range interestingNumbers() {
			agreeOn(t, p, filter, target, s.call(p, n))
			agreeOn(t, p, filter, target, randomSource(uint64(n), 64).call(p, n))
		}
	})
}
