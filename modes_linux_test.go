package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/caps"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

// joining is why some tests need root.
const joining = "joining a namespace of another sandbox takes CAP_SYS_ADMIN"

// output runs a shell script in a sandbox and returns what it writes.
func output(t *testing.T, script string, opts ...sandbox.Option) string {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdout, cmd.Stderr = &out, &out
	if _, err := sandbox.Run(context.Background(), cmd, opts...); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, &out)
	}
	return out.String()
}

func namespaceOf(t *testing.T, pid any, name string) string {
	t.Helper()
	link, err := os.Readlink(fmt.Sprintf("/proc/%v/ns/%s", pid, name))
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func TestUTSHost(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	const ask = "cat /proc/sys/kernel/hostname /etc/hostname; readlink /proc/self/ns/uts"
	want := fmt.Sprintf("%s\n%s\n%s\n", host, host, namespaceOf(t, "self", "uts"))
	if got := output(t, ask, sandbox.WithUTS(sandbox.UTSHost)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := output(t, ask); strings.Contains(got, namespaceOf(t, "self", "uts")) {
		t.Errorf("control: the default has the host's: %q", got)
	}
	// Not even root of a user namespace can rename the host.
	for _, opts := range [][]sandbox.Option{{}, {sandbox.WithUser("root"), sandbox.AddCap("sys_admin")}} {
		opts = append(opts, sandbox.WithUTS(sandbox.UTSHost))
		wantResults(t, sandboxed(opts...), "host UTS", map[string]string{"sethostname:x": "EPERM"})
	}
	if now, _ := os.Hostname(); now != host {
		t.Fatalf("the host's name became %q", now)
	}
}

func TestCgroupHost(t *testing.T) {
	p, _, _ := begin(t, "exec cat", sandbox.WithCgroupNamespace(sandbox.CgroupHost))
	seen, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	const ask = "readlink /proc/self/ns/cgroup; cat /proc/self/cgroup"
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", ask)
	cmd.Stdout, cmd.Stderr = &out, &out
	if _, err := p.Exec(t.Context(), cmd); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if want := namespaceOf(t, "self", "cgroup") + "\n" + string(seen); out.String() != want {
		t.Errorf("inside are the namespace and paths\n%sand outside\n%s", &out, want)
	}
	if got := output(t, ask); strings.HasPrefix(got, namespaceOf(t, "self", "cgroup")) {
		t.Errorf("control: the default has the host's: %q", got)
	}
}

// Exec goes where the first command is, also where that is the host's.
func TestExecFollowsTheModes(t *testing.T) {
	p, _, _ := begin(t, "exec cat", sandbox.WithUTS(sandbox.UTSHost), sandbox.WithCgroupNamespace(sandbox.CgroupHost),
		sandbox.WithNetwork(sandbox.NetworkHost), sandbox.WithIPC(sandbox.IPCHost))
	var out bytes.Buffer
	cmd := exec.Command("readlink", "/proc/self/ns/uts", "/proc/self/ns/cgroup", "/proc/self/ns/net", "/proc/self/ns/ipc", "/proc/self/ns/pid")
	cmd.Stdout, cmd.Stderr = &out, &out
	if _, err := p.Exec(context.Background(), cmd); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	want := ""
	for _, n := range []string{"uts", "cgroup", "net", "ipc"} {
		want += namespaceOf(t, "self", n) + "\n"
	}
	want += namespaceOf(t, p.PID(), "pid") + "\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

func TestPIDFrom(t *testing.T) {
	needs.Root(t, joining)
	needsGroup(t)
	p, _, _ := begin(t, "exec cat")
	const ask = "readlink /proc/self/ns/pid; cat /proc/[0-9]*/comm"
	got := output(t, ask, sandbox.WithPIDNamespace(sandbox.PIDFrom(p)))
	if !strings.HasPrefix(got, namespaceOf(t, p.PID(), "pid")+"\n") || !strings.Contains(got, "cat\n") {
		t.Errorf("the other sandbox's command is not seen:\n%s", got)
	}
	if got := output(t, ask); strings.Contains(got, "cat\n") {
		t.Errorf("control: another sandbox sees\n%s", got)
	}
	if err := p.Signal(unix.Signal(0)); err != nil {
		t.Errorf("the joined sandbox has ended: %v", err)
	}
}

// All of a sandbox that joined ends with its command, though not by the end of
// a PID 1, and the other sandbox goes on.
func TestPIDFromLeavesNothingBehind(t *testing.T) {
	needs.Root(t, joining)
	needsGroup(t)
	p, _, _ := begin(t, "exec cat")
	join := sandbox.WithPIDNamespace(sandbox.PIDFrom(p))
	// Detached, deaf to signals, and with standard output open.
	const detach = "(trap '' HUP TERM; setsid sh -c 'while :; do sleep 1000; done' & ) ; "
	for name, run := range map[string]func() (*sandbox.Result, error){
		"exit": func() (*sandbox.Result, error) {
			var out bytes.Buffer
			cmd := exec.Command("sh", "-c", detach+"echo done")
			cmd.Stdout = &out
			return sandbox.Run(context.Background(), cmd, join)
		},
		"kill": func() (*sandbox.Result, error) {
			joined, _, _ := begin(t, detach+"exec cat", join)
			joined.Kill()
			return joined.Wait()
		},
		"timeout": func() (*sandbox.Result, error) {
			return sandbox.Run(context.Background(), exec.Command("sh", "-c", detach+"exec sleep 1000"), join, sandbox.WithTimeout(300e6))
		},
	} {
		result, err := run()
		if name == "exit" && err != nil || name == "timeout" && result.Reason != sandbox.TimedOut || name == "kill" && result.Reason != sandbox.Signaled {
			t.Errorf("%s: %v, %v", name, result, err)
		}
		var out bytes.Buffer
		cmd := exec.Command("sh", "-c", "cat /proc/[0-9]*/comm")
		cmd.Stdout = &out
		if _, err := p.Exec(context.Background(), cmd); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "sleep\n") {
			t.Errorf("%s: still there:\n%s", name, &out)
		}
	}
}

// The end of the sandbox that was joined ends those that joined it.
func TestPIDFromEndsWithTheOther(t *testing.T) {
	needs.Root(t, joining)
	needsGroup(t)
	p, _, _ := begin(t, "exec cat")
	joined, _, _ := begin(t, "exec cat", sandbox.WithPIDNamespace(sandbox.PIDFrom(p)))
	p.Kill()
	p.Wait()
	if r, _ := joined.Wait(); r.Signal != unix.SIGKILL {
		t.Errorf("got %v", r)
	}
	_, err := sandbox.Run(context.Background(), exec.Command("true"), sandbox.WithPIDNamespace(sandbox.PIDFrom(p)))
	if !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("joining what has ended: %v", err)
	}
}

func TestPIDFromNeedsPrivilege(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("needs user: root may join")
	}
	p, _, _ := begin(t, "exec cat")
	_, err := sandbox.Run(context.Background(), exec.Command("true"), sandbox.WithPIDNamespace(sandbox.PIDFrom(p)))
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

// NetworkFrom and NetworkPath lead to one and the same namespace; a file that is
// none is refused.
func TestJoinedNetworks(t *testing.T) {
	p, _, _ := begin(t, "exec cat")
	path := fmt.Sprintf("/proc/%d/ns/net", p.PID())
	for name, mode := range map[string]sandbox.NetworkMode{"from": sandbox.NetworkFrom(p), "path": sandbox.NetworkPath(path)} {
		var out bytes.Buffer
		cmd := exec.Command("readlink", "/proc/self/ns/net")
		cmd.Stdout = &out
		_, err := sandbox.Run(context.Background(), cmd, sandbox.WithNetwork(mode))
		if os.Geteuid() != 0 {
			if !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%s: an ordinary caller: %v", name, err)
			}
			continue
		}
		if want := namespaceOf(t, p.PID(), "net") + "\n"; err != nil || out.String() != want {
			t.Errorf("%s: %v, %q, want %q", name, err, &out, want)
		}
	}
	for _, path := range []string{"/dev/null", fmt.Sprintf("/proc/%d/ns/uts", p.PID()), "/run/netns/no-such-network"} {
		_, err := sandbox.Run(context.Background(), exec.Command("true"), sandbox.WithNetwork(sandbox.NetworkPath(path)))
		var failed *sandbox.SetupError
		if !errors.As(err, &failed) || failed.Step != "open the network namespace" || failed.Path != path {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestOOMScoreAdjAndShmSize(t *testing.T) {
	const ask = "cat /proc/self/oom_score_adj; df -k /dev/shm | awk 'END { print $2 }'; head -c 3000000 /dev/zero > /dev/shm/file 2>/dev/null && echo fits"
	own, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := output(t, ask), string(own)+"65536\nfits\n"; got != want {
		t.Errorf("default: got %q, want %q", got, want)
	}
	if got := output(t, ask+" || true", sandbox.WithOOMScoreAdj(700), sandbox.WithShmSize(1<<20)); got != "700\n1024\n" {
		t.Errorf("got %q", got)
	}
	state, err := caps.Process(0)
	if err != nil {
		t.Fatal(err)
	}
	if state.Effective.Has(caps.SysResource) {
		if got := output(t, "cat /proc/self/oom_score_adj", sandbox.WithOOMScoreAdj(-500)); got != "-500\n" {
			t.Errorf("lowered: %q", got)
		}
		return
	}
	_, err = sandbox.Run(context.Background(), exec.Command("true"), sandbox.WithOOMScoreAdj(-1000))
	var failed *sandbox.SetupError
	if !errors.As(err, &failed) || failed.Step != "set oom_score_adj" || !errors.Is(err, unix.EACCES) {
		t.Errorf("lowered by a caller who may not: %v", err)
	}
}
