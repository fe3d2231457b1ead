package plan

import "github.com/seed-d1379373/sandbox/internal/launch"

// A Spec is a resolved sandbox: every name is an id, every path is known, and
// what the kernel lacks has been decided on.
type Spec struct {
	Privileged bool // the caller can mount in the host's user namespace
	// Direct says that the host starts the launcher as PID 1 of a new PID
	// namespace, so that no other process is needed. It takes a privileged
	// caller: for others that namespace belongs to a user namespace, which the
	// launcher makes.
	Direct bool
	// NoInit makes the command PID 1 itself, supervised from outside of its PID
	// namespace.
	NoInit bool
	// LastResort is for a sandbox without namespaces and mounts; nil for all others.
	LastResort *LastResort

	Namespaces Namespaces
	// NetworkSent says that the host makes the network namespace while the
	// launcher does other things, and sends it along with the cgroups. It belongs
	// to the host's user namespace then, which is no loss to a command without
	// capabilities. Only for a Direct launcher.
	NetworkSent bool
	UserNS      *UserNS // nil: stay in the host's user namespace
	Join        []Join

	Files   Files
	View    View
	Cgroups []string // names of the cgroups to enter; the host sends a file for each
	// CloneInto says that the one file is a cgroup v2 directory, in which the
	// command is to be born (CLONE_INTO_CGROUP).
	CloneInto bool
	// Prepared is the descriptor of a mount namespace that already holds the
	// static part of the view, see [Spec.Preparation]; 0 for none.
	Prepared int
	Trace    int    // the descriptor of the file for the times of steps, see Stamp; 0 for none
	Hostname string // set when not empty; needs Namespaces.UTS
	Loopback bool   // bring lo up; needs Namespaces.Network

	Identity Identity
	Caps     Caps
	Limits   Limits

	AskHost bool // the command asks to be moved into its cgroup, see [Spec.Execution]

	NoNewPrivs   bool
	Seccomp      []byte // the command's filter, as struct sock_filter; nil for none
	SeccompFlags uint32 // of seccomp(2)
	// SeccompWaits says that the filter allows whatever a waiting launcher has yet to
	// do when its command comes, so that it can be loaded before.
	SeccompWaits bool
	GuardFilter  []byte     // the filter of the launcher's own processes
	Landlock     []Landlock // in layers: what one refuses is refused
	OOMScoreAdj  *int
	Terminal     bool   // descriptor 0 becomes the controlling terminal
	AttrExec     []Attr // LSM attributes to write before execve
	// StaticLabel and FreshLabel are the SELinux labels of the files in the
	// memory file systems of the view's two parts; empty for the kernel's choice.
	StaticLabel, FreshLabel string

	// Waiting says that the command comes late, over the control socket; see
	// receiveCommand.
	Waiting bool
	Command Command
}

// Namespaces says which namespaces are new. Without a new PID namespace one is
// joined, and the launcher's second process is not PID 1 of anything.
type Namespaces struct{ Mount, PID, IPC, UTS, Network, Cgroup bool }

// UserNS is the new user namespace.
type UserNS struct {
	// Mounts gives the command a mount namespace of its own user namespace,
	// for one that may mount. What it inherits there is locked. Only for a
	// privileged caller; an ordinary one has it anyway.
	Mounts bool
	// SelfMap is the content of uid_map and gid_map where the launcher may
	// write them itself: one id, its own. Nil maps are the host's task.
	SelfMap *IDMapText
	// AtFork are the maps where the command's process is born in the user
	// namespace: PID 1 writes them, so that nobody waits for the host, and then
	// enters it too. For a Direct launcher whose command can have no capabilities
	// and whose view has a /proc of its own.
	AtFork *IDMapText
	// BuildUID and BuildGID are the ids inside that PID 1 takes for the rest
	// of the set-up, where its own are not mapped. A privileged caller has
	// made its files by then.
	BuildUID, BuildGID *uint32
	// Lock puts the command into one more user namespace with its own mount
	// namespace, so that its capabilities do not reach the mounts.
	Lock *IDMapText
}

// IDMapText is the content of uid_map and gid_map.
type IDMapText struct{ UID, GID string }

// Join is a namespace to enter instead of a new one.
type Join struct {
	Name string // as in /proc/PID/ns
	File int    // descriptor in the launcher
}

// Files are the descriptors that the launcher starts with.
type Files struct {
	Keep    int // descriptors below this reach the command
	Control int
	Block   int    // the command as a file (Command.Block); 0: it lies in the image
	Last    int    // the highest; what lies above is a leak of the host program
	Pipes   *Pipes // nil where the command owns its pipes anyway
}

// Pipes are descriptors of pipes to give to the command's user, by ids outside,
// so that programs can open /dev/stdout and its like.
type Pipes struct {
	Files    []int
	UID, GID uint32
}

// Identity is who the command is, by ids inside.
type Identity struct {
	UID, GID  uint32
	Groups    []uint32
	SetGroups bool // false where the kernel refuses setgroups(2)
}

// Caps are the command's five sets and what the kernel knows.
type Caps struct {
	Permitted, Effective, Inheritable, Bounding, Ambient uint64
	Last                                                 uint8 // highest capability of this kernel
}

// Limits are the limits by process.
type Limits struct{ Resources []Rlimit }

// Rlimit is one resource limit.
type Rlimit struct {
	Name     string
	Resource int
	Soft     uint64
	Hard     uint64
}

// Landlock is a ruleset for the command.
type Landlock struct {
	Name                          string // for the steps
	HandledFS, HandledNet, Scoped uint64
	Size                          int    // of struct landlock_ruleset_attr for this ABI
	Flags                         uint32 // of landlock_restrict_self(2)
	Paths                         []LandlockPath
	Ports                         []LandlockPort
	// Inherited are the rights to the files behind the descriptors 0, 1, ...,
	// for programs that open them again, as /dev/stdin.
	Inherited []uint64
}

// LandlockPath allows access beneath a path of the new view.
type LandlockPath struct {
	Path     string
	Access   uint64
	Optional bool // the path may be missing
	// FileAccess is what of Access a file can have, where it is not known
	// whether the path is a directory; 0 where it is.
	FileAccess uint64
}

// LandlockPort allows access to a TCP port.
type LandlockPort struct {
	Port   uint64
	Access uint64
}

// Attr is an LSM attribute of the command's thread.
type Attr struct {
	Name   string // such as "SELinux label"
	File   string // below /proc/thread-self/attr
	Value  string // what to write
	Answer string // how what is read back begins
}

// Command is the program to run.
type Command struct {
	Candidates []string // tried in order while they do not exist; none: exit at once
	Args, Env  []string
	Dir        string
}

// Program lowers the spec. The program is ready to be encoded.
func (s *Spec) Program() *launch.Program {
	b := newBuilder(s)
	switch {
	case s.LastResort != nil:
		b.outerWatching()
		b.supervisor()
	case s.NoInit:
		b.outerAlone()
	case s.Direct:
		b.init()
	default:
		b.outer()
		b.init()
	}
	b.command()
	b.failures()
	return b.Program
}

// Preparation is the program that builds the static part of the view in a
// mount namespace of its own, asks the host to open that namespace with a Map
// message, and ends when it is answered. It needs real privilege.
func (s *Spec) Preparation() *launch.Program {
	static := *s
	static.View.Entries = nil
	static.Prepared = 0
	b := newBuilder(&static)
	b.Step("create mount namespace", "")
	b.Call(launch.Unshare, launch.Int(cloneNewNS))
	b.Call(launch.Umask, launch.Int(0))
	b.view()
	b.handOver("hand the mount namespace over")
	return b.Program
}

// IDMapping is the program that makes a user namespace for the ids of a mount,
// see [Bind]. It ends as [Spec.Preparation] does, and the host writes the maps
// before it opens the namespace.
func IDMapping(control int) *launch.Program {
	b := newBuilder(&Spec{Files: Files{Keep: control, Control: control, Last: control}})
	b.Step("create user namespace", "")
	b.Call(launch.Unshare, launch.Int(cloneNewUsr))
	b.handOver("hand the user namespace over")
	return b.Program
}

// handOver waits until the host has opened what this process has made.
func (b *builder) handOver(step string) {
	b.Step(step, "")
	b.send(b.Message(launch.MessageMap), launch.SimpleSize)
	b.Call(launch.Recvfrom, b.control, b.Buffer("answer", 8), launch.Int(8), launch.Int(0), launch.Int(0), launch.Int(0))
	b.exit(launch.Int(0))
	b.failures()
}
