package vmtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWatch(t *testing.T) {
	good := marker + "=== RUN   TestA\n" + marker + "--- PASS: TestA (0.00s)\nPASS\n"
	for name, tt := range map[string]struct{ port, packages, err string }{
		"verdict":           {"VMTEST n begin a\n" + good + "\nVMTEST n end a 0\nVMTEST n begin b\nVMTEST n end b 2\nVMTEST n done\nrest", "a 0 1, b 2 0", ""},
		"carriage returns":  {"VMTEST n begin a\r\nVMTEST n end a 1\r\nVMTEST n done\r\n", "a 1 0", ""},
		"silence":           {"", "", "without a verdict"},
		"no last line":      {"VMTEST n begin a\nVMTEST n end a 0\n", "a 0 0", "without a verdict"},
		"panic of a kernel": {"VMTEST n begin a\n" + good, "a -1 1", "within the tests of a"},
		"forged":            {"VMTEST n begin a\nVMTEST x end a 0\nVMTEST x done\n", "a -1 0", "within the tests of a"},
		"done too early":    {"VMTEST n begin a\nVMTEST n done\n", "a -1 0", "within the tests of a"},
		"cut in a line":     {"VMTEST n begin a\nVMTEST n en", "a -1 0", "within the tests of a"},
		"nonsense":          {"VMTEST n begin a\nVMTEST n end a x\nVMTEST n done\n", "", `exit status "x"`},
	} {
		var packages []string
		err := watch(strings.NewReader(tt.port), "n", func(string) {}, func(p Package) {
			packages = append(packages, strings.Join([]string{p.Name, itoa(p.Status), itoa(p.passed)}, " "))
		})
		if got := strings.Join(packages, ", "); got != tt.packages {
			t.Errorf("%s: packages %q, want %q", name, got, tt.packages)
		}
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: error %v, want %q", name, err, tt.err)
		}
	}
}

func TestEmulator(t *testing.T) {
	for _, r := range Rows() {
		argv := emulator(r, "KERNEL", "INITRAMFS", "DISK", "CONSOLE")
		line := strings.Join(argv, " ")
		if packageOf[argv[0]] == "" {
			t.Errorf("%s: nothing says where %s comes from", r.Name, argv[0])
		}
		for _, part := range []string{"-kernel KERNEL", "-initrd INITRAMFS", "file=DISK,", "snapshot=on", "file:CONSOLE", "security=" + r.LSM, "-accel tcg"} {
			if !strings.Contains(line, part) {
				t.Errorf("%s: no %q in %s", r.Name, part, line)
			}
		}
	}
}

// stub is a shell script in the place of qemu.
func stub(t *testing.T, script string) []string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs sh: not installed")
	}
	return []string{"sh", "-c", script}
}

func TestBoot(t *testing.T) {
	for name, tt := range map[string]struct{ script, err string }{
		"the verdict counts, not qemu's status": {"echo VMTEST n done; exit 3", ""},
		"no verdict":                            {"exit 0", "without a verdict"},
		"qemu's error is shown":                 {"echo cannot allocate >&2; exit 1", "cannot allocate"},
	} {
		_, err := boot(t.Context(), stub(t, tt.script), "n", time.Minute, func(string) {}, func(Package) {})
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v, want %q", name, err, tt.err)
		}
	}
}

func TestBootTimesOut(t *testing.T) {
	_, err := boot(t.Context(), stub(t, "exec sleep 1000"), "n", time.Millisecond, func(string) {}, func(Package) {})
	if err == nil || !strings.Contains(err.Error(), "stopped after 1ms") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = boot(ctx, stub(t, "echo ready; exec sleep 1000"), "n", time.Minute, func(string) { cancel() }, func(Package) {})
	if err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

func TestMissingProgramsAreNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no apt-get: as on another system
	packageOf["no-such-program"] = "no-such-package"
	defer delete(packageOf, "no-such-program")
	err := (&Cache{}).need(t.Context(), "no-such-program")
	if err == nil || !strings.Contains(err.Error(), "no-such-program") || !strings.Contains(err.Error(), "sudo apt-get install -y --no-install-recommends no-such-package") {
		t.Error(err)
	}
}

func TestCacheBuildsOnce(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Log: &strings.Builder{}}
	made := 0
	fill := func(tmp string) error {
		made++
		return os.WriteFile(filepath.Join(tmp, "file"), nil, 0o644)
	}
	if _, err := c.build("a/b", func(string) error { return exec.ErrNotFound }); err == nil {
		t.Error("a failed build is taken")
	}
	for range 2 {
		dir, err := c.build("a/b", fill)
		if _, err2 := os.Stat(filepath.Join(dir, "file")); err != nil || err2 != nil {
			t.Error(err, err2)
		}
	}
	left, err := os.ReadDir(filepath.Join(c.Dir, "a"))
	if made != 1 || len(left) != 1 || err != nil {
		t.Errorf("made %d times; left %v, %v", made, left, err)
	}
}

func TestCategoryList(t *testing.T) {
	const want = "(category c0)\n(category c1)\n(categoryorder (c0 c1))\n(sensitivitycategory s0 (range c0 c1))\n"
	if got := categoryList(2); got != want {
		t.Errorf("got %q", got)
	}
}

func TestInitramfs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("module/go.mod", "module x")
	write("module/.cache/big", "x")
	j := job{
		row: Row{Name: "r", Arch: "arm64", LSM: "selinux", User: true, Sysctls: []string{"a.b=1"}}, nonce: "secret", module: filepath.Join(dir, "module"),
		binaries: []binary{{pkg: "seccomp", file: write("arm64-seccomp.test", "elf")}, {pkg: "broken", failed: "why"}},
		testArgs: []string{"-test.v=test2json"}, modules: [][]byte{[]byte("ko")}, busybox: write("busybox", "elf"), policy: write("policy", "cil"),
	}
	image := filepath.Join(dir, "image")
	if err := j.initramfs(image); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	lines := listCpio(t, data)
	for _, want := range []string{
		`100644 modules/00.ko "ko"`, `100600 job/nonce "secret"`, `100755 job/arm64-seccomp.test "elf"`, `100755 job/policy "cil"`, `100755 job/src/go.mod "module x"`,
		`100644 job/packages "seccomp arm64-seccomp.test . ` + Row{}.leftOut("seccomp") + `\n"`,
		`100644 job/row "ROW='r'\nPORT='ttyS0'\nLSM='selinux'\nAS_USER='yes'\nDELEGATE=''\nSYSTEMD=''\nSYSCTLS='a.b=1'\nTEST_ARGS='-test.v=test2json'\nPROMISES=''\n"`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %s in\n%.2000s", want, strings.Join(lines, "\n"))
		}
	}
	if slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "big") }) {
		t.Error("the cache is packed")
	}
}

// Who may not build a disk is told what to run.
func TestDiskNeedsRoot(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("needs user: root builds the disk")
	}
	dir := t.TempDir()
	c := &Cache{Dir: filepath.Join(dir, "cache")}
	for _, want := range []string{"-prepare -cache ", "chmod -R a+rX "} {
		if _, err := c.disk(t.Context(), runtime.GOARCH); err == nil || !strings.HasSuffix(err.Error(), want+c.Dir) {
			t.Errorf("%v; want %s", err, want)
		}
		if err := os.Chmod(dir, 0); err != nil { // for the second one
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}
