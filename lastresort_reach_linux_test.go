package sandbox_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

// reachAttempts are acts on what is outside that namespaces and mounts would hide.
func reachAttempts() map[string]func(string) error {
	size := func(p string) int64 {
		st, err := os.Stat(p)
		if err != nil {
			return 0
		}
		return st.Size()
	}
	return map[string]func(string) error{
		"truncate-path": func(p string) error { return unix.Truncate(p, size(p)) },
		"open-truncate": func(p string) error { return attempt.Open(p, unix.O_RDONLY|unix.O_TRUNC) },
		"close":         func(p string) error { return fileMode(p, 0) },
		"nest":          number(nest),
		"touch":         func(p string) error { return unix.UtimesNanoAt(unix.AT_FDCWD, p, nil, 0) },
		"set-attribute": func(p string) error { return unix.Setxattr(p, "user.sandbox", []byte("x"), 0) },
		"watch":         watchDirectory,
		"link":          func(p string) error { return linkTo(p) },
		"fchmod":        func(p string) error { return fileMode(p, 0o755) },
		"execute":       func(p string) error { _, err := os.StartProcess(p, []string{p}, &os.ProcAttr{}); return err },
		"send-datagram": sendDatagram,
		"connect-unix":  func(p string) error { return attempt.Dial("unix", p) },
		"pair":          always(func() error { return attempt.Closing(pair(unix.SOCK_STREAM)) }),
		"pair-datagram": always(func() error { return attempt.Closing(pair(unix.SOCK_DGRAM)) }),
		"socket-udp":    always(func() error { return attempt.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0) }),
		"signal-parent": always(func() error { return unix.Kill(os.Getppid(), 0) }),
		"renice":        number(func(pid int) error { return unix.Setpriority(unix.PRIO_PROCESS, pid, 19) }),
		"pin":           number(pin),
		"limit":         number(func(pid int) error { return unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{Cur: 0, Max: 0}, nil) }),
		"idle": number(func(pid int) error {
			return unix.SchedSetAttr(pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0)
		}),
		"shared-memory": always(sharedMemory),
		"semaphore":     always(func() error { return attempt.Call(unix.SYS_SEMCTL, 0, 0, 0) }),
		"queue":         always(func() error { return attempt.Call(unix.SYS_MQ_UNLINK, 1) }),
	}
}

func watchDirectory(p string) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.InotifyAddWatch(fd, p, unix.IN_ALL_EVENTS)
	return err
}

// nest leaves directories in one another, deeper than any path is long, and one that
// is closed to its owner.
func nest(depth int) error {
	dir, err := unix.Open(os.Getenv("TMPDIR"), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	for i := range depth {
		if err := unix.Mkdirat(dir, "d", 0o700); err != nil {
			return err
		}
		fd, err := unix.Openat(dir, "f", unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		unix.Close(fd)
		below, err := unix.Openat(dir, "d", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if i%100 == 99 {
			if err := unix.Fchmod(dir, 0); err != nil {
				return err
			}
		}
		unix.Close(dir)
		dir = below
	}
	return unix.Close(dir)
}

// linkTo gives a file one more name in the directory for temporary files.
func linkTo(p string) error {
	dir := filepath.Dir(p)
	if tmp := os.Getenv("TMPDIR"); tmp != "" {
		dir = tmp
	}
	name := filepath.Join(dir, fmt.Sprint("link", os.Getpid()))
	if err := os.Link(p, name); err != nil {
		return err
	}
	return os.Remove(name)
}

func fileMode(p string, mode uint32) error {
	f, err := os.Open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Fchmod(int(f.Fd()), mode)
}

func pair(kind int) (int, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	unix.Close(fds[1])
	return fds[0], nil
}

// sendDatagram sends one to a socket by its path, from a pair.
func sendDatagram(p string) error {
	fd, err := pair(unix.SOCK_DGRAM)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendto(fd, []byte("x"), 0, &unix.SockaddrUnix{Name: p})
}

func pin(pid int) error {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(pid, &set); err != nil {
		return err
	}
	return unix.SchedSetaffinity(pid, &set)
}

func sharedMemory() error {
	id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, 0o600)
	if err == nil {
		_, err = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
	}
	return err
}

// wantReached tries, in the last resort and as a control without it.
func wantReached(t *testing.T, options []string, want map[string]string) {
	t.Helper()
	attempts := slices.Sorted(maps.Keys(want))
	shown := "read=" + probeBinary
	if slices.Contains(options, "no bind to be read") {
		shown = "write=" + probeBinary
	}
	options = append([]string{"last resort", shown}, options...)
	a := resort(t, options, append([]string{probeBinary, "probe", "try"}, attempts...)...)
	var inside, outside map[string]string
	if err := json.Unmarshal([]byte(a.Out), &inside); err != nil {
		t.Fatalf("%v: %q, error %s", err, a.Out, a.Err)
	}
	if err := json.Unmarshal([]byte(a.Control), &outside); err != nil {
		t.Fatalf("control: %v: %q", err, a.Control)
	}
	for _, spec := range attempts {
		if outside[spec] != "ok" && !(outside[spec] == "EFAULT" && want[spec] != "EFAULT") {
			t.Errorf("control: %s: %s", spec, outside[spec])
		}
		if inside[spec] != want[spec] {
			t.Errorf("%q: %s: %s, want %s", options, spec, inside[spec], want[spec])
		}
	}
}

// trees are a file that no option names, one that is bound to be read, and one that
// is bound to be written.
func trees(t *testing.T) (hidden, readable, writable string) {
	t.Helper()
	dir := theirs(t)
	var files []string
	for _, name := range []string{"hidden", "readable", "writable"} {
		sub := filepath.Join(dir, name)
		file := filepath.Join(sub, "file")
		if err := os.Mkdir(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file+"-2", nil, 0o644); err != nil {
			t.Fatal(err)
		}
		give(t, sub, file, file+"-2")
		files = append(files, file)
	}
	return files[0], files[1], files[2]
}

// What the view does not show cannot be read, changed or watched, and what it shows
// no further than it says.
func TestLastResortReachesFilesOfTheView(t *testing.T) {
	needScopes(t)
	hidden, readable, writable := trees(t)
	wantReached(t, []string{"read=" + filepath.Dir(readable), "write=" + filepath.Dir(writable)}, map[string]string{
		"open:" + hidden: "EACCES", "list:" + filepath.Dir(hidden): "EACCES", "write:" + hidden: "EACCES",
		"create:" + filepath.Dir(hidden) + "/new": "EACCES", "truncate-path:" + hidden: "EACCES", "link:" + hidden: "EXDEV",
		"execute:" + hidden: "EACCES", "chmod:" + hidden: "EPERM", "touch:" + hidden: "EPERM", "set-attribute:" + hidden: "ENOTSUP",
		"watch:" + filepath.Dir(hidden): "EPERM", "stat:" + hidden: "ok",
		"open:/etc/passwd": "EACCES", "list:/": "EACCES", "list:/proc": "EACCES", "open:/proc/self/status": "EACCES", "list:/etc": "EACCES", "open:/dev/ptmx": "EACCES",

		"open:" + readable: "ok", "list:" + filepath.Dir(readable): "ok", "execute:" + readable: "ok", "open:/usr/bin/env": "ok",
		"write:" + readable: "EACCES", "create:" + filepath.Dir(readable) + "/new": "EACCES", "truncate-path:" + readable: "EACCES",
		"open-truncate:" + readable + "-2": "EACCES", "chmod:" + readable: "EPERM", "fchmod:" + readable: "EPERM", "touch:" + readable: "EPERM",

		"open:" + writable: "ok", "write:" + writable: "ok", "create:" + filepath.Dir(writable) + "/new": "ok", "truncate-path:" + writable: "ok",
		"write:/dev/null": "ok", "open:/dev/urandom": "ok",
	})
	// Without a bind to be read, an open file's mode can be changed.
	wantReached(t, []string{"no bind to be read", "write=" + filepath.Dir(writable)}, map[string]string{"fchmod:" + writable: "ok", "chmod:" + writable: "EPERM", "open:" + readable: "EACCES"})
	wantReached(t, []string{"write=" + filepath.Dir(writable), "rules"}, map[string]string{"write:" + writable: "EACCES", "open:/usr/bin/env": "ok"})
}

// A device has the rights that its option gives, and the resolver's file is there
// with the network.
func TestLastResortReachesDevicesAndResolver(t *testing.T) {
	needScopes(t)
	wantReached(t, []string{"same device"}, map[string]string{"open:/dev/zero": "ok", "write:/dev/zero": "EACCES", "write:/dev/full": "ok"})
	if st, err := os.Stat("/etc/resolv.conf"); err != nil || st.Size() == 0 {
		return // this host has no name servers
	}
	wantReached(t, nil, map[string]string{"open:/etc/resolv.conf": "EACCES"})
	wantReached(t, []string{"network host"}, map[string]string{"open:/etc/resolv.conf": "ok"})
}

// The temporary directory is there, private, and the home.
func TestLastResortHasTemporaryFiles(t *testing.T) {
	needScopes(t)
	const script = `test "$HOME" = "$TMPDIR" && stat -c '%a %u' "$TMPDIR" && mkdir -p "$TMPDIR/a/b" && echo x > "$TMPDIR/a/b/c" && cat "$TMPDIR/a/b/c"
touch /tmp/x-$$ 2>/dev/null || echo refused; echo "$TMPDIR"`
	a := resort(t, []string{"last resort"}, "sh", "-c", script)
	uid := somebody
	if os.Geteuid() != 0 {
		uid = os.Geteuid()
	}
	head, dir, _ := strings.Cut(strings.TrimSuffix(a.Out, "\n"), "refused\n")
	if want := fmt.Sprintf("700 %d\nx\n", uid); head != want || !filepath.IsAbs(dir) || !noFile(dir) {
		t.Errorf("%q, want %q; %q is gone: %v; %s", head, want, dir, noFile(dir), a.Err)
	}
}

// However the command has left its temporary directory, it goes.
func TestLastResortRemovesTemporaryFiles(t *testing.T) {
	needScopes(t)
	t.Setenv("TMPDIR", "") // the control would leave them on the host
	const script = `test -n "$TMPDIR" || exit 1
"$0" probe try nest:3000; mkdir -m 0 "$TMPDIR/closed"; i=0; while [ $i -lt 5000 ]; do : > "$TMPDIR/$i"; i=$((i+1)); done; ln -s / "$TMPDIR/link"; echo "$TMPDIR"
"$0" probe try "close:$TMPDIR"`
	a := resort(t, []string{"last resort", "write=" + probeBinary}, "sh", "-c", script, probeBinary)
	result, dir, _ := strings.Cut(a.Out, "\n")
	dir, closed, _ := strings.Cut(dir, "\n")
	if !strings.Contains(result, `"ok"`) || !strings.Contains(closed, `"ok"`) || !filepath.IsAbs(dir) || !noFile(dir) {
		t.Errorf("%q; %q is gone: %v; %s", result, dir, noFile(dir), a.Err)
	}
}

// No network is none: of no kind, by no way.
func TestLastResortHasNoNetwork(t *testing.T) {
	needScopes(t)
	tcp, abstract, path, datagrams := listeners(t)
	want := map[string]string{
		"socket-inet": "EAFNOSUPPORT", "socket-udp": "EAFNOSUPPORT", "socket-inet6": "EAFNOSUPPORT", "socket-route": "EAFNOSUPPORT",
		"socket-unix": "EAFNOSUPPORT", "listen:127.0.0.1:0": "EAFNOSUPPORT", "connect:" + tcp: "EAFNOSUPPORT",
		"connect-abstract:" + abstract: "EAFNOSUPPORT", "connect-unix:" + path: "EAFNOSUPPORT",
		"send-datagram:" + datagrams: "ENOTSUP", "pair": "ok", "pair-datagram": "ENOTSUP",
	}
	wantReached(t, nil, want)
	wantReached(t, []string{"unconfined"}, want)
	// With the host's network there is that, and no way to a service by its path.
	wantReached(t, []string{"network host"}, map[string]string{
		"socket-inet": "ok", "socket-udp": "ok", "connect:" + tcp: "ok", "listen:127.0.0.1:0": "ok", "socket-unix": "EAFNOSUPPORT",
		"connect-abstract:" + abstract: "EAFNOSUPPORT", "connect-unix:" + path: "EAFNOSUPPORT", "send-datagram:" + datagrams: "ENOTSUP",
	})
}

// listeners are servers outside.
func listeners(t *testing.T) (tcp, abstract, path, datagrams string) {
	t.Helper()
	dir := theirs(t)
	abstract, path, datagrams = fmt.Sprintf("sandbox-test-%d", os.Getpid()), dir+"/stream", dir+"/datagram"
	for _, l := range []struct{ network, address string }{{"tcp", "127.0.0.1:0"}, {"unix", "@" + abstract}, {"unix", path}} {
		server, err := net.Listen(l.network, l.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		if l.network == "tcp" {
			tcp = server.Addr().String()
		}
	}
	server, err := net.ListenPacket("unixgram", datagrams)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	for _, p := range []string{path, datagrams} {
		if err := os.Chmod(p, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return tcp, abstract, path, datagrams
}

// Processes of the same user outside are out of reach, and what they share.
func TestLastResortReachesNoProcessOutside(t *testing.T) {
	needScopes(t)
	outside := exec.Command("sleep", "1000")
	if os.Geteuid() == 0 {
		outside.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: somebody, Gid: somebody}}
	}
	if err := outside.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { outside.Process.Kill(); outside.Wait() })
	at := func(name string) string { return fmt.Sprintf("%s:%d", name, outside.Process.Pid) }
	want := map[string]string{
		at("signal"): "EPERM", at("ptrace"): "EPERM", at("renice"): "EPERM", at("pin"): "EPERM", at("limit"): "EPERM", at("idle"): "EPERM",
		"signal-parent": "EPERM", "open:" + fmt.Sprintf("/proc/%d/cmdline", outside.Process.Pid): "EACCES",
		"signal:0": "ok", "renice:0": "ok", "pin:0": "ok", "limit:0": "ok", "shared-memory": "ENOSYS",
	}
	wantReached(t, nil, want)
	delete(want, at("ptrace"))
	wantReached(t, []string{"unconfined"}, want)
	wantReached(t, []string{"ipc host"}, map[string]string{"shared-memory": "ok"})
}
