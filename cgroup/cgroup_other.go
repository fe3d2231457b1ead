//go:build !linux

package cgroup

import (
	"context"
	"os"
	"time"
)

// Hierarchy knows where this process can make groups. On this operating system
// there are none: every call returns an [*UnsupportedError].
type Hierarchy struct{}

// Group is one group.
type Group struct{}

func unsupported() error {
	return &UnsupportedError{Feature: "cgroup", Reason: "control groups exist on Linux only"}
}

// Discover fails.
func Discover() (*Hierarchy, error) { return nil, unsupported() }

// DiscoverBelow fails.
func DiscoverBelow(string) (*Hierarchy, error) { return nil, unsupported() }

// DiscoverScope fails.
func DiscoverScope(context.Context, int) (*Hierarchy, error) { return nil, unsupported() }

// Adopt fails.
func (*Hierarchy) Adopt(int) error { return unsupported() }

// Controllers lists every controller as unsupported.
func (*Hierarchy) Controllers() []Support {
	var all []Support
	for _, c := range controllerNames() {
		all = append(all, Support{Controller: c, Err: unsupported()})
	}
	return all
}

// Controller is unsupported.
func (*Hierarchy) Controller(name string) Support {
	return Support{Controller: name, Err: unsupported()}
}

// Create fails.
func (*Hierarchy) Create(string, Limits) (*Group, error) { return nil, unsupported() }

// CreateWith fails.
func (*Hierarchy) CreateWith(string, Limits, Options) (*Group, error) { return nil, unsupported() }

// Places fails.
func (*Hierarchy) Places(Limits, Options) ([]Place, error) { return nil, unsupported() }

// Sweep is not supported.
func (*Hierarchy) Sweep() (removed int, err error) { return 0, unsupported() }

// Vacate fails.
func (*Hierarchy) Vacate(string) error { return unsupported() }

// Close does nothing.
func (*Hierarchy) Close() error { return nil }

// Name is empty.
func (*Group) Name() string { return "" }

// Paths is empty.
func (*Group) Paths() []string { return nil }

// ProcsFiles is empty.
func (*Group) ProcsFiles() []*os.File { return nil }

// CloseProcs does nothing.
func (*Group) CloseProcs() error { return nil }

// Dir is nil.
func (*Group) Dir() *os.File { return nil }

// Add fails.
func (*Group) Add(int) error { return unsupported() }

// Set fails.
func (*Group) Set(Limits) error { return unsupported() }

// Stats fails.
func (*Group) Stats() (*Stats, error) { return nil, unsupported() }

// Totals fails.
func (*Group) Totals() (*Totals, error) { return nil, unsupported() }

// OOMKills fails.
func (*Group) OOMKills() (uint64, error) { return 0, unsupported() }

// CPUTime fails.
func (*Group) CPUTime() (time.Duration, error) { return 0, unsupported() }

// Freeze fails.
func (*Group) Freeze() error { return unsupported() }

// Thaw fails.
func (*Group) Thaw() error { return unsupported() }

// Kill fails.
func (*Group) Kill() error { return unsupported() }

// Procs fails.
func (*Group) Procs() ([]int, error) { return nil, unsupported() }

// WaitEmpty fails.
func (*Group) WaitEmpty(context.Context) error { return unsupported() }

// Remove fails.
func (*Group) Remove() error { return unsupported() }
