package seccomp

import (
	"math/rand/v2"
	"slices"
)

// source draws decisions from bytes, so that random tests and fuzzing share
// one generator. An exhausted source answers zero.
type source struct{ data []byte }

func (s *source) below(n int) int {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return int(b) % n
}

func pick[T any](s *source, list []T) T { return list[s.below(len(list))] }

func randomSource(seed uint64, size int) *source {
	r := rand.New(rand.NewPCG(seed, 1))
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return &source{data}
}

var (
	testActions = []Action{
		ActAllow, ActErrno, ActErrno, ActKillProcess, ActKillThread, ActKill, ActTrap, ActTrace, ActLog, ActNotify,
	}
	testNames = []string{
		"read", "write", "open", "openat", "socket", "clone", "ioctl", "mmap", "exit_group", "clone3", "mseal",
		"fstatat64", "socketcall", "not_a_call", "getpid", "execve",
	}
	testOps    = []Operator{OpNotEqual, OpLessThan, OpLessEqual, OpEqualTo, OpGreaterEqual, OpGreaterThan, OpMaskedEqual}
	testValues = []uint64{
		0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x100000000, 0x100000001, 0x1ffffffff,
		0xffffffff00000000, 0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffffffe, 0xffffffffffffffff,
	}
	testTargets = []Target{
		{Arch: "amd64", Kernel: Version{6, 1}},
		{Arch: "amd64", Kernel: Version{4, 4}, Caps: []string{"CAP_SYS_ADMIN", "CAP_NET_RAW"}},
		{Arch: "arm64", Kernel: Version{6, 12}, Caps: []string{"CAP_NET_ADMIN"}},
		{Arch: "386"},
		{Arch: "arm", Kernel: Version{5, 14}, Caps: []string{"CAP_SYS_PTRACE"}},
	}
)

func (s *source) policy() *Policy {
	p := &Policy{
		DefaultAction: pick(s, testActions[:len(testActions)-1]),
		Unlisted:      pick(s, []Unlisted{UnlistedNewer, UnlistedNoSys, UnlistedDefault}),
	}
	p.DefaultErrno = s.errno(p.DefaultAction)
	switch s.below(3) {
	case 1:
		p.Architectures = []Arch{pick(s, []Arch{ArchX86, ArchX32, ArchARM, ArchS390X}), ArchX86_64}
	case 2:
		p.ArchMap = []ArchMapping{{ArchX86_64, []Arch{ArchX86, ArchX32}}, {ArchAARCH64, []Arch{ArchARM}}}
	}
	for range s.below(12) {
		p.Syscalls = append(p.Syscalls, s.rule())
	}
	return p
}

func (s *source) rule() Rule {
	r := Rule{Action: pick(s, testActions)}
	r.Errno = s.errno(r.Action)
	for range 1 + s.below(3) {
		r.Names = append(r.Names, pick(s, testNames))
	}
	for range s.below(4) {
		r.Args = append(r.Args, s.arg())
	}
	switch s.below(6) {
	case 0:
		r.Includes = Condition{Caps: []string{pick(s, []string{"CAP_SYS_ADMIN", "CAP_NET_RAW", "CAP_NET_ADMIN"})}}
	case 1:
		r.Excludes = Condition{Arches: []string{pick(s, []string{"amd64", "arm64", "x86"})}}
	case 2:
		r.Includes = Condition{MinKernel: "4.8"}
	}
	return r
}

func (s *source) errno(a Action) *uint16 {
	if !a.takesErrno() || s.below(2) == 0 {
		return nil
	}
	return new(uint16(s.below(120)))
}

func (s *source) arg() Arg {
	a := Arg{Index: uint(s.below(3)), Value: pick(s, testValues), Op: pick(s, testOps)}
	if a.Op == OpMaskedEqual {
		a.ValueTwo = pick(s, testValues) & a.Value
	}
	return a
}

// data are calls worth trying: every interface, and arguments at and around
// the values that the policy compares with.
func (s *source) call(p *Policy, number uint32) Data {
	d := Data{
		NR:   number,
		Arch: pick(s, []uint32{AuditX86_64, AuditX86_64, AuditAARCH64, AuditAARCH64, AuditX86, AuditARM, 0x80000016}),
		IP:   0x7fff00001000,
	}
	if s.below(5) == 0 {
		d.NR |= X32Bit
	}
	values := testValues
	for _, r := range p.Syscalls {
		for _, a := range r.Args {
			values = append(slices.Clip(values), a.Value, a.ValueTwo, a.ValueTwo|1<<40)
		}
	}
	for i := range d.Args {
		d.Args[i] = pick(s, values) + uint64(s.below(3)) - 1
	}
	return d
}

// interestingNumbers are the numbers of the tests' names, their neighbours and
// the ends of the tables.
func interestingNumbers() []uint32 {
	numbers := []uint32{0, 335, 423, 424, 471, 472, 547, 548, 600, 0x0f0002, X32Bit - 1, X32Bit, 1 << 31, 1<<32 - 1}
	for _, goarch := range []string{"amd64", "arm64"} {
		m, _ := machineFor(goarch)
		for _, a := range append(m.compat, m.native) {
			for _, c := range a.calls {
				if slices.Contains(testNames, c.name) {
					numbers = append(numbers, c.number-1, c.number, c.number+1)
				}
			}
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}
