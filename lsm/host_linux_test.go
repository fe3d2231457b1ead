package lsm_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/needs"
	"github.com/seed-d1379373/sandbox/lsm"
)

func needAppArmor(t *testing.T) {
	t.Helper()
	if active, err := lsm.AppArmorActive(); !active {
		t.Skipf("needs apparmor: active %v, %v", active, err)
	}
}

func needSELinux(t *testing.T) lsm.SELinux {
	t.Helper()
	host, err := lsm.ReadSELinux()
	if !host.Enforcing {
		t.Skipf("needs selinux: active %v, enforcing %v, %v", host.Active, host.Enforcing, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return host
}

// confined runs a program after the shell has written an attribute.
func confined(a lsm.Attr, program ...string) (string, error) {
	script := `printf %s "$1" >"/proc/self/attr/$0" && shift && exec "$@"`
	out, err := exec.Command("sh", append([]string{"-c", script, a.File, a.Value}, program...)...).CombinedOutput()
	return string(out), err
}

// Where a module is not active, each question has an answer that says so.
func TestAbsentModules(t *testing.T) {
	if active, err := lsm.AppArmorActive(); err == nil && !active {
		if loaded, err := lsm.ProfileLoaded(lsm.DefaultProfile); loaded || err == nil {
			t.Errorf("without AppArmor: loaded %v, %v", loaded, err)
		}
		if _, err := lsm.Profiles(); err == nil {
			t.Error("without AppArmor there are profiles")
		}
	}
	host, err := lsm.ReadSELinux()
	if err == nil && !host.Active {
		if host != (lsm.SELinux{}) {
			t.Errorf("without SELinux: %+v", host)
		}
		if loaded, _ := lsm.LabelLoaded(lsm.Label{User: "u", Role: "r", Type: "t"}); loaded {
			t.Error("without SELinux a label is loaded")
		}
	}
}

// The profile of the test guests is known to root and to an ordinary user, who
// may not read the list.
func TestProfileLoaded(t *testing.T) {
	needAppArmor(t)
	own, err := lsm.OwnConfinement()
	if err != nil || own.Profile != lsm.Unconfined {
		t.Errorf("own label %v, %v", own, err)
	}
	for name, want := range map[string]bool{"vmtest-deny": true, "no-such-profile": false, "vmtest": false} {
		if loaded, err := lsm.ProfileLoaded(name); loaded != want || err != nil {
			t.Errorf("%s: %v, %v", name, loaded, err)
		}
	}
	answer, err := lsm.Try(lsm.AppArmorExec("vmtest-deny", own))
	if c := lsm.ParseConfinement(answer); err != nil || c.Profile != "vmtest-deny" || !c.Enforced() {
		t.Errorf("%q, %v", answer, err)
	}
	// The trial leaves nothing behind: programs go on as before.
	for range 3 {
		if out, err := exec.Command("cat", "/proc/self/attr/current").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), lsm.Unconfined) {
			t.Fatalf("after the trial: %q, %v", out, err)
		}
	}
	all, err := lsm.Profiles()
	if os.Geteuid() != 0 {
		if err == nil {
			t.Error("an ordinary user reads the list of profiles")
		}
		return
	}
	if err != nil || !slices.Contains(all, lsm.Confinement{Profile: "vmtest-deny", Mode: "enforce"}) {
		t.Errorf("%v, %v", all, err)
	}
}

// The default profile, loaded, does what its text says.
func TestLoadProfile(t *testing.T) {
	needAppArmor(t)
	const name = "sandbox test profile" // with spaces
	err := lsm.LoadProfile(context.Background(), lsm.DefaultProfileText(name))
	if os.Geteuid() != 0 {
		if err == nil {
			t.Error("an ordinary user loads profiles")
		}
		return
	}
	needs.Program(t, "apparmor_parser")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.WriteFile("/sys/kernel/security/apparmor/.remove", []byte(name), 0) })
	if loaded, err := lsm.ProfileLoaded(name); !loaded || err != nil {
		t.Fatalf("loaded %v, %v", loaded, err)
	}
	exec := lsm.AppArmorExec(name, lsm.Confinement{Profile: lsm.Unconfined})
	for _, c := range []struct {
		script string
		denied bool
	}{
		{"cat /etc/passwd /proc/self/attr/current", false},
		{"echo x >/tmp/$$ && rm /tmp/$$", false},
		{"sleep 60 & kill $!", false},
		{"kill -0 $PPID", true},
		{"mount -t tmpfs none /mnt", true},
		{"cat /sys/kernel/security/apparmor/profiles", true},
		{"echo 1 >/proc/sys/net/ipv4/ip_forward", true},
	} {
		out, err := confined(exec, "sh", "-c", c.script)
		if (err != nil) != c.denied {
			t.Errorf("%s: %v: %s", c.script, err, out)
		}
		if c.denied && strings.HasPrefix(c.script, "cat") { // the control
			if out, err := confined(lsm.Attr{File: "apparmor/exec", Value: "exec unconfined"}, "sh", "-c", c.script); err != nil {
				t.Errorf("unconfined: %s: %v: %s", c.script, err, out)
			}
		}
	}
	if err := lsm.LoadProfile(context.Background(), "profile x { nonsense }"); err == nil || !strings.Contains(err.Error(), "apparmor_parser") {
		t.Errorf("nonsense is loaded: %v", err)
	}
}

func TestLabelLoaded(t *testing.T) {
	host := needSELinux(t)
	if !host.Active || !host.Levels || host.Own.Type != "unconfined_t" {
		t.Errorf("%+v", host)
	}
	good := lsm.Label{Type: "container_t", Level: "s0:c1,c2"}.Over(host.Own)
	for _, c := range []struct {
		part    string
		label   lsm.Label
		unknown string
	}{
		{"all", good, ""},
		{"user", lsm.Label{User: "nobody_u"}.Over(good), "user nobody_u"},
		{"role", lsm.Label{Role: "no_r"}.Over(good), "role no_r"},
		{"type", lsm.Label{Type: "no_t"}.Over(good), "type no_t"},
		{"category", lsm.Label{Level: "s0:c1,c1024"}.Over(good), "level s0:c1,c1024"},
		{"sensitivity", lsm.Label{Level: "s1"}.Over(good), "level s1"},
	} {
		loaded, err := lsm.LabelLoaded(c.label)
		if loaded != (c.unknown == "") || err != nil {
			t.Errorf("%s: %s: %v, %v", c.part, c.label, loaded, err)
		}
		if c.unknown != "" && strings.Join(lsm.UnknownParts(c.label, host.Own), " ") != c.unknown {
			t.Errorf("%s: %q", c.label, lsm.UnknownParts(c.label, host.Own))
		}
	}
	// What the kernel answers is what it was told, in its own spelling.
	answer, err := lsm.Try(lsm.SELinuxExec(lsm.Label{Level: "s0:c4,c3,c2"}.Over(good)))
	if err != nil || answer != (lsm.Label{Level: "s0:c2.c4"}.Over(good)).String() {
		t.Errorf("%q, %v", answer, err)
	}
	if out, err := exec.Command("cat", "/proc/self/attr/current").Output(); err != nil || strings.TrimRight(string(out), "\x00") != host.Own.String() {
		t.Errorf("after the trial: %q, %v", out, err)
	}
}

// Every pair that can be allocated is one that the kernel takes and shows the
// same way.
func TestCategoriesOfTheKernel(t *testing.T) {
	host := needSELinux(t)
	for range 20 {
		c, err := lsm.AllocateCategories()
		if err != nil {
			t.Fatal(err)
		}
		a := lsm.SELinuxExec(lsm.Label{Type: "container_t", Level: c.Level("s0")}.Over(host.Own))
		if answer, err := lsm.Try(a); err != nil || answer+"\x00" != a.Answer {
			t.Errorf("%q, %v; want %q", answer, err, a.Answer)
		}
		c.Close()
	}
}

func TestNewFileType(t *testing.T) {
	host := needSELinux(t)
	fileType, err := lsm.NewFileType(lsm.Label{Type: "container_t", Level: "s0:c1,c2"}.Over(host.Own))
	if err != nil || fileType != "file_t" {
		t.Errorf("%q, %v", fileType, err)
	}
}

func TestLandlockABI(t *testing.T) {
	abi, err := lsm.LandlockABI()
	if (abi > 0) == (err != nil) {
		t.Fatalf("%d, %v", abi, err)
	}
	if err != nil {
		t.Skip("needs landlock: ", err)
	}
}

func TestAttributesOfThisProcess(t *testing.T) {
	if _, err := os.Stat("/proc/thread-self/attr"); err != nil {
		t.Skip("needs apparmor: ", err)
	}
	// A file that is no attribute, and one that takes nothing.
	if _, err := lsm.Try(lsm.Attr{File: "no-such-attribute", Value: "x"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such attribute: %v", err)
	}
	if _, err := lsm.Try(lsm.Attr{File: filepath.Join("..", "mountinfo"), Value: "x"}); err == nil {
		t.Error("mountinfo takes a label")
	}
}
