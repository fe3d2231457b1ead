package vmtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSelect(t *testing.T) {
	rows := Rows()
	for pattern, want := range map[string]string{
		"*":                     "arm64-6.1-root amd64-6.12-delegated amd64-6.1-user amd64-6.1-root amd64-6.12-root arm64-6.1-delegated systemd",
		"systemd,amd64-6.1-*":   "amd64-6.1-user amd64-6.1-root systemd", // in the matrix's order
		"arm64-6.1-root,arm64*": "arm64-6.1-root arm64-6.1-delegated",
	} {
		chosen, err := Select(rows, pattern)
		var names []string
		for _, r := range chosen {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", pattern, got, err, want)
		}
	}
	for _, pattern := range []string{"", "none", "systemd,none", "[", "systemd,"} {
		if chosen, err := Select(rows, pattern); err == nil {
			t.Errorf("%q selects %v", pattern, chosen)
		}
	}
}

// A promise that is not in the vocabulary could never be broken by a skip.
func TestPromisesAreFeatures(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rows() {
		if seen[r.Name] {
			t.Errorf("two rows are called %s", r.Name)
		}
		seen[r.Name] = true
		if kernels[r.Arch+"-"+r.Kernel] == "" {
			t.Errorf("%s: no package for its kernel", r.Name)
		}
		for _, p := range r.Promises {
			if features[p] == "" {
				t.Errorf("%s promises %q, which is no feature", r.Name, p)
			}
		}
	}
}

func TestRowChoosesTests(t *testing.T) {
	all := Row{}
	if run, skip := all.chosen("caps"), all.leftOut("caps"); run != "." || skip != "^$" {
		t.Errorf("all of caps: run %q, leave out %q", run, skip)
	}
	few := Row{Tests: "Memory|Pids", Thorough: true}
	if run := few.chosen("."); run != "Memory|Pids|"+whole(thorough) {
		t.Errorf("the root package: run %q", run)
	}
	if run := few.chosen("cgroup"); run != "." {
		t.Errorf("another package: run %q", run)
	}
	const long = "TestEveryCallFails"
	if !strings.Contains(all.leftOut("."), long) || strings.Contains(few.leftOut("."), long) {
		t.Errorf("%s is left out by %q and by %q", long, all.leftOut("."), few.leftOut("."))
	}
}

// Each of the long tests runs in exactly one row.
func TestOneRowIsThorough(t *testing.T) {
	n := 0
	for _, r := range Rows() {
		if r.Thorough {
			n++
		}
		if r.Thorough && !r.runs(".") {
			t.Errorf("%s does not run the root package", r.Name)
		}
	}
	if n != 1 {
		t.Errorf("%d rows are thorough", n)
	}
}

func TestPromised(t *testing.T) {
	r := Row{Promises: []string{"landlock", "cgroup2"}}
	for reason, want := range map[string]struct{ broken, known bool }{
		"needs landlock: ABI 0":                     {true, true},
		"sandbox: it needs cgroup2: no controllers": {true, true},
		"needs landlock-net: ABI 2":                 {false, true},
		"needs root: mounts":                        {false, true},
		"needs curl: not installed":                 {false, true},
		"needs landlock":                            {false, false},
		"needs lanlock: ABI 0":                      {false, false},
		"not now":                                   {false, false},
		"":                                          {false, false},
	} {
		if _, broken, known := r.promised(reason); broken != want.broken || known != want.known {
			t.Errorf("%q: broken %v, known %v; want %+v", reason, broken, known, want)
		}
	}
}

// What cannot be prepared is named with the reason, and the rest stays.
func TestLeaveOut(t *testing.T) {
	dir := t.TempDir() // no apt-get: nothing is installed
	t.Setenv("PATH", dir)
	for _, r := range Rows() {
		program := filepath.Join(dir, emulator(r, "", "", "", "")[0])
		if err := os.WriteFile(program, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	arch := "arm64"
	if !foreign(arch) {
		arch = "amd64"
	}
	var log strings.Builder
	m := &Matrix{Rows: []Row{{Name: "a", Arch: arch, Systemd: true}, {Name: "b", Arch: arch, Systemd: true}}, Log: &log, Cache: &Cache{Dir: dir}}
	m.LeaveOut(t.Context())
	const want = "THESE VIRTUAL MACHINES ARE LEFT OUT: a, b:\n  the guest with systemd must be of this machine's architecture\n"
	if log.String() != want || len(m.Rows) != 0 {
		t.Errorf("%d rows stay; said %q", len(m.Rows), log.String())
	}
}

func TestDescribe(t *testing.T) {
	r := Row{Arch: "arm64", Kernel: "6.1", LSM: "apparmor", User: true, Delegate: true, Sysctls: []string{"a.b=1"}}
	if got := r.Describe(); got != "arm64, kernel 6.1, apparmor, as an ordinary user, with a cgroup of its own, a.b=1" {
		t.Errorf("%q", got)
	}
}
