package plan

import (
	"path"
	"slices"
	"strings"
)

// A View is the file tree of the sandbox, as records that are carried out in
// order beneath the new root: first those that are the same for every start,
// then those that each start makes anew.
type View struct {
	Root     Root
	Static   []Entry
	Entries  []Entry
	ReadOnly bool // the root itself, when it is not a bind
}

// Root is the root mount.
type Root struct {
	Host   bool   // keep the host's tree as it is: no new root
	Source string // a directory of the host; "" for a fresh tmpfs
	Flags  Flags  // of a Source
}

// Flags restrict a mount.
type Flags uint64

// The flags, as MOUNT_ATTR_* of mount_setattr(2).
const (
	ReadOnly Flags = 0x1
	NoSuid   Flags = 0x2
	NoDev    Flags = 0x4
	NoExec   Flags = 0x8
)

// An Entry is one record. Paths are absolute paths of the new view.
type Entry interface{ path() string }

// Dir makes a directory in a tmpfs of the view.
type Dir struct {
	Path string
	Mode uint32
}

// Symlink makes a symbolic link in a tmpfs of the view.
type Symlink struct{ Path, Target string }

// File makes a regular file with this content in a tmpfs of the view.
type File struct {
	Path    string
	Mode    uint32
	Content []byte
}

// Node makes a character device; it needs real privilege.
type Node struct {
	Path         string
	Mode         uint32
	Block        bool
	Major, Minor uint32
	UID, GID     uint32
}

// Bind attaches a tree of the host.
type Bind struct {
	Source string
	Path   string
	Flags  Flags
	// From is the descriptor of the mount namespace in which Source lies;
	// 0 for the host's own.
	From int
	// IDMap is the descriptor of a user namespace whose maps lead from the
	// owners of files to the ids that they appear as; 0 for none. It needs
	// real privilege.
	IDMap int
}

// Tmpfs mounts a fresh tmpfs.
type Tmpfs struct {
	Path  string
	Size  int64 // bytes, 0 for the kernel's default
	Files int64 // inodes, 0 for the kernel's default
	Mode  uint32
	Flags Flags
}

// Filesystem mounts a fresh instance of a kernel file system.
type Filesystem struct {
	Path    string
	Type    string
	Options []Option
	Flags   Flags
}

// Option is a mount option; an empty value is a flag.
type Option struct{ Name, Value string }

// Mask hides what is at a path: a file behind /dev/null, a directory behind
// an empty one.
type Mask struct {
	Path string
	Dir  bool
	Null string // the view's path of a null device, for files
}

// Protect makes what is at a path read-only.
type Protect struct{ Path string }

func (e Dir) path() string        { return e.Path }
func (e Symlink) path() string    { return e.Path }
func (e File) path() string       { return e.Path }
func (e Node) path() string       { return e.Path }
func (e Bind) path() string       { return e.Path }
func (e Tmpfs) path() string      { return e.Path }
func (e Filesystem) path() string { return e.Path }
func (e Mask) path() string       { return e.Path }
func (e Protect) path() string    { return e.Path }

// relative is the path beneath the root descriptor.
func relative(p string) string {
	if r := strings.TrimPrefix(path.Clean("/"+p), "/"); r != "" {
		return r
	}
	return "."
}

// HasProc says whether the view has a /proc of its own.
func (v *View) HasProc() bool {
	return slices.ContainsFunc(v.Entries, func(e Entry) bool {
		fs, ok := e.(Filesystem)
		return ok && fs.Type == "proc"
	})
}

// WithIDMaps returns the view with the numbers of id maps, from 1 on, replaced by
// descriptors, from first on.
func (v View) WithIDMaps(first int) View {
	entries := slices.Clone(v.Entries)
	for i, e := range entries {
		if bind, ok := e.(Bind); ok && bind.IDMap != 0 {
			bind.IDMap += first - 1
			entries[i] = bind
		}
	}
	v.Entries = entries
	return v
}

// WithShared returns the view with the binds from the mount namespace marked
// from taken from the descriptor to.
func (v View) WithShared(from, to int) View {
	for i, e := range v.Entries {
		if bind, ok := e.(Bind); ok && bind.From == from {
			bind.From = to
			v.Entries = slices.Clone(v.Entries)
			v.Entries[i] = bind
		}
	}
	return v
}
