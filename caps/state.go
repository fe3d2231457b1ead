package caps

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A State is the five capability sets of one thread. The zero value is a
// thread without any privilege that can never gain one through a file. See
// capabilities(7) for what execve(2) makes of them.
type State struct {
	// Inheritable is kept across execve, but takes effect only together
	// with a file's own inheritable set.
	Inheritable Set `json:"inheritable"`
	// Permitted is the most that Effective may hold.
	Permitted Set `json:"permitted"`
	// Effective is what the kernel checks.
	Effective Set `json:"effective"`
	// Bounding limits what execve may grant through a file.
	Bounding Set `json:"bounding"`
	// Ambient becomes permitted and effective at the execve of an ordinary
	// file; it is what makes a capability work for a user who is not root.
	// Since Linux 4.3.
	Ambient Set `json:"ambient"`
}

// Validate reports whether the kernel could hold the state: the effective set
// must be part of the permitted one, and the ambient set part of both the
// permitted and the inheritable one.
func (s State) Validate() error {
	var bad []error
	check := func(part Set, name string, whole Set, in string) {
		if extra := part.Minus(whole); !extra.Empty() {
			bad = append(bad, fmt.Errorf("caps: %s in the %s set but not in the %s set", extra, name, in))
		}
	}
	check(s.Effective, "effective", s.Permitted, "permitted")
	check(s.Ambient, "ambient", s.Permitted, "permitted")
	check(s.Ambient, "ambient", s.Inheritable, "inheritable")
	return errors.Join(bad...)
}

// HeaderVersion is _LINUX_CAPABILITY_VERSION_3, the version of the data that
// [State.Data] returns. Linux 2.6.26 and later know it.
const HeaderVersion = 0x20080522

// Header returns the first argument of capset(2), struct __user_cap_header_struct
// as 32-bit words in the byte order of the machine: the version, and pid 0 for the
// calling thread, the only one that the kernel lets it change.
func Header() [2]uint32 { return [2]uint32{HeaderVersion, 0} }

// Data returns the second argument of capset(2), two of
// struct __user_cap_data_struct as 32-bit words in the byte order of the machine:
// effective, permitted and inheritable for the capabilities 0 to 31, then the
// same for 32 to 63.
//
// Bounding and Ambient are not part of it: they are changed one capability at
// a time with prctl(2), PR_CAPBSET_DROP and PR_CAP_AMBIENT.
func (s State) Data() [6]uint32 {
	low := func(s Set) uint32 { return uint32(s) }
	high := func(s Set) uint32 { return uint32(s >> 32) }
	return [6]uint32{
		low(s.Effective), low(s.Permitted), low(s.Inheritable),
		high(s.Effective), high(s.Permitted), high(s.Inheritable),
	}
}

// A StatusError says what is wrong with the text of a /proc/PID/status file.
type StatusError struct {
	Field  string // such as CapEff
	Value  string // as found; empty if the field is missing
	Reason string
}

func (e *StatusError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("status field %s: %s", e.Field, e.Reason)
	}
	return fmt.Sprintf("status field %s: %q: %s", e.Field, e.Value, e.Reason)
}

// ParseStatus reads the five lines CapInh, CapPrm, CapEff, CapBnd and CapAmb
// from the text of a /proc/PID/status file (proc_pid_status(5)) and skips the
// others. Each must be there exactly once, else the error is a [*StatusError].
func ParseStatus(r io.Reader) (State, error) {
	// The longest line is Groups: with up to 65536 numbers of ten digits.
	const longestLine = 1 << 20

	var state State
	fields := []struct {
		name string
		set  *Set
		seen bool
	}{
		{name: "CapInh", set: &state.Inheritable},
		{name: "CapPrm", set: &state.Permitted},
		{name: "CapEff", set: &state.Effective},
		{name: "CapBnd", set: &state.Bounding},
		{name: "CapAmb", set: &state.Ambient},
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		for i := range fields {
			f := &fields[i]
			if f.name != name {
				continue
			}
			if f.seen {
				return State{}, &StatusError{Field: name, Reason: "present twice"}
			}
			mask, err := parseMask(name, strings.TrimSpace(value))
			if err != nil {
				return State{}, err
			}
			*f.set, f.seen = mask, true
		}
	}
	if err := lines.Err(); err != nil {
		return State{}, fmt.Errorf("reading a status file: %w", err)
	}
	for _, f := range fields {
		if !f.seen {
			return State{}, &StatusError{Field: f.name, Reason: "missing"}
		}
	}
	return state, nil
}

func parseMask(field, value string) (Set, error) {
	mask, err := strconv.ParseUint(value, 16, 64)
	if err != nil {
		return 0, &StatusError{Field: field, Value: value, Reason: "not a hexadecimal mask of 64 bits"}
	}
	return Set(mask), nil
}
