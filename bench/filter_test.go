package main

import (
	"encoding/binary"
	"testing"

	elasticarch "github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"

	"github.com/seed-d1379373/sandbox/seccomp"
)

// decode is the inverse of Filter.Bytes.
func decode(code []byte) seccomp.Filter {
	var f seccomp.Filter
	for ; len(code) >= 8; code = code[8:] {
		f = append(f, bpf.RawInstruction{
			Op: binary.NativeEndian.Uint16(code), Jt: code[2], Jf: code[3], K: binary.NativeEndian.Uint32(code[4:]),
		})
	}
	return f
}

// What is compared must be one policy: the filters of all compilers decide alike
// about calls by number, but for those that only ours can treat by argument too.
func TestCompilersAgree(t *testing.T) {
	target, err := seccomp.NativeTarget()
	if err != nil {
		t.Fatal(err)
	}
	own, err := seccomp.Default().Compile(target)
	if err != nil {
		t.Fatal(err)
	}
	rules := flatten(seccomp.Default())
	others := map[string]seccomp.Filter{}
	code, err := elasticAssemble(rules)
	if err != nil {
		t.Fatal(err)
	}
	others[elasticFilter] = decode(code)
	b := newBench(t)
	if err := compile(b.work, "-o", "libseccomp", "c/libseccomp.c", "-lseccomp"); err == nil {
		for level, name := range map[int]string{1: "list", 2: "tree"} {
			if code, err = b.libseccompAssemble(rules, level); err != nil {
				t.Fatal(err)
			}
			others[name] = decode(code)
		}
	} else {
		t.Log("without libseccomp, whose headers are not installed")
	}
	arch := audit(t, own)
	skip := map[string]bool{"uretprobe": true} // newer than a libseccomp that is about
	for _, r := range rules {
		skip[r.name] = skip[r.name] || len(r.args) > 0 // by argument, theirs of version 1.6.0 errs
	}
	info, err := elasticarch.GetInfo("")
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range others {
		allowed, refused := 0, 0
		for nr := range uint32(450) {
			d := seccomp.Data{NR: nr, Arch: arch}
			mine, err := own.Run(d)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := f.Run(d)
			if err != nil {
				t.Fatal(name, err)
			}
			const nosys = 0x50000 | 38
			switch {
			case skip[info.SyscallNumbers[int(nr)]]:
			case mine == nosys: // also for numbers without a name, where theirs is EPERM
			case mine>>16 == 5 && theirs>>16 == 5: // which errno is a detail
				refused++
			case mine != theirs:
				t.Errorf("call %d: ours %s, %s %s", nr, seccomp.Describe(mine), name, seccomp.Describe(theirs))
			default:
				allowed++
			}
		}
		if allowed < 200 || refused < 20 {
			t.Errorf("%s: %d calls allowed and %d refused", name, allowed, refused)
		}
	}
}

// audit is the architecture for which the filter does not kill.
func audit(t *testing.T, f seccomp.Filter) uint32 {
	t.Helper()
	for _, arch := range []uint32{seccomp.AuditX86_64, seccomp.AuditAARCH64} {
		if ret, err := f.Run(seccomp.Data{Arch: arch}); err == nil && ret != 0x80000000 {
			return arch
		}
	}
	t.Fatal("no architecture")
	return 0
}
