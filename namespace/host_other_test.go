//go:build !linux

package namespace_test

import (
	"errors"
	"testing"

	"github.com/seed-d1379373/sandbox/namespace"
)

func TestElsewhereThanOnLinux(t *testing.T) {
	_, supportedErr := namespace.Supported()
	_, openErr := namespace.Open(1, namespace.User)
	_, pathErr := namespace.OpenPath("/x", namespace.User)
	_, identifyErr := namespace.Identify(nil)
	_, sameErr := namespace.Same(1, 1, namespace.User)
	_, _, subordinateErr := namespace.Subordinate("x")
	_, _, remapErr := namespace.Remap("x")
	ownerErr := namespace.CheckOwner(nil, nil, 0, 0)
	_, _, toolsErr := namespace.LookupTools()
	for _, err := range []error{supportedErr, openErr, pathErr, identifyErr, sameErr, subordinateErr, remapErr, ownerErr, toolsErr} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("error %v is not ErrUnsupported", err)
		}
	}
}
