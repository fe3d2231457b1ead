package sandbox

import (
	"fmt"
)

// WithNetwork chooses the network: [NetworkNone], the default, [NetworkHost],
// [NetworkFrom] or [NetworkPath] (network_namespaces(7)). A nil mode is an
// *[OptionError].
func WithNetwork(mode NetworkMode) Option {
	return named("WithNetwork", func(s *settings) { s.Network = mode })
}

// A NetworkMode is what network a sandbox sees.
type NetworkMode interface {
	fmt.Stringer
	network()
}

type networkKind string

const (
	// NetworkNone is a new network namespace with a loopback interface that
	// works and nothing else.
	NetworkNone networkKind = "none"
	// NetworkHost is the host's network, its abstract Unix sockets included.
	NetworkHost networkKind = "host"
)

func (k networkKind) String() string { return string(k) }
func (networkKind) network()         {}

// NetworkFrom is the network namespace of a running sandbox, as Docker's --network
// container:NAME. It needs a caller with CAP_SYS_ADMIN, else Start fails with an
// *[UnsupportedError]; it fails with [os.ErrProcessDone] if that sandbox has ended.
// Joining one that has the host's network is joining that. The namespace lives on
// while any of its sandboxes does.
func NetworkFrom(p *Process) NetworkMode { return networkOf{p} }

type networkOf struct{ *Process }

func (n networkOf) String() string               { return "container:" + n.label() }
func (n networkOf) MarshalText() ([]byte, error) { return []byte(n.String()), nil }
func (networkOf) network()                       {}

// NetworkPath is the network namespace behind a file, such as the ones that "ip
// netns" makes in /run/netns. The path is absolute. It needs a caller with
// CAP_SYS_ADMIN, else Start fails with an *[UnsupportedError]; a file that is no
// network namespace is a *[SetupError]. Interfaces and rules there are its maker's
// affair, and capabilities inside do not reach them unless [WithHostUserNS] is given.
func NetworkPath(path string) NetworkMode { return networkPath(path) }

type networkPath string

func (p networkPath) String() string               { return "ns:" + string(p) }
func (p networkPath) MarshalText() ([]byte, error) { return []byte(p.String()), nil }
func (networkPath) network()                       {}

// WithIPC chooses the IPC namespace (ipc_namespaces(7)): System V message queues,
// semaphores and shared memory, POSIX message queues, and with it /dev/shm and
// /dev/mqueue. It is [IPCPrivate], the default, [IPCShareable], [IPCHost],
// [IPCNone] or [IPCFrom], as Docker's --ipc. A nil mode is an *[OptionError].
func WithIPC(mode IPCMode) Option {
	return named("WithIPC", func(s *settings) { s.IPC = mode })
}

// An IPCMode says with whom a sandbox shares inter-process communication.
type IPCMode interface {
	fmt.Stringer
	ipc()
}

type ipcKind string

const (
	// IPCPrivate is a new IPC namespace that no other sandbox can join.
	IPCPrivate ipcKind = "private"
	// IPCShareable is a new IPC namespace that other sandboxes can join.
	IPCShareable ipcKind = "shareable"
	// IPCHost is the host's IPC namespace, /dev/shm and /dev/mqueue. Where the
	// host has no /dev/mqueue mounted, POSIX message queues work for a caller
	// that is root only, or with [WithoutLandlock].
	IPCHost ipcKind = "host"
	// IPCNone is a new IPC namespace without /dev/shm and /dev/mqueue.
	IPCNone ipcKind = "none"
)

func (k ipcKind) String() string { return string(k) }
func (ipcKind) ipc()             {}

// IPCFrom is the IPC namespace and the /dev/shm of a running sandbox that was
// started with [IPCShareable] or itself joined one; any other refuses. It needs
// a caller with CAP_SYS_ADMIN.
func IPCFrom(p *Process) IPCMode { return ipcOf{p} }

type ipcOf struct{ *Process }

func (i ipcOf) String() string               { return "container:" + i.label() }
func (i ipcOf) MarshalText() ([]byte, error) { return []byte(i.String()), nil }
func (ipcOf) ipc()                           {}

// label names a process in modes that refer to it.
func (p *Process) label() string {
	if p == nil {
		return "nil"
	}
	return fmt.Sprint(p.PID())
}
