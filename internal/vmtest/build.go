package vmtest

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

//go:embed guest
var guestFiles embed.FS

// A binary is one package's tests, built for one architecture.
type binary struct {
	pkg    string // relative to the module; "." is the root package
	file   string
	failed string // why it could not be built
}

// Module is the directory of the module that the working directory is in.
func Module(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// compile builds the tests of the packages that keep accepts.
func compile(ctx context.Context, module, arch, dir string, keep func(pkg string) bool) ([]binary, error) {
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = module
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("go %s (for %s): %w\n%s", strings.Join(args, " "), arch, err, stderr.String())
		}
		return string(out), err
	}
	list, err := run("list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}", "./...")
	if err != nil {
		return nil, err
	}
	var all []binary
	for d := range strings.FieldsSeq(list) {
		rel, err := filepath.Rel(module, d)
		if err != nil {
			return nil, err
		}
		pkg := filepath.ToSlash(rel)
		if !keep(pkg) {
			continue
		}
		name := strings.ReplaceAll(pkg, "/", "_")
		if pkg == "." {
			name = "root"
		}
		b := binary{pkg: pkg, file: filepath.Join(dir, arch+"-"+name+".test")}
		if _, err := run("test", "-c", "-ldflags=-s -w", "-o", b.file, "./"+pkg); err != nil {
			b.failed = err.Error()
		}
		all = append(all, b)
	}
	return all, nil
}

// A job is everything that one guest is given.
type job struct {
	row      Row
	nonce    string
	module   string
	binaries []binary
	testArgs []string
	testRun  string // instead of the row's own choice; empty for that
	modules  [][]byte
	busybox  string
	policy   string // SELinux's, compiled; empty for none
}

// initramfs writes the job as an image that boots.
func (j *job) initramfs(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	a := newArchive(f)
	a.copy("bin/busybox", j.busybox)
	a.symlink("bin/sh", "busybox")
	a.dir("proc")
	a.dir("sys")
	a.dir("dev")
	a.dir("disk")
	for i, m := range j.modules {
		a.file(fmt.Sprintf("modules/%02d.ko", i), 0o644, m)
	}
	for _, name := range []string{"init", "job/boot", "job/vmtest.service", "job/apparmor"} {
		content, err := guestFiles.ReadFile("guest/" + path.Base(name))
		if err != nil {
			return err
		}
		a.file(name, 0o755, content)
	}
	a.copy("job/busybox", j.busybox)
	a.file("job/row", 0o644, []byte(j.variables()))
	a.file("job/nonce", 0o600, []byte(j.nonce))
	var packages strings.Builder
	for _, b := range j.binaries {
		if b.failed != "" {
			continue
		}
		name := filepath.Base(b.file)
		run := j.testRun
		if run == "" || b.pkg == promiseTest {
			run = j.row.chosen(b.pkg)
		}
		fmt.Fprintln(&packages, b.pkg, name, run, j.row.leftOut(b.pkg))
		a.copy("job/"+name, b.file)
	}
	a.file("job/packages", 0o644, []byte(packages.String()))
	if j.policy != "" {
		a.copy("job/policy", j.policy)
	}
	a.tree("job/src", j.module, func(rel string, d fs.DirEntry) bool {
		base := path.Base(rel)
		return strings.HasPrefix(base, ".") || rel == "bin" || strings.HasSuffix(base, ".test") || strings.HasSuffix(base, ".out")
	})
	if err := a.close(); err != nil {
		return err
	}
	return f.Close()
}

// variables is the row as assignments for the guest's shell.
func (j *job) variables() string {
	flag := func(b bool) string {
		if b {
			return "yes"
		}
		return ""
	}
	port := "ttyS1"
	if j.row.Arch == "arm64" {
		port = "ttyS0" // the console there is ttyAMA0
	}
	return fmt.Sprintf("ROW='%s'\nPORT='%s'\nLSM='%s'\nAS_USER='%s'\nDELEGATE='%s'\nSYSTEMD='%s'\nSYSCTLS='%s'\nTEST_ARGS='%s'\nPROMISES='%s'\n",
		j.row.Name, port, j.row.LSM, flag(j.row.User), flag(j.row.Delegate), flag(j.row.Systemd),
		strings.Join(j.row.Sysctls, " "), strings.Join(j.testArgs, " "), strings.Join(j.row.Promises, " "))
}
