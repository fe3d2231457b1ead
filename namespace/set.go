package namespace

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A Set is any number of kinds of namespace, as the flags that clone(2),
// unshare(2) and setns(2) take. The zero value is the empty set. Sets are plain
// values; every method returns a new one.
type Set uint32

// The kinds of namespace, with the values of the kernel's CLONE_NEW* flags.
const (
	User    Set = 0x10000000 // user and group ids and capabilities; since Linux 3.8
	Mount   Set = 0x00020000 // mount points
	PID     Set = 0x20000000 // process ids; unshare and setns move only the children
	IPC     Set = 0x08000000 // System V IPC and POSIX message queues
	UTS     Set = 0x04000000 // host name and NIS domain name
	Network Set = 0x40000000 // interfaces, routes, ports, abstract unix sockets
	Cgroup  Set = 0x02000000 // the root of what /proc/PID/cgroup shows; since Linux 4.6
	Time    Set = 0x00000080 // offsets of the monotonic and boot clocks; since Linux 5.6, and not for clone(2)
)

// All is every kind there is.
const All = User | Mount | PID | IPC | UTS | Network | Cgroup | Time

// kinds lists the kinds in the order in which this package names them, with
// the names that /proc/PID/ns has for them.
var kinds = [...]struct {
	kind Set
	name string
}{
	{User, "user"}, {Mount, "mnt"}, {PID, "pid"}, {IPC, "ipc"},
	{UTS, "uts"}, {Network, "net"}, {Cgroup, "cgroup"}, {Time, "time"},
}

// Has reports whether everything in t is in the set.
func (s Set) Has(t Set) bool { return s&t == t }

// With returns the set with t added.
func (s Set) With(t Set) Set { return s | t }

// Without returns the set with t removed.
func (s Set) Without(t Set) Set { return s &^ t }

// Empty reports whether the set holds nothing.
func (s Set) Empty() bool { return s == 0 }

// Kinds returns the single kinds in the set, User first; nil for the empty
// set. Bits that stand for no kind are left out.
func (s Set) Kinds() []Set {
	var list []Set
	for _, k := range kinds {
		if s.Has(k.kind) {
			list = append(list, k.kind)
		}
	}
	return list
}

// Names returns the names of the kinds in the order of [Set.Kinds], as the
// kernel spells them in /proc/PID/ns; nil for the empty set.
func (s Set) Names() []string {
	var list []string
	for _, k := range kinds {
		if s.Has(k.kind) {
			list = append(list, k.name)
		}
	}
	return list
}

// String returns the names separated by commas, such as "user,mnt", or "none"
// for the empty set. Bits that stand for no kind are added as a number.
func (s Set) String() string {
	if s == 0 {
		return "none"
	}
	list := s.Names()
	if unknown := s &^ All; unknown != 0 {
		list = append(list, fmt.Sprintf("%#x", uint32(unknown)))
	}
	return strings.Join(list, ",")
}

// name returns the name of a single kind.
func (s Set) name() (string, bool) {
	for _, k := range kinds {
		if s == k.kind {
			return k.name, true
		}
	}
	return "", false
}

// A KindError says that a text is not the name of a kind of namespace.
type KindError struct{ Name string }

func (e *KindError) Error() string {
	return fmt.Sprintf("namespace %q: no such kind, want one of %s", e.Name, All)
}

// ParseKind returns the kind that /proc/PID/ns calls by that name: user, mnt,
// pid, ipc, uts, net, cgroup or time. Any other text is a [*KindError].
func ParseKind(name string) (Set, error) {
	for _, k := range kinds {
		if name == k.name {
			return k.kind, nil
		}
	}
	return 0, &KindError{Name: name}
}

// MarshalJSON returns the list of [Set.Names], which is [] for the empty set.
// It fails if a bit stands for no kind.
func (s Set) MarshalJSON() ([]byte, error) {
	if unknown := s &^ All; unknown != 0 {
		return nil, fmt.Errorf("namespace: bits %#x stand for no kind", uint32(unknown))
	}
	list := s.Names()
	if list == nil {
		list = []string{}
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads a list of names as [ParseKind] accepts them. As usual
// with encoding/json, null changes nothing.
func (s *Set) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	var parsed Set
	for _, name := range list {
		kind, err := ParseKind(name)
		if err != nil {
			return err
		}
		parsed |= kind
	}
	*s = parsed
	return nil
}
