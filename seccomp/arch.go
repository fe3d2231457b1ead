package seccomp

import "slices"

// Arch is a system call architecture, by the name that profiles use.
type Arch string

// The architectures that profiles may name. This package compiles filters for
// x86-64, x86, x32, AArch64 and ARM; the others are read and written only.
const (
	ArchX86         Arch = "SCMP_ARCH_X86"
	ArchX86_64      Arch = "SCMP_ARCH_X86_64"
	ArchX32         Arch = "SCMP_ARCH_X32"
	ArchARM         Arch = "SCMP_ARCH_ARM"
	ArchAARCH64     Arch = "SCMP_ARCH_AARCH64"
	ArchMIPS        Arch = "SCMP_ARCH_MIPS"
	ArchMIPS64      Arch = "SCMP_ARCH_MIPS64"
	ArchMIPS64N32   Arch = "SCMP_ARCH_MIPS64N32"
	ArchMIPSEL      Arch = "SCMP_ARCH_MIPSEL"
	ArchMIPSEL64    Arch = "SCMP_ARCH_MIPSEL64"
	ArchMIPSEL64N32 Arch = "SCMP_ARCH_MIPSEL64N32"
	ArchPPC         Arch = "SCMP_ARCH_PPC"
	ArchPPC64       Arch = "SCMP_ARCH_PPC64"
	ArchPPC64LE     Arch = "SCMP_ARCH_PPC64LE"
	ArchS390        Arch = "SCMP_ARCH_S390"
	ArchS390X       Arch = "SCMP_ARCH_S390X"
	ArchPARISC      Arch = "SCMP_ARCH_PARISC"
	ArchPARISC64    Arch = "SCMP_ARCH_PARISC64"
	ArchRISCV64     Arch = "SCMP_ARCH_RISCV64"
	ArchLOONGARCH64 Arch = "SCMP_ARCH_LOONGARCH64"
	ArchM68K        Arch = "SCMP_ARCH_M68K"
	ArchSH          Arch = "SCMP_ARCH_SH"
	ArchSHEB        Arch = "SCMP_ARCH_SHEB"
)

func (a Arch) known() bool {
	switch a {
	case ArchX86, ArchX86_64, ArchX32, ArchARM, ArchAARCH64, ArchMIPS, ArchMIPS64, ArchMIPS64N32,
		ArchMIPSEL, ArchMIPSEL64, ArchMIPSEL64N32, ArchPPC, ArchPPC64, ArchPPC64LE, ArchS390, ArchS390X,
		ArchPARISC, ArchPARISC64, ArchRISCV64, ArchLOONGARCH64, ArchM68K, ArchSH, ArchSHEB:
		return true
	}
	return false
}

// The values of seccomp_data.arch, include/uapi/linux/audit.h.
const (
	AuditX86_64  uint32 = 0xc000003e
	AuditX86     uint32 = 0x40000003
	AuditAARCH64 uint32 = 0xc00000b7
	AuditARM     uint32 = 0x40000028
)

// X32Bit marks the numbers of x32 calls, which otherwise look like x86-64 ones.
const X32Bit uint32 = 0x40000000

//go:generate go run gen_tables.go

// call is one entry of a system call table. The tables are sorted by number.
type call struct {
	number uint32
	name   string
}

// abi is one way to make system calls: an architecture value, a number space
// and its names.
type abi struct {
	arch  Arch
	audit uint32
	bit   uint32 // set in every number: X32Bit or zero
	calls []call
}

// machine is what a target's kernel can run.
type machine struct {
	condition string // the name in Condition.Arches
	native    abi
	compat    []abi
}

func machineFor(goarch string) (machine, bool) {
	amd64 := abi{ArchX86_64, AuditX86_64, 0, callsAMD64[:]}
	x32 := abi{ArchX32, AuditX86_64, X32Bit, callsX32[:]}
	x86 := abi{ArchX86, AuditX86, 0, calls386[:]}
	arm64 := abi{ArchAARCH64, AuditAARCH64, 0, callsARM64[:]}
	arm := abi{ArchARM, AuditARM, 0, callsARM[:]}
	switch goarch {
	case "amd64":
		return machine{"amd64", amd64, []abi{x86, x32}}, true
	case "386":
		// The kernel below a 32-bit program may well be a 64-bit one.
		return machine{"x86", x86, []abi{amd64, x32}}, true
	case "arm64":
		return machine{"arm64", arm64, []abi{arm}}, true
	case "arm":
		return machine{"arm", arm, []abi{arm64}}, true
	}
	return machine{}, false
}

// abis are the native and the permitted foreign interfaces, native first.
func (m machine) abis(p *Policy) []abi {
	permitted := p.Architectures
	for _, mapping := range p.ArchMap {
		if mapping.Arch == m.native.arch {
			permitted = mapping.SubArches
			break
		}
	}
	abis := []abi{m.native}
	for _, a := range m.compat {
		if slices.Contains(permitted, a.arch) {
			abis = append(abis, a)
		}
	}
	return abis
}

// last is the highest number that the interface has a name for.
func (a abi) last() uint32 { return a.calls[len(a.calls)-1].number | a.bit }

// knownCondition reports whether name is one of Docker's names for native
// architectures, which differ from both GOARCH and Arch.
func knownCondition(name string) bool {
	switch name {
	case "x86", "amd64", "x32", "arm", "arm64", "loongarch64", "mips", "mips64", "mips64n32", "mipsel",
		"mipsel64", "mips3l64n32", "mipsel64n32", "ppc", "ppc64", "ppc64le", "riscv64", "s390", "s390x":
		return true
	}
	return false
}
