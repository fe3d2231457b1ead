package seccomp

import (
	"fmt"
	"strings"
)

// PolicyError is a mistake in a policy or profile.
type PolicyError struct {
	// Path is the file that the profile came from, if any.
	Path string
	// Field is where the mistake is, as in the JSON form: "syscalls[3].args[0].op".
	// Empty: the whole document.
	Field string
	// Value is the offending value; it may be empty.
	Value string
	// Reason says what is wrong with it.
	Reason string
	// Err is the cause, if there is one: a JSON or file error.
	Err error
}

// Error says everything on one line.
func (e *PolicyError) Error() string {
	var b strings.Builder
	b.WriteString("seccomp profile")
	if e.Path != "" {
		fmt.Fprintf(&b, " %s", e.Path)
	}
	if e.Field != "" {
		fmt.Fprintf(&b, ": %s", e.Field)
	}
	if e.Value != "" {
		fmt.Fprintf(&b, ": %q", e.Value)
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, ": %s", e.Reason)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *PolicyError) Unwrap() error { return e.Err }

// TargetError is a target that no filter can be compiled for.
type TargetError struct {
	Field, Value, Reason string
	// Err is errors.ErrUnsupported for an unsupported architecture.
	Err error
}

// Error says everything on one line.
func (e *TargetError) Error() string {
	return fmt.Sprintf("seccomp target: %s: %q: %s", e.Field, e.Value, e.Reason)
}

// Unwrap returns the cause.
func (e *TargetError) Unwrap() error { return e.Err }

// SizeError is a policy whose filter would be too long for the kernel.
type SizeError struct {
	// Instructions is the length, or a lower bound of it.
	Instructions int
}

// Error says everything on one line.
func (e *SizeError) Error() string {
	return fmt.Sprintf("seccomp filter: %d or more instructions, the kernel takes %d", e.Instructions, MaxInstructions)
}
