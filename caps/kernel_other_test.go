//go:build !linux

package caps_test

import (
	"errors"
	"testing"

	"github.com/seed-d1379373/sandbox/caps"
)

func TestElsewhereThanOnLinux(t *testing.T) {
	_, lastErr := caps.Last()
	_, supportedErr := caps.Supported()
	_, processErr := caps.Process(0)
	for _, err := range []error{lastErr, supportedErr, processErr} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("error %v is not ErrUnsupported", err)
		}
	}
}
