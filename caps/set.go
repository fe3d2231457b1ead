package caps

import (
	"encoding/json"
	"errors"
	"math/bits"
	"strings"
)

// A Set is any number of capabilities: bit n stands for capability n, as in
// the hexadecimal masks of /proc/PID/status. The zero value is the empty set.
// Sets are plain values; every method returns a new one.
type Set uint64

// All is every capability that this package can name. The running kernel may
// know fewer or more ([Supported]), and the bounding set of the caller may hold
// fewer still ([Process]).
const All Set = 1<<named - 1

const (
	noneText = "none"
	allText  = "all"
)

// Default returns the fourteen capabilities that Docker grants to a container
// without any flags.
//
// It is a compromise for containers whose root is expected to install and run
// services, not a minimum: NET_RAW allows address spoofing on a shared network,
// MKNOD and SYS_CHROOT are seldom needed at all.
func Default() Set {
	return Of(Chown, DACOverride, Fsetid, Fowner, Mknod, NetRaw, SetGID, SetUID,
		SetFCap, SetPCap, NetBindService, SysChroot, Kill, AuditWrite)
}

// Of returns the set of exactly these capabilities. Numbers above 63 do not
// exist and are left out.
func Of(caps ...Cap) Set {
	var s Set
	for _, c := range caps {
		s |= 1 << c
	}
	return s
}

// Has reports whether c is in the set.
func (s Set) Has(c Cap) bool { return s&(1<<c) != 0 }

// With returns the set with these capabilities added.
func (s Set) With(caps ...Cap) Set { return s | Of(caps...) }

// Without returns the set with these capabilities removed.
func (s Set) Without(caps ...Cap) Set { return s &^ Of(caps...) }

// Union returns what is in either set.
func (s Set) Union(t Set) Set { return s | t }

// Intersect returns what is in both sets.
func (s Set) Intersect(t Set) Set { return s & t }

// Minus returns what is in s and not in t.
func (s Set) Minus(t Set) Set { return s &^ t }

// SubsetOf reports whether everything in s is also in t.
func (s Set) SubsetOf(t Set) bool { return s&^t == 0 }

// Empty reports whether the set holds nothing.
func (s Set) Empty() bool { return s == 0 }

// Len returns how many capabilities the set holds.
func (s Set) Len() int { return bits.OnesCount64(uint64(s)) }

// List returns the capabilities in ascending order; nil for the empty set.
func (s Set) List() []Cap {
	if s == 0 {
		return nil
	}
	list := make([]Cap, 0, s.Len())
	for rest := uint64(s); rest != 0; rest &= rest - 1 {
		list = append(list, Cap(bits.TrailingZeros64(rest)))
	}
	return list
}

// Names returns the names in ascending order of their numbers, spelled as in
// an OCI runtime configuration: CAP_CHOWN, CAP_KILL. It is nil for the empty
// set.
func (s Set) Names() []string {
	var list []string
	for _, c := range s.List() {
		list = append(list, c.String())
	}
	return list
}

// String returns the names as libcap's tools write them,
// "cap_chown,cap_kill", or "none" for the empty set and "all" for [All].
func (s Set) String() string {
	switch s {
	case 0:
		return noneText
	case All:
		return allText
	}
	return strings.ToLower(strings.Join(s.Names(), ","))
}

// ParseSet reads what [Set.String] writes: names separated by commas, in any
// spelling that [Parse] accepts, or "none", or "all". Every bad name is
// reported, joined with [errors.Join]. The empty text is an error.
func ParseSet(text string) (Set, error) {
	switch {
	case strings.EqualFold(text, noneText):
		return 0, nil
	case strings.EqualFold(text, allText):
		return All, nil
	}
	return parseNames(strings.Split(text, ","))
}

func parseNames(list []string) (Set, error) {
	var s Set
	var bad []error
	for _, name := range list {
		c, err := Parse(name)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		s = s.With(c)
	}
	if len(bad) > 0 {
		return 0, errors.Join(bad...)
	}
	return s, nil
}

// MarshalText returns the same text as [Set.String].
func (s Set) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText accepts whatever [ParseSet] does.
func (s *Set) UnmarshalText(text []byte) error {
	parsed, err := ParseSet(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// MarshalJSON returns the list of [Set.Names], which is [] for the empty set.
func (s Set) MarshalJSON() ([]byte, error) {
	list := s.Names()
	if list == nil {
		list = []string{}
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads a list of names in any spelling that [Parse] accepts.
// As usual with encoding/json, null changes nothing.
func (s *Set) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	parsed, err := parseNames(list)
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
