// Package cgroup makes one control group for one sandbox, sets its limits,
// reads its numbers, and takes it away again.
//
// It works on hosts with cgroup v2, with v1, and with the hybrid layout in
// which some controllers are on v1 and the v2 tree is mounted beside them.
// Where the two differ the caller sees one vocabulary: [Limits] uses the words
// and units of Docker's command line and is translated to the files of the
// version at hand.
//
//	h, err := cgroup.Discover()             // once per process
//	g, err := h.Create("", cgroup.Limits{Memory: 64 << 20, Pids: 32})
//	err = g.Add(pid)                        // or hand g.ProcsFiles to a child
//	stats, err := g.Stats()
//	err = g.Kill()
//	err = g.Remove()
//
// # Order
//
// Every limit is in place before a process can enter: [Hierarchy.Create]
// returns only when each write was accepted and, where the kernel may quietly
// change a value, was read back and compared. A limit that cannot be set is an
// error; nothing is skipped. When Create fails, the directories it made are
// gone again.
//
// # Where groups are made
//
// Groups are made directly below the cgroup of the calling process, in the
// hierarchies that the limits need and in no other. On v2 the kernel refuses
// to limit the children of a cgroup that has processes of its own (the "no
// internal processes" rule), so there the parent is the nearest cgroup above
// the caller that was delegated to it, or the top of the tree if it is
// writable. Nobody is moved to make room: without such a place the error is an
// [UnsupportedError] that names what would help. [DiscoverBelow] names a parent
// explicitly, [DiscoverScope] asks the user's systemd for one, and
// [Hierarchy.Vacate] is the explicit way to move the processes of a delegated
// cgroup into a leaf.
//
// On a systemd host a cgroup that was not delegated still belongs to systemd,
// which may withdraw controllers from it. A service that makes many groups
// should run with Delegate=yes.
//
// # What it does not protect from
//
// A cgroup limits resources; it hides nothing and forbids no operation. A
// process that may write to the cgroup file system can leave its group: give
// the sandbox its own mount namespace, and its own cgroup namespace made after
// the move into the group. Memory that a process used before it entered stays
// charged to the group it came from. Limits of the groups above apply too.
// Device rules
// are asked when a node is opened: a descriptor from elsewhere is not covered.
//
// Sources: the kernel's Documentation/admin-guide/cgroup-v2.rst and
// cgroup-v1/, and the man pages cgroups(7), cpuset(7) and proc(5). The oldest
// kernel considered is 5.14.
package cgroup
