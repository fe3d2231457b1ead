//go:build !linux

package caps

import (
	"errors"
	"fmt"
)

func unsupported(what string) error {
	return fmt.Errorf("caps: %s: Linux only: %w", what, errors.ErrUnsupported)
}

// Last returns the highest capability that the running kernel knows. There is
// none on this operating system, so the error is [errors.ErrUnsupported].
func Last() (Cap, error) { return 0, unsupported("last capability") }

// Supported returns every capability that the running kernel knows. There is
// none on this operating system, so the error is [errors.ErrUnsupported].
func Supported() (Set, error) { return 0, unsupported("supported capabilities") }

// Process returns the sets of a process. No process has any on this
// operating system, so the error is [errors.ErrUnsupported].
func Process(int) (State, error) { return State{}, unsupported("capabilities of a process") }
