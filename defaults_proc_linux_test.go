package sandbox_test

import (
	"os"
	"slices"
	"strconv"
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
}

// Of all that is below Docker's read-only paths, nothing can be opened for
// writing.
func TestNothingOfProcIsWritable(t *testing.T) {
	var there []string
	for _, p := range dockerReadOnly {
		if _, err := os.Stat(p); err == nil {
			there = append(there, p)
		}
	}
	if got := ask[[]string](t, unsandboxed, "writable", "/proc/sys/net"); len(got) == 0 {
		t.Error("control: root of a plain user namespace can change nothing of its own network")
	}
	places := map[string]place{
		"default":                 sandboxed(),
		"by the mounts alone":     sandboxed(unconfined, sandbox.WithoutLandlock()),
		"root":                    sandboxed(sandbox.WithUser("root")),
		"root, every capability":  sandboxed(sandbox.WithUser("root"), sandbox.AddCap("all"), unconfined, sandbox.WithoutLandlock()),
		"added capability, alone": sandboxed(sandbox.AddCap("net_admin"), unconfined, sandbox.WithoutLandlock()),
	}
	if os.Geteuid() == 0 {
		if got := ask[[]string](t, onHost, "writable", there...); len(got) < 10 {
			t.Errorf("control: the host's root can change only %q", got)
		}
		places["root of the host"] = sandboxed(sandbox.WithUser("root"), sandbox.WithHostUserNS(), sandbox.AddCap("sys_admin", "net_admin"), unconfined, sandbox.WithoutLandlock())
	}
	for name, in := range places {
		if got := ask[[]string](t, in, "writable", there...); len(got) > 0 {
			t.Errorf("%s: can be opened for writing: %q", name, got[:min(len(got), 10)])
		}
	}
}
