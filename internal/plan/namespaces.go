package plan

import "strings"

// sharedMemory says whether outer and PID 1 can share an address space: one
// that creates a user namespace later may not (unshare(2), EINVAL).
func (s *Spec) sharedMemory() bool {
	return s.UserNS == nil || !s.Privileged && s.UserNS.Lock == nil
}

func (s *Spec) cloneFlags() uint64 {
	var flags uint64
	if s.sharedMemory() {
		flags |= cloneVM
	}
	early := s.UserNS != nil && !s.Privileged
	if early {
		flags |= cloneNewUsr
	}
	n := s.Namespaces
	n.Cgroup = false // the command's own task, in its cgroup
	if s.NetworkSent {
		n.Network = false
	}
	if own := s.UserNS == nil || s.mapsAtFork() || early && s.UserNS.Lock == nil; !own {
		// Network and UTS belong to the command's own user namespace, so that
		// its capabilities work on them.
		n.Network, n.UTS = false, false
	}
	return flags | n.flags()
}

// flags are the new namespaces as CLONE_NEW*.
func (n Namespaces) flags() (flags uint64) {
	for _, f := range []struct {
		on   bool
		flag uint64
	}{
		{n.Mount, cloneNewNS}, {n.PID, cloneNewPID}, {n.IPC, cloneNewIPC},
		{n.UTS, cloneNewUTS}, {n.Network, cloneNewNet}, {n.Cgroup, cloneNewCG},
	} {
		if f.on {
			flags |= f.flag
		}
	}
	return flags
}

// lateFlags are the namespaces that belong to the later user namespace.
func (s *Spec) lateFlags() uint64 {
	var flags uint64
	if s.Namespaces.UTS {
		flags |= cloneNewUTS
	}
	if s.Namespaces.Network {
		flags |= cloneNewNet
	}
	if s.UserNS.Mounts || s.UserNS.Lock != nil {
		flags |= cloneNewNS
	}
	return flags
}

// namespaceFlag is CLONE_NEW* by the name in /proc/PID/ns.
var namespaceFlag = map[string]uint64{
	"user": cloneNewUsr, "mnt": cloneNewNS, "pid": cloneNewPID, "ipc": cloneNewIPC,
	"uts": cloneNewUTS, "net": cloneNewNet, "cgroup": cloneNewCG,
}

// describe names the namespaces of flags.
func describe(flags uint64) string { return strings.Join(namespaceNames(flags), ",") }

func namespaceNames(flags uint64) (names []string) {
	for _, name := range []string{"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"} {
		if flags&namespaceFlag[name] != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Names are the new namespaces as /proc/PID/ns names them.
func (n Namespaces) Names() []string { return namespaceNames(n.flags()) }
