package sandbox_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

// groupFile reads a file of the cgroup that a process is in, as the host sees
// it, by its name in version 1 and in version 2.
func groupFile(t *testing.T, pid int, controller, v1, v2 string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	var unified string
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if f[1] == "" {
			unified = f[2]
		}
		if slices.Contains(strings.Split(f[1], ","), controller) {
			return readGroup(t, "cgroup", controller, f[2], v1)
		}
	}
	return readGroup(t, "cgroup2", "", unified, v2)
}

// readGroup finds the mount of a hierarchy and reads a file in it.
func readGroup(t *testing.T, fstype, controller, path, file string) string {
	t.Helper()
	for _, m := range parseMounts("/proc/self/mountinfo") {
		if m.fstype != fstype || controller != "" && !slices.Contains(strings.Split(m.super, ","), controller) {
			continue
		}
		rel, err := filepath.Rel(m.root, path)
		if err != nil {
			continue
		}
		b, err := os.ReadFile(filepath.Join(m.point, rel, file))
		if errors.Is(err, os.ErrNotExist) {
			return ""
		}
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	t.Fatalf("no mount of %s %s", fstype, controller)
	return ""
}

func entry(t *testing.T, r *sandbox.Report, f sandbox.Feature) sandbox.Entry {
	t.Helper()
	e, ok := r.Entry(f)
	if !ok {
		t.Errorf("the report says nothing of %s:\n%s", f, r)
	}
	return e
}

// The default limits are in force where a cgroup can be had, and the report
// says so.
func TestDefaultLimits(t *testing.T) {
	_, res, err := runInside([]string{"true"})
	if err != nil {
		t.Fatal(err)
	}
	if e := entry(t, res.Report, sandbox.FeatureMemory); e.State == sandbox.Missing {
		t.Skip("needs cgroup2: no default limits: ", e.Detail)
	}
	p := start(t)
	if got := groupFile(t, p.PID(), "memory", "memory.limit_in_bytes", "memory.max"); got != "1073741824" {
		t.Errorf("memory limit is %q, want 1 GiB", got)
	}
	// Without the kernel's swap accounting there is no such file; and no swap.
	if got := groupFile(t, p.PID(), "memory", "memory.memsw.limit_in_bytes", "memory.swap.max"); got != "" && got != "1073741824" && got != "0" {
		t.Errorf("swap limit is %q", got)
	}
	if own := groupFile(t, os.Getpid(), "memory", "memory.limit_in_bytes", "memory.max"); own == "1073741824" {
		t.Error("control: the host program itself has the limit")
	}
	if res, err = p.end(); err != nil {
		t.Fatal(err)
	}
	for _, f := range []sandbox.Feature{sandbox.FeatureMemory, sandbox.FeaturePids} {
		if e := entry(t, res.Report, f); e.State != sandbox.Enforced {
			t.Errorf("report: %+v", e)
		}
	}
	if e := entry(t, res.Report, sandbox.FeatureMemory); !strings.Contains(e.Detail, "1 GiB") || !strings.Contains(e.Detail, "without swap") {
		t.Errorf("report: %+v", e)
	}
}

// The shell and what it starts are 512 processes at most, by whatever means.
func TestDefaultProcessLimit(t *testing.T) {
	out, res, err := runInside([]string{"sh", "-c", "exec 2>/dev/null; n=1; while :; do sleep 1000 & n=$((n+1)); echo $n; done"})
	var exit *sandbox.ExitError
	if !errors.As(err, &exit) || res.Reason != sandbox.Exited {
		t.Fatalf("%v", err)
	}
	lines := strings.Fields(out)
	if len(lines) == 0 || lines[len(lines)-1] != "512" {
		t.Errorf("the number of processes comes to %q", lines[max(0, len(lines)-1):])
	}
	if e := entry(t, res.Report, sandbox.FeaturePids); e.State != sandbox.Enforced || !strings.Contains(e.Detail, "512") {
		t.Errorf("report: %+v", e)
	}
}

// Where no cgroup can be had, the default is left out and the report says why;
// a limit that is named fails, with a way out.
func TestMissingMemoryLimit(t *testing.T) {
	_, res, err := runInside([]string{"true"})
	if err != nil {
		t.Fatal(err)
	}
	e := entry(t, res.Report, sandbox.FeatureMemory)
	if e.State == sandbox.Enforced {
		t.Skip("needs no-cgroup: this caller can have a memory limit")
	}
	if e.State != sandbox.Missing || e.Detail == "" || e.Fix == "" {
		t.Errorf("report: %+v", e)
	}
	if !slices.ContainsFunc(res.Report.Missing(), func(m sandbox.Entry) bool { return m.Feature == sandbox.FeatureMemory }) {
		t.Errorf("what is missing: %v", res.Report.Missing())
	}
	_, _, err = runInside([]string{"true"}, sandbox.WithMemory(64*mib))
	if err == nil {
		t.Skip("needs no-cgroup: systemd gives this caller one for a limit that is named")
	}
	var unsupported *sandbox.UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Feature != "memory" || unsupported.Fix == "" || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("WithMemory: %v", err)
	}
	_, res, err = runInside([]string{"true"}, sandbox.WithMemory(64*mib), sandbox.WithBestEffort(sandbox.FeatureMemory))
	if err != nil || entry(t, res.Report, sandbox.FeatureMemory).State != sandbox.Missing {
		t.Errorf("best effort: %v %v", res, err)
	}
	for name, opt := range map[string]sandbox.Option{
		"cpu": sandbox.WithCPUs(0.5), "cpuset": sandbox.WithCPUSet("0"), "cpu time": sandbox.WithCPUTime(1e9), "shares": sandbox.WithCPUShares(512),
	} {
		if _, _, err := runInside([]string{"true"}, opt); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The limit counts what the sandbox has, processes and threads, no more and no
// fewer, however it is enforced.
func TestProcessLimit(t *testing.T) {
	for _, n := range []int{24, 40, 512} {
		opts := []sandbox.Option{sandbox.WithPids(int64(n))}
		if n == 512 {
			opts = nil // the default
		}
		got := ask[forks](t, sandboxed(opts...), "forks")
		if got.Err != "EAGAIN" || got.Total != n {
			t.Errorf("limit %d: %+v", n, got)
		}
	}
	if got := ask[forks](t, sandboxed(sandbox.WithPids(1000)), "forks"); got.Total != 1000 {
		t.Errorf("control: limit 1000: %+v", got)
	}
	// One sandbox that is full leaves the next alone.
	full := startCommand(t, []string{"sh", "-c", "for i in 1 2 3 4; do sleep 1000 & done; echo ready; cat"}, sandbox.WithPids(6))
	if out, _, err := runInside([]string{"sh", "-c", "true & true & wait"}, sandbox.WithPids(6)); err != nil {
		t.Errorf("beside a full one: %v %s", err, out)
	}
	if out, _, err := runInside([]string{"sh", "-c", "for i in 1 2 3 4 5 6; do sleep 1000 & done"}, sandbox.WithPids(6)); err == nil {
		t.Errorf("seven processes where six may be: %s", out)
	}
	full.Kill()
}

func TestProcessLimitIsReported(t *testing.T) {
	_, res, err := runInside([]string{"true"}, sandbox.WithPids(40))
	if err != nil {
		t.Fatal(err)
	}
	e := entry(t, res.Report, sandbox.FeaturePids)
	if e.State != sandbox.Enforced || !strings.Contains(e.Detail, "40") {
		t.Errorf("report: %+v", e)
	}
	if entry(t, res.Report, sandbox.FeatureMemory).State == sandbox.Missing && !strings.Contains(e.Detail, "RLIMIT_NPROC") {
		t.Errorf("without cgroups the limit is enforced by: %+v", e)
	}
}

// The memory limit counts all processes together, and /tmp.
func TestMemoryLimit(t *testing.T) {
	limit := sandbox.WithMemory(48 * mib)
	needFeature(t, sandbox.FeatureMemory, limit)
	hog := func(megabytes int) []string { return probeArgs("hog", fmt.Sprint(megabytes*mib)) }
	if out, _, err := runInside(hog(8), limit); err != nil || !strings.Contains(out, "ok") {
		t.Errorf("control: 8 MiB of 48: %v %s", err, out)
	}
	if _, res, err := runInside(hog(200), limit); err == nil || res.Reason != sandbox.OOMKilled {
		t.Errorf("200 MiB of 48: %v", err)
	}
	if out, _, err := runInside(hog(200), sandbox.WithMemory(400*mib)); err != nil {
		t.Errorf("control: 200 MiB of 400: %v %s", err, out)
	}
	_, res, err := runInside([]string{"sh", "-c", "head -c 60m /dev/zero > /tmp/x; exit 1"}, limit)
	if err == nil || res.Reason != sandbox.OOMKilled {
		t.Errorf("60 MiB in /tmp: %v", err)
	}
}
