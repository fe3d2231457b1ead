package namespace

import "strconv"

// Newuidmap returns the arguments, the program's name first, that make
// newuidmap(1) write the user id map of a process that has just made a user
// namespace. The map must be valid ([IDMaps.Validate]) and the caller's to give
// ([IDMaps.OwnedBy]), else newuidmap refuses it.
func Newuidmap(pid int, m IDMaps) []string { return mapCommand("newuidmap", pid, m) }

// Newgidmap is [Newuidmap] for newgidmap(1) and the group id map.
func Newgidmap(pid int, m IDMaps) []string { return mapCommand("newgidmap", pid, m) }

func mapCommand(tool string, pid int, m IDMaps) []string {
	args := make([]string, 0, 2+3*len(m))
	args = append(args, tool, strconv.Itoa(pid))
	for _, e := range m {
		for _, n := range [...]uint32{e.Inside, e.Outside, e.Count} {
			args = append(args, strconv.FormatUint(uint64(n), 10))
		}
	}
	return args
}
