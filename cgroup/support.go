package cgroup

// Support says whether groups of one controller can be made, and where.
type Support struct {
	// Controller is the name on v2: memory, cpu, cpuacct (CPU time is counted),
	// cpuset, pids, io, devices or freezer (groups can be paused).
	Controller string
	// Version is 1 or 2, or 0 where the controller is on no hierarchy at all.
	Version int
	// Path is the directory below which groups are made; empty if there is none.
	Path string
	// Err is nil if the controller can be used, else an [*UnsupportedError].
	Err error
}

// Place is a hierarchy in which a group is made.
type Place struct {
	Version int    // 1 or 2
	Path    string // the directory below which
}

// controllers in the order of reports.
func controllerNames() []string {
	return []string{"memory", "cpu", "cpuacct", "cpuset", "pids", "io", "devices", "freezer"}
}

// Options asks for more than the limits do.
type Options struct {
	// Freezer makes the group one that [Group.Freeze] can pause. On v2 every
	// group is; on v1 it costs one more directory.
	Freezer bool
	// Controllers are wanted for their numbers in [Stats], whether a limit
	// needs them or not: memory, cpu, cpuacct (CPU time), cpuset, pids, io.
	Controllers []string
}

func (o Options) needs(l Limits) []string {
	names := append(l.needs(), o.Controllers...)
	if o.Freezer || len(names) == 0 {
		// With nothing asked the group is still one that holds processes.
		names = append(names, "freezer")
	}
	return names
}
