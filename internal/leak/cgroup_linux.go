package leak

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Cgroups are the groups that these processes have made: the names carry the
// number of the process. Other programs on this machine may make such groups at
// the same time.
func Cgroups(makers ...int) (out []string) {
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	for _, m := range Mounts("/proc/self/mountinfo") {
		if m.Type != "cgroup" && m.Type != "cgroup2" {
			continue
		}
		filepath.WalkDir(m.Point, func(p string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil
			}
			// sandbox-PID-START-PIDNS-N
			f := strings.Split(d.Name(), "-")
			if len(f) != 5 || f[0] != "sandbox" || "pid:["+f[3]+"]" != namespace {
				return nil
			}
			pid, err := strconv.Atoi(f[1])
			if err == nil && slices.Contains(makers, pid) {
				out = append(out, p)
			}
			return nil
		})
	}
	return out
}

// A Mount is one line of mountinfo (proc(5)).
type Mount struct {
	Root, Point, Type, Options, Super string
}

// Mounts reads a mountinfo file.
func Mounts(path string) []Mount {
	b, _ := os.ReadFile(path)
	return ParseMounts(string(b))
}

// ParseMounts reads the text of a mountinfo file.
func ParseMounts(text string) (out []Mount) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		sep := slices.Index(f, "-")
		if sep < 6 || len(f) < sep+4 {
			continue
		}
		out = append(out, Mount{Root: f[3], Point: f[4], Options: f[5], Type: f[sep+1], Super: f[sep+3]})
	}
	return out
}
