package sandbox_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

// Docker's lists, without what /sys has.
var (
	dockerMasked = []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
	}
	dockerReadOnly = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

func TestProcShowsOwnProcessesAlone(t *testing.T) {
	numbers := func(in place) (out []int) {
		for _, name := range ask[[]string](t, in, "list", "/proc") {
			if n, err := strconv.Atoi(name); err == nil {
				out = append(out, n)
			}
		}
		return out
	}
	if got := numbers(sandboxed()); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("processes inside: %v, want PID 1 and the command", got)
	}
	if got := numbers(onHost); len(got) < 3 {
		t.Errorf("control: processes on the host: %v", got)
	}
	// One that the host runs has a number inside that is none.
	p := start(t)
	wantResults(t, sandboxed(), "default", map[string]string{"stat:/proc/" + strconv.Itoa(p.PID()): "ENOENT", "signal:" + strconv.Itoa(p.PID()): "ESRCH"})
	wantResults(t, onHost, "control", map[string]string{"stat:/proc/" + strconv.Itoa(p.PID()): "ok"})
}

// What tells of the host reads as empty or not at all.
func TestProcIsMasked(t *testing.T) {
	var there []string
	for _, p := range dockerMasked {
		if _, err := os.Stat(p); err == nil {
			there = append(there, p)
		}
	}
	host := ask[map[string]string](t, onHost, "read", there...)
	readable := 0
	for _, what := range host {
		if what == "full" {
			readable++
		}
	}
	if readable == 0 {
		t.Fatalf("control: on the host %v", host)
	}
	for name, opts := range map[string][]sandbox.Option{
		"default": {},
		"root":    {sandbox.WithUser("root")},
		"all":     {sandbox.WithUser("root"), sandbox.AddCap("all"), unconfined, sandbox.WithoutLandlock()},
	} {
		for p, what := range ask[map[string]string](t, sandboxed(opts...), "read", there...) {
			if what == "full" {
				t.Errorf("%s: %s can be read", name, p)
			}
		}
	}
	if os.Geteuid() == 0 {
		in := sandboxed(sandbox.WithUser("root"), sandbox.WithHostUserNS(), sandbox.AddCap("sys_admin", "dac_read_search", "syslog"))
		for p, what := range ask[map[string]string](t, in, "read", there...) {
			if what == "full" {
				t.Errorf("root of the host: %s can be read", p)
			}
		}
	}
	// The rest of /proc is there.
	for p, what := range ask[map[string]string](t, sandboxed(), "read", "/proc/meminfo", "/proc/cpuinfo", "/proc/self/maps", "/proc/self/stat", "/proc/mounts") {
		if what != "full" {
			t.Errorf("control: %s: %s", p, what)
		}
	}
}

// What changes the host takes no write, not even from an owner.
func TestProcIsReadOnly(t *testing.T) {
	const sysctl = "/proc/sys/net/ipv4/ip_default_ttl" // of the own network namespace: its root may change it
	root := sandboxed(sandbox.WithUser("root"), sandbox.AddCap("net_admin"))
	plain := sandboxed(sandbox.WithUser("root"), sandbox.AddCap("net_admin"), sandbox.WithoutLandlock(), unconfined)
	wantResults(t, unsandboxed, "control", map[string]string{"rewrite:" + sysctl: "ok"})
	wantResults(t, root, "root", map[string]string{"rewrite:" + sysctl: "EROFS|EACCES", "write:/proc/sys/kernel/hostname": "EROFS|EACCES"})
	wantResults(t, plain, "root, by the mounts alone", map[string]string{"rewrite:" + sysctl: "EROFS", "write:/proc/sys/kernel/hostname": "EROFS|EACCES"})

	refused := map[string]string{}
	for _, p := range []string{"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/domainname", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger", "/proc/sys/kernel/modprobe", "/proc/sys/user/max_user_namespaces"} {
		if _, err := os.Stat(p); err == nil {
			refused["write:"+p] = "EROFS|EACCES|EPERM"
		}
	}
	wantResults(t, sandboxed(), "default", refused)
	wantResults(t, root, "root", refused)
	wantResults(t, sandboxed(), "control", map[string]string{"write:/proc/self/comm": "ok", "write:/proc/self/oom_score_adj": "ok"})
	if os.Geteuid() == 0 {
		for attempt := range refused {
			refused[attempt] = "EROFS|EACCES"
		}
		wantResults(t, sandboxed(sandbox.WithUser("root"), sandbox.WithHostUserNS(), sandbox.WithoutLandlock()), "root of the host", refused)
		wantResults(t, onHost, "control", map[string]string{"write:/proc/sys/kernel/domainname": "ok"})
	}
	mounts := mountLines(sandboxed()(t, "cat", "/proc/self/mountinfo"))
	for _, p := range dockerReadOnly {
		if _, err := os.Stat(p); err != nil {
			continue
		}
		if !slices.ContainsFunc(mounts, func(m mount) bool { return m.point == p && strings.HasPrefix(m.options, "ro,") }) {
			t.Errorf("%s is not mounted read-only", p)
		}
	}
}
