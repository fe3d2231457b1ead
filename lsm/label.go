package lsm

import (
	"errors"
	"fmt"
	"strings"
)

// A Label is a SELinux context. Empty parts are left to whoever completes it,
// see [Label.Over].
type Label struct {
	User  string `json:"user,omitempty"`  // such as system_u
	Role  string `json:"role,omitempty"`  // such as system_r
	Type  string `json:"type,omitempty"`  // such as container_t
	Level string `json:"level,omitempty"` // such as s0:c1,c2; none in a policy without levels
}

// ParseLabel reads user:role:type or user:role:type:level.
func ParseLabel(s string) (Label, error) {
	parts := strings.SplitN(trimLabel(s), ":", 4)
	if len(parts) < 3 {
		return Label{}, fmt.Errorf("lsm: %q is not a label of the form user:role:type:level", s)
	}
	l := Label{User: parts[0], Role: parts[1], Type: parts[2]}
	if len(parts) == 4 {
		l.Level = parts[3]
	}
	for _, p := range parts {
		if p == "" {
			return Label{}, fmt.Errorf("lsm: the label %q has an empty part", s)
		}
	}
	return l, l.Validate()
}

// String joins the parts with colons.
func (l Label) String() string {
	s := l.User + ":" + l.Role + ":" + l.Type
	if l.Level != "" {
		s += ":" + l.Level
	}
	return s
}

// Validate says what is wrong with the form of a part. Which names there are
// only a policy knows.
func (l Label) Validate() error {
	for _, p := range []struct{ part, value string }{{"user", l.User}, {"role", l.Role}, {"type", l.Type}} {
		if strings.ContainsAny(p.value, ": \t\n\x00\"") {
			return fmt.Errorf("lsm: %q is not a %s", p.value, p.part)
		}
	}
	if strings.ContainsAny(l.Level, " \t\n\x00\"") || strings.HasPrefix(l.Level, ":") || strings.HasPrefix(l.Level, "-") {
		return fmt.Errorf("lsm: %q is not a level", l.Level)
	}
	if len(l.String()) > 4000 { // an attribute is at most a page
		return errors.New("lsm: the label is too long")
	}
	return nil
}

// Over takes the empty parts from another label.
func (l Label) Over(base Label) Label {
	for _, p := range []struct {
		part *string
		base string
	}{{&l.User, base.User}, {&l.Role, base.Role}, {&l.Type, base.Type}, {&l.Level, base.Level}} {
		if *p.part == "" {
			*p.part = p.base
		}
	}
	return l
}

// Equal compares by part. Levels are equal that mean the same categories,
// however they are written.
func (l Label) Equal(o Label) bool {
	l.Level, o.Level = canonicalLevel(l.Level), canonicalLevel(o.Level)
	return l == o
}

// Canonical is the label as the kernel writes it.
func (l Label) Canonical() Label {
	l.Level = canonicalLevel(l.Level)
	return l
}

// SELinuxExec is the attribute that gives the next program this label, which
// must be complete.
func SELinuxExec(l Label) Attr {
	text := l.Canonical().String()
	// The kernel ends its answer with a zero byte.
	return Attr{File: "exec", Value: text, Answer: text + "\x00"}
}
