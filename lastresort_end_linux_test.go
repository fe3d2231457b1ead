package sandbox_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// holdLastResort is a host program that starts a sandbox with options, says which
// process its command is, and ends it as the word on its input says. Then it tells
// the verdict.
func holdLastResort(args []string) int {
	var options []string
	if err := json.Unmarshal([]byte(args[0]), &options); err != nil {
		return complain(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return complain(err)
	}
	opts := lastResortOptions(options)
	if limit, err := time.ParseDuration(os.Getenv(hostTimeout)); err == nil {
		opts = append(opts, sandbox.WithTimeout(limit))
	}
	p, err := sandbox.Start(ctx, cmd, opts...)
	if err != nil {
		return complain(err)
	}
	fmt.Println("pid", p.PID())
	var word string
	fmt.Scan(&word)
	switch word {
	case "close":
		stdin.Close()
	case "kill":
		p.Kill()
	case "pause":
		if err := p.Pause(); err != nil {
			return complain(err)
		}
		p.Kill()
	case "cancel":
		cancel()
	}
	res, _ := p.Wait()
	fmt.Println("verdict", res.Reason, res.ExitCode)
	return 0
}

// hostTimeout names the time limit of a helper's sandbox.
const hostTimeout = "SANDBOX_TEST_TIMEOUT"

// A held host program has a sandbox of the last resort.
type held struct {
	*exec.Cmd
	stdin   io.WriteCloser
	lines   *bufio.Scanner
	command int
	scratch string
	family  watched
}

// detaching leaves processes everywhere, each of which says so and where, then
// does what comes last. A mark tells its processes from others.
func detaching(mark, last string) []string {
	sleeper := `sh -c 'echo up; exec sleep 1000` + mark + `'`
	return []string{"sh", "-c", `trap '' HUP TERM INT
` + sleeper + ` &
setsid ` + sleeper + ` &
(setsid sh -c "trap '' HUP TERM INT; setsid ` + strings.ReplaceAll(sleeper, "'", "\"'\"'\"") + ` & exit" &)
(` + sleeper + ` &)
echo tmp $TMPDIR
` + last}
}

func hold(t *testing.T, up int, argv []string, mark string, options ...string) *held {
	t.Helper()
	what, err := json.Marshal(append([]string{"last resort"}, options...))
	if err != nil {
		t.Fatal(err)
	}
	host := underFilterAs(t, somebody, noNamespaces(), nil, append([]string{"last-resort", string(what)}, argv...)...)
	h := &held{Cmd: host}
	if h.stdin, err = host.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.lines = bufio.NewScanner(out)
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	rememberHost(host.Process.Pid)
	t.Cleanup(func() { host.Process.Kill(); host.Wait() })
	all := up + 1
	for (up > 0 || h.command == 0 || h.scratch == "") && h.lines.Scan() {
		key, value, _ := strings.Cut(h.lines.Text(), " ")
		switch key {
		case "up":
			up--
		case "pid":
			h.command, _ = strconv.Atoi(value)
		case "tmp":
			h.scratch = value
		default:
			t.Fatalf("it says %q: %s", h.lines.Text(), host.Stderr)
		}
	}
	if h.command == 0 || h.scratch == "" {
		t.Fatalf("it ended early: %s", host.Stderr)
	}
	h.watch(t, mark, all)
	return h
}

// watch opens the command and all that have the mark in their arguments. One that is
// executing has none for a moment.
func (h *held) watch(t *testing.T, mark string, all int) {
	t.Helper()
	pids := marked(mark, h.Process.Pid)
	for len(pids) < all {
		pids = marked(mark, h.Process.Pid)
	}
	for _, pid := range pids {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			t.Cleanup(func() { unix.Close(fd) })
			h.family = append(h.family, fd)
		}
	}
}

// verdict is what the host says in the end.
func (h *held) verdict() string {
	for h.lines.Scan() {
		if v, ok := strings.CutPrefix(h.lines.Text(), "verdict "); ok {
			return v
		}
	}
	return ""
}

func newMark(t *testing.T) string { return fmt.Sprintf(".%d%d", os.Getpid(), time.Now().UnixNano()) }

func noFile(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// However a sandbox ends that has no PID namespace, everything in it is dead when
// Wait returns, and its temporary files are gone.
func TestLastResortEndsEverything(t *testing.T) {
	needScopes(t)
	for _, c := range []struct{ name, last, word, want string }{
		{"with the command", "read x; exit 3", "close", "Exited 3"},
		{"with Kill", "read x", "kill", "Signaled -1"},
		{"with the context", "read x", "cancel", "Canceled -1"},
		{"by its own signal", "read x; kill -9 $$", "close", "Signaled -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mark := newMark(t)
			h := hold(t, 4, detaching(mark, c.last), mark)
			if n := h.family.alive(0); n < 5 || noFile(h.scratch) {
				t.Fatalf("control: %d live before the end; the directory is gone: %v", n, noFile(h.scratch))
			}
			fmt.Fprintln(h.stdin, c.word)
			if got := h.verdict(); got != c.want {
				t.Errorf("%q, want %q: %s", got, c.want, h.Stderr)
			}
			if n := h.family.alive(0); n != 0 || !noFile(h.scratch) {
				t.Errorf("%d live after Wait; the directory is gone: %v", n, noFile(h.scratch))
			}
		})
	}
}

func TestLastResortEndsAtTimeout(t *testing.T) {
	needScopes(t)
	t.Setenv(hostTimeout, (5 * moment(t)).String())
	mark := newMark(t)
	h := hold(t, 4, detaching(mark, "read x"), mark)
	fmt.Fprintln(h.stdin, "wait")
	if got := h.verdict(); got != "TimedOut -1" || h.family.alive(0) != 0 || !noFile(h.scratch) {
		t.Errorf("%q, %d live", got, h.family.alive(0))
	}
}

// Whoever of the host program and the launcher's two processes is killed, the
// others end all.
func TestLastResortEndsWithAnyOfItsKeepers(t *testing.T) {
	needScopes(t)
	const patience = 30_000 // milliseconds; it takes one
	for name, victim := range map[string]func(h *held) int{
		"host":       func(h *held) int { return h.Process.Pid },
		"outer":      func(h *held) int { return launcherOf(h.command, h.Process.Pid) },
		"supervisor": func(h *held) int { st, _ := readStat(h.command); return st.parent },
	} {
		t.Run(name, func(t *testing.T) {
			mark := newMark(t)
			h := hold(t, 4, detaching(mark, "read x"), mark)
			if n := h.family.alive(0); n < 5 {
				t.Fatalf("control: %d live", n)
			}
			launcher := watched{watchLauncher(t, h.command, h.Process.Pid)}
			if err := unix.Kill(victim(h), unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if n := h.family.alive(patience) + launcher.alive(patience); n != 0 {
				t.Errorf("%d survive", n)
			}
			if name != "host" {
				fmt.Fprintln(h.stdin, "wait")
				if got := h.verdict(); got != "Signaled -1" || !noFile(h.scratch) {
					t.Errorf("%q; the directory is gone: %v", got, noFile(h.scratch))
				}
				return
			}
			// What the dead host could not remove goes with the next start.
			h.Wait()
			if noFile(h.scratch) {
				t.Error("control: a dead host removes nothing")
			}
			if resort(t, []string{"last resort"}, "sh", "-c", "echo done").wantRun(t, "done\n"); !noFile(h.scratch) {
				t.Error("the directory is left")
			}
		})
	}
}

// Root's sandbox of the last resort can be stopped, and ends all the same.
func TestLastResortEndsWhilePaused(t *testing.T) {
	needRoot(t, "a cgroup with a freezer")
	needScopes(t)
	host := underFilterAs(t, -1, noNamespaces(), []int{unix.CAP_SYS_ADMIN}, "last-resort", `["last resort","few"]`, "sh", "-c", "read x")
	host.Stdin = strings.NewReader("pause\n")
	out, err := host.Output()
	if host.Process != nil {
		rememberHost(host.Process.Pid)
	}
	if err != nil || !strings.HasSuffix(string(out), "verdict Signaled -1\n") {
		t.Errorf("%v: %s%s", err, out, host.Stderr)
	}
}

// A fork bomb is held up, and ends at once.
func TestLastResortEndsForkBomb(t *testing.T) {
	needScopes(t)
	mark := newMark(t)
	shell := "sh"
	if _, err := exec.LookPath("bash"); err == nil {
		shell = "bash" // which goes on when it cannot fork
	}
	bomb := `echo tmp $TMPDIR
setsid ` + shell + ` -c ': ` + mark + `; echo up; bomb() { while :; do bomb & done; }; bomb' 2>/dev/null &
read x`
	h := hold(t, 1, []string{"sh", "-c", bomb}, mark, "few", "pids")
	for n := 0; n < 20; n = len(marked(mark, h.Process.Pid)) { // the limit is at 64 and what else the user has
	}
	fmt.Fprintln(h.stdin, "kill")
	if got := h.verdict(); got != "Signaled -1" || h.family.alive(0) != 0 {
		t.Errorf("%q, %d live", got, h.family.alive(0))
	}
	if left := marked(mark, h.Process.Pid); len(left) > 0 {
		t.Errorf("%d processes are left", len(left))
	}
}

// marked are processes with the mark in their arguments.
func marked(mark string, but int) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if line, err := os.ReadFile(file); err == nil && pid != os.Getpid() && pid != but && strings.Contains(string(line), mark) {
			pids = append(pids, pid)
		}
	}
	return pids
}
