//go:build !linux

package seccomp

// docker has no rules here: the package with Docker's profile is for Linux.
func docker() *Policy {
	return &Policy{DefaultAction: ActErrno, DefaultErrno: new(errnoEPERM)}
}
