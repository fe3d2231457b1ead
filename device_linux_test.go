package sandbox_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// needDevices skips where the caller cannot have device rules.
func needDevices(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: device rules")
	}
	_, res, err := runInside([]string{"true"}, sandbox.WithDevice("/dev/kmsg"))
	if err != nil {
		t.Fatal(err)
	}
	if e := entry(t, res.Report, sandbox.FeatureDevices); e.State != sandbox.Enforced || !strings.Contains(e.Detail, "cgroup") {
		t.Errorf("the report is %+v", e)
	}
}

// The permissions of a node do not bind root of the host, the cgroup's rule does.
func TestDeviceRulesBindRoot(t *testing.T) {
	needDevices(t)
	root := []sandbox.Option{sandbox.WithHostUserNS(), sandbox.WithUser("root"), sandbox.AddCap("dac_override", "mknod"), sandbox.WithoutLandlock()}
	with := func(more ...sandbox.Option) func(*testing.T, ...string) string {
		return sandboxed(append(slices.Clone(root), more...)...)
	}
	wantResults(t, with(sandbox.WithDevice("/dev/kmsg:/dev/kmsg:r")), "for reading", map[string]string{"write:/dev/kmsg": "EPERM", "write:/dev/null": "ok"})
	wantResults(t, with(sandbox.WithDevice("/dev/kmsg:/dev/kmsg:w")), "for writing", map[string]string{"write:/dev/kmsg": "ok", "device:/tmp/null": "EPERM"})
	wantResults(t, with(sandbox.WithDeviceRule("c 1:3 m")), "for making", map[string]string{"device:/tmp/null": "ok", "block:/tmp/loop": "EPERM"})
	wantResults(t, with(sandbox.WithDeviceRule("b 7:* m")), "another for making", map[string]string{"device:/tmp/null": "EPERM", "block:/tmp/loop": "ok"})
	wantResults(t, with(sandbox.WithDevice("/dev/kmsg:/dev/kmsg:r"), sandbox.WithBind("/dev", "/tmp/dev")), "a bound node", map[string]string{"write:/tmp/dev/kmsg": "EACCES"})
	wantResults(t, with(), "control", map[string]string{"device:/tmp/null": "ok", "block:/tmp/loop": "ok"})
}

// someDevice is one that this process may open, and that no sandbox has anyway. An
// ordinary user has at least a terminal.
func someDevice(t *testing.T) string {
	t.Helper()
	for _, d := range []string{"/dev/fuse", "/dev/net/tun", "/dev/loop-control", "/dev/cpu_dma_latency"} {
		if f, err := os.OpenFile(d, os.O_RDWR, 0); err == nil {
			f.Close()
			return d
		}
	}
	if os.Geteuid() == 0 {
		t.Fatal("root can open none of the candidates, and a terminal works nowhere but in its own file system")
	}
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint("/dev/pts/", n)
}

// The access that an option gives is enforced for every caller, or refused before the
// start. An ordinary one binds the host's node, which everybody may read and write.
func TestDeviceAccessIsEnforced(t *testing.T) {
	needLandlock(t)
	const node = "/dev/mine"
	host := someDevice(t)
	with := func(access string, more ...sandbox.Option) []sandbox.Option {
		return append(more, sandbox.WithDevice(host+":"+node+":"+access))
	}
	refused := "EACCES|EPERM"
	others := map[string]string{"write:/dev/zero": "ok", "write:/dev/null": "ok", "open:/dev/urandom": "ok", "open:/dev/pts/ptmx": "ok", "list:/dev": "ok", "create:/dev/shm/x": "ok"}
	for access, want := range map[string]map[string]string{
		"rw": {"open:" + node: "ok", "write:" + node: "ok"},
		"r":  {"open:" + node: "ok", "write:" + node: refused},
	} {
		maps.Copy(want, others)
		wantResults(t, sandboxed(with(access)...), access, want)
	}
	if os.Geteuid() == 0 { // makes a node with permissions of its own
		wantResults(t, sandboxed(with("w")...), "w", map[string]string{"open:" + node: refused, "write:" + node: "ok"})
		wantResults(t, sandboxed(with("r", sandbox.WithoutLandlock())...), "r, without Landlock", map[string]string{"open:" + node: "ok", "write:" + node: refused})
		return
	}
	for name, options := range map[string][]sandbox.Option{"w": with("w"), "r": with("r", sandbox.WithoutLandlock())} {
		_, _, err := runInside([]string{"true"}, options...)
		var unsupported *sandbox.UnsupportedError
		if !errors.As(err, &unsupported) || unsupported.Feature != string(sandbox.FeatureDevices) || !strings.Contains(err.Error(), `access "`+name+`" to `+node) {
			t.Errorf("%s: %v", name, err)
		}
		_, res, err := runInside([]string{"true"}, append(options, sandbox.WithBestEffort(sandbox.FeatureDevices))...)
		if err != nil {
			t.Fatal(err)
		}
		if e := entry(t, res.Report, sandbox.FeatureDevices); e.State != sandbox.Missing || !strings.Contains(e.Detail, node) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
