package cgroup

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// String writes the rule as the v1 files take it, after "allow" or "deny".
func (r DeviceRule) String() string {
	verb := "deny"
	if r.Allow {
		verb = "allow"
	}
	return verb + " " + r.entry()
}

func (r DeviceRule) entry() string {
	return fmt.Sprintf("%c %s:%s %s", r.Type, deviceNumber(r.Major), deviceNumber(r.Minor), r.Access)
}

func deviceNumber(n int64) string {
	if n == -1 {
		return "*"
	}
	return strconv.FormatInt(n, 10)
}

// fault says what is wrong with a rule, or nothing.
func (r DeviceRule) fault() string {
	switch {
	case r.Type != 'a' && r.Type != 'b' && r.Type != 'c':
		return "Type must be 'a', 'b' or 'c'"
	case r.Major < -1 || r.Major > math.MaxUint32 || r.Minor < -1 || r.Minor > math.MaxUint32:
		return "Major and Minor must be device numbers, or -1 for any"
	case r.Access == "" || strings.Trim(r.Access, "rwm") != "":
		return "Access must be some of the letters r, w and m"
	}
	return ""
}

// total tells whether the rule covers every device and every access.
func (r DeviceRule) total() bool {
	return r.Type == 'a' && r.Major == -1 && r.Minor == -1 &&
		strings.ContainsRune(r.Access, 'r') && strings.ContainsRune(r.Access, 'w') && strings.ContainsRune(r.Access, 'm')
}

func (r DeviceRule) sameDevices(o DeviceRule) bool {
	return r.Type == o.Type && r.Major == o.Major && r.Minor == o.Minor
}

func (r DeviceRule) overlaps(o DeviceRule) bool {
	number := func(a, b int64) bool { return a == -1 || b == -1 || a == b }
	return r.Type == o.Type && number(r.Major, o.Major) && number(r.Minor, o.Minor) && strings.ContainsAny(r.Access, o.Access)
}

// deviceSettings lowers rules to writes on the v1 files.
//
// The kernel keeps a default (allow or deny all) and a list of exceptions to
// it. A rule against the default adds an exception. A rule in the sense of the
// default takes away exceptions with exactly its device numbers and silently
// does nothing to wider or narrower ones, so such lists are refused here.
func deviceSettings(rules []DeviceRule) ([]setting, error) {
	base := false
	for i, r := range slices.Backward(rules) {
		if r.total() {
			base, rules = r.Allow, rules[i+1:]
			break
		}
	}
	rules = splitAll(rules)
	settings := []setting{deviceWrite(base, "a")}
	for i, r := range rules {
		if r.Allow == base {
			for _, earlier := range rules[:i] {
				if earlier.Allow != base && earlier.overlaps(r) && !earlier.sameDevices(r) {
					return nil, &UnsupportedError{
						Feature: "devices",
						Reason:  fmt.Sprintf("cgroup v1 cannot apply %q after %q, which covers other devices too", r, earlier),
						Fix:     "list the devices to be allowed one by one",
					}
				}
			}
		}
		settings = append(settings, deviceWrite(r.Allow, r.entry()))
	}
	return settings, nil
}

func deviceWrite(allow bool, value string) setting {
	if allow {
		return setting{controller: "devices", file: "devices.allow", value: value}
	}
	return setting{controller: "devices", file: "devices.deny", value: value}
}

// splitAll replaces each rule for both types by one rule for each: the v1
// files take the type "a" as every device and ignore the numbers after it.
func splitAll(rules []DeviceRule) []DeviceRule {
	var out []DeviceRule
	for _, r := range rules {
		if r.Type != 'a' {
			out = append(out, r)
			continue
		}
		b, c := r, r
		b.Type, c.Type = 'b', 'c'
		out = append(out, b, c)
	}
	return out
}
