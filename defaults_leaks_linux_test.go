package sandbox_test

import (
	"os"
	"slices"
	"sync"

	"github.com/seed-d1379373/sandbox/internal/leak"
)

// An inventory is what a process owns or has made on the host.
type inventory struct{ leak.Inventory }

func takeInventory() inventory { return inventory{leak.Take(makers()...)} }

// leftBehind lists what was not there before.
func (before inventory) leftBehind() string { return before.Since(makers()...) }

// hosts are the helper processes that start sandboxes of their own and may be
// killed while they do.
var hosts struct {
	sync.Mutex
	pids []int
}

// rememberHost lets the leak check look for what a helper leaves behind.
func rememberHost(pid int) {
	hosts.Lock()
	defer hosts.Unlock()
	hosts.pids = append(hosts.pids, pid)
}

// makers are the processes whose cgroups the tests answer for.
func makers() []int {
	hosts.Lock()
	defer hosts.Unlock()
	return append([]int{os.Getpid()}, slices.Clone(hosts.pids)...)
}

func ownCgroups() []string { return leak.Cgroups(makers()...) }

type stat struct {
	state  string
	parent int
}

// readStat reads /proc/PID/stat.
func readStat(pid int) (stat, bool) {
	st, ok := leak.ReadStat(pid)
	return stat{st.State, st.Parent}, ok
}

// A mount is one line of mountinfo (proc(5)).
type mount struct {
	root, point, fstype, options, super string
}

func parseMounts(path string) []mount { return convertMounts(leak.Mounts(path)) }

func mountLines(text string) []mount { return convertMounts(leak.ParseMounts(text)) }

func convertMounts(all []leak.Mount) (out []mount) {
	for _, m := range all {
		out = append(out, mount{m.Root, m.Point, m.Type, m.Options, m.Super})
	}
	return out
}
