package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// Descriptors that the host inherited itself are not marked close-on-exec and
// would reach every program that it starts.
func TestDescriptorsAreClosed(t *testing.T) {
	r := runDirty(t, dirt{Descriptors: true}, "ls", "/proc/self/fd")
	if !slices.Contains(strings.Fields(r.Control), "25") {
		t.Fatalf("control: without a sandbox: %q", r.Control)
	}
	// The fourth is ls's own, of the directory.
	if got := strings.Fields(r.Out); !slices.Equal(got, []string{"0", "1", "2", "3"}) {
		t.Errorf("descriptors inside: %q", got)
	}
}

func TestExtraFilesArrive(t *testing.T) {
	var extra []*os.File
	for range 3 {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer read.Close()
		defer write.Close()
		extra = append(extra, write)
	}
	cmd := exec.Command("sh", "-c", "ls /proc/self/fd; echo word >&5")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = &out, &out, extra
	if _, err := sandbox.Run(context.Background(), cmd); err != nil {
		t.Fatal(err, out.String())
	}
	if got := strings.Fields(out.String()); !slices.Equal(got, []string{"0", "1", "2", "3", "4", "5", "6"}) {
		t.Errorf("descriptors inside: %q", got)
	}
	if len(cmd.ExtraFiles) != 3 {
		t.Errorf("the caller's ExtraFiles became %d", len(cmd.ExtraFiles))
	}
}

// The environment is the sandbox's own, and the caller's if it gives one.
func TestEnvironment(t *testing.T) {
	r := runDirty(t, dirt{Env: []string{"SECRET=1", "LD_PRELOAD=", "HOME=/root", "PATH=/bin:/usr/bin", "LANG=xx"}}, "env")
	if !strings.Contains(r.Control, "SECRET=1") {
		t.Fatalf("control: %q", r.Control)
	}
	name := "nobody"
	if os.Geteuid() != 0 {
		name = "sandbox"
	}
	want := []string{
		"HOME=/tmp", "LANG=C.UTF-8", "LOGNAME=" + name,
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "USER=" + name,
	}
	got := strings.Split(strings.TrimSpace(r.Out), "\n")
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("environment %q, want %q", got, want)
	}
	cmd := exec.Command("env")
	cmd.Env = []string{"A=1", "A=2", "B=3"}
	var out bytes.Buffer
	cmd.Stdout = &out
	if _, err := sandbox.Run(context.Background(), cmd); err != nil || out.String() != "A=2\nB=3\n" {
		t.Errorf("with Env: %q, %v", out.String(), err)
	}
}

// Signals are at their defaults and none is blocked, whatever the host does.
func TestSignalsAreReset(t *testing.T) {
	d := dirt{
		Ignored: []syscall.Signal{unix.SIGHUP, unix.SIGPIPE, unix.SIGUSR1, unix.SIGINT, unix.SIGQUIT},
		Blocked: []syscall.Signal{unix.SIGTERM, unix.SIGUSR2, unix.SIGALRM, 40, 64},
	}
	r := runDirty(t, d, "cat", "/proc/self/status")
	control, inside := status(r.Control), status(r.Out)
	if !ofMask(t, control["SigIgn"], unix.SIGUSR1) || !ofMask(t, control["SigBlk"], unix.SIGUSR2) || !ofMask(t, control["SigBlk"], 64) {
		t.Fatalf("control: ignored %s, blocked %s", control["SigIgn"], control["SigBlk"])
	}
	for _, mask := range []string{"SigIgn", "SigBlk", "SigCgt", "SigPnd", "ShdPnd"} {
		if strings.Trim(inside[mask], "0") != "" {
			t.Errorf("inside: %s is %s", mask, inside[mask])
		}
	}
}

func ofMask(t *testing.T, mask string, s syscall.Signal) bool {
	t.Helper()
	n, err := strconv.ParseUint(mask, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n>>(s-1)&1 == 1
}

func TestUmaskIsReset(t *testing.T) {
	const script = "umask; touch /tmp/file-$$ && stat -c %a /tmp/file-$$; rm /tmp/file-$$"
	r := runDirty(t, dirt{Umask: true}, "sh", "-c", script)
	if got := strings.Fields(r.Control); !slices.Equal(got, []string{"0000", "666"}) {
		t.Fatalf("control: %q", got)
	}
	if got := strings.Fields(r.Out); !slices.Equal(got, []string{"0022", "644"}) {
		t.Errorf("inside: %q", got)
	}
}

// Without randomisation of addresses, programs are easier to take over.
func TestPersonalityIsReset(t *testing.T) {
	r := runDirty(t, dirt{Personality: true, Unconfined: true}, "sh", "-c", "cat /proc/self/personality; grep stack /proc/self/maps; grep stack /proc/self/maps")
	control, inside := strings.Split(strings.TrimSpace(r.Control), "\n"), strings.Split(strings.TrimSpace(r.Out), "\n")
	if len(control) != 3 || control[0] != "00040000" || control[1] != control[2] {
		t.Fatalf("control: %q", control)
	}
	if len(inside) != 3 || inside[0] != "00000000" || inside[1] == inside[2] {
		t.Errorf("inside: %q", inside)
	}
}

// Only a privileged caller can raise a priority again; a low one harms nobody.
func TestNicenessIsReset(t *testing.T) {
	needRoot(t, "an ordinary caller cannot raise its priority again")
	r := runDirty(t, dirt{Nice: 5}, "nice")
	if strings.TrimSpace(r.Control) != "5" {
		t.Fatalf("control: %q", r.Control)
	}
	if strings.TrimSpace(r.Out) != "0" {
		t.Errorf("inside: %q", r.Out)
	}
	wantResults(t, sandboxed(), "default", map[string]string{"nice:-1": "EACCES|EPERM", "nice:10": "ok"})
}

// The keys of the host's session are not the command's, even where a filter
// would let it ask.
func TestKeyringIsNew(t *testing.T) {
	if err := attempts()["keyctl"](""); err == unix.ENOSYS {
		t.Skip("needs syscall: this kernel has no keyrings")
	}
	key := "sandbox-test-key"
	r := runDirty(t, dirt{Key: key, Unconfined: true}, probeArgs("try", "find-key:"+key, "keyctl")...)
	if !strings.Contains(r.Control, `"find-key:`+key+`":"ok"`) {
		t.Fatalf("control: %s", r.Control)
	}
	var inside map[string]string
	if err := json.Unmarshal([]byte(r.Out), &inside); err != nil {
		t.Fatal(err, r.Out)
	}
	if inside["find-key:"+key] != "ENOKEY" || inside["keyctl"] != "ok" {
		t.Errorf("inside: %v", inside)
	}
	// With the filter, there is nothing to ask.
	r = runDirty(t, dirt{Key: key}, probeArgs("try", "find-key:"+key)...)
	if !strings.Contains(r.Out, "EPERM") {
		t.Errorf("with the filter: %s", r.Out)
	}
}

func TestSessionIsNew(t *testing.T) {
	stat := strings.Fields(sandboxed()(t, "cat", "/proc/self/stat"))
	if stat[5] != stat[0] || stat[4] != stat[0] || stat[6] != "0" {
		t.Errorf("process %s is in session %s and group %s with terminal %s", stat[0], stat[5], stat[4], stat[6])
	}
}
