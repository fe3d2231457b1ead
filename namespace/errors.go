package namespace

import "errors"

// An UnsupportedError says that the system lacks something that was asked
// for. errors.Is(err, errors.ErrUnsupported) is true for it.
type UnsupportedError struct {
	Feature string // what was asked for
	Reason  string // why it cannot be had
	Fix     string // what to do about it; empty if nothing helps
	Err     error  // the cause, if there is one
}

func (e *UnsupportedError) Error() string {
	msg := e.Feature + ": " + e.Reason
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	if e.Fix != "" {
		msg += "; to fix it: " + e.Fix
	}
	return msg
}

// Unwrap returns the cause, which may be nil.
func (e *UnsupportedError) Unwrap() error { return e.Err }

// Is reports whether target is errors.ErrUnsupported.
func (e *UnsupportedError) Is(target error) bool { return target == errors.ErrUnsupported }
