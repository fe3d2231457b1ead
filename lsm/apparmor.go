package lsm

import (
	"errors"
	"strings"
)

// Unconfined is the AppArmor label of a process without a profile.
const Unconfined = "unconfined"

// A Confinement is an AppArmor label as /proc shows it.
type Confinement struct {
	Profile string // "unconfined", a profile, or several joined by //&
	Mode    string // enforce, complain, kill, unconfined, mixed; empty without a profile
}

// ParseConfinement reads "profile (mode)" or "unconfined".
func ParseConfinement(s string) Confinement {
	s = trimLabel(s)
	if profile, mode, ok := cutLast(s, " ("); ok && strings.HasSuffix(mode, ")") {
		return Confinement{profile, strings.TrimSuffix(mode, ")")}
	}
	return Confinement{Profile: s}
}

// String is the form that /proc shows.
func (c Confinement) String() string {
	if c.Mode == "" {
		return c.Profile
	}
	return c.Profile + " (" + c.Mode + ")"
}

// Enforced says whether the profile denies what it does not allow. In
// complain mode the kernel logs and allows.
func (c Confinement) Enforced() bool {
	return c.Mode != "" && c.Mode != "complain" && c.Mode != "unconfined"
}

// Profiles are the profiles that make the label; none for unconfined.
func (c Confinement) Profiles() []string {
	if c.Profile == "" || c.Profile == Unconfined {
		return nil
	}
	return strings.Split(c.Profile, "//&")
}

// CheckProfile says what is wrong with a profile's name.
func CheckProfile(name string) error {
	switch {
	case name == "":
		return errors.New("no profile")
	case strings.ContainsAny(name, "\x00\n") || strings.TrimSpace(name) != name:
		return errors.New("not the name of a profile")
	case len(name) > 4000: // an attribute is at most a page
		return errors.New("the name is too long")
	}
	return nil
}

// AppArmorExec is the attribute that confines the next program by a profile, for
// a caller with this confinement. One that is itself confined keeps its own
// profile and stacks the other one on it: that can only take rights away, and
// it is what the kernel allows under no_new_privs.
func AppArmorExec(profile string, own Confinement) Attr {
	verb := "exec"
	if own.Profile != Unconfined {
		verb = "stack"
	}
	return Attr{File: "apparmor/exec", Value: verb + " " + profile, Answer: profile + " ("}
}

// trimLabel takes the end off that the kernel adds to a label.
func trimLabel(s string) string { return strings.TrimRight(s, "\x00\n") }

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
