package sandbox_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/internal/needs"
	"github.com/seed-d1379373/sandbox/lsm"
)

// The guests with AppArmor have these profiles; see internal/vmtest/guest/apparmor.
const (
	denies    = "vmtest-deny"     // everything but /etc/shells and /data/denied
	complains = "vmtest-complain" // nothing, and logs
	within    = "vmtest-within"   // everything but /data/denied-within
)

func needAppArmor(t *testing.T) {
	t.Helper()
	active, err := lsm.AppArmorActive()
	if !active {
		t.Skipf("needs apparmor: active is %v, %v", active, err)
	}
	if loaded, err := lsm.ProfileLoaded(denies); !loaded {
		t.Skipf("needs apparmor: the tests' profiles: loaded is %v, %v", loaded, err)
	}
}

// shown is a bind of a readable file at the place that the profile denies.
func shown(t *testing.T) []sandbox.Option {
	t.Helper()
	file := filepath.Join(openDir(t), "file")
	if err := os.WriteFile(file, []byte("content\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return []sandbox.Option{sandbox.WithReadOnlyBind(file, "/etc/shells")}
}

// A file that the profile denies is denied, whoever the command is and with or
// without no_new_privs; without the profile it is read.
func TestAppArmorProfileIsEnforced(t *testing.T) {
	needAppArmor(t)
	for name, opts := range map[string][]sandbox.Option{
		"default":        nil,
		"new privileges": {sandbox.WithNewPrivileges()},
		"root":           {sandbox.WithUser("root")},
		"capabilities":   {sandbox.WithUser("root"), sandbox.AddCap("all"), sandbox.WithNewPrivileges()},
		"no filter":      {unconfined},
		"docker's words": {sandbox.WithSecurityOpt("no-new-privileges")},
	} {
		t.Run(name, func(t *testing.T) {
			opts := append(shown(t), opts...)
			wantResults(t, sandboxed(opts...), "control", map[string]string{"read:/etc/shells": "ok", "read:/etc/passwd": "ok"})
			opts = append(opts, sandbox.WithAppArmor(denies))
			wantResults(t, sandboxed(opts...), "confined", map[string]string{"read:/etc/shells": "EACCES", "write:/etc/shells": "EACCES|EROFS", "read:/etc/passwd": "ok"})
			out, res, err := runInside([]string{"sh", "-c", "cat /proc/self/attr/apparmor/current; cat /etc/shells"}, opts...)
			var exit *sandbox.ExitError
			if !errors.As(err, &exit) || exit.ExitCode != 1 {
				t.Fatalf("%v: %s", err, out)
			}
			if want := denies + " (enforce)\n"; !strings.HasPrefix(out, want) {
				t.Errorf("label %q", out)
			}
			if e := entry(t, res.Report, sandbox.FeatureAppArmor); e.State != sandbox.Enforced || e.Detail != "profile "+denies {
				t.Errorf("report %+v", e)
			}
		})
	}
}

// One more command has the profile, too.
func TestAppArmorProfileOfExec(t *testing.T) {
	needAppArmor(t)
	p := start(t, append(shown(t), sandbox.WithAppArmor(denies))...)
	cmd := exec.Command("cat", "/proc/self/attr/apparmor/current", "/etc/shells")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	var exit *sandbox.ExitError
	if _, err := p.Exec(context.Background(), cmd); !errors.As(err, &exit) || !strings.HasPrefix(out.String(), denies+" (enforce)\n") || strings.Contains(out.String(), "content") {
		t.Errorf("%v: %s", err, out.String())
	}
}

// A host program that is confined itself keeps its own profile: the command
// has both, under no_new_privs, too.
func TestAppArmorProfilesAreStacked(t *testing.T) {
	needAppArmor(t)
	for _, privileges := range []string{"no_new_privs", "new privileges"} {
		script := `printf %s "$1" >/proc/self/attr/apparmor/exec && shift && exec "$@"`
		host := exec.Command("sh", "-c", script, "sh", "exec "+denies, probeBinary, "confined", within, privileges)
		out, err := host.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", privileges, err, out)
		}
		want := []string{within + "//&" + denies, denies + "//&" + within}
		label, rest, _ := strings.Cut(string(out), "\n")
		label, _, _ = strings.Cut(label, " (")
		if label != want[0] && label != want[1] || rest != "denied no\ndenied-within no\nopen yes\nprofile vmtest-within, stacked on the caller's own vmtest-deny\n" {
			t.Errorf("%s: %s", privileges, out)
		}
	}
}

// runConfined is the host program of the test above: it runs a command under
// one more profile and prints what becomes of it.
func runConfined(args []string) int {
	dir, err := os.MkdirTemp("", "sandbox-test-")
	if err != nil {
		return complain(err)
	}
	defer os.RemoveAll(dir)
	err = os.Chmod(dir, 0o755)
	for _, name := range []string{"denied", "denied-within", "open"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	if err != nil {
		return complain(err)
	}
	opts := []sandbox.Option{sandbox.WithAppArmor(args[0]), sandbox.WithReadOnlyBind(dir, "/data")}
	if args[1] == "new privileges" {
		opts = append(opts, sandbox.WithNewPrivileges())
	}
	script := `cat /proc/self/attr/apparmor/current
cd /data; for f in *; do if cat $f >/dev/null 2>&1; then echo $f yes; else echo $f no; fi; done`
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	res, err := sandbox.Run(context.Background(), cmd, opts...)
	if err != nil {
		return complain(err)
	}
	e, _ := res.Report.Entry(sandbox.FeatureAppArmor)
	os.Stdout.WriteString(e.Detail + "\n")
	return 0
}

// What cannot be enforced is an error before anything starts, or is missing in
// the report where that is allowed.
func TestAppArmorProfileThatIsNotInForce(t *testing.T) {
	active, _ := lsm.AppArmorActive()
	cases := map[string]struct{ profile, reason string }{
		"not active": {"some-profile", "AppArmor is not active"},
	}
	if active {
		needAppArmor(t)
		cases = map[string]struct{ profile, reason string }{
			"not loaded": {"no-such-profile", "the profile no-such-profile is not loaded"},
			"complains":  {complains, "is in complain mode"},
		}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var unsupported *sandbox.UnsupportedError
			cmd := exec.Command("true")
			_, err := sandbox.Start(context.Background(), cmd, sandbox.WithAppArmor(c.profile))
			if !errors.As(err, &unsupported) || unsupported.Feature != "apparmor" || !strings.Contains(unsupported.Reason, c.reason) || unsupported.Fix == "" {
				t.Fatalf("%v", err)
			}
			if cmd.Process != nil {
				t.Error("something was started")
			}
			_, res, err := runInside([]string{"true"}, sandbox.WithAppArmor(c.profile), sandbox.WithBestEffort(sandbox.FeatureAppArmor))
			if err != nil {
				t.Fatal(err)
			}
			if e := entry(t, res.Report, sandbox.FeatureAppArmor); e.State != sandbox.Missing || !strings.Contains(e.Detail, c.reason) {
				t.Errorf("report %+v", e)
			}
		})
	}
}

// No profile can be had everywhere.
func TestAppArmorUnconfined(t *testing.T) {
	out, res, err := runInside([]string{"sh", "-c", "cat /proc/self/attr/apparmor/current 2>/dev/null || true"}, sandbox.WithAppArmor("unconfined"))
	if err != nil || out != "" && out != "unconfined\n" {
		t.Fatalf("%q, %v", out, err)
	}
	if e := entry(t, res.Report, sandbox.FeatureAppArmor); e.State != sandbox.Off {
		t.Errorf("report %+v", e)
	}
}

// The library's own profile is loaded by root where it is not, and is in force.
func TestAppArmorDefaultProfile(t *testing.T) {
	needAppArmor(t)
	remove := func() { os.WriteFile("/sys/kernel/security/apparmor/.remove", []byte(lsm.DefaultProfile), 0) }
	if os.Geteuid() != 0 {
		if loaded, _ := lsm.ProfileLoaded(lsm.DefaultProfile); loaded {
			t.Fatal("somebody has loaded it")
		}
		var unsupported *sandbox.UnsupportedError
		if _, _, err := runInside([]string{"true"}, sandbox.WithAppArmor(lsm.DefaultProfile)); !errors.As(err, &unsupported) || !strings.Contains(unsupported.Reason, "cannot be") {
			t.Errorf("%v", err)
		}
		return
	}
	needs.Program(t, "apparmor_parser")
	remove()
	t.Cleanup(remove)
	dir := openDir(t)
	script := `cat /proc/self/attr/apparmor/current; echo x >/tmp/f && cat /tmp/f && sh -c 'kill -0 $PPID' && echo signaled
(echo x >/proc/sysrq-trigger) 2>/dev/null || echo refused; mount -t tmpfs none /work 2>/dev/null || echo refused`
	opts := []sandbox.Option{sandbox.WithUser("root"), sandbox.WithHostUserNS(), sandbox.AddCap("sys_admin"), sandbox.WithBind(dir, "/work"), unconfined}
	for profile, want := range map[string]string{
		"unconfined":       "unconfined\nx\nsignaled\nrefused\n", // /proc is read-only there, but it can mount
		lsm.DefaultProfile: lsm.DefaultProfile + " (enforce)\nx\nsignaled\nrefused\nrefused\n",
	} {
		out, _, err := runInside([]string{"sh", "-c", script + "; true"}, append(opts, sandbox.WithAppArmor(profile))...)
		if err != nil || out != want {
			t.Errorf("%s: %q, want %q, %v", profile, out, want, err)
		}
	}
	// It can be stopped from outside.
	p := start(t, sandbox.WithAppArmor(lsm.DefaultProfile))
	if err := p.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var exit *sandbox.ExitError
	if _, err := p.Wait(); !errors.As(err, &exit) || exit.Signal != unix.SIGTERM {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// A profile that is gone when a start comes to it is an error that says so.
func TestAppArmorProfileIsRemovedMeanwhile(t *testing.T) {
	needAppArmor(t)
	needs.Root(t, "removing a profile")
	needs.Program(t, "apparmor_parser")
	const name = "sandbox-test-gone"
	if err := lsm.LoadProfile(context.Background(), lsm.DefaultProfileText(name)); err != nil {
		t.Fatal(err)
	}
	box := newBox(t, sandbox.WithAppArmor(name))
	if _, err := box.Run(context.Background(), exec.Command("true")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/sys/kernel/security/apparmor/.remove", []byte(name), 0); err != nil {
		t.Fatal(err)
	}
	_, err := box.Run(context.Background(), exec.Command("true"))
	var setup *sandbox.SetupError
	if !errors.As(err, &setup) || !errors.Is(err, unix.ENOENT) || setup.Step != "set AppArmor profile" || !strings.Contains(err.Error(), "not loaded any more") {
		t.Errorf("%v", err)
	}
}

// A label is written to the process file system and nowhere else: not to a file
// of the root file system that is in its place.
func TestLabelIsNotWrittenToAFakeProc(t *testing.T) {
	needAppArmor(t)
	needs.Root(t, "a root file system")
	root := rootFileSystem(t)
	fake := filepath.Join(root, "proc/thread-self/attr/apparmor")
	file := filepath.Join(fake, "exec")
	if err := errors.Join(os.MkdirAll(fake, 0o755), os.WriteFile(file, []byte(denies+" ("), 0o666), os.Chmod(file, 0o666)); err != nil {
		t.Fatal(err)
	}
	opts := []sandbox.Option{sandbox.WithRootFS(root), sandbox.WithReadOnlyBind("/usr", "/usr"), sandbox.WithAppArmor(denies), sandbox.WithoutLandlock()}
	if _, _, err := runInside([]string{"true"}, opts...); err != nil {
		t.Fatalf("control: %v", err)
	}
	box := newBox(t, opts...)
	if err := sandbox.Tamper(box, false, func(p *launch.Program) {
		for i := range p.Len() {
			if step, _ := p.StepOf(i); strings.HasSuffix(step.Path, "/proc") && step.Name == "mount proc" || strings.HasPrefix(step.Path, "/proc/") {
				p.Replace(i, launch.Getpid)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	_, err := box.Run(context.Background(), exec.Command("true"))
	if !errors.Is(err, unix.EXDEV) || !strings.Contains(err.Error(), "not the process file system") {
		t.Errorf("%v", err)
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != denies+" (" {
		t.Errorf("%q was written, %v", content, err)
	}
}

// rootFileSystem is a root of one's own, with the host's programs to be bound
// into it.
func rootFileSystem(t *testing.T) string {
	t.Helper()
	root := openDir(t)
	for _, dir := range []string{"proc", "dev", "tmp", "usr"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range []string{"bin", "lib", "lib64"} {
		if err := os.Symlink(filepath.Join("usr", link), filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
