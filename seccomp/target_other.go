//go:build !linux

package seccomp

import (
	"errors"
	"fmt"
	"runtime"
)

// NativeTarget always fails: seccomp is a feature of Linux.
func NativeTarget() (Target, error) {
	return Target{}, fmt.Errorf("seccomp: not on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
