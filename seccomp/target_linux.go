package seccomp

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// NativeTarget describes this host: the architecture of this program and the
// version of the running kernel, without capabilities. The error of an
// architecture that no filter can be compiled for, or of another operating
// system, is errors.ErrUnsupported.
func NativeTarget() (Target, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return Target{}, fmt.Errorf("seccomp: uname: %w", err)
	}
	kernel, err := ParseVersion(unix.ByteSliceToString(name.Release[:]))
	if err != nil {
		return Target{}, fmt.Errorf("seccomp: uname: %w", err)
	}
	t := Target{Arch: runtime.GOARCH, Kernel: kernel}
	if _, err := t.check(); err != nil {
		return Target{}, err
	}
	return t, nil
}
