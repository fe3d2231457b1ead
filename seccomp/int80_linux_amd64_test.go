package seccomp

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// int80 is an ELF file that exits by the i386 interface: the entry point is
// mov $1, %eax; xor %ebx, %ebx; int $0x80.
func int80() []byte {
	const (
		base   = 0x400000
		header = 64 + 56
	)
	code := []byte{0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80, 0x0f, 0x0b}
	le := binary.LittleEndian
	b := []byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	b = le.AppendUint16(b, 2)           // ET_EXEC
	b = le.AppendUint16(b, 62)          // EM_X86_64
	b = le.AppendUint32(b, 1)           // version
	b = le.AppendUint64(b, base+header) // entry
	b = le.AppendUint64(b, 64)          // program headers
	b = le.AppendUint64(b, 0)           // section headers
	b = le.AppendUint32(b, 0)           // flags
	for _, v := range []uint16{64, 56, 1, 0, 0, 0} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(b, 1) // PT_LOAD
	b = le.AppendUint32(b, 5) // readable, executable
	size := uint64(header + len(code))
	for _, v := range []uint64{0, base, base, size, size, 0x1000} {
		b = le.AppendUint64(b, v)
	}
	return append(b, code...)
}

func TestForeignCallKills(t *testing.T) {
	path := filepath.Join(t.TempDir(), "int80")
	if err := os.WriteFile(path, int80(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := helper(t, "exec", nil, path).Run(); err != nil {
		t.Skipf("this kernel has no i386 system calls (CONFIG_IA32_EMULATION): %v", err)
	}
	err := helper(t, "exec", nativeDefault(t), path).Run()
	status, ok := exitStatus(err)
	if !ok || !status.Signaled() || status.Signal() != unix.SIGSYS {
		t.Errorf("an i386 call under the native filter: %v, want death by SIGSYS", err)
	}
	both := Default()
	both.Architectures = []Arch{ArchX86}
	target, err := NativeTarget()
	if err != nil {
		t.Fatal(err)
	}
	if err := helper(t, "exec", compile(t, both, target), path).Run(); err != nil {
		t.Errorf("an i386 call under a filter that permits it: %v", err)
	}
}
