package sandbox_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/lsm"
)

// needLandlockABI skips where the kernel has no Landlock of this version, by
// the name of what it brought.
func needLandlockABI(t *testing.T, abi int, feature string) {
	t.Helper()
	if got, err := lsm.LandlockABI(); got < abi {
		t.Skipf("needs %s: Landlock has version %d here, not %d: %v", feature, got, abi, err)
	}
}

// system are the rules that ordinary programs need.
func system(more ...lsm.Rule) sandbox.Option {
	for _, path := range []string{"/usr", "/lib", "/lib64", "/proc"} {
		if _, err := os.Stat(path); err == nil {
			more = append(more, lsm.ReadOnly(path))
		}
	}
	return sandbox.WithLandlock(more...)
}

// With rules about paths nothing else can be opened, read or changed. On
// kernels that cannot restrict truncation that is a best effort.
func TestLandlockRulesAboutPaths(t *testing.T) {
	needLandlockABI(t, 1, "landlock")
	dir := openDir(t)
	for _, name := range []string{"read", "write", "other", "write/both", "write/rules"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
		os.Chmod(filepath.Join(dir, name), 0o777)
		if err := os.WriteFile(filepath.Join(dir, name, "file"), []byte("content"), 0o666); err != nil {
			t.Fatal(err)
		}
		os.Chmod(filepath.Join(dir, name, "file"), 0o666)
	}
	opts := []sandbox.Option{sandbox.WithBind(dir, "/data"), sandbox.WithBestEffort(sandbox.FeatureLandlock)}
	rules := system(lsm.ReadOnly(probeInside), lsm.ReadOnly("/data/read"), lsm.ReadWrite("/data/write"), lsm.ReadWrite("/data/other/file"))
	wantResults(t, sandboxed(opts...), "control", map[string]string{
		"read:/data/read/file": "ok", "rewrite:/data/read/file": "ok", "create:/data/other/x": "ok", "list:/data/other": "ok", "create:/tmp/x": "ok",
		"read:/etc/passwd": "ok", "write:/dev/null": "ok", "list:/": "ok",
	})
	for name, more := range map[string][]sandbox.Option{"both layers": nil, "rules alone": {sandbox.WithoutLandlock()}} {
		wantResults(t, sandboxed(append(append(opts, more...), rules)...), name, map[string]string{
			"read:/data/read/file": "ok", "list:/data/read": "ok", "write:/data/read/file": "EACCES", "create:/data/read/x": "EACCES",
			"read:/data/write/file": "ok", "rewrite:/data/write/file": "ok", "create:/data/write/x": "ok", "block:/data/write/w": "EACCES",
			"read:/data/other/file": "ok", "write:/data/other/file": "ok", "create:/data/other/x": "EACCES", "list:/data/other": "EACCES",
			"create:/tmp/x": "EACCES", "read:/etc/passwd": "EACCES", "write:/dev/null": "EACCES", "list:/": "EACCES",
			"rename:/data/write/" + strings.Fields(name)[0]: "ok",
		})
	}
}

// The kernel must be able to enforce each rule.
func TestLandlockRulesThatTheKernelLacks(t *testing.T) {
	abi, _ := lsm.LandlockABI()
	for _, c := range []struct {
		rule   lsm.Rule
		abi    int
		reason string
	}{
		{lsm.ReadWrite("/"), 3, "truncation of files"},
		{lsm.ConnectTCP(443), 4, "TCP ports"},
		{lsm.BindTCP(80), 4, "TCP ports"},
		{lsm.ScopeSignals(), 6, "scopes"},
		{lsm.ScopeAbstractSockets(), 6, "scopes"},
	} {
		_, res, err := runInside([]string{"true"}, sandbox.WithLandlock(c.rule))
		if abi >= c.abi {
			if err != nil {
				t.Errorf("%s: %v", c.rule, err)
			} else if e := entry(t, res.Report, sandbox.FeatureLandlock); e.State != sandbox.Enforced || !strings.Contains(e.Detail, "by rules") {
				t.Errorf("%s: report %+v", c.rule, e)
			}
			continue
		}
		reason := c.reason
		if abi == 0 {
			reason = ""
		}
		var unsupported *sandbox.UnsupportedError
		if !errors.As(err, &unsupported) || unsupported.Feature != "landlock" || !strings.Contains(unsupported.Reason, reason) || unsupported.Fix == "" {
			t.Errorf("%s on version %d: %v", c.rule, abi, err)
		}
		_, res, err = runInside([]string{"true"}, sandbox.WithLandlock(c.rule), sandbox.WithBestEffort(sandbox.FeatureLandlock))
		if err != nil {
			t.Errorf("%s: %v", c.rule, err)
		} else if e := entry(t, res.Report, sandbox.FeatureLandlock); e.State != sandbox.Missing || !strings.Contains(e.Detail, reason) {
			t.Errorf("%s: report %+v", c.rule, e)
		}
	}
}

// A read-only path cannot be truncated, not even by name.
func TestLandlockRulesKeepFilesWhole(t *testing.T) {
	needLandlockABI(t, 3, "landlock-net") // the guests have version 2 or 6
	file := canary(t)
	os.Chmod(file, 0o666)
	try := []string{"sh", "-c", "truncate -s 0 /data/canary"}
	bind := sandbox.WithBind(filepath.Dir(file), "/data")
	if out, _, err := runInside(try, bind, system(lsm.ReadOnly("/data"))); err == nil || !strings.Contains(out, "Permission denied") {
		t.Errorf("%v: %s", err, out)
	}
	if content, _ := os.ReadFile(file); string(content) != "canary" {
		t.Errorf("the file is %q", content)
	}
	if out, _, err := runInside(try, bind, system(lsm.ReadWrite("/data"))); err != nil {
		t.Errorf("control: %v: %s", err, out)
	}
}

// With rules about TCP, other ports can be neither bound nor connected to.
func TestLandlockRulesAboutTCP(t *testing.T) {
	needLandlockABI(t, 4, "landlock-net")
	wantResults(t, sandboxed(), "control", map[string]string{
		"listen:127.0.0.1:2001": "ok", "listen:127.0.0.1:2002": "ok", "listen:127.0.0.1:0": "ok",
		"connect:127.0.0.1:2003": "ECONNREFUSED", "connect:127.0.0.1:2004": "ECONNREFUSED", // nobody is there
		"fastopen:2004": "ECONNREFUSED", "socket-mptcp:": "ok|EPROTONOSUPPORT|ENOPROTOOPT",
	})
	for name, more := range map[string][]sandbox.Option{"default": nil, "no filter": {unconfined}, "rules alone": {sandbox.WithoutLandlock()}} {
		rules := sandbox.WithLandlock(lsm.BindTCP(2001), lsm.ConnectTCP(2003))
		wantResults(t, sandboxed(append(more, rules)...), name, map[string]string{
			"listen:127.0.0.1:2001": "ok", "listen:127.0.0.1:2002": "EACCES", "listen:127.0.0.1:0": "EACCES",
			"connect:127.0.0.1:2003": "ECONNREFUSED", "connect:127.0.0.1:2004": "EACCES", "connect:127.0.0.1:2001": "EACCES",
			"fastopen:2004": "ENOTSUP", "socket-mptcp:": "EPROTONOSUPPORT", "socket-smc:": "EAFNOSUPPORT", "io_uring_setup:": "EPERM",
			"read:/etc/passwd": "ok", "create:/tmp/x": "ok", // not about files
		})
	}
	wantResults(t, sandboxed(sandbox.WithLandlock(lsm.BindTCP(0), lsm.BindTCP(2002))), "any port of the kernel's", map[string]string{
		"listen:127.0.0.1:0": "ok", "listen:127.0.0.1:2002": "ok", "listen:127.0.0.1:2001": "EACCES", "connect:127.0.0.1:2003": "EACCES",
	})
	// Rules add up over several options.
	wantResults(t, sandboxed(sandbox.WithLandlock(lsm.BindTCP(2001)), sandbox.WithLandlock(lsm.BindTCP(2002))), "two options", map[string]string{
		"listen:127.0.0.1:2001": "ok", "listen:127.0.0.1:2002": "ok",
	})
}

// A scope closes what the view's own layer leaves open.
func TestLandlockRulesAboutScopes(t *testing.T) {
	needLandlockABI(t, 6, "landlock-scope")
	open := []sandbox.Option{sandbox.WithoutLandlock()}
	wantResults(t, sandboxed(open...), "control", map[string]string{"signal:1": "ok"})
	wantResults(t, sandboxed(append(open, sandbox.WithLandlock(lsm.ScopeSignals()))...), "signals", map[string]string{"signal:1": "EPERM", "signal:2": "ok"})
}

// A rule about a path that is not there is an error, not one rule fewer.
func TestLandlockRuleAboutAMissingPath(t *testing.T) {
	needLandlockABI(t, 1, "landlock")
	_, _, err := runInside([]string{"true"}, system(lsm.ReadOnly("/no/such/path")), sandbox.WithBestEffort(sandbox.FeatureLandlock))
	var setup *sandbox.SetupError
	if !errors.As(err, &setup) || setup.Step != "add WithLandlock rule" || setup.Path != "/no/such/path" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// One more command in the sandbox has the rules, too.
func TestLandlockRulesOfExec(t *testing.T) {
	needLandlockABI(t, 1, "landlock")
	p := start(t, system(lsm.ReadOnly(probeInside)), sandbox.WithBestEffort(sandbox.FeatureLandlock))
	for path, allowed := range map[string]bool{"/usr/bin/env": true, "/etc/passwd": false} {
		cmd := exec.Command("cat", path)
		if _, err := p.Exec(context.Background(), cmd); (err == nil) != allowed {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A program that no rule names is not executed.
func TestLandlockRulesAboutTheProgram(t *testing.T) {
	needLandlockABI(t, 1, "landlock")
	_, _, err := runInside([]string{"/bin/true"}, sandbox.WithLandlock(lsm.ReadOnly("/etc")), sandbox.WithBestEffort(sandbox.FeatureLandlock))
	var setup *sandbox.SetupError
	if !errors.As(err, &setup) || setup.Step != "execute" || !errors.Is(err, os.ErrPermission) {
		t.Errorf("%v", err)
	}
}

// fastOpen connects to a local port by sending.
func fastOpen(port string) error {
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, &unix.SockaddrInet4{Port: n, Addr: [4]byte{127, 0, 0, 1}})
}
