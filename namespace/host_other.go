//go:build !linux

package namespace

import "os"

func unsupported(feature string) error {
	return &UnsupportedError{Feature: feature, Reason: "Linux only"}
}

// Supported returns the kinds that the running kernel has. Here the error is an
// [*UnsupportedError].
func Supported() (Set, error) { return 0, unsupported("namespaces") }

// Open opens the namespace that a process is in. Here the error is an
// [*UnsupportedError].
func Open(int, Set) (*os.File, error) { return nil, unsupported("opening a namespace") }

// OpenPath opens the namespace that a path stands for. Here the error is an
// [*UnsupportedError].
func OpenPath(string, Set) (*os.File, error) { return nil, unsupported("opening a namespace") }

// Identify returns the identity of the namespace that an open file stands for.
// Here the error is an [*UnsupportedError].
func Identify(*os.File) (ID, error) { return ID{}, unsupported("identifying a namespace") }

// Same reports whether two processes are in the same namespace. Here the error
// is an [*UnsupportedError].
func Same(int, int, Set) (bool, error) { return false, unsupported("comparing namespaces") }

// Subordinate returns the ids that /etc/subuid and /etc/subgid grant to an
// owner. Here the error is an [*UnsupportedError].
func Subordinate(string) (uids, gids Ranges, err error) {
	return nil, nil, unsupported("subordinate ids")
}

// Remap returns the maps that Docker's userns-remap would use for an owner. Here
// the error is an [*UnsupportedError].
func Remap(string) (uids, gids IDMaps, err error) { return nil, nil, unsupported("subordinate ids") }

// CheckOwner reports whether a caller may have the maps written by newuidmap.
// Here the error is an [*UnsupportedError].
func CheckOwner(uids, gids IDMaps, uid, gid uint32) error { return unsupported("subordinate ids") }

// LookupTools returns the paths of newuidmap and newgidmap. Here the error is
// an [*UnsupportedError].
func LookupTools() (newuidmap, newgidmap string, err error) {
	return "", "", unsupported("newuidmap and newgidmap")
}
