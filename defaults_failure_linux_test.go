package sandbox_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

func TestMissingProgram(t *testing.T) {
	_, _, err := runInside([]string{"no-such-program-of-the-sandbox"})
	var missing *exec.Error
	if !errors.Is(err, exec.ErrNotFound) || !errors.As(err, &missing) || missing.Name != "no-such-program-of-the-sandbox" {
		t.Errorf("bare name: %v", err)
	}
	// One that the host has, and the view has not.
	dir := openDir(t)
	if err := os.WriteFile(dir+"/only-outside", []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if _, _, err := runInside([]string{"only-outside"}); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a program that only the host has: %v", err)
	}
	cmd := exec.Command("only-outside")
	cmd.Env = []string{"PATH=/data"}
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithReadOnlyBind(dir, "/data")); err != nil {
		t.Errorf("control: on the PATH inside: %v", err)
	}
}

// A sandbox that cannot be built says which step failed, on what, and why.
func TestSetupErrors(t *testing.T) {
	dir := openDir(t)
	for name, mode := range map[string]os.FileMode{"plain": 0o644, "script": 0o755, "garbage": 0o755} {
		content := map[string]string{"script": "#!/no/such/interpreter\n", "garbage": "\x7fELF garbage"}[name]
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	bind := sandbox.WithReadOnlyBind(dir, "/data")
	for _, c := range []struct {
		name       string
		argv       []string
		dir        string
		opts       []sandbox.Option
		step, path string
		errno      syscall.Errno
	}{
		{"missing path", []string{"/no/such/program"}, "", nil, "execute", "/no/such/program", unix.ENOENT},
		{"directory", []string{"/usr/bin"}, "", nil, "execute", "/usr/bin", unix.EACCES},
		{"not executable", []string{"/data/plain"}, "", []sandbox.Option{bind}, "execute", "/data/plain", unix.EACCES},
		{"missing interpreter", []string{"/data/script"}, "", []sandbox.Option{bind}, "execute", "/data/script", unix.ENOENT},
		{"garbage", []string{"/data/garbage"}, "", []sandbox.Option{bind}, "execute", "/data/garbage", unix.ENOEXEC},
		{"below a file", []string{"/data/plain/program"}, "", []sandbox.Option{bind}, "execute", "/data/plain/program", unix.ENOTDIR},
		{"missing Dir", []string{"true"}, "/no/such/directory", nil, "change directory", "/no/such/directory", unix.ENOENT},
		{"Dir is a file", []string{"true"}, "/etc/passwd", nil, "change directory", "/etc/passwd", unix.ENOTDIR},
		{"Dir that only the host has", []string{"true"}, "/var/tmp", nil, "change directory", "/var/tmp", unix.ENOENT},
		{"missing source", []string{"true"}, "", []sandbox.Option{sandbox.WithBind("/no/such/source", "/data")}, "bind /no/such/source", "/data", unix.ENOENT},
		{"place below /usr", []string{"true"}, "", []sandbox.Option{sandbox.WithBind(dir, "/usr/no/such/place")}, "bind " + dir, "/usr/no/such/place", unix.ENOENT},
		{"missing root", []string{"true"}, "", []sandbox.Option{sandbox.WithRootFS("/no/such/root")}, "open the root", "/no/such/root", unix.ENOENT},
		{"mask of what is not there", []string{"true"}, "", []sandbox.Option{sandbox.WithMask("/no/such/path")}, "mask", "/no/such/path", unix.ENOENT},
		{"execve refused by the filter", []string{"true"}, "", []sandbox.Option{killing("SCMP_ACT_ERRNO", "execve")}, "execute", "*", unix.EPERM},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := takeInventory()
			cmd, opts := command(c.argv, c.opts)
			cmd.Dir = c.dir
			_, err := sandbox.Run(context.Background(), cmd, opts...)
			var setup *sandbox.SetupError
			if !errors.As(err, &setup) {
				t.Fatalf("%v is no SetupError", err)
			}
			if setup.Step != c.step || setup.Path != c.path && c.path != "*" || !errors.Is(err, c.errno) {
				t.Errorf("step %q path %q: %v; want step %q path %q: %v", setup.Step, setup.Path, setup.Err, c.step, c.path, c.errno)
			}
			if strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "sandbox: ") {
				t.Errorf("message %q", err)
			}
			if left := before.leftBehind(); left != "" {
				t.Errorf("left behind:\n%s", left)
			}
		})
	}
}

// A source that the caller itself cannot reach is refused, not shown empty.
func TestUnreadableSource(t *testing.T) {
	dir := openDir(t)
	if err := os.MkdirAll(dir+"/closed/inner", 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		// Root binds it, and the command cannot enter.
		wantResults(t, sandboxed(sandbox.WithBind(dir+"/closed", "/data")), "default", map[string]string{"list:/data": "EACCES", "create:/data/x": "EACCES"})
		return
	}
	if err := os.Chmod(dir+"/closed", 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir+"/closed", 0o700)
	_, _, err := runInside([]string{"true"}, sandbox.WithBind(dir+"/closed/inner", "/data"))
	var setup *sandbox.SetupError
	if !errors.As(err, &setup) || !errors.Is(err, fs.ErrPermission) || !strings.Contains(setup.Step, "bind") {
		t.Errorf("%v", err)
	}
}

// What cannot be meant is refused before anything starts, all of it at once.
func TestRefusedCommands(t *testing.T) {
	for name, cmd := range map[string]*exec.Cmd{
		"SysProcAttr":  {Path: "/bin/true", SysProcAttr: &syscall.SysProcAttr{}},
		"relative Dir": {Path: "/bin/true", Dir: "tmp"},
		"zero byte":    {Path: "/bin/true", Args: []string{"true", "a\x00b"}},
		"nothing":      {},
	} {
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("%s: panic: %v", name, p)
				}
			}()
			_, err := sandbox.Run(context.Background(), cmd)
			var option *sandbox.OptionError
			if !errors.As(err, &option) {
				t.Errorf("%s: %v", name, err)
			}
		}()
	}
	_, err := sandbox.New(sandbox.WithMemory(1), sandbox.WithPids(0), sandbox.AddCap("no_such"), sandbox.WithBind("relative", "/x"))
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) || len(joined.Unwrap()) != 4 {
		t.Errorf("four bad options: %v", err)
	}
	s, err := sandbox.New()
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := s.Start(context.Background(), exec.Command("true")); err == nil {
		t.Error("a closed sandbox started a command")
	}
}

// A command that runs, ends, fails or is killed leaves the caller's fields and
// the host as they were.
func TestNothingIsLeftBehind(t *testing.T) {
	before := takeInventory()
	for _, script := range []string{"exit 0", "exit 1", "kill -9 $$", "sleep 1000 & exit 0", "setsid sleep 1000 & kill -9 $$"} {
		cmd := exec.Command("sh", "-c", script)
		path, args := cmd.Path, strings.Join(cmd.Args, " ")
		sandbox.Run(context.Background(), cmd)
		if cmd.Path != path || strings.Join(cmd.Args, " ") != args || cmd.Env != nil || cmd.Dir != "" || cmd.ExtraFiles != nil || cmd.SysProcAttr != nil {
			t.Errorf("%s: the caller's command became %+v", script, cmd)
		}
		if left := before.leftBehind(); left != "" {
			t.Errorf("%s: left behind:\n%s", script, left)
		}
	}
}
