//go:build !linux

package sandboxtest

import (
	"context"
	"os/exec"
	"runtime"

	"github.com/seed-d1379373/sandbox"
)

// Audit returns an [sandbox.UnsupportedError]: the probes are for Linux.
func Audit(ctx context.Context, run func(*exec.Cmd) error, patterns ...string) (*Table, error) {
	_, err := NewAuditor(ctx)
	return nil, err
}

// An Auditor audits several sandboxes.
type Auditor struct{}

// NewAuditor returns an [sandbox.UnsupportedError].
func NewAuditor(context.Context) (*Auditor, error) {
	return nil, &sandbox.UnsupportedError{Feature: "probes", Reason: "they are for Linux, this is " + runtime.GOOS, Fix: "run it on Linux"}
}

// Audit is as the function Audit.
func (a *Auditor) Audit(ctx context.Context, run func(*exec.Cmd) error, patterns ...string) (*Table, error) {
	return Audit(ctx, run, patterns...)
}

// Close does nothing.
func (a *Auditor) Close() error { return nil }
