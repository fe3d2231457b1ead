package sandbox_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/namespace"
)

// ownerOutside are the host's ids of a running command, real to file system.
func ownerOutside(t *testing.T, opts ...sandbox.Option) (uid, gid []string) {
	t.Helper()
	st := hostStatus(t, start(t, opts...).PID())
	return strings.Fields(st["Uid"]), strings.Fields(st["Gid"])
}

func four(id int) string {
	return fmt.Sprint([]string{strconv.Itoa(id), strconv.Itoa(id), strconv.Itoa(id), strconv.Itoa(id)})
}

func TestDefaultIdentity(t *testing.T) {
	host := ask[identity](t, onHost, "ids")
	want := identity{UID: host.UID, EUID: host.EUID, GID: host.GID, EGID: host.EGID}
	if host.EUID == 0 {
		want = identity{UID: nobody, EUID: nobody, GID: nobody, EGID: nobody}
	}
	inside := ask[identity](t, sandboxed(), "ids")
	inside.Groups = nil // a test of its own
	if fmt.Sprint(inside) != fmt.Sprint(want) {
		t.Errorf("inside %+v, want %+v", inside, want)
	}
	uid, gid := ownerOutside(t)
	if fmt.Sprint(uid) != four(want.UID) || fmt.Sprint(gid) != four(want.GID) {
		t.Errorf("outside uid %v gid %v, want %d and %d", uid, gid, want.UID, want.GID)
	}
}

// Root inside is never root outside, unless that is asked for.
func TestRootInsideIsUnprivilegedOutside(t *testing.T) {
	inside := ask[identity](t, sandboxed(sandbox.WithUser("root")), "ids")
	if inside.UID != 0 || inside.EUID != 0 || inside.GID == os.Getegid() && os.Getegid() != 0 {
		t.Errorf("WithUser(root): inside %+v", inside)
	}
	uid, gid := ownerOutside(t, sandbox.WithUser("root"))
	for i := range uid {
		if uid[i] == "0" || gid[i] == "0" {
			t.Fatalf("WithUser(root): outside uid %v gid %v", uid, gid)
		}
	}
	if os.Geteuid() != 0 {
		if uid[0] != strconv.Itoa(os.Geteuid()) {
			t.Errorf("outside uid %v, want the caller's", uid)
		}
		return
	}
	uid, _ = ownerOutside(t, sandbox.WithUser("root"), sandbox.WithHostUserNS())
	if fmt.Sprint(uid) != four(0) {
		t.Errorf("control: with WithHostUserNS outside uid %v", uid)
	}
}

// What root owns on the host stays closed to root inside.
func TestRootInsideCannotReadWhatRootOwns(t *testing.T) {
	needRoot(t, "only root can make a file that root owns")
	dir := openDir(t)
	secret := dir + "/secret"
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	bind := sandbox.WithBind(dir, "/data")
	for _, c := range []struct {
		name string
		opts []sandbox.Option
		want string
	}{
		{"default", []sandbox.Option{bind}, "EACCES"},
		{"root", []sandbox.Option{bind, sandbox.WithUser("root")}, "EACCES"},
		{"root with dac_override", []sandbox.Option{bind, sandbox.WithUser("root"), sandbox.AddCap("dac_override", "dac_read_search")}, "EACCES"},
		{"root of the host", []sandbox.Option{bind, sandbox.WithUser("root"), sandbox.WithHostUserNS()}, "ok"},
	} {
		wantResults(t, sandboxed(c.opts...), c.name, map[string]string{"read:/data/secret": c.want, "stat:/data/secret": "ok"})
	}
}

func TestIdentityByOption(t *testing.T) {
	needRoot(t, "an ordinary caller has one id outside")
	for user, want := range map[string]identity{
		"12345:23456":    {UID: 12345, GID: 23456},
		"12345":          {UID: 12345, GID: 12345},
		"nobody:nogroup": {UID: nobody, GID: nobody},
		"daemon":         {UID: 1, GID: 1},
	} {
		want.EUID, want.EGID = want.UID, want.GID
		inside := ask[identity](t, sandboxed(sandbox.WithUser(user)), "ids")
		inside.Groups = nil
		if fmt.Sprint(inside) != fmt.Sprint(want) {
			t.Errorf("WithUser(%q): inside %+v, want %+v", user, inside, want)
		}
		uid, gid := ownerOutside(t, sandbox.WithUser(user))
		if fmt.Sprint(uid) != four(want.UID) || fmt.Sprint(gid) != four(want.GID) {
			t.Errorf("WithUser(%q): outside uid %v gid %v", user, uid, gid)
		}
	}
}

// No way leads back to another id.
func TestIdentityCannotBeLeft(t *testing.T) {
	want := map[string]string{"setuid:1": "EPERM|EINVAL", "setuid:4294967294": "EPERM|EINVAL"}
	if os.Geteuid() == 0 {
		want["setuid:0"] = "EPERM|EINVAL"
	}
	wantResults(t, sandboxed(), "default", want)
	// Root may change its id, and only to ids that are mapped.
	wantResults(t, sandboxed(sandbox.WithUser("root")), "control", map[string]string{"setuid:0": "ok"})
}

func TestSupplementaryGroupsAreDropped(t *testing.T) {
	needRoot(t, "only root can give a program supplementary groups")
	odd := []string{"4242", "4343", "0"}
	r := runDirty(t, dirt{Groups: odd}, probeArgs("ids")...)
	if !strings.Contains(r.Control, "4242") {
		t.Fatalf("control: the groups are not seen from outside: %s", r.Control)
	}
	// One that is not mapped would show as nobody's.
	if !strings.Contains(r.Out, `"Groups":null`) && !strings.Contains(r.Out, `"Groups":[]`) {
		t.Errorf("inside: %s", r.Out)
	}
	if e := r.entry(sandbox.FeatureGroups); e.State != "yes" {
		t.Errorf("report: %+v", e)
	}
}

// The kernel does not let an ordinary caller drop its groups: the report has
// to say so.
func TestSupplementaryGroupsThatStayAreReported(t *testing.T) {
	needRoot(t, "only root can give a program supplementary groups")
	r := runDirtyAs(t, 1000, dirt{}, []uint32{4242, 4343}, probeArgs("ids")...)
	if e := r.entry(sandbox.FeatureGroups); e.State != "no" || !strings.Contains(e.Detail, "2 supplementary groups") || e.Fix == "" {
		t.Errorf("report: %+v", e)
	}
	if r := runDirtyAs(t, 1000, dirt{}, nil, probeArgs("ids")...); r.entry(sandbox.FeatureGroups).State != "yes" {
		t.Errorf("control: without groups the report is %+v", r.entry(sandbox.FeatureGroups))
	}
}

// openDir is a new directory that everyone may enter and write to.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sandbox-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Where an option says so a set-user-ID program counts, but not against
// no_new_privs. The file belongs to what root inside is outside.
func TestSetUserIDWhereAskedFor(t *testing.T) {
	needRoot(t, "only root can give a file to somebody else")
	dir := openDir(t)
	if out, err := exec.Command("cp", probeBinary, dir+"/setuid").CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	const root = 100_000 // inside 0
	if err := os.Chown(dir+"/setuid", root, root); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir+"/setuid", 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	maps := []namespace.IDMap{{Inside: 0, Outside: root, Count: 2000}}
	base := []sandbox.Option{sandbox.WithBind(dir, "/data/"), sandbox.WithIDMap(maps, maps), sandbox.WithUser("1000:1000")}
	anew, suid := sandbox.WithNewPrivileges(), sandbox.WithSUID("/data")
	for _, c := range []struct {
		name string
		opts []sandbox.Option
		euid int
	}{
		{"nosuid and no_new_privs", nil, 1000},
		{"no_new_privs", []sandbox.Option{suid}, 1000},
		{"nosuid", []sandbox.Option{anew}, 1000},
		{"neither", []sandbox.Option{suid, anew}, 0},
	} {
		run := sandboxed(slices.Concat(base, c.opts)...)
		if out := run(t, "/data/setuid", "probe", "ids"); !strings.Contains(out, fmt.Sprintf(`"EUID":%d,`, c.euid)) {
			t.Errorf("%s: %s, want the effective user %d", c.name, out, c.euid)
		}
		// Another mount of the same file stays as it is.
		run = sandboxed(slices.Concat(base, c.opts, []sandbox.Option{sandbox.WithBind(dir, "/other")})...)
		if out := run(t, "/other/setuid", "probe", "ids"); !strings.Contains(out, `"EUID":1000,`) {
			t.Errorf("%s: on another mount: %s", c.name, out)
		}
	}
	// The same as the root of the file view.
	for _, d := range []string{"/proc", "/dev", "/tmp", "/usr", "/lib", "/lib64"} {
		if err := os.Mkdir(dir+d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	rootFS := append(base[1:], sandbox.WithRootFS(dir), anew)
	for _, d := range []string{"/usr", "/lib", "/lib64"} {
		if _, err := os.Stat(d); err == nil { // there is no /lib64 on arm64
			rootFS = append(rootFS, sandbox.WithReadOnlyBind(d, d))
		}
	}
	for euid, opts := range map[int][]sandbox.Option{1000: nil, 0: {sandbox.WithSUID("/")}} {
		if out := sandboxed(append(rootFS[:len(rootFS):len(rootFS)], opts...)...)(t, "/setuid", "probe", "ids"); !strings.Contains(out, fmt.Sprintf(`"EUID":%d,`, euid)) {
			t.Errorf("in the root: %s, want the effective user %d", out, euid)
		}
	}
}

// A set-user-ID program gains nothing inside, whatever it is that lets it in.
func TestSetUserIDGainsNothing(t *testing.T) {
	needRoot(t, "only root can make a set-user-ID program of root's")
	dir := openDir(t)
	if out, err := exec.Command("cp", probeBinary, dir+"/setuid").CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	if err := os.Chmod(dir+"/setuid", 0o755|os.ModeSetuid|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	control := exec.Command(dir+"/setuid", "probe", "ids")
	control.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := control.Output(); err != nil || !strings.Contains(string(out), `"EUID":0`) {
		t.Fatalf("control: outside: %s %v", out, err)
	}
	bind := sandbox.WithBind(dir, "/data")
	for name, opts := range map[string][]sandbox.Option{
		"default":            {bind},
		"with NewPrivileges": {bind, sandbox.WithNewPrivileges()},
		"of the host":        {bind, sandbox.WithNewPrivileges(), sandbox.WithHostUserNS(), sandbox.AddCap("setuid")},
	} {
		out := sandboxed(opts...)(t, "/data/setuid", "probe", "ids")
		if !strings.Contains(out, fmt.Sprintf(`"EUID":%d`, nobody)) || !strings.Contains(out, fmt.Sprintf(`"EGID":%d`, nobody)) {
			t.Errorf("%s: %s", name, out)
		}
	}
}
