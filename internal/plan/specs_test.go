package plan

import (
	"maps"
	"slices"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// programs are one program for each kind of sandbox, by name.
func programs() map[string]*launch.Program {
	out := map[string]*launch.Program{}
	for name, s := range specs() {
		out[name] = s.Program()
	}
	out["preparation"] = privileged().Preparation()
	out["preparation-ids"] = IDMapping(3)
	for _, name := range []string{"privileged", "ordinary", "host-user-namespace", "ordinary-caps", "joined-pid"} {
		s := specs()[name]
		out["execution-"+name] = s.Execution(5)
	}
	return out
}

// forEach runs a test for every program, in the order of their names.
func forEach(t *testing.T, test func(t *testing.T, name string, p *launch.Program)) {
	t.Helper()
	all := programs()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) { test(t, name, all[name]) })
	}
}

func specs() map[string]*Spec {
	return map[string]*Spec{
		"privileged":          privileged(),
		"ordinary":            ordinary(),
		"rootfs":              rootFS(),
		"host-user-namespace": hostUserNS(),
		"host-mapped":         hostMapped(),
		"privileged-caps":     privilegedCaps(),
		"ordinary-caps":       ordinaryCaps(),
		"new-privileges":      newPrivileges(),
		"prepared":            prepared(),
		"clone-into":          cloneInto(),
		"candidates":          candidates(),
		"nested-binds":        nestedBinds(),
		"masks":               masks(),
		"everything-off":      everythingOff(),
		"labels":              labels(),
		"joined-pid":          joinedPID(),
		"block":               block(),
		"no-init":             noInit(privileged()),
		"no-init-ordinary":    noInit(ordinary()),
		"no-init-caps":        noInit(ordinaryCaps()),
		"waiting":             waiting(ordinary()),
		"waiting-direct":      waiting(direct(privileged())),
		"last-resort":         lastResort(),
		"last-resort-drop":    lastResortDrop(),
		"waiting-last-resort": waiting(lastResort()),
		"direct":              direct(privileged()),
		"direct-prepared":     direct(prepared()),
		"direct-host":         direct(hostUserNS()),
		"direct-caps":         direct(privilegedCaps()),
		"fork":                atFork(privileged()),
		"fork-prepared":       atFork(prepared()),
		"fork-clone-into":     atFork(cloneInto()),
		"traced":              traced(atFork(privileged())),
		"traced-ordinary":     traced(ordinary()),
		"fork-host":           sent(direct(hostUserNS())),
		"waiting-fork":        filtered(waiting(atFork(privileged()))),
	}
}

const lastCap = 40

// base is what all have in common, with a small view.
func base() *Spec {
	return &Spec{
		Namespaces:   Namespaces{Mount: true, PID: true, IPC: true, UTS: true, Network: true, Cgroup: true},
		Files:        Files{Keep: 3, Control: 3, Last: 3 + 4},
		Hostname:     "sandbox",
		Loopback:     true,
		Identity:     Identity{UID: 1000, GID: 1000},
		Caps:         Caps{Last: lastCap},
		Limits:       Limits{[]Rlimit{{"CORE", 4, 1, 1}, {"NOFILE", 7, 1024, 4096}}},
		NoNewPrivs:   true,
		Seccomp:      make([]byte, 4*8),
		SeccompFlags: 4,
		GuardFilter:  make([]byte, 2*8),
		Landlock: []Landlock{{
			Name: "Landlock", HandledFS: 0x1fff, Size: 8,
			Paths:     []LandlockPath{{Path: "/", Access: 0xd}, {Path: "/dev/shm", Access: 0x1fff, Optional: true}},
			Inherited: []uint64{4, 2, 2},
		}},
		Command: Command{Candidates: []string{"/bin/true"}, Args: []string{"true", "-x"}, Env: []string{"PATH=/bin", "HOME=/tmp"}, Dir: "/"},
		View: View{
			ReadOnly: true,
			Static: []Entry{
				Dir{"/usr", 0o755},
				Bind{Source: "/usr", Path: "/usr", Flags: ReadOnly | NoSuid | NoDev},
				Symlink{"/bin", "usr/bin"},
				File{"/etc/passwd", 0o444, []byte("root:x:0:0::/:/bin/sh\n")},
				Dir{"/tmp", 0o755}, Dir{"/proc", 0o555}, Dir{"/dev", 0o755}, Dir{"/dev/pts", 0o755},
			},
			Entries: []Entry{
				Filesystem{Path: "/dev/pts", Type: "devpts", Flags: NoSuid | NoExec, Options: []Option{{"newinstance", ""}, {"mode", "0620"}}},
				Filesystem{Path: "/proc", Type: "proc", Flags: NoSuid | NoDev | NoExec},
				Mask{Path: "/proc/keys", Null: "/dev/null"},
				Mask{Path: "/proc/acpi", Dir: true, Null: "/dev/null"},
				Protect{Path: "/proc/sys"},
				Tmpfs{Path: "/tmp", Size: 64 << 20, Files: 100, Mode: 0o1777, Flags: NoSuid | NoDev},
			},
		},
	}
}

// privileged is a caller that is root, and a command that is nobody.
func privileged() *Spec {
	s, id := base(), uint32(65534)
	s.Privileged = true
	s.UserNS = &UserNS{BuildUID: &id, BuildGID: &id}
	s.Identity = Identity{UID: id, GID: id, SetGroups: true}
	s.Cgroups = []string{"1", "2"}
	s.Files.Pipes = &Pipes{Files: []int{0, 2}, UID: id, GID: id}
	s.View.Static = append(s.View.Static, Node{Path: "/dev/null", Mode: 0o666, Major: 1, Minor: 3})
	return s
}

// ordinary maps its own id.
func ordinary() *Spec {
	s := base()
	s.UserNS = &UserNS{SelfMap: &IDMapText{"1000 1000 1\n", "1000 1000 1\n"}}
	s.View.Static = append(s.View.Static,
		File{Path: "/dev/null", Mode: 0o444}, Bind{Source: "/dev/null", Path: "/dev/null", Flags: NoSuid | NoExec})
	return s
}

func rootFS() *Spec {
	s := privileged()
	s.View.Root = Root{Source: "/srv/root", Flags: ReadOnly | NoSuid | NoDev}
	s.View.ReadOnly = false
	s.View.Static = []Entry{Tmpfs{Path: "/dev", Size: 1 << 16, Files: 64, Mode: 0o755, Flags: NoSuid | NoExec},
		Node{Path: "/dev/null", Mode: 0o666, Major: 1, Minor: 3}, Dir{"/dev/pts", 0o755}}
	return s
}

func hostUserNS() *Spec {
	s := privileged()
	s.UserNS = nil
	s.Identity = Identity{UID: 0, GID: 0, Groups: []uint32{4, 20}, SetGroups: true}
	s.Caps = Caps{Permitted: 0xff, Effective: 0xff, Bounding: 0xff, Last: lastCap}
	return s
}

// hostMapped is an ordinary caller whose maps the host writes.
func hostMapped() *Spec {
	s, uid, gid := ordinary(), uint32(0), uint32(0)
	s.UserNS = &UserNS{BuildUID: &uid, BuildGID: &gid}
	s.Identity = Identity{UID: 0, GID: 0, SetGroups: true}
	return s
}

func privilegedCaps() *Spec {
	s := privileged()
	s.UserNS.Mounts = true
	s.Caps = Caps{Permitted: 1<<21 | 1, Effective: 1<<21 | 1, Inheritable: 1<<21 | 1, Bounding: 1<<21 | 1<<lastCap | 1, Ambient: 1<<21 | 1, Last: lastCap}
	s.Landlock = nil
	return s
}

func ordinaryCaps() *Spec {
	s := ordinary()
	s.UserNS.Lock = &IDMapText{"1000 1000 1\n", "1000 1000 1\n"}
	s.Caps = Caps{Permitted: 1 << 12, Effective: 1 << 12, Inheritable: 1 << 12, Bounding: 1 << 12, Ambient: 1 << 12, Last: lastCap}
	return s
}

func newPrivileges() *Spec {
	s := privilegedCaps()
	s.NoNewPrivs = false
	return s
}

func prepared() *Spec {
	s := privileged()
	s.Prepared = 4
	s.View.Entries = append(s.View.Entries, Bind{Source: "/data", Path: "/tmp/data", Flags: ReadOnly | NoSuid})
	return s
}

func cloneInto() *Spec {
	s := privileged()
	s.Cgroups, s.CloneInto = []string{"1"}, true
	return s
}

func candidates() *Spec {
	s := ordinary()
	s.Command.Candidates = []string{"/usr/local/bin/x", "/usr/bin/x", "/bin/x"}
	return s
}

// nestedBinds has mounts on top of mounts, which must be found as a process
// inside would find them.
func nestedBinds() *Spec {
	s := ordinary()
	s.View.Entries = append(s.View.Entries,
		Bind{Source: "/data", Path: "/usr/share/data", Flags: NoSuid | NoDev},
		Bind{Source: "/more", Path: "/usr/share/data/more", Flags: ReadOnly},
		Tmpfs{Path: "/usr/share/data/tmp", Mode: 0o1777},
		Bind{Source: "/deep", Path: "/made/on/the/way", Flags: ReadOnly},
		Dir{"/tmp/below", 0o700},
		Bind{Source: "/below", Path: "/tmp/below"})
	return s
}

func masks() *Spec {
	s := privileged()
	s.View.Entries = append(s.View.Entries,
		Bind{Source: "/theirs", Path: "/tmp/theirs", Flags: ReadOnly, IDMap: 5},
		Mask{Path: "/usr/secret"}, Mask{Path: "/tmp/file", Null: "/dev/null"}, Mask{Path: "/usr/dir", Dir: true}, Protect{"/usr/local"})
	return s
}

// block has its command as a file.
func block() *Spec {
	s := direct(candidates())
	s.Privileged = true
	s.Files.Block = 6
	return s
}

// waiting has neither command nor files yet.
func waiting(s *Spec) *Spec {
	s.Waiting = true
	s.Files = Files{Keep: WaitingControl, Control: WaitingControl, Last: WaitingControl}
	return s
}

// traced notes its times in descriptor 6.
func traced(s *Spec) *Spec {
	s.Trace = 6
	return s
}

// filtered has its filter before its command.
func filtered(s *Spec) *Spec {
	s.SeccompWaits = true
	return s
}

// noInit makes the command PID 1.
func noInit(s *Spec) *Spec {
	s.NoInit = true
	return s
}

// direct is a launcher that the host starts as PID 1.
func direct(s *Spec) *Spec {
	s.Direct = true
	return s
}

// sent is a launcher whose network namespace the host makes.
func sent(s *Spec) *Spec {
	s.NetworkSent = true
	return s
}

// atFork has its command born in the user namespace.
func atFork(s *Spec) *Spec {
	s.UserNS.AtFork = &IDMapText{"65534 65534 1\n", "65534 65534 1\n"}
	return sent(direct(s))
}

// everythingOff is the least that a spec can ask for.
func everythingOff() *Spec {
	return &Spec{
		Files:       Files{Keep: 3, Control: 3, Last: 3 + 4},
		Namespaces:  Namespaces{PID: true},
		Caps:        Caps{Last: lastCap},
		GuardFilter: make([]byte, 8),
		Command:     Command{Dir: "/"},
	}
}

// joinedPID enters the PID namespace of another sandbox and keeps the host's UTS
// and cgroup namespaces.
func joinedPID() *Spec {
	s := privileged()
	s.Namespaces.PID, s.Namespaces.UTS, s.Namespaces.Cgroup, s.Hostname = false, false, false, ""
	s.Join = []Join{{"pid", 4}}
	return s
}

func labels() *Spec {
	s := ordinary()
	score := 500
	s.OOMScoreAdj, s.Terminal = &score, true
	s.AttrExec = []Attr{{"AppArmor profile", "apparmor/exec", "exec strict", "strict ("}}
	s.StaticLabel, s.FreshLabel = "u:object_r:t:s0", "u:object_r:t:s0:c1,c2"
	s.Join = []Join{{"net", 4}, {"ipc", 5}}
	s.Namespaces.Network, s.Namespaces.IPC, s.Loopback = false, false, false
	s.Landlock = append(s.Landlock, Landlock{
		Name: "WithLandlock", HandledFS: 0x1fff, HandledNet: 3, Size: 16,
		Paths: []LandlockPath{{Path: "/usr", Access: 0xd, FileAccess: 5}},
		Ports: []LandlockPort{{443, 2}},
	})
	return s
}

// lastResort has neither namespaces nor mounts.
func lastResort() *Spec {
	s := ordinary()
	s.Namespaces, s.UserNS, s.View, s.Hostname, s.Loopback = Namespaces{}, nil, View{}, "", false
	s.LastResort = &LastResort{Scope: Landlock{Scoped: 2, Size: 24, Flags: 1}, Scratch: 4, ScratchRight: 0x1fff}
	return s
}

// lastResortDrop is that of a caller who takes another id, in a cgroup.
func lastResortDrop() *Spec {
	s := lastResort()
	s.LastResort.Drop = true
	s.Identity = Identity{UID: 65534, GID: 65534, Groups: []uint32{4}, SetGroups: true}
	s.Cgroups, s.CloneInto = []string{"1"}, true
	s.Seccomp = make([]byte, 8)
	return s
}
