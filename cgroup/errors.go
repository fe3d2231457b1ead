package cgroup

import (
	"errors"
	"strings"
)

// Error is an operation on a cgroup file or directory that failed. Unwrap
// gives the errno.
type Error struct {
	Op         string // "create", "write", "read", "open", "enter", "freeze", "kill", "remove", ...
	Controller string // v2 name; empty where no controller is concerned
	Path       string
	Value      string // what was written, where something was
	Cause      string // the likely cause in words; may be empty
	Err        error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("cgroup: ")
	b.WriteString(e.Op)
	if e.Controller != "" {
		b.WriteString(" (" + e.Controller + " controller)")
	}
	if e.Path != "" {
		b.WriteString(" " + e.Path)
	}
	if e.Value != "" {
		b.WriteString(" = " + quoted(e.Value))
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Cause != "" {
		b.WriteString(": " + e.Cause)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// quoted keeps an error on one line whatever the value holds.
func quoted(s string) string {
	return `"` + strings.NewReplacer("\n", `\n`, "\x00", `\0`).Replace(s) + `"`
}

// LimitError is a limit whose value is wrong whatever the host.
type LimitError struct {
	Limit  string // the field of Limits
	Value  string
	Reason string
}

func (e *LimitError) Error() string {
	return "cgroup: " + e.Limit + " " + e.Value + " " + e.Reason
}

// UnsupportedError is a feature that this host does not offer to this
// process. errors.Is(err, errors.ErrUnsupported) holds; Unwrap gives what was
// met, often an [*Error].
type UnsupportedError struct {
	Feature string // "memory", "freezer", ...
	Reason  string
	Fix     string // what would help; may be empty
	Err     error
}

func (e *UnsupportedError) Error() string {
	s := "cgroup: " + e.Feature + " is not available: " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Fix != "" {
		s += "; to fix it, " + e.Fix
	}
	return s
}

func (e *UnsupportedError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, errors.ErrUnsupported) true.
func (e *UnsupportedError) Is(target error) bool { return target == errors.ErrUnsupported }
