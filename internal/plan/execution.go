package plan

import "github.com/seed-d1379373/sandbox/internal/launch"

// Execution is the program that runs one more command in a sandbox, which the
// pidfd of its first command leads to. One process of the launcher joins the
// namespaces and supervises; the other becomes the command, on the same steps
// as the first one did. The command's cgroup is the host's task.
func (s *Spec) Execution(pidfd int) *launch.Program {
	spec := *s
	spec.Cgroups, spec.CloneInto, spec.AskHost = nil, false, true
	spec.Prepared, spec.Join, spec.View = 0, nil, View{}
	spec.Namespaces.Cgroup = false
	b := newBuilder(&spec)
	b.hideFromOthers()
	b.begin()
	b.joinSandbox(launch.Int(pidfd), s)
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
// sandbox's for everything, and has none over a namespace that is the host's.
func (b *builder) joinSandbox(pidfd launch.Arg, s *Spec) {
	others := uint64(cloneNewNS | cloneNewPID | cloneNewIPC | cloneNewUTS | cloneNewNet | cloneNewCG)
	if !s.Privileged {
		others = s.Namespaces.flags()
	}
	enter := func(flags uint64) {
		b.Step("join the sandbox", describe(flags))
		b.Call(launch.Setns, pidfd, launch.Int(flags))
	}
	if s.UserNS != nil && !s.Privileged {
		enter(cloneNewUsr)
	}
	enter(others)
	if s.UserNS != nil && s.Privileged {
		enter(cloneNewUsr)
	}
}
