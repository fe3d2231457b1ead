package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/needs"
)

// The test binary is dockerrun itself when this is set, and a process that
// keeps a container inherits it.
const isProgram = "DOCKERRUN_TEST_IS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(isProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// engine is a state directory of its own, and what ran there.
type engine struct {
	t   *testing.T
	dir string
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	dir, err := os.MkdirTemp("", "dockerrun-") // short: a socket's path may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t, dir}
	t.Cleanup(func() {
		for _, name := range e.names() {
			e.try("stop", name)
		}
		if left := e.names(); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		os.RemoveAll(dir)
	})
	return e
}

func (e *engine) names() []string {
	out, _ := e.try("ps")
	var names []string
	for _, line := range strings.Split(strings.TrimSpace(out), "\n")[1:] {
		names = append(names, strings.Fields(line)[0])
	}
	return names
}

func (e *engine) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(e.t.Context(), "/proc/self/exe", args...)
	if e.t.Context().Err() != nil { // in a clean-up
		cmd = exec.Command("/proc/self/exe", args...)
	}
	// The race detector would have every process sleep for a second at its end.
	cmd.Env = append(os.Environ(), isProgram+"=1", "XDG_RUNTIME_DIR="+e.dir, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// try returns standard output and error together, and the exit status.
func (e *engine) try(args ...string) (out string, status int) {
	e.t.Helper()
	cmd := e.command(args...)
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		e.t.Fatal(err)
	}
	return b.String(), cmd.ProcessState.ExitCode()
}

// ok runs what must succeed.
func (e *engine) ok(args ...string) string {
	e.t.Helper()
	out, status := e.try(args...)
	if status != 0 {
		e.t.Fatalf("dockerrun %q: status %d\n%s", args, status, out)
	}
	return out
}

// fails runs what must fail with this status and text.
func (e *engine) fails(status int, text string, args ...string) {
	e.t.Helper()
	if out, got := e.try(args...); got != status || !strings.Contains(out, text) {
		e.t.Errorf("dockerrun %q: status %d, %q; want %d and %q", args, got, out, status, text)
	}
}

func (e *engine) equal(want string, args ...string) {
	e.t.Helper()
	if got := strings.TrimSpace(e.ok(args...)); got != want {
		e.t.Errorf("dockerrun %q: got %q, want %q", args, got, want)
	}
}

// shared is a directory of the host that everyone may enter.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "dockerrun-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestExitStatus(t *testing.T) {
	e := newEngine(t)
	e.equal("hello", "run", "--rm", "host", "echo", "hello")
	e.fails(3, "", "run", "host", "sh", "-c", "exit 3")
	e.fails(128+15, "", "run", "host", "sh", "-c", "kill -TERM $$")
	e.fails(127, "not found", "run", "host", "no-such-program")
	e.fails(126, "permission denied", "run", "host", "/etc/passwd")
	e.fails(125, "--memory(x): not a size", "run", "-m", "x", "host", "true")
	e.fails(125, "--publish(80:80): no network here", "run", "-p", "80:80", "host", "true")
	e.fails(125, "--network(bridge): there is no such network", "run", "--network", "bridge", "host", "true")
	e.fails(125, "no container db runs", "run", "--ipc", "container:db", "host", "true")
	e.fails(125, "no COMMAND", "run", "host")
	e.fails(125, "usage:", "build")
	e.fails(1, "no container db runs", "stats", "db")
}

func TestRunSeesEnvironmentAndDirectory(t *testing.T) {
	t.Setenv("DOCKERRUN_TEST_VALUE", "of the caller")
	e := newEngine(t)
	e.equal("b of the caller /tmp", "run", "-e", "A=b", "-e", "DOCKERRUN_TEST_VALUE", "-w", "/tmp", "host",
		"sh", "-c", `echo $A "$DOCKERRUN_TEST_VALUE" $PWD`)
}

// The root is a directory with a program and its own users.
func TestDirectoryAsImage(t *testing.T) {
	needs.Root(t, "an ordinary caller cannot be another user")
	needs.Program(t, "busybox") // Debian's busybox-static
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	root := shared(t)
	for _, d := range []string{"bin", "etc", "proc", "dev", "tmp"} {
		if err := os.Mkdir(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("cp", busybox, root+"/bin/busybox").CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	if err := os.WriteFile(root+"/etc/passwd", []byte("root:x:0:0::/:/bin/sh\nmail:x:4321:4322::/:/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	e := newEngine(t)
	e.equal("4321", "run", "-u", "mail", root, "/bin/busybox", "id", "-u")
	e.equal("4322", "run", "-u", "mail", root, "/bin/busybox", "id", "-g")
	e.equal("bin\ndev\netc\nproc\ntmp", "run", root, "/bin/busybox", "ls", "/")
}

func TestUsers(t *testing.T) {
	needs.Root(t, "an ordinary caller has one id")
	e := newEngine(t)
	for user, want := range map[string]string{
		"nobody": "65534 65534", "nobody:nogroup": "65534 65534", "10000:20000": "10000 20000", "daemon": "1 1",
	} {
		e.equal(want, "run", "--rm", "-u", user, "host", "sh", "-c", "echo $(id -u) $(id -g)")
	}
	out := e.ok("run", "--rm", "-u", "10000:20000", "host", "cut", "-d:", "-f1,3", "/etc/passwd")
	for _, want := range []string{"root:0\n", "nobody:65534\n", ":10000\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("users %q lack %q", out, want)
		}
	}
}

// A file of root's with mode 0600 is for the host's root alone.
func TestSecretFile(t *testing.T) {
	needs.Root(t, "only root can make a file of root's")
	e := newEngine(t)
	dir := shared(t)
	if err := os.WriteFile(dir+"/secret", []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mount := dir + ":/data:ro"
	e.fails(1, "Permission denied", "run", "--rm", "-u", "nobody", "-v", mount, "host", "cat", "/data/secret")
	e.fails(1, "Permission denied", "run", "--rm", "-u", "root", "-v", mount, "host", "cat", "/data/secret")
	e.equal("secret", "run", "--rm", "-u", "root", "--userns", "host", "-v", mount, "host", "cat", "/data/secret")
}

// Two containers of user 2000 write the same log in a named volume.
func TestLogFiles(t *testing.T) {
	needs.Root(t, "an ordinary caller cannot be another user")
	e := newEngine(t)
	args := func(line string) []string {
		return []string{"run", "--rm", "-u", "2000:2000", "-v", "logFiles:/logFiles", "host", "sh", "-c", "echo " + line + " >> /logFiles/log"}
	}
	e.fails(2, "Permission denied", args("refused")...) // the volume still belongs to root
	volume := filepath.Join(e.dir, "dockerrun/volumes/logFiles")
	if err := os.Chown(volume, 2000, 2000); err != nil {
		t.Fatal(err)
	}
	e.ok(args("first")...)
	e.ok(args("second")...)
	text, err := os.ReadFile(volume + "/log")
	if err != nil || string(text) != "first\nsecond\n" {
		t.Fatalf("%q, %v", text, err)
	}
	st, err := os.Stat(volume + "/log")
	if err != nil {
		t.Fatal(err)
	}
	if owner := st.Sys().(*syscall.Stat_t); owner.Uid != 2000 || owner.Gid != 2000 {
		t.Errorf("the log belongs to %d:%d", owner.Uid, owner.Gid)
	}
}

// With dockremap:5000:10000 root inside is 5000 outside. The files of
// subordinate ids are the host's, so the test replaces them in a mount
// namespace of its own.
func TestUserRemap(t *testing.T) {
	needs.Root(t, "it replaces /etc/subuid in a mount namespace")
	e := newEngine(t)
	dir, share := shared(t), shared(t)
	if err := os.WriteFile(dir+"/sub", []byte("dockremap:5000:10000\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(share, 5000, 5000); err != nil {
		t.Fatal(err)
	}
	script := `for f in /etc/subuid /etc/subgid; do
		test -e $f || exit 77
		mount --bind ` + dir + `/sub $f || exit 1
	done
	exec /proc/self/fd/9 --userns-remap dockremap run --rm "$@"`
	remapped := func(args ...string) (string, error) {
		self, err := os.Open("/proc/self/exe")
		if err != nil {
			t.Fatal(err)
		}
		defer self.Close()
		cmd := e.command()
		cmd.Path, cmd.Args = "/usr/bin/unshare", append([]string{"unshare", "-m", "bash", "-c", script, "bash"}, args...)
		cmd.ExtraFiles = []*os.File{6: self}
		for i := range 6 {
			cmd.ExtraFiles[i] = self
		}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() == 77 {
			t.Skip("needs uidmap: not installed")
		}
		return string(out), err
	}
	mounts := []string{"-u", "root", "-v", share + ":/shared", "-v", "/:/host", "host", "sh", "-c"}
	out, err := remapped(append(mounts, "id -u; cat /proc/self/uid_map; touch /shared/afile && echo made")...)
	if err != nil || !regexp.MustCompile(`^0\n +0 +5000 +10000\nmade\n$`).MatchString(out) {
		t.Fatalf("%v: %s", err, out)
	}
	st, err := os.Stat(share + "/afile")
	if err != nil {
		t.Fatal(err)
	}
	if owner := st.Sys().(*syscall.Stat_t); owner.Uid != 5000 || owner.Gid != 5000 {
		t.Errorf("afile belongs to %d:%d on the host", owner.Uid, owner.Gid)
	}
	if out, err := remapped(append(mounts, "touch /host/afile")...); err == nil || !strings.Contains(out, "Permission denied") {
		t.Errorf("touch /host/afile: %v: %s", err, out)
	}
	out, err = remapped(append([]string{"--userns", "host"}, append(mounts, "cat /proc/self/uid_map")...)...)
	if err != nil || !regexp.MustCompile(`^ +0 +0 +4294967295\n$`).MatchString(out) {
		t.Errorf("with --userns host: %v: %s", err, out)
	}
}

// capabilities returns the names of a line of capsh --print.
func capabilities(out, line string) []string {
	for l := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(l), line); ok {
			return strings.Split(strings.TrimSpace(strings.TrimLeft(rest, " =")), ",")
		}
	}
	return nil
}

func TestCapabilities(t *testing.T) {
	needs.Program(t, "capsh")
	user := []string{"-u", "nobody"}
	if os.Geteuid() != 0 {
		user = nil
	}
	for _, c := range []struct {
		flags, has, lacks string
	}{
		{"", "cap_net_raw cap_chown cap_setuid", "cap_sys_admin"},
		{"--cap-drop net_raw", "cap_chown", "cap_net_raw cap_sys_admin"},
		{"--cap-drop=CAP_NET_RAW --cap-drop mknod", "cap_chown", "cap_net_raw cap_mknod"},
		{"--cap-add sys_admin", "cap_sys_admin cap_net_raw", "cap_sys_module"},
		{"--cap-add SYS_ADMIN --cap-drop all", "cap_sys_admin", "cap_net_raw cap_chown"},
	} {
		e := newEngine(t)
		args := slices.Concat([]string{"run", "--rm"}, user, strings.Fields(c.flags), []string{"host", "capsh", "--print"})
		set := capabilities(e.ok(args...), "Bounding set")
		for _, name := range strings.Fields(c.has) {
			if !slices.Contains(set, name) {
				t.Errorf("%q: no %s in the bounding set %v", c.flags, name, set)
			}
		}
		for _, name := range strings.Fields(c.lacks) {
			if slices.Contains(set, name) {
				t.Errorf("%q: %s in the bounding set %v", c.flags, name, set)
			}
		}
	}
}

func TestInspect(t *testing.T) {
	e := newEngine(t)
	if out := e.ok("run", "-d", "--rm", "--name", "box", "--cap-add", "sys_admin", "--cap-drop", "net_raw", "--ipc", "shareable",
		"-e", "A=b", "-v", "/usr:/data:ro", "--stop-signal", "KILL", "host", "sleep", "1000"); out != "box\n" {
		t.Errorf("run -d printed %q", out)
	}
	var all []inspected
	if err := json.Unmarshal([]byte(e.ok("inspect", "box")), &all); err != nil || len(all) != 1 {
		t.Fatalf("%v: %d containers", err, len(all))
	}
	c := all[0]
	h := c.HostConfig
	got := fmt.Sprintln(c.Name, c.State.Status, c.Path, c.Args, c.Config.Env, h.CapAdd, h.CapDrop, h.IpcMode, h.NetworkMode, h.Binds, h.AutoRemove)
	if want := "/box running sleep [1000] [A=b] [sys_admin] [net_raw] shareable none [/usr:/data:ro] true\n"; got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", c.State.Pid)); err != nil || string(line) != "sleep\x001000\x00" {
		t.Errorf("process %d is %q, %v", c.State.Pid, line, err)
	}
	e.fails(125, "the name box is in use", "run", "--name", "box", "host", "true")
	e.fails(125, "the name box is in use", "run", "-d", "--name", "box", "host", "true")
	e.equal("box", "stop", "box")
	e.fails(1, "no container box runs", "inspect", "box")
	if files, _ := filepath.Glob(e.dir + "/dockerrun/*"); len(files) > 0 {
		t.Errorf("left: %v", files)
	}
}

// A detached container's output is in its log, until the next of that name.
func TestLogs(t *testing.T) {
	e := newEngine(t)
	fifo := shared(t) + "/go"
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	e.ok("run", "-d", "--name", "talker", "-v", fifo+":/go:ro", "host", "sh", "-c", "echo out; echo err >&2; cat /go")
	release, err := os.OpenFile(fifo, os.O_WRONLY, 0) // returns when cat has opened it
	if err != nil {
		t.Fatal(err)
	}
	e.equal("out\nerr", "logs", "talker")
	release.Close()
}
