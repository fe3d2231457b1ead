package namespace

import (
	"fmt"
	"strconv"
)

// A JoinError says why a namespace cannot be opened.
type JoinError struct {
	Path   string
	Kind   Set // the kind of namespace that was wanted
	Reason string
	Err    error // the cause, if there is one
}

func (e *JoinError) Error() string {
	msg := fmt.Sprintf("%s namespace %q: %s", e.Kind, e.Path, e.Reason)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

// Unwrap returns the cause, which may be nil.
func (e *JoinError) Unwrap() error { return e.Err }

// An ID identifies a namespace while something keeps it alive: a process in
// it, an open file or a mount. The kernel may use the number again later.
type ID struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"` // the number in "net:[4026531833]"
}

// Path returns the file in /proc that stands for a namespace of a process; pid
// 0 means the calling thread. It is empty unless kind is a single kind and pid is
// not negative.
func Path(pid int, kind Set) string {
	name, ok := kind.name()
	switch {
	case !ok || pid < 0:
		return ""
	case pid == 0:
		return "/proc/thread-self/ns/" + name
	}
	return "/proc/" + strconv.Itoa(pid) + "/ns/" + name
}

// checkKind refuses everything but a single kind.
func checkKind(path string, kind Set) error {
	if _, ok := kind.name(); !ok {
		return &JoinError{Path: path, Kind: kind, Reason: "exactly one kind of namespace is wanted"}
	}
	return nil
}
