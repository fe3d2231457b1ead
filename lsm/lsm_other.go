//go:build !linux

package lsm

import (
	"context"
	"errors"
)

// Categories is a pair of SELinux categories. There are none on this system.
type Categories struct{ First, Second int }

// Level is empty on this system.
func (*Categories) Level(sensitivity string) string { return "" }

// Share fails on this system.
func (*Categories) Share() (*Categories, error) { return nil, errors.ErrUnsupported }

// Close does nothing on this system.
func (*Categories) Close() error { return nil }

// AllocateCategories fails on this system.
func AllocateCategories() (*Categories, error) { return nil, errors.ErrUnsupported }

// HoldCategories returns nil on this system.
func HoldCategories(level string) *Categories { return nil }

// Try fails on this system.
func Try(a Attr) (string, error) { return "", errors.ErrUnsupported }

// AppArmorActive is false on this system.
func AppArmorActive() (bool, error) { return false, nil }

// OwnConfinement fails on this system.
func OwnConfinement() (Confinement, error) { return Confinement{}, errors.ErrUnsupported }

// Profiles fails on this system.
func Profiles() ([]Confinement, error) { return nil, errors.ErrUnsupported }

// ProfileLoaded fails on this system.
func ProfileLoaded(name string) (bool, error) { return false, errors.ErrUnsupported }

// LoadProfile fails on this system.
func LoadProfile(ctx context.Context, text string) error { return errors.ErrUnsupported }

// ReadSELinux says that SELinux is not active on this system.
func ReadSELinux() (SELinux, error) { return SELinux{}, nil }

// NewFileType fails on this system.
func NewFileType(process Label) (string, error) { return "", errors.ErrUnsupported }

// LabelLoaded fails on this system.
func LabelLoaded(l Label) (bool, error) { return false, errors.ErrUnsupported }

// UnknownParts is empty on this system.
func UnknownParts(l, own Label) []string { return nil }

// LandlockABI fails on this system.
func LandlockABI() (int, error) { return 0, errors.ErrUnsupported }
