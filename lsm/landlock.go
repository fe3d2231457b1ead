package lsm

import "slices"

// FileRights are rights on files, as LANDLOCK_ACCESS_FS_* of landlock(7).
type FileRights uint64

// The rights on files, in the order of the kernel's bits.
const (
	FSExecute    FileRights = 1 << iota // also: map as code
	FSWriteFile                         // open for writing
	FSReadFile                          // open for reading
	FSReadDir                           // list
	FSRemoveDir                         // remove or rename an empty directory
	FSRemoveFile                        // unlink or rename a file
	FSMakeChar                          // make, rename or link a character device
	FSMakeDir                           // ... a directory
	FSMakeReg                           // ... a regular file
	FSMakeSock                          // ... a Unix socket
	FSMakeFIFO                          // ... a named pipe
	FSMakeBlock                         // ... a block device
	FSMakeSym                           // ... a symbolic link
	FSRefer                             // link or rename to another directory; ABI 2
	FSTruncate                          // truncate, create over a file; ABI 3
	FSIoctlDev                          // ioctl on a device; ABI 5

	fsABI1 = FSRefer - 1
)

// FileOnly are the rights that a file can have; the others are a directory's.
const FileOnly = FSExecute | FSWriteFile | FSReadFile | FSTruncate | FSIoctlDev

// NetRights are rights on TCP ports, as LANDLOCK_ACCESS_NET_*; ABI 4.
type NetRights uint64

// The rights on TCP ports.
const (
	NetBindTCP NetRights = 1 << iota
	NetConnectTCP
)

// Scopes close a way to processes outside, as LANDLOCK_SCOPE_*; ABI 6.
type Scopes uint64

// The scopes.
const (
	ScopeAbstractUnix Scopes = 1 << iota
	ScopeSignal
)

// HandledFiles are the rights on files that a kernel with this ABI restricts.
func HandledFiles(abi int) FileRights {
	if abi < 1 {
		return 0
	}
	handled := fsABI1
	for _, r := range []struct {
		abi   int
		right FileRights
	}{{2, FSRefer}, {3, FSTruncate}, {5, FSIoctlDev}} {
		if abi >= r.abi {
			handled |= r.right
		}
	}
	return handled
}

// HandledScopes are the scopes that a kernel with this ABI knows.
func HandledScopes(abi int) Scopes {
	if abi < 6 {
		return 0
	}
	return ScopeAbstractUnix | ScopeSignal
}

// AttrSize is the size of struct landlock_ruleset_attr for this ABI, in bytes.
func AttrSize(abi int) int {
	switch {
	case abi >= 6:
		return 24
	case abi >= 4:
		return 16
	}
	return 8
}

// A Ruleset is what landlock_create_ruleset and landlock_add_rule take.
type Ruleset struct {
	HandledFiles FileRights
	HandledNet   NetRights
	Scoped       Scopes
	Paths        []PathBeneath
	Ports        []NetPort
}

// PathBeneath allows rights at and beneath a path. On a path that is no
// directory only those of [FileOnly] can be set; the kernel answers EINVAL to others.
type PathBeneath struct {
	Path   string
	Rights FileRights
}

// NetPort allows rights on a TCP port.
type NetPort struct {
	Port   uint16
	Rights NetRights
}

// A Loss is something in rules that a kernel cannot enforce.
type Loss struct {
	What   string // such as "TCP ports"
	ABI    int    // the first version that can
	Kernel string // and the kernel that brought it
}

// Rights of the two kinds of paths. A right that the ABI does not know is not
// set, because the kernel does not restrict it then.
const (
	readOnly  = FSExecute | FSReadFile | FSReadDir
	readWrite = (FSIoctlDev<<1 - 1) &^ (FSMakeChar | FSMakeBlock)
)

// Lower gives the ruleset for a kernel with this ABI, and what of the rules it
// cannot enforce. Paths need version 3, before which nothing keeps a file from
// being truncated; ports need version 4 and scopes 6. A version 0 enforces
// nothing.
//
// Version 1 is stricter than the rules say: it refuses every link and rename to
// another directory. Before version 5 an ioctl on a device is not restricted,
// which no rule promises.
func Lower(abi int, rules ...Rule) (Ruleset, []Loss) {
	var rs Ruleset
	var lost []Loss
	need := func(version int, what, kernel string) bool {
		if abi < version && !slices.ContainsFunc(lost, func(l Loss) bool { return l.What == what }) {
			lost = append(lost, Loss{what, version, kernel})
		}
		return abi >= version
	}
	for _, r := range rules {
		switch r.Kind {
		case KindReadOnly, KindReadWrite:
			rights := readOnly
			if r.Kind == KindReadWrite {
				rights = readWrite
			}
			if need(1, "paths", "5.13") {
				need(3, "truncation of files", "6.2")
				rs.HandledFiles = HandledFiles(abi)
				rs.path(r.Path, rights&rs.HandledFiles)
			}
		case KindBindTCP, KindConnectTCP:
			right := NetBindTCP
			if r.Kind == KindConnectTCP {
				right = NetConnectTCP
			}
			if need(4, "TCP ports", "6.7") {
				rs.HandledNet = NetBindTCP | NetConnectTCP
				rs.port(r.Port, right)
			}
		case KindScopeSignals, KindScopeAbstractSockets:
			scope := ScopeSignal
			if r.Kind == KindScopeAbstractSockets {
				scope = ScopeAbstractUnix
			}
			if need(6, "scopes", "6.12") {
				rs.Scoped |= scope
			}
		}
	}
	return rs, lost
}

// path adds rights, together with those of an earlier rule.
func (rs *Ruleset) path(path string, rights FileRights) {
	for i := range rs.Paths {
		if rs.Paths[i].Path == path {
			rs.Paths[i].Rights |= rights
			return
		}
	}
	rs.Paths = append(rs.Paths, PathBeneath{path, rights})
}

func (rs *Ruleset) port(port uint16, right NetRights) {
	for i := range rs.Ports {
		if rs.Ports[i].Port == port {
			rs.Ports[i].Rights |= right
			return
		}
	}
	rs.Ports = append(rs.Ports, NetPort{port, right})
}

// Empty says whether a ruleset restricts nothing.
func (rs Ruleset) Empty() bool { return rs.HandledFiles == 0 && rs.HandledNet == 0 && rs.Scoped == 0 }
