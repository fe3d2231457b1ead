package namespace

import (
	"fmt"
	"strings"
)

// An IPCMode says which IPC namespace a sandbox has, and with it which /dev/shm
// and /dev/mqueue.
type IPCMode string

// The modes of Docker's --ipc.
const (
	IPCPrivate   IPCMode = "private"   // its own, which no other sandbox may join; the default
	IPCShareable IPCMode = "shareable" // its own, which others may join
	IPCHost      IPCMode = "host"      // the host's: every IPC object and shared memory file of the host is in reach
	IPCNone      IPCMode = "none"      // its own, without a /dev/shm
	IPCContainer IPCMode = "container" // that of another sandbox, which must be shareable
)

// A NetworkMode says which network namespace a sandbox has.
type NetworkMode string

// The modes of --network. Docker's own networks, bridge and the user-defined
// ones, are not among them.
const (
	NetworkNone      NetworkMode = "none"      // its own, with nothing but the loopback interface; the default
	NetworkHost      NetworkMode = "host"      // the host's, abstract unix sockets included
	NetworkContainer NetworkMode = "container" // that of another sandbox
	NetworkPath      NetworkMode = "ns"        // that of a file, as made by "ip netns add"
)

// A PIDMode says which PID namespace a sandbox has.
type PIDMode string

// The modes of Docker's --pid, where the empty text means PIDPrivate.
const (
	PIDPrivate   PIDMode = "private"   // its own; the default
	PIDHost      PIDMode = "host"      // the host's: all processes are visible, and those of the same user open to signals
	PIDContainer PIDMode = "container" // that of another sandbox
)

// A UTSMode says which UTS namespace a sandbox has.
type UTSMode string

// The modes of Docker's --uts, where the empty text means UTSPrivate.
const (
	UTSPrivate UTSMode = "private" // its own, with a host name that can be set; the default
	UTSHost    UTSMode = "host"    // the host's
)

// A CgroupMode says which cgroup namespace a sandbox has.
type CgroupMode string

// The modes of Docker's --cgroupns.
const (
	CgroupPrivate CgroupMode = "private" // its own, rooted at the sandbox's cgroup; the default
	CgroupHost    CgroupMode = "host"    // the host's: /proc/self/cgroup shows the whole path
)

// A ModeError says that a text is no mode of a namespace.
type ModeError struct {
	Kind   Set    // the kind of namespace
	Value  string // as the caller wrote it
	Reason string
}

func (e *ModeError) Error() string {
	title := map[Set]string{IPC: "IPC", Network: "network", PID: "PID", UTS: "UTS", Cgroup: "cgroup namespace"}[e.Kind]
	return fmt.Sprintf("invalid %s mode %q: %s", title, e.Value, e.Reason)
}

// ParseIPC reads a value of --ipc: private, shareable, host, none or
// container:NAME, whose NAME is returned with [IPCContainer]. The empty text is
// the default. Errors are [*ModeError]s.
func ParseIPC(spec string) (mode IPCMode, container string, err error) {
	switch mode := IPCMode(spec); mode {
	case "":
		return IPCPrivate, "", nil
	case IPCPrivate, IPCShareable, IPCHost, IPCNone:
		return mode, "", nil
	}
	container, err = parseContainer(IPC, spec, "private, shareable, host, none or container:NAME")
	if err != nil {
		return "", "", err
	}
	return IPCContainer, container, nil
}

// ParseNetwork reads a value of --network: none, host, container:NAME or
// ns:PATH with an absolute path. The target is the NAME that belongs to
// [NetworkContainer] or the PATH that belongs to [NetworkPath]. The empty text is
// the default, which is none and not Docker's bridge. Errors are [*ModeError]s.
func ParseNetwork(spec string) (mode NetworkMode, target string, err error) {
	switch mode := NetworkMode(spec); mode {
	case "":
		return NetworkNone, "", nil
	case NetworkNone, NetworkHost:
		return mode, "", nil
	case "bridge", "default":
		return "", "", &ModeError{Kind: Network, Value: spec, Reason: "there is no such network here, want none, host, container:NAME or ns:PATH"}
	}
	if path, ok := strings.CutPrefix(spec, "ns:"); ok {
		if !strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0) {
			return "", "", &ModeError{Kind: Network, Value: spec, Reason: "the path of the namespace is not absolute"}
		}
		return NetworkPath, path, nil
	}
	target, err = parseContainer(Network, spec, "none, host, container:NAME or ns:PATH")
	if err != nil {
		return "", "", err
	}
	return NetworkContainer, target, nil
}

// ParsePID reads a value of --pid: host, container:NAME, whose NAME is returned
// with [PIDContainer], or private. The empty text is the default, private. Errors
// are [*ModeError]s.
func ParsePID(spec string) (mode PIDMode, container string, err error) {
	switch mode := PIDMode(spec); mode {
	case "":
		return PIDPrivate, "", nil
	case PIDPrivate, PIDHost:
		return mode, "", nil
	}
	container, err = parseContainer(PID, spec, "private, host or container:NAME")
	if err != nil {
		return "", "", err
	}
	return PIDContainer, container, nil
}

// ParseUTS reads a value of --uts: host or private. The empty text is the
// default, private. Errors are [*ModeError]s.
func ParseUTS(spec string) (UTSMode, error) {
	switch mode := UTSMode(spec); mode {
	case "":
		return UTSPrivate, nil
	case UTSPrivate, UTSHost:
		return mode, nil
	}
	return "", &ModeError{Kind: UTS, Value: spec, Reason: "want private or host"}
}

// ParseCgroup reads a value of --cgroupns: private or host. The empty text is
// the default, private. Errors are [*ModeError]s.
func ParseCgroup(spec string) (CgroupMode, error) {
	switch mode := CgroupMode(spec); mode {
	case "":
		return CgroupPrivate, nil
	case CgroupPrivate, CgroupHost:
		return mode, nil
	}
	return "", &ModeError{Kind: Cgroup, Value: spec, Reason: "want private or host"}
}

// parseContainer reads container:NAME, the last of the forms that want lists.
func parseContainer(kind Set, spec, want string) (string, error) {
	name, ok := strings.CutPrefix(spec, "container:")
	switch {
	case !ok:
		return "", &ModeError{Kind: kind, Value: spec, Reason: "want " + want}
	case name == "":
		return "", &ModeError{Kind: kind, Value: spec, Reason: "no name after container:"}
	case !containerName(name):
		return "", &ModeError{Kind: kind, Value: spec, Reason: "a name is letters, digits, '_', '.' and '-', the first a letter or digit"}
	}
	return name, nil
}

// containerName reports whether Docker would allow the name or id.
func containerName(name string) bool {
	for i, c := range []byte(name) {
		alnum := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !alnum && (i == 0 || c != '_' && c != '.' && c != '-') {
			return false
		}
	}
	return name != ""
}
