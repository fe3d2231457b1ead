package seccomp

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Target is what a policy is compiled for.
type Target struct {
	// Arch is the GOARCH of the programs: amd64, arm64, 386 or arm.
	Arch string
	// Caps are the capabilities that the program will have, as "CAP_NET_RAW".
	// Nil: none.
	Caps []string
	// Kernel is the version of the running kernel. With the zero value no
	// rule that asks for a minimum version is included.
	Kernel Version
}

// Version is a kernel version; smaller parts do not count in profiles.
type Version struct{ Major, Minor int }

// String gives "6.1".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// AtLeast reports whether v is w or newer.
func (v Version) AtLeast(w Version) bool {
	return v.Major > w.Major || v.Major == w.Major && v.Minor >= w.Minor
}

// ParseVersion reads the beginning of a kernel release such as
// "6.1.0-13-amd64" or "6.12-rc3".
func ParseVersion(release string) (Version, error) {
	major, rest, ok := strings.Cut(release, ".")
	if !ok {
		return Version{}, fmt.Errorf("kernel release %q is not MAJOR.MINOR", release)
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	v, err := parseVersion(major, rest[:end])
	if err != nil {
		return Version{}, fmt.Errorf("kernel release %q is not MAJOR.MINOR", release)
	}
	return v, nil
}

// parseMinKernel reads a profile's "4.8", strictly as Docker does.
func parseMinKernel(s string) (Version, error) {
	major, minor, ok := strings.Cut(s, ".")
	if !ok {
		return Version{}, errors.New("not MAJOR.MINOR")
	}
	v, err := parseVersion(major, minor)
	if err != nil {
		return Version{}, errors.New("not MAJOR.MINOR")
	}
	if v == (Version{}) {
		return Version{}, errors.New("version 0.0")
	}
	return v, nil
}

func parseVersion(major, minor string) (Version, error) {
	a, err := strconv.ParseUint(major, 10, 16)
	if err != nil {
		return Version{}, err
	}
	b, err := strconv.ParseUint(minor, 10, 16)
	if err != nil {
		return Version{}, err
	}
	return Version{int(a), int(b)}, nil
}

// check refuses a target that a policy could not be compiled for correctly. A
// misspelt capability would quietly select the wrong rules.
func (t Target) check() (machine, error) {
	m, ok := machineFor(t.Arch)
	if !ok {
		return machine{}, &TargetError{Field: "Arch", Value: t.Arch, Reason: "no system call table", Err: errors.ErrUnsupported}
	}
	for _, c := range t.Caps {
		if !validCap(c) {
			return machine{}, &TargetError{Field: "Caps", Value: c, Reason: "not of the form CAP_NAME"}
		}
	}
	return m, nil
}

// selects reports whether the rule counts for the target.
func (t Target) selects(r Rule, arch string) bool {
	in, ex := r.Includes, r.Excludes
	for _, c := range in.Caps {
		if !slices.Contains(t.Caps, c) {
			return false
		}
	}
	if len(in.Arches) > 0 && !slices.Contains(in.Arches, arch) {
		return false
	}
	if in.MinKernel != "" && !t.runs(in.MinKernel) {
		return false
	}
	for _, c := range ex.Caps {
		if slices.Contains(t.Caps, c) {
			return false
		}
	}
	if slices.Contains(ex.Arches, arch) {
		return false
	}
	return ex.MinKernel == "" || !t.runs(ex.MinKernel)
}

func (t Target) runs(minKernel string) bool {
	v, err := parseMinKernel(minKernel)
	return err == nil && t.Kernel.AtLeast(v)
}

func validCap(name string) bool {
	rest, ok := strings.CutPrefix(name, "CAP_")
	return ok && rest != "" && strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}
