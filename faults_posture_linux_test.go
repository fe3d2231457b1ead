package sandbox_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/seed-d1379373/sandbox"
)

// A posture is how a sandbox stands there, seen from outside: what the kernel
// tells about the command, about PID 1 and, where there is one, about the
// launcher's outer process, without what differs between two starts.
type posture map[string]string

// postureLines are of /proc/PID/status.
var postureLines = []string{
	"Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
	"NoNewPrivs", "Seccomp", "Seccomp_filters", "SigBlk", "SigIgn", "Umask",
}

// takePosture waits until the launcher has settled: the command runs already,
// and then PID 1 and the outer process sleep only where they supervise. One that
// is dead shows as such.
func takePosture(p *sandbox.Process) posture {
	out := posture{}
	command := p.PID()
	init, _ := readStat(command)
	processes := map[string]int{"command": command, "PID 1": init.parent}
	if outer := launcherOf(command, os.Getpid()); outer != init.parent {
		processes["launcher"] = outer
	}
	for role, pid := range processes {
		for st, ok := readStat(pid); ok && !strings.Contains("SZX", st.state); st, ok = readStat(pid) {
			runtime.Gosched()
		}
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		lines := status(string(b))
		for _, key := range postureLines {
			out[role+" "+key] = strings.Join(strings.Fields(lines[key]), " ")
		}
		for _, kind := range namespaceKinds() {
			link, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
			own, _ := os.Readlink("/proc/self/ns/" + kind)
			out[role+" namespace "+kind] = fmt.Sprint(link == "", link != own)
		}
		out[role+" files"] = openTargets(pid)
	}
	out["command mounts"] = strings.Join(mountsOf(command), "\n")
	limits, _ := os.ReadFile(fmt.Sprintf("/proc/%d/limits", command))
	out["command limits"] = string(limits)
	groups, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", command))
	out["command cgroup"] = digits.ReplaceAllString(string(groups), "N")
	personality, _ := os.ReadFile(fmt.Sprintf("/proc/%d/personality", command))
	out["command personality"] = string(personality)
	return out
}

var digits = regexp.MustCompile(`[0-9]+`)

func namespaceKinds() []string {
	return []string{"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"}
}

// openTargets are what the descriptors of a process refer to, where this user
// may know.
func openTargets(pid int) string {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "closed to this user"
	}
	var out []string
	for _, e := range entries {
		target, _ := os.Readlink(dir + "/" + e.Name())
		out = append(out, e.Name()+" "+digits.ReplaceAllString(target, "N"))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func mountsOf(pid int) (out []string) {
	for _, m := range parseMounts(fmt.Sprintf("/proc/%d/mountinfo", pid)) {
		out = append(out, fmt.Sprintf("%s on %s %s", m.fstype, m.point, m.options))
	}
	return out
}

// difference says in what another posture differs.
func (sound posture) difference(now posture) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(sound)) {
		if now[key] != sound[key] {
			out = append(out, fmt.Sprintf("%s: %q instead of %q", key, now[key], sound[key]))
		}
	}
	if out == nil {
		return ""
	}
	return "goes on, but " + strings.Join(out, "; ")
}
