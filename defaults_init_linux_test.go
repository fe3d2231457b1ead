package sandbox_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/caps"
)

// PID 1 shares its id with the command and must keep everything to itself.
func TestInitIsClosedToTheCommand(t *testing.T) {
	private := []string{
		"read:/proc/1/environ", "open:/proc/1/mem", "read:/proc/1/maps", "list:/proc/1/fd", "list:/proc/1/map_files", "read:/proc/1/auxv",
		"readlink:/proc/1/exe", "readlink:/proc/1/root", "readlink:/proc/1/cwd", "readlink:/proc/1/ns/user", "list:/proc/1/fdinfo",
	}
	refused, own := map[string]string{}, map[string]string{}
	for _, a := range private {
		refused[a] = "EACCES|EPERM"
		own[strings.Replace(a, "/proc/1/", "/proc/self/", 1)] = "ok"
	}
	delete(own, "list:/proc/self/map_files")
	for _, a := range []string{"ptrace:1", "read-memory:1", "pidfd_getfd:1", "write:/proc/1/mem", "write:/proc/1/oom_score_adj", "write:/proc/1/comm"} {
		refused[a] = "EACCES|EPERM|ESRCH"
	}
	maps.Copy(own, map[string]string{"ptrace-child": "ok", "pidfd_getfd-child": "ok", "write:/proc/self/mem": "ok", "write:/proc/self/oom_score_adj": "ok", "write:/proc/self/comm": "ok"})
	for name, opts := range map[string][]sandbox.Option{
		"default":                 {},
		"unconfined":              {unconfined, sandbox.WithoutLandlock()},
		"root":                    {sandbox.WithUser("root")},
		"root, unconfined":        {sandbox.WithUser("root"), unconfined, sandbox.WithoutLandlock()},
		"root with dac_override":  {sandbox.WithUser("root"), sandbox.AddCap("dac_override", "dac_read_search"), unconfined, sandbox.WithoutLandlock()},
		"with no_new_privs off":   {sandbox.WithNewPrivileges(), sandbox.WithoutLandlock()},
		"user with capabilities":  {sandbox.AddCap("dac_read_search", "kill", "setuid"), unconfined, sandbox.WithoutLandlock()},
		"root with all but trace": {sandbox.WithUser("root"), sandbox.AddCap("all"), sandbox.DropCap("sys_ptrace", "sys_admin"), unconfined, sandbox.WithoutLandlock()},
	} {
		wantResults(t, sandboxed(opts...), name, refused)
	}
	wantResults(t, sandboxed(unconfined), "control", own)
}

// What the host sees of PID 1: it has given up all that it held.
func TestInitHasNoPrivileges(t *testing.T) {
	for name, opts := range map[string][]sandbox.Option{
		"default":     {},
		"root":        {sandbox.WithUser("root")},
		"added":       {sandbox.AddCap("sys_admin")},
		"new privs":   {sandbox.WithNewPrivileges()},
		"no filter":   {unconfined},
		"no landlock": {sandbox.WithoutLandlock()},
	} {
		p := start(t, opts...)
		st, ok := readStat(p.PID())
		if !ok {
			t.Fatal("the command is gone")
		}
		init := hostStatus(t, st.parent)
		ids := strings.Fields(init["NSpid"])
		if len(ids) < 2 || ids[len(ids)-1] != "1" {
			t.Fatalf("%s: the command's parent is %v, not PID 1", name, ids)
		}
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", st.parent))
		if err != nil {
			t.Fatal(err)
		}
		for set, value := range parseCaps(t, string(b)) {
			if set != "CapBnd" && value&^caps.Of(caps.Kill) != 0 {
				t.Errorf("%s: PID 1 has %s %v", name, set, value)
			}
		}
		if init["Seccomp"] != "2" || init["NoNewPrivs"] != "1" {
			t.Errorf("%s: PID 1 has seccomp mode %s, no_new_privs %s", name, init["Seccomp"], init["NoNewPrivs"])
		}
		if command := hostStatus(t, p.PID()); init["Uid"] != command["Uid"] || init["Gid"] != command["Gid"] {
			t.Errorf("%s: PID 1 is %s %s, the command %s %s", name, init["Uid"], init["Gid"], command["Uid"], command["Gid"])
		}
		if strings.TrimSpace(init["Groups"]) != strings.TrimSpace(hostStatus(t, p.PID())["Groups"]) {
			t.Errorf("%s: PID 1 has the groups %s", name, init["Groups"])
		}
		if os.Geteuid() == 0 {
			checkInitSecrets(t, name, st.parent, p.PID())
		}
	}
}

// checkInitSecrets looks at what only the host's root can see.
func checkInitSecrets(t *testing.T, name string, pid, command int) {
	t.Helper()
	if environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err != nil || len(environ) != 0 {
		t.Errorf("%s: PID 1 has the environment %q, %v", name, environ, err)
	}
	if cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err != nil || string(cmdline) != "sandbox\x00" {
		t.Errorf("%s: PID 1 has the arguments %q, %v", name, cmdline, err)
	}
	own, err1 := os.Readlink(fmt.Sprintf("/proc/%d/ns/user", pid))
	theirs, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/user", command))
	if own != theirs || errors.Join(err1, err2) != nil {
		t.Errorf("%s: PID 1 is in %s, the command in %s, %v %v", name, own, theirs, err1, err2)
	}
	if odd := oddDescriptors(pid, command); len(odd) > 0 {
		t.Errorf("%s: PID 1 holds %q", name, odd)
	}
}

// oddDescriptors are those that a supervisor has no use for: files, directories
// and whatever the command has as well. Who holds the command's output open
// keeps its reader from seeing the end.
func oddDescriptors(pid, command int) (out []string) {
	targets := func(pid int) (out []string) {
		for _, fd := range listNames(fmt.Sprintf("/proc/%d/fd", pid)) {
			if target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd)); err == nil {
				out = append(out, target)
			}
		}
		return out
	}
	shared := targets(command)
	for _, target := range targets(pid) {
		kind, _, _ := strings.Cut(target, ":")
		private := kind == "socket" || kind == "pipe" || kind == "anon_inode"
		if !private || kind != "anon_inode" && slices.Contains(shared, target) {
			out = append(out, target)
		}
	}
	return out
}

// PID 1 survives what the command sends, and goes on with its work: it reaps
// orphans and reports the command's end.
func TestInitSurvivesAndReaps(t *testing.T) {
	for name, opts := range map[string][]sandbox.Option{
		"default": {}, "by the kernel alone": {unconfined, sandbox.WithoutLandlock()},
		"root": {sandbox.WithUser("root"), unconfined, sandbox.WithoutLandlock()},
	} {
		cmd := probeArgs("orphans")
		out, res, err := runInside(cmd, opts...)
		if err == nil || res.ExitCode != 7 || res.Reason != sandbox.Exited {
			t.Errorf("%s: %v %s, want exit status 7", name, err, out)
			continue
		}
		var got orphans
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err, out)
		}
		if got.Reaped != 20 || got.Zombies != 0 || got.Parent != 1 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// orphans is what became of processes whose parent has ended.
type orphans struct{ Reaped, Zombies, Parent int }

// adoptedByInit makes grandchildren, leaves them to PID 1, tries to kill PID 1
// and watches them go.
func adoptedByInit([]string) any {
	for _, s := range []unix.Signal{unix.SIGKILL, unix.SIGSTOP} {
		unix.Kill(1, s)
	}
	var got orphans
	var pids []int
	for range 20 {
		n, err := strconv.Atoi(strings.TrimSpace(shell("(sleep 1000 >/dev/null 2>&1 & echo $!)")))
		if err != nil {
			continue
		}
		// The shell is gone: the sleeper is PID 1's.
		st, _ := readStat(n)
		got.Parent = st.parent
		pids = append(pids, n)
	}
	for _, n := range pids { // all at once: signals of one kind are not counted
		unix.Kill(n, unix.SIGKILL)
	}
	deadline := time.Now().Add(20 * time.Second)
	for _, n := range pids {
		_, there := readStat(n)
		for there && time.Now().Before(deadline) {
			runtime.Gosched()
			_, there = readStat(n)
		}
		if !there {
			got.Reaped++
		}
	}
	for _, name := range listNames("/proc") {
		if n, err := strconv.Atoi(name); err == nil {
			if st, ok := readStat(n); ok && st.state == "Z" {
				got.Zombies++
			}
		}
	}
	json.NewEncoder(os.Stdout).Encode(got)
	syscall.Exit(7)
	return nil
}

// The process that the host started is no better a target, be it PID 1 or, for
// an ordinary caller, one outside of the sandbox: it holds nothing, either.
func TestLauncherHasNoPrivileges(t *testing.T) {
	p := start(t)
	launcher := hostStatus(t, launcherOf(p.PID(), os.Getpid()))
	if n, _ := strconv.Atoi(launcher["PPid"]); n != os.Getpid() {
		t.Fatalf("the launcher's parent is %d", n)
	}
	if launcher["Seccomp"] != "2" || launcher["NoNewPrivs"] != "1" {
		t.Errorf("the launcher has seccomp mode %s, no_new_privs %s", launcher["Seccomp"], launcher["NoNewPrivs"])
	}
	var n uint64
	fmt.Sscanf(launcher["CapEff"], "%x", &n)
	if caps.Set(n)&^caps.Of(caps.Kill) != 0 {
		t.Errorf("the launcher has %v", caps.Set(n))
	}
	if launcher["Threads"] != "1" {
		t.Errorf("the launcher has %s threads", launcher["Threads"])
	}
}
