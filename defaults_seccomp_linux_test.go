package sandbox_test

import (
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/seccomp"
)

var unconfined = sandbox.WithSeccomp(seccomp.Unconfined)

func TestSeccompMode(t *testing.T) {
	mode := func(in place) string { return status(in(t, "cat", "/proc/self/status"))["Seccomp"] }
	if got := mode(sandboxed()); got != "2" {
		t.Errorf("default: mode %s, want 2", got)
	}
	if got := mode(sandboxed(unconfined)); got != mode(onHost) {
		t.Errorf("unconfined: mode %s, the host's is %s", got, mode(onHost))
	}
}

// What the filter refuses reaches the kernel's own checks without it: the
// namespaces and the lack of capabilities would not have refused all of it.
func TestSeccompRefuses(t *testing.T) {
	for _, c := range []struct{ attempt, filtered, open string }{
		{"clone:user", "EPERM", "ok"},
		{"clone3", "ENOSYS", "EINVAL"},
		{"setns:uts", "EPERM", "EPERM"}, // for want of a capability, too
		{"keyctl", "EPERM", "ok"},
		{"add_key", "EPERM", "ok"},
		{"request_key", "EPERM", "EFAULT"},
		{"bpf", "EPERM", "EINVAL|ENOSYS"},
		{"perf_event_open", "EPERM", "EFAULT|EACCES|ENOSYS"},
		{"userfaultfd", "EPERM", "ok|ENOSYS"},
		{"io_uring_setup", "EPERM", "EFAULT|ENOSYS"},
		{"open_by_handle_at", "EPERM", "EPERM|EFAULT|EBADF"},
		{"personality", "EPERM", "ok"},
		{"fanotify_init", "EPERM", "EINVAL|EPERM|ENOSYS"},
		{"mbind", "EPERM", "EINVAL|ENOSYS"},
		{"read-memory:0", "EPERM", "EFAULT"},
		{"socket-vsock", "EAFNOSUPPORT", "ok|EAFNOSUPPORT"},
		{"socket-packet", "EAFNOSUPPORT", "EPERM"},
		{"socket-audit", "EAFNOSUPPORT", "ok"},
		{"socketpair-inet", "EAFNOSUPPORT", "ENOTSUP"},
		// and lets through, as programs need them
		{"socket-unix", "ok", "ok"},
		{"socket-inet", "ok", "ok"},
		{"socket-inet6", "ok", "ok|EAFNOSUPPORT"},
		{"socket-route", "ok", "ok"},
		{"clone:", "ok", "ok"},
		{"unknown", "ENOSYS", "ENOSYS"},
	} {
		t.Run(c.attempt, func(t *testing.T) {
			wantResults(t, sandboxed(), "default", map[string]string{c.attempt: c.filtered})
			wantResults(t, sandboxed(unconfined), "unconfined", map[string]string{c.attempt: c.open})
		})
	}
}

// The terminal's ioctls that type for its user.
func TestSeccompRefusesTypingIntoTerminals(t *testing.T) {
	filtered := ask[terminalView](t, sandboxed(), "terminal").Control
	open := ask[terminalView](t, sandboxed(unconfined), "terminal").Control
	for _, request := range []string{"TIOCSTI", "TIOCSETD", "TIOCLINUX"} {
		if filtered[request] != "EPERM" {
			t.Errorf("%s: %s, want EPERM", request, filtered[request])
		}
		if open[request] == "EPERM" {
			t.Errorf("control: %s without a filter: EPERM", request)
		}
	}
	capable := ask[terminalView](t, sandboxed(sandbox.WithUser("root"), sandbox.AddCap("sys_admin", "sys_tty_config")), "terminal").Control
	if capable["TIOCSTI"] != "EPERM" {
		t.Errorf("with sys_admin: TIOCSTI: %s, want EPERM", capable["TIOCSTI"])
	}
}

// Behind the filter stand the namespaces and the missing capabilities: the
// acts that matter are refused without it, too, and a plain root in namespaces
// of its own can do them.
func TestKernelRefusesWithoutSeccomp(t *testing.T) {
	acts := []string{
		"unshare:mnt", "unshare:uts", "unshare:net", "unshare:pid", "unshare:ipc", "unshare:cgroup",
		"mount:/tmp", "umount:/tmp", "bindmount:/tmp", "fsopen", "open_tree:/usr", "sethostname:x", "setns:uts", "socket-raw",
	}
	refused, done := map[string]string{}, map[string]string{}
	for _, a := range acts {
		refused[a], done[a] = "EPERM", "ok"
	}
	delete(done, "umount:/tmp")
	delete(done, "mount:/tmp")
	wantResults(t, unsandboxed, "control", done)
	wantResults(t, unsandboxed, "control", map[string]string{"mount:/tmp": "ok"})
	for name, opts := range map[string][]sandbox.Option{
		"default":               {},
		"unconfined":            {unconfined},
		"without Landlock":      {unconfined, sandbox.WithoutLandlock()},
		"with new privileges":   {unconfined, sandbox.WithNewPrivileges()},
		"root":                  {sandbox.WithUser("root"), sandbox.DropCap("net_raw")},
		"root, unconfined":      {sandbox.WithUser("root"), sandbox.DropCap("net_raw"), unconfined, sandbox.WithoutLandlock()},
		"capable of the others": {sandbox.WithUser("root"), sandbox.AddCap("all"), sandbox.DropCap("sys_admin", "net_raw"), unconfined, sandbox.WithoutLandlock()},
	} {
		wantResults(t, sandboxed(opts...), name, refused)
	}
}

// What could touch the whole machine is refused to everyone.
func TestHostWideCallsAreRefused(t *testing.T) {
	want := map[string]string{
		"reboot": "EPERM", "clock_settime": "EPERM", "clock_settime-null": "EPERM", "kexec_load": "EPERM", "init_module": "EPERM", "delete_module": "EPERM",
		"swapoff": "EPERM", "acct": "EPERM", "syslog": "EPERM", "quotactl": "EPERM",
	}
	wantResults(t, sandboxed(), "default", want)
	wantResults(t, sandboxed(sandbox.WithUser("root")), "root", want)
	// The same calls on the host are not refused by number: with arguments
	// that are wrong, the kernel finds that out.
	needRoot(t, "the control needs every capability of the host")
	wantResults(t, onHost, "control", map[string]string{
		"clock_settime-null": "EFAULT", "delete_module": "EFAULT|ENOSYS", "swapoff": "EFAULT|ENOSYS", "acct": "EFAULT|ENOSYS", "syslog": "ok",
	})
}

// The filter is inherited and cannot be shed.
func TestSeccompStays(t *testing.T) {
	out := sandboxed()(t, "sh", "-c", "sh -c 'cat /proc/self/status'")
	if got := status(out)["Seccomp"]; got != "2" {
		t.Errorf("grandchild: mode %s", got)
	}
}
