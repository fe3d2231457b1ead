package sandbox_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	moby "github.com/moby/profiles/seccomp"
	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/lsm"
	"github.com/seed-d1379373/sandbox/namespace"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// The kernel gives an ordinary caller no namespace, and the caller can do without:
// a filter over the host program refuses them, as that of a container does.

// somebody is the ordinary user who starts the host program where root runs the
// tests.
const somebody = 54321

// lastResortOptions are options of a host program under a filter, by name.
func lastResortOptions(names []string) (opts []sandbox.Option) {
	plain := map[string]sandbox.Option{
		"last resort":  sandbox.WithBestEffort(sandbox.FeatureUserNamespace, sandbox.FeatureNamespaces, sandbox.FeatureMounts),
		"two features": sandbox.WithBestEffort(sandbox.FeatureUserNamespace, sandbox.FeatureNamespaces),
		"landlock too": sandbox.WithBestEffort(sandbox.FeatureLandlock),
		"few":          sandbox.WithPids(64),
		"pids":         sandbox.WithBestEffort(sandbox.FeaturePids),
		"network host": sandbox.WithNetwork(sandbox.NetworkHost),
		"ipc host":     sandbox.WithIPC(sandbox.IPCHost),
		"shareable":    sandbox.WithIPC(sandbox.IPCShareable),
		"unconfined":   sandbox.WithSeccomp(seccomp.Unconfined),
		"privileged":   sandbox.WithPrivileged(),
		"new":          sandbox.WithNewPrivileges(),
		"capability":   sandbox.AddCap("net_raw"),
		"map":          sandbox.WithIDMap(ownMap(os.Getuid()), ownMap(os.Getgid())),
		"root":         sandbox.WithRootFS("/usr"),
		"no landlock":  sandbox.WithoutLandlock(),
		"hostname":     sandbox.WithHostname("elsewhere"),
		"tmpfs":        sandbox.WithTmpfs("/srv", 1<<20),
		"bind":         sandbox.WithBind("/usr", "/srv/usr"),
		"user":         sandbox.WithUser("12345:12345"),
		"no init":      sandbox.WithoutInit(),
		"device":       sandbox.WithDevice("/dev/null:/dev/nothing"),
		"same device":  sandbox.WithDevice("/dev/zero:r"),
		"devices":      sandbox.WithBestEffort(sandbox.FeatureDevices),
		"rules":        sandbox.WithLandlock(lsm.ReadOnly("/usr"), lsm.ReadOnly(probeBinary)),
	}
	for _, name := range names {
		name, value, _ := strings.Cut(name, "=")
		switch name {
		case "read":
			opts = append(opts, sandbox.WithReadOnlyBind(value, value))
		case "write":
			opts = append(opts, sandbox.WithBind(value, value))
		case "mask":
			opts = append(opts, sandbox.WithMask(value))
		default:
			opts = append(opts, plain[name])
		}
	}
	return opts
}

// ownMap makes one id root inside.
func ownMap(id int) []namespace.IDMap { return []namespace.IDMap{{Outside: uint32(id), Count: 1}} }

// noNamespaces refuses what makes them, and nothing else: what a control may do
// without a sandbox depends on nobody's profile.
func noNamespaces() *seccomp.Policy {
	p := refusing(unix.EPERM, "unshare", "setns")
	none := uint16(unix.ENOSYS)
	p.Syscalls = append(p.Syscalls, seccomp.Rule{Names: []string{"clone3"}, Action: seccomp.ActErrno, Errno: &none})
	for _, flag := range cloneFlags {
		p.Syscalls = append(p.Syscalls, seccomp.Rule{
			Names: []string{"clone"}, Action: seccomp.ActErrno,
			Args: []seccomp.Arg{{Index: 0, Op: seccomp.OpMaskedEqual, Value: uint64(flag), ValueTwo: uint64(flag)}},
		})
	}
	return p
}

func needScopes(t *testing.T) {
	t.Helper()
	if abi, err := lsm.LandlockABI(); err != nil || abi < 6 {
		t.Skipf("needs landlock-scope: Linux 6.12: ABI %d, %v", abi, err)
	}
}

// resort runs a command from a host program to which namespaces are refused,
// without a sandbox and in one with these options.
func resort(t *testing.T, options []string, argv ...string) fromDirty {
	t.Helper()
	return resortUnder(t, noNamespaces(), options, argv...)
}

func resortUnder(t *testing.T, policy *seccomp.Policy, options []string, argv ...string) fromDirty {
	t.Helper()
	host := resortHost(t, policy, options, argv...)
	out, err := host.Output()
	if host.Process != nil {
		rememberHost(host.Process.Pid)
	}
	if err != nil {
		t.Fatalf("the host program: %v: %s%s", err, out, host.Stderr)
	}
	return answerOf(t, out)
}

// resortHost is the host program.
func resortHost(t *testing.T, policy *seccomp.Policy, options []string, argv ...string) *exec.Cmd {
	t.Helper()
	what, err := json.Marshal(dirt{LastResort: options})
	if err != nil {
		t.Fatal(err)
	}
	return underFilterAs(t, somebody, policy, nil, append([]string{"stage", string(what), probeBinary}, argv...)...)
}

// theirs is a directory of the host program's user, who can reach it.
func theirs(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(probeBinary), "theirs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	give(t, dir)
	return dir
}

// give makes the host program's user the owner.
func give(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if os.Geteuid() != 0 {
			continue
		}
		if err := os.Chown(p, somebody, somebody); err != nil {
			t.Fatal(err)
		}
	}
}

func (a fromDirty) wantRun(t *testing.T, out string) {
	t.Helper()
	if a.Err != "" || a.Out != out {
		t.Fatalf("says %q, want %q; error %s", a.Out, out, a.Err)
	}
	for _, f := range []sandbox.Feature{sandbox.FeatureUserNamespace, sandbox.FeatureNamespaces, sandbox.FeatureMounts} {
		if e := a.entry(f); e.State != "no" || e.Detail == "" || e.Fix == "" {
			t.Errorf("%s in the report: %+v", f, e)
		}
	}
	for _, f := range []sandbox.Feature{sandbox.FeatureSeccomp, sandbox.FeatureLandlock} {
		if e := a.entry(f); e.State != "yes" {
			t.Errorf("%s in the report: %+v", f, e)
		}
	}
}

// lacks says whether the report has a loss about all of these.
func (a fromDirty) lacks(words ...string) bool {
	return slices.ContainsFunc(a.Report.Losses, func(loss string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(loss, w) })
	})
}

func TestLastResortRuns(t *testing.T) {
	needScopes(t)
	profile, err := json.Marshal(moby.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	container, err := seccomp.Parse(profile)
	if err != nil {
		t.Fatal(err)
	}
	for name, policy := range map[string]*seccomp.Policy{"container": container, "namespaces": noNamespaces(), "mounts": refusing(unix.EPERM, "mount", "move_mount", "open_tree")} {
		t.Run(name, func(t *testing.T) {
			resortUnder(t, policy, []string{"last resort"}, "sh", "-c", "echo done").wantRun(t, "done\n")
			// Who does not ask for it gets the error, and who asks for a part.
			for _, options := range [][]string{nil, {"two features"}} {
				a := resortUnder(t, policy, options, "sh", "-c", "echo done")
				if a.Control != "done\n" || a.Out != "" || a.Feature == "" || a.Reason == "" || a.Fix == "" {
					t.Errorf("with %q: %+v", options, a)
				}
			}
		})
	}
}

// A caller to whom nothing is refused loses nothing by asking.
func TestLastResortIsNotTakenWithoutNeed(t *testing.T) {
	_, res, err := runInside([]string{"true"}, lastResortOptions([]string{"last resort"})...)
	if err != nil || len(res.Report.Losses) != 0 {
		t.Fatalf("%v %v", res, err)
	}
	for _, f := range []sandbox.Feature{sandbox.FeatureUserNamespace, sandbox.FeatureNamespaces, sandbox.FeatureMounts} {
		if e := entry(t, res.Report, f); e.State != sandbox.Enforced {
			t.Errorf("%+v", e)
		}
	}
}

// Without Landlock nothing would confine files, and there is no last resort.
func TestLastResortNeedsLandlock(t *testing.T) {
	policy := noNamespaces()
	policy.Syscalls = append(policy.Syscalls, refusing(unix.EOPNOTSUPP, "landlock_create_ruleset").Syscalls...)
	for _, options := range [][]string{{"last resort"}, {"last resort", "landlock too"}} {
		a := resortUnder(t, policy, options, "sh", "-c", "echo done")
		if a.Out != "" || a.Feature != string(sandbox.FeatureUserNamespace) || !strings.Contains(a.Reason, "Landlock") || a.Fix == "" {
			t.Errorf("%q: %+v", options, a)
		}
	}
}

// What would leave the command with more than was asked for is an error.
func TestLastResortRefusesOptions(t *testing.T) {
	needScopes(t)
	for option, word := range map[string]string{
		"privileged": "WithPrivileged", "new": "WithNewPrivileges", "capability": "AddCap", "map": "WithIDMap", "root": "WithRootFS",
		"no landlock": "WithoutLandlock", "mask=/usr/share": "/usr/share", "device": "WithDevice",
	} {
		a := resort(t, []string{"last resort", option}, "sh", "-c", "echo done")
		if a.Out != "" || a.Feature == "" || !strings.Contains(a.Reason, word) || !strings.Contains(a.Fix, "leave ") {
			t.Errorf("%s: %+v", option, a)
		}
	}
}

// What leaves it with less is in the report, with the consequence.
func TestLastResortReportsLosses(t *testing.T) {
	needScopes(t)
	resort(t, []string{"last resort", "device", "devices"}, "sh", "-c", "echo done").wantRun(t, "done\n")
	for option, words := range map[string][]string{
		"last resort": {"process ids are the host's"}, "hostname": {"host name", "elsewhere"}, "tmpfs": {"/srv", "file system"},
		"bind": {"/usr", "/srv/usr"}, "user": {"WithUser(12345:12345)", "the host program's user"}, "no init": {"PID 1"},
		"shareable": {"shareable"}, "network host": {"Unix sockets"}, "unconfined": {"/proc cannot be opened"},
		"write=" + theirs(t): {"devices", "below a bound directory"},
	} {
		a := resort(t, []string{"last resort", option}, "sh", "-c", "echo done")
		a.wantRun(t, "done\n")
		if !a.lacks(words...) {
			t.Errorf("%s: no loss about %q in:\n%s", option, words, strings.Join(a.Report.Losses, "\n"))
		}
	}
	a := resort(t, []string{"last resort"}, "sh", "-c", "echo done")
	for _, words := range [][]string{
		{"/proc"}, {"names outside"}, {"users and groups"}, {"modes, owners"}, {"terminals"}, {"killed"}, {"limits"},
		{"the user is"}, {"loopback"}, {"shared memory"}, {"/tmp", "TMPDIR"}, {"host name"},
	} {
		if !a.lacks(words...) {
			t.Errorf("no loss about %q", words)
		}
	}
	for _, options := range [][]string{{"hostname"}, {"tmpfs"}} {
		if a.lacks(options[0]) {
			t.Errorf("a loss of what nobody asked for: %q", options)
		}
	}
}

// Root in a container that may make no namespace runs the command as nobody.
func TestLastResortOfRoot(t *testing.T) {
	needRoot(t, "it gives the command another user")
	needScopes(t)
	what, err := json.Marshal(dirt{LastResort: []string{"last resort"}})
	if err != nil {
		t.Fatal(err)
	}
	host := underFilterAs(t, -1, noNamespaces(), []int{unix.CAP_SYS_ADMIN}, "stage", string(what), probeBinary,
		"sh", "-c", "id -u; id -G; test -n \"$TMPDIR\" && touch \"$TMPDIR/x\" && echo written")
	out, err := host.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, host.Stderr)
	}
	answerOf(t, out).wantRun(t, "65534\n65534\nwritten\n")
}

// A start tells beforehand what is lost, and Probe too.
func TestProbeTellsOfTheLastResort(t *testing.T) {
	needScopes(t)
	host := underFilterAs(t, somebody, noNamespaces(), nil, "capabilities-of-host")
	out, err := host.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, host.Stderr)
	}
	var report struct {
		Features []reported
		Losses   []string
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	a := fromDirty{Report: report}
	if e := a.entry(sandbox.FeatureUserNamespace); e.State != "no" || e.Fix == "" || !a.lacks("process ids") || a.entry(sandbox.FeatureLandlock).State != "yes" {
		t.Errorf("%s", out)
	}
}

// probeHost prints what Probe says.
func probeHost([]string) int {
	if err := json.NewEncoder(os.Stdout).Encode(sandbox.Probe()); err != nil {
		return complain(err)
	}
	return 0
}

// turnOff turns user namespaces off in the one that this process was born in, and
// executes the second stage without the capability for that.
func turnOff(args []string) int {
	runtime.LockOSThread()
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		return complain(err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return complain(err)
	}
	probe := args[2]
	return complain(unix.Exec(probe, append([]string{probe}, args...), os.Environ()))
}

// Where the number of user namespaces is limited to none, the kernel says that there
// is no space.
func TestLastResortWhereUserNamespacesAreOff(t *testing.T) {
	needScopes(t)
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = somebody, somebody
	}
	for _, c := range []struct {
		options []string
		out     string
	}{{[]string{"last resort"}, "done\n"}, {nil, ""}} {
		what, err := json.Marshal(dirt{LastResort: c.options})
		if err != nil {
			t.Fatal(err)
		}
		host := exec.Command(probeBinary, "turn-off", "stage", string(what), probeBinary, "sh", "-c", "echo done")
		host.Stderr = new(bytes.Buffer)
		host.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}},
			Credential:  &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), NoSetGroups: true},
			AmbientCaps: []uintptr{unix.CAP_SYS_RESOURCE},
		}
		out, err := host.Output()
		if host.Process != nil {
			rememberHost(host.Process.Pid)
		}
		if err != nil {
			t.Fatalf("%v: %s%s", err, out, host.Stderr)
		}
		a := answerOf(t, out)
		if c.out != "" {
			a.wantRun(t, c.out)
		} else if a.Out != "" || a.Feature != string(sandbox.FeatureUserNamespace) || !strings.Contains(a.Fix, "max_user_namespaces") {
			t.Errorf("%+v", a)
		}
	}
}
