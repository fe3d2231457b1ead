package vmtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// features is the vocabulary of skips: what a test may say it needs. A program
// that is not installed needs no entry; see [Row.promised].
var features = map[string]string{
	"root":           "the test runs as root",
	"user":           "the test runs as an ordinary user",
	"userns":         "this caller may create user namespaces",
	"seccomp":        "seccomp filters",
	"i386":           "system calls of 32-bit x86",
	"landlock":       "Landlock, any ABI",
	"landlock-net":   "Landlock's rules for TCP ports (ABI 4)",
	"landlock-scope": "Landlock's scopes (ABI 6)",
	"apparmor":       "AppArmor is the active LSM",
	"selinux":        "SELinux is the active LSM, and enforces",
	"no-lsm":         "neither AppArmor nor SELinux is active",
	"cgroup1":        "controllers on cgroup v1",
	"cgroup2":        "a cgroup v2 tree with all its controllers, which this caller may use or can be given",
	"no-cgroup":      "this caller cannot have a cgroup at all",
	"bpf":            "BPF programs for cgroups, loaded by this caller",
	"systemd":        "a systemd user manager on D-Bus",
	"psi":            "pressure stall information",
	"disk":           "a temporary directory on a block device",
	"xattr":          "extended attributes on the temporary directory",
	"suid":           "set-user-ID programs and newuidmap work",
	"cpus":           "two CPUs",
	"memfd-noexec":   "the kernel is set to execute no memfd",
	"syscall":        "a system call or socket family that this kernel may lack",
}

// Features lists the names that a skip may give, with their meanings.
func Features() map[string]string {
	all := make(map[string]string, len(features))
	for name, meaning := range features {
		all[name] = meaning
	}
	return all
}

// A Row is one guest of the matrix.
type Row struct {
	Name     string
	Arch     string   // as in GOARCH
	Kernel   string   // Debian's series, 6.1 or 6.12
	LSM      string   // apparmor or selinux
	User     bool     // the tests run as uid 1000, not as root
	Delegate bool     // ... in a cgroup subtree of its own
	Systemd  bool     // ... in a login session, with a lingering user manager
	Sysctls  []string // set before the tests, as NAME=VALUE
	CPUs     int      // one is emulated with a quarter less work than two
	Packages []string // patterns as in [Matrix]; none for all
	Tests    string   // pattern of the root package's tests; empty for all
	Thorough bool     // ... and what takes long and is run in one row only
	Promises []string
}

// Describe is what stands in the row's name and behind it, in words.
func (r Row) Describe() string {
	words := []string{r.Arch, "kernel " + r.Kernel, r.LSM, "as root"}
	if r.User {
		words[3] = "as an ordinary user"
	}
	if r.Delegate {
		words = append(words, "with a cgroup of its own")
	}
	if r.Systemd {
		words = append(words, "in a session of systemd")
	}
	return strings.Join(append(words, r.Sysctls...), ", ")
}

// differing is what of the root package's tests depends on what the rows of one
// architecture differ in: the caller, LSMs, cgroups. All of it runs in the rows
// without it.
const differing = "AppArmor|SELinux|Label|Landlock|Memory|CPU|Limit|Pids|Device|IO|Stats|Usage|Update|Pause|Exec|Verdict|" +
	"Cgroup|Scope|Group|UserID|Identity|Remap|IDMap|Capabilit|Mounts|EveryCall|Launcher|LeftBehind|Dies|Ordinary|ExecutesNoMemory|Example"

// delegated is what of them depends on how a cgroup is had.
const delegated = "Scope|Limit|Memory|CPU|Pids|Stats|Usage|Update|Pause|Cgroup|ExecIsIn|Verdict|LeftBehind|DiesWithTheHost|Probe"

// common is what every row promises.
var common = []string{"seccomp", "userns", "landlock", "psi", "disk", "xattr", "suid"}

// Rows is the matrix, those that take longest first.
func Rows() []Row {
	with := func(more ...string) []string { return append(slices.Clone(common), more...) }
	return []Row{
		// The core, with the launcher and the tables of the other architecture.
		{Name: "arm64-6.1-root", Arch: "arm64", Kernel: "6.1", LSM: "apparmor", CPUs: 2,
			Packages: []string{".", "caps", "examples/quickstart", "internal/launch", "internal/plan", "lsm", "namespace", "seccomp"},
			Promises: with("root", "cpus", "apparmor", "cgroup2", "bpf")},
		{Name: "amd64-6.12-delegated", Arch: "amd64", Kernel: "6.12", LSM: "selinux", User: true, Delegate: true, CPUs: 2,
			Packages: []string{".", "cgroup", "lsm", "namespace", "seccomp"}, Tests: differing, Thorough: true,
			Promises: with("user", "cpus", "selinux", "cgroup2", "i386", "landlock-net", "landlock-scope")},
		{Name: "amd64-6.1-user", Arch: "amd64", Kernel: "6.1", LSM: "apparmor", User: true, CPUs: 1,
			Packages: []string{".", "caps", "cgroup", "lsm", "namespace"},
			Promises: with("user", "apparmor", "i386", "no-cgroup")},
		{Name: "amd64-6.1-root", Arch: "amd64", Kernel: "6.1", LSM: "apparmor", CPUs: 1,
			Packages: []string{".", "caps", "cgroup", "examples/dockerrun", "lsm", "namespace", "seccomp"}, Tests: differing,
			Promises: with("root", "apparmor", "cgroup2", "bpf", "i386")},
		{Name: "amd64-6.12-root", Arch: "amd64", Kernel: "6.12", LSM: "selinux", Sysctls: []string{"vm.memfd_noexec=2"}, CPUs: 2,
			Packages: []string{".", "cgroup", "lsm", "namespace"}, Tests: differing,
			Promises: with("root", "cpus", "selinux", "cgroup2", "bpf", "i386", "landlock-net", "landlock-scope", "memfd-noexec")},
		// What depends on the user and not on the architecture runs in the others.
		{Name: "arm64-6.1-delegated", Arch: "arm64", Kernel: "6.1", LSM: "apparmor", User: true, Delegate: true, CPUs: 1,
			Packages: []string{"caps", "cgroup", "examples/quickstart", "internal/launch", "lsm", "namespace", "seccomp"},
			Promises: with("user", "apparmor", "cgroup2")},
		{Name: "systemd", Arch: "amd64", Kernel: "6.1", LSM: "apparmor", User: true, Systemd: true, CPUs: 1,
			Packages: []string{".", "cgroup"}, Tests: delegated,
			Promises: with("user", "apparmor", "i386", "systemd")},
	}
}

// Select gives the rows that match any of the comma-separated patterns, in
// the syntax of [path.Match]. A pattern that matches no row is an error.
func Select(rows []Row, patterns string) ([]Row, error) {
	chosen := map[string]bool{}
	for pattern := range strings.SplitSeq(patterns, ",") {
		found := false
		for _, r := range rows {
			ok, err := path.Match(pattern, r.Name)
			if err != nil {
				return nil, fmt.Errorf("row pattern %q: %w", pattern, err)
			}
			if ok {
				chosen[r.Name], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("no row matches %q", pattern)
		}
	}
	return slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return !chosen[r.Name] }), nil
}

// runs tells whether a package's tests run in this row.
func (r Row) runs(pkg string) bool {
	return len(r.Packages) == 0 || match(r.Packages, pkg) || pkg == promiseTest
}

func match(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, _ := path.Match(pattern, name)
		return ok
	})
}

// promised tells which promised feature the reason of a skip says is missing,
// and whether the reason is a known one at all: "needs FEATURE: why", or
// "needs PROGRAM: not installed".
func (r Row) promised(reason string) (feature string, broken, known bool) {
	_, rest, found := strings.Cut(reason, "needs ")
	if !found {
		return "", false, false
	}
	feature, _, found = strings.Cut(rest, ":")
	if !found {
		return "", false, false
	}
	_, known = features[feature]
	return feature, slices.Contains(r.Promises, feature), known || strings.HasSuffix(reason, ": not installed")
}
