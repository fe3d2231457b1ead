package sandbox

import (
	"maps"
	"slices"
)

// rlimitNumbers are the resources of setrlimit(2) by name.
var rlimitNumbers = map[string]int{
	"CPU": 0, "FSIZE": 1, "DATA": 2, "STACK": 3, "CORE": 4, "RSS": 5, "NPROC": 6, "NOFILE": 7,
	"MEMLOCK": 8, "AS": 9, "LOCKS": 10, "SIGPENDING": 11, "MSGQUEUE": 12, "NICE": 13, "RTPRIO": 14, "RTTIME": 15,
}

func rlimitNames() []string { return slices.Sorted(maps.Keys(rlimitNumbers)) }
