package sandbox_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/attempt"
)

// needLandlock skips where the library says that the kernel lacks it.
func needLandlock(t *testing.T) {
	t.Helper()
	_, res, err := runInside([]string{"true"})
	if err != nil {
		t.Fatal(err)
	}
	if e := entry(t, res.Report, sandbox.FeatureLandlock); e.State != sandbox.Enforced {
		t.Skip("needs landlock: ", e.Detail)
	}
}

// Landlock is asked before capabilities are: its EACCES takes the place of
// their EPERM. (A whiteout, device 0:0, shows nothing. Everyone may make one,
// and to some kernels' Landlock it is a regular file.)
func TestLandlockIsASecondLine(t *testing.T) {
	needLandlock(t)
	refused := map[string]string{"block:/tmp/x": "EACCES", "block:/dev/shm/x": "EACCES"}
	open := map[string]string{"block:/tmp/x": "EPERM", "block:/dev/shm/x": "EPERM"}
	wantResults(t, sandboxed(), "default", refused)
	wantResults(t, sandboxed(sandbox.WithUser("root")), "root", refused)
	wantResults(t, sandboxed(sandbox.WithUser("root"), sandbox.AddCap("dac_override", "mknod"), unconfined), "root with dac_override", refused)
	wantResults(t, sandboxed(sandbox.WithoutLandlock()), "control", open)
}

// With an ABI that has scopes, no signal leaves the command's domain.
func TestLandlockScopesSignals(t *testing.T) {
	needLandlock(t)
	const version = 1 // LANDLOCK_CREATE_RULESET_VERSION
	if abi, err := attempt.FD(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, version); err != nil || abi < 6 {
		t.Skipf("needs landlock-scope: Linux 6.12: ABI %d, %v", abi, err)
	}
	wantResults(t, sandboxed(), "default", map[string]string{"signal:1": "EPERM"})
	wantResults(t, sandboxed(sandbox.WithoutLandlock()), "control", map[string]string{"signal:1": "ok"})
	wantResults(t, sandboxed(), "control", map[string]string{"signal:2": "ok"})
}

// Landlock refuses every change of the mounts, to whoever is in its domain,
// and it is left out for a command that is to mount.
func TestMountIsRefusedUnderLandlock(t *testing.T) {
	want := map[string]string{"mount:/tmp": "EPERM", "bindmount:/tmp": "EPERM", "umount:/tmp": "EPERM", "pivot_root:/tmp": "EPERM", "remount-bind:/tmp": "EPERM"}
	in := sandboxed(sandbox.WithUser("root"), sandbox.AddCap("all"), sandbox.DropCap("sys_admin"), unconfined)
	wantResults(t, in, "root without sys_admin", want)
	wantResults(t, sandboxed(), "default", want)
	_, res, err := runInside([]string{"true"}, sandbox.AddCap("sys_admin"))
	if err != nil {
		t.Fatal(err)
	}
	if e := entry(t, res.Report, sandbox.FeatureLandlock); e.State == sandbox.Enforced {
		t.Errorf("with sys_admin the report is %+v", e)
	}
}

// The second line does not get in the way of what the first allows.
func TestLandlockAllowsOrdinaryWork(t *testing.T) {
	dir := openDir(t)
	file := filepath.Join(openDir(t), "file")
	if err := os.WriteFile(file, []byte("content"), 0o666); err != nil {
		t.Fatal(err)
	}
	os.Chmod(file, 0o666)
	in := sandboxed(sandbox.WithBind(dir, "/data"), sandbox.WithBind(file, "/one"), sandbox.WithTmpfs("/scratch", mib))
	wantResults(t, in, "default", map[string]string{
		"rename:/tmp": "ok", "rename:/data": "ok", "rename:/scratch": "ok", "rename:/dev/shm": "ok", "rewrite:/one": "ok", "write:/dev/null": "ok",
		"open:/usr/bin/env": "ok", "list:/usr/lib": "ok", "list:/proc/self/fd": "ok", "create:/tmp/x": "ok", "write:/dev/full": "ok", "list:/": "ok",
	})
	script := `cd /tmp && mkdir -p a/b && echo x > a/b/c && ln -s a l && cp -r a d && mv d e && ln a/b/c hard && mkfifo fifo && chmod 700 e &&
cp /bin/sh . && ./sh -c 'echo ran' && rm -rf a e l hard fifo sh && ls -A`
	if out := in(t, "sh", "-c", script); strings.TrimSpace(out) != "ran" {
		t.Errorf("work in /tmp: %q", out)
	}
}

// Programs open /dev/stdin and the like again. The files behind them are not
// in the view.
func TestStandardFilesCanBeOpenedAgain(t *testing.T) {
	for name, opts := range map[string][]sandbox.Option{"default": {}, "without Landlock": {sandbox.WithoutLandlock()}, "root": {sandbox.WithUser("root")}} {
		dir := openDir(t)
		files := map[string]*os.File{}
		for _, n := range []string{"in", "out", "err"} {
			f, err := os.OpenFile(filepath.Join(dir, n), os.O_RDWR|os.O_CREATE, 0o666)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			f.Chmod(0o666)
			files[n] = f
		}
		if _, err := files["in"].WriteString("input"); err != nil {
			t.Fatal(err)
		}
		in, err := os.Open(filepath.Join(dir, "in"))
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		cmd := exec.Command("sh", "-c", "cat /dev/stdin > /dev/stdout; echo complaint > /dev/stderr; echo more >> /proc/self/fd/1")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = in, files["out"], files["err"]
		if _, err := sandbox.Run(context.Background(), cmd, opts...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		out, _ := os.ReadFile(filepath.Join(dir, "out"))
		complaints, _ := os.ReadFile(filepath.Join(dir, "err"))
		if string(out) != "inputmore\n" || string(complaints) != "complaint\n" {
			t.Errorf("%s: output %q, complaints %q", name, out, complaints)
		}
		// The rest of the directory stays out of reach.
		cmd = exec.Command("sh", "-c", "ls /dev/fd/0/.. "+dir+" 2>/dev/null; true")
		var b bytes.Buffer
		cmd.Stdin, cmd.Stdout = in, &b
		if _, err := sandbox.Run(context.Background(), cmd, opts...); err != nil || b.Len() > 0 {
			t.Errorf("%s: beside the file: %q, %v", name, b.String(), err)
		}
	}
}

// Standard input is for reading, also where the file's mode lets it be written.
func TestStandardInputStaysForReading(t *testing.T) {
	needLandlock(t)
	p := canary(t)
	os.Chmod(p, 0o666)
	for _, c := range []struct {
		opts []sandbox.Option
		want string
	}{{nil, "refused\n"}, {[]sandbox.Option{sandbox.WithoutLandlock()}, "written\n"}} {
		f, err := os.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd := exec.Command("sh", "-c", "if (echo bad > /dev/stdin) 2>/dev/null; then echo written; else echo refused; fi")
		var out bytes.Buffer
		cmd.Stdin, cmd.Stdout = f, &out
		if _, err := sandbox.Run(context.Background(), cmd, c.opts...); err != nil || out.String() != c.want {
			t.Errorf("%q, want %q, %v", out.String(), c.want, err)
		}
	}
}

// Pipes, which os/exec makes for every writer that is no file, too.
func TestPipesCanBeOpenedAgain(t *testing.T) {
	cmd := exec.Command("sh", "-c", "cat /dev/stdin; echo out > /dev/stdout; echo complaint > /dev/stderr")
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("in\n"), &out, &complaints
	_, err := sandbox.Run(context.Background(), cmd)
	if err != nil || out.String() != "in\nout\n" || complaints.String() != "complaint\n" {
		t.Errorf("output %q, complaints %q, %v", out.String(), complaints.String(), err)
	}
}
