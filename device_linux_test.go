package sandbox_test

import (
	"os"
	"slices"
	"strings"
	"testing"

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
