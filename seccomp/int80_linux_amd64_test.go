package seccomp

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

func TestForeignCallKills(t *testing.T) {
	path := filepath.Join(t.TempDir(), "int80")
	if err := os.WriteFile(path, attempt.I386Call, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := helper(t, "exec", nil, path).Run(); err != nil {
		t.Skipf("needs i386: this kernel has no i386 system calls (CONFIG_IA32_EMULATION): %v", err)
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
