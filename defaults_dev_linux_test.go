package sandbox_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

// The devices are those that compute, and no other.
func TestDevices(t *testing.T) {
	want := map[string]string{
		"null": "char 1:3", "zero": "char 1:5", "full": "char 1:7", "random": "char 1:8", "urandom": "char 1:9", "tty": "char 5:0",
		"fd": "to /proc/self/fd", "stdin": "to /proc/self/fd/0", "stdout": "to /proc/self/fd/1", "stderr": "to /proc/self/fd/2",
		"shm": "dir", "mqueue": "dir", "pts": "dir", "ptmx": "to pts/ptmx",
	}
	for name, in := range map[string]place{"default": sandboxed(), "root": sandboxed(sandbox.WithUser("root"))} {
		got := ask[map[string]string](t, in, "entries", "/dev")
		if !maps.Equal(got, want) {
			t.Errorf("%s: got %v\nwant %v", name, got, want)
		}
	}
	if host := describeEntries("/dev"); len(host) <= len(want) {
		t.Errorf("control: the host has %v", host)
	}
}

func TestDevicesWork(t *testing.T) {
	script := `echo x > /dev/null && head -c 4 /dev/zero | od -An -tx1 && head -c 4 /dev/urandom | wc -c && head -c 2 /dev/random | wc -c
echo x 2>/dev/null > /dev/full || echo full
cat <&0 /dev/stdin; echo out > /dev/fd/1; echo ok`
	for name, in := range map[string]place{"default": sandboxed(), "root": sandboxed(sandbox.WithUser("root"))} {
		out := strings.Fields(in(t, "sh", "-c", script))
		if got := strings.Join(out, " "); !strings.HasPrefix(got, "00 00 00 00 4 2 full") || !strings.HasSuffix(got, "ok") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A device cannot be made, and one in a bound directory cannot be used.
func TestDevicesCannotBeMade(t *testing.T) {
	attempt := "device:/tmp/device"
	for name, opts := range map[string][]sandbox.Option{
		"default":    {},
		"root":       {sandbox.WithUser("root")},
		"with mknod": {sandbox.AddCap("mknod")},
		"all":        {sandbox.WithUser("root"), sandbox.AddCap("all"), unconfined, sandbox.WithoutLandlock()},
	} {
		wantResults(t, sandboxed(opts...), name, map[string]string{attempt: "EPERM|EACCES"})
	}
	needRoot(t, "the control makes a device")
	dir := openDir(t)
	wantResults(t, onHost, "control", map[string]string{"device:" + dir + "/null": "ok", "open:" + dir + "/null": "ok"})
	os.Chmod(dir+"/null", 0o666)
	wantResults(t, sandboxed(sandbox.WithBind(dir, "/data")), "in a bind", map[string]string{"open:/data/null": "EACCES"})
	wantResults(t, sandboxed(sandbox.WithBind(dir, "/data"), sandbox.WithUser("root"), sandbox.WithHostUserNS(), sandbox.WithoutLandlock()), "in a bind, root of the host", map[string]string{"open:/data/null": "EACCES"})
}

// The terminals are the sandbox's own: none of the host's is there, one can be
// made, and it is the first.
func TestTerminals(t *testing.T) {
	for name, in := range map[string]place{"default": sandboxed(), "root": sandboxed(sandbox.WithUser("root"))} {
		v := ask[terminalView](t, in, "terminal")
		if !slices.Equal(v.Before, []string{"ptmx"}) {
			t.Errorf("%s: /dev/pts has %v", name, v.Before)
		}
		if v.Name != "/dev/pts/0" || v.Echo != "word\n" || v.Control["TIOCSCTTY"] != "ok" {
			t.Errorf("%s: a new terminal: %+v", name, v)
		}
	}
}

// A controlling terminal of the host program is not the command's.
func TestHostTerminalIsLeft(t *testing.T) {
	r := runDirty(t, dirt{Terminal: true}, probeArgs("try", "open:/dev/tty", "stat:/dev/pts/0", "open:/dev/console", "open:/dev/tty0")...)
	if !strings.Contains(r.Control, `"open:/dev/tty":"ok"`) {
		t.Fatalf("control: without a sandbox: %s", r.Control)
	}
	for attempt, want := range map[string]string{"open:/dev/tty": "ENXIO|ENOENT", "stat:/dev/pts/0": "ENOENT", "open:/dev/console": "ENOENT", "open:/dev/tty0": "ENOENT"} {
		var got map[string]string
		if err := json.Unmarshal([]byte(r.Out), &got); err != nil {
			t.Fatalf("%v in %s", err, r.Out)
		}
		if !slices.Contains(strings.Split(want, "|"), got[attempt]) {
			t.Errorf("%s: %s, want %s", attempt, got[attempt], want)
		}
	}
	stat := strings.Fields(runDirty(t, dirt{Terminal: true}, "cat", "/proc/self/stat").Out)
	if len(stat) < 8 || stat[6] != "0" || stat[5] != stat[0] {
		t.Errorf("inside: session %s of process %s has terminal %s", stat[5], stat[0], stat[6])
	}
}
