package plan

import "github.com/seed-d1379373/sandbox/internal/launch"

// Execution is the program that runs one more command in a sandbox, which the
// pidfd of its first command leads to. One process of the launcher joins the
// namespaces and supervises; the other becomes the command, on the same steps
// as the first one did. The command's cgroup is the host's task. Where the mounts
// are locked by an inner user namespace (UserNS.Lock), the descriptor after pidfd
// is the outer one.
func (s *Spec) Execution(pidfd int) *launch.Program {
	spec := *s
	spec.Cgroups, spec.CloneInto, spec.AskHost = nil, false, true
	spec.NoInit, spec.Waiting = false, false
	spec.Prepared, spec.Join, spec.View = 0, nil, View{}
	spec.Namespaces.Cgroup, spec.NetworkSent = false, false
	if spec.mapsAtFork() {
		own := *spec.UserNS
		own.AtFork = nil
		spec.UserNS = &own
	}
	b := newBuilder(&spec)
	b.hideFromOthers()
	b.begin()
	b.joinSandbox(pidfd, s)
	b.forkCommand()
	b.retire()
	b.supervise()
	b.command()
	b.failures()
	return b.Program
}

// hideFromOthers is for a launcher that is seen by processes inside from its
// first moment on. They may have the same user: nothing of it may be opened or
// traced (CVE-2016-9962). The program that is executed is a process like any
// other.
func (b *builder) hideFromOthers() {
	b.Step("hide the launcher", "")
	b.hide()
}

// joinSandbox enters the namespaces. A privileged caller needs its own user
// namespace's capabilities for the mounts, an ordinary one needs those of the
// sandbox's for everything, and has none over a namespace that is the host's. Where
// there is an inner user namespace, what belongs to the outer one comes first.
func (b *builder) joinSandbox(pidfd int, s *Spec) {
	others := uint64(cloneNewNS | cloneNewPID | cloneNewIPC | cloneNewUTS | cloneNewNet | cloneNewCG)
	if !s.Privileged {
		others = s.Namespaces.flags()
	}
	enterBy := func(file int, flags uint64) {
		b.Step("join the sandbox", describe(flags))
		b.Call(launch.Setns, launch.Int(file), launch.Int(flags))
	}
	enter := func(flags uint64) { enterBy(pidfd, flags) }
	if s.UserNS != nil && s.UserNS.Lock != nil {
		enterBy(pidfd+1, cloneNewUsr)
		inner := others & (s.lateFlags() | cloneNewCG)
		if outer := others &^ inner; outer != 0 {
			enter(outer)
		}
		others = inner
	}
	if s.UserNS != nil && !s.Privileged {
		enter(cloneNewUsr)
	}
	enter(others)
	if s.UserNS != nil && s.Privileged {
		enter(cloneNewUsr)
	}
}
