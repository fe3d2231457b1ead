package seccomp

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func raw(number uintptr, args ...uintptr) func() error {
	var a [6]uintptr
	copy(a[:], args)
	return func() error {
		_, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
		if errno != 0 {
			return errno
		}
		return nil
	}
}

func socket(family, kind, protocol int) func() error {
	return func() error {
		fd, err := unix.Socket(family, kind, protocol)
		if err == nil {
			err = unix.Close(fd)
		}
		return err
	}
}

func onDevNull(request uintptr) func() error {
	return func() error {
		f, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		defer f.Close()
		return raw(unix.SYS_IOCTL, f.Fd(), request)()
	}
}

// upperHalf is lost on 32-bit machines, which have none; hence not a constant.
var upperHalf uint64 = 1 << 32

// probes are calls chosen such that without a filter they fail, if at all,
// with another errno than the filter's, for an ordinary user too.
var probes = map[string]func() error{
	"unshare":           raw(unix.SYS_UNSHARE, unix.CLONE_FILES),
	"clone namespace":   raw(unix.SYS_CLONE, unix.CLONE_NEWUSER|unix.CLONE_FS|uintptr(unix.SIGCHLD)),
	"clone3":            raw(unix.SYS_CLONE3, 0, 0),
	"setns":             raw(unix.SYS_SETNS, ^uintptr(0), 0),
	"keyctl":            raw(unix.SYS_KEYCTL, unix.KEYCTL_GET_KEYRING_ID, ^uintptr(0), 0), // KEY_SPEC_THREAD_KEYRING
	"io_uring":          raw(unix.SYS_IO_URING_SETUP, 0, 0),
	"perf_event_open":   raw(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0, 0),
	"process_vm_readv":  raw(unix.SYS_PROCESS_VM_READV, uintptr(os.Getpid()), 0, 0, 0, 0, 0),
	"clock_settime":     raw(unix.SYS_CLOCK_SETTIME, unix.CLOCK_MONOTONIC, 0),
	"personality":       raw(unix.SYS_PERSONALITY, 0x0040000), // ADDR_NO_RANDOMIZE
	"open_by_handle_at": raw(unix.SYS_OPEN_BY_HANDLE_AT, ^uintptr(0), 0, 0),
	"TIOCSTI":           onDevNull(unix.TIOCSTI),
	"TIOCSTI high bits": onDevNull(unix.TIOCSTI | uintptr(upperHalf)),
	"TIOCSETD":          onDevNull(unix.TIOCSETD),
	"netlink uevent":    socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_KOBJECT_UEVENT),
	"AF_VSOCK":          socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0),
	"AF_ALG":            socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0),
	"open_tree_attr":    raw(467, ^uintptr(0), 0, 0, 0, 0),

	"TCGETS":        onDevNull(unix.TCGETS),
	"AF_UNIX":       socket(unix.AF_UNIX, unix.SOCK_STREAM, 0),
	"AF_INET":       socket(unix.AF_INET, unix.SOCK_STREAM, 0),
	"netlink route": socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE),
	"fchmodat2":     raw(unix.SYS_FCHMODAT2, ^uintptr(0), 0, 0, 0),
	"ptrace":        raw(unix.SYS_PTRACE, unix.PTRACE_CONT, uintptr(1<<30), 0, 0),
	"personality 0": raw(unix.SYS_PERSONALITY, 0xffffffff),
	"statx":         raw(unix.SYS_STATX, ^uintptr(0), 0, 0, 0, 0),
	"pidfd_open":    raw(unix.SYS_PIDFD_OPEN, uintptr(os.Getpid()), 0),
	"number 600":    raw(600),
	"processes": func() error {
		return exec.Command("/bin/sh", "-c", "true | cat").Run()
	},
	"socketpair": func() error {
		_, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		return err
	},
}

func probe(t *testing.T, f Filter, name string) string {
	t.Helper()
	out, err := helper(t, "probe", f, name).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
	return string(out)
}

func TestDefaultRefuses(t *testing.T) {
	filter := nativeDefault(t)
	for name, want := range map[string]string{
		"unshare": "EPERM", "clone namespace": "EPERM", "clone3": "ENOSYS", "setns": "EPERM", "keyctl": "EPERM",
		"io_uring": "EPERM", "perf_event_open": "EPERM", "process_vm_readv": "EPERM", "clock_settime": "EPERM",
		"personality": "EPERM", "open_by_handle_at": "EPERM", "TIOCSTI": "EPERM", "TIOCSTI high bits": "EPERM",
		"TIOCSETD": "EPERM", "netlink uevent": "EAFNOSUPPORT", "AF_VSOCK": "EAFNOSUPPORT", "AF_ALG": "EAFNOSUPPORT",
		"open_tree_attr": "ENOSYS",
	} {
		t.Run(name, func(t *testing.T) {
			free := probe(t, nil, name)
			if free == want {
				t.Skipf("needs syscall: this kernel answers %s to %s without a filter too", free, name)
			}
			if got := probe(t, filter, name); got != want {
				t.Errorf("%s, want %s (without the filter: %s)", got, want, free)
			}
		})
	}
}

func TestDefaultLeavesAlone(t *testing.T) {
	filter := nativeDefault(t)
	for _, name := range []string{
		"TCGETS", "AF_UNIX", "AF_INET", "netlink route", "fchmodat2", "ptrace", "personality 0", "statx", "pidfd_open",
		"number 600", "processes", "socketpair",
	} {
		t.Run(name, func(t *testing.T) {
			free := probe(t, nil, name)
			if got := probe(t, filter, name); got != free {
				t.Errorf("%s, without the filter %s", got, free)
			}
		})
	}
}

func TestCustomPolicyInstalled(t *testing.T) {
	target, err := NativeTarget()
	if err != nil {
		t.Skipf("needs seccomp: no system call table for this architecture: %v", err)
	}
	allowed := compile(t, Default().Allow("unshare"), target)
	if got := probe(t, allowed, "unshare"); got != "ok" {
		t.Errorf("unshare allowed: %s", got)
	}
	denied := compile(t, Unconfined.Deny(syscall.ENOTTY, "unshare"), target)
	if got := probe(t, denied, "unshare"); got != "ENOTTY" {
		t.Errorf("unshare denied: %s", got)
	}
	kill := Default().With(Rule{Names: []string{"unshare"}, Action: ActKillProcess})
	err = helper(t, "probe", compile(t, kill, target), "unshare").Run()
	status, ok := exitStatus(err)
	if !ok || !status.Signaled() || status.Signal() != unix.SIGSYS {
		t.Errorf("unshare kills: %v", err)
	}
}

func exitStatus(err error) (syscall.WaitStatus, bool) {
	exit, ok := err.(*exec.ExitError)
	if !ok {
		return 0, false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return status, ok
}

// The kernel takes the longest filters that Compile makes.
func TestLongFilterInstalled(t *testing.T) {
	target, err := NativeTarget()
	if err != nil {
		t.Skipf("needs seccomp: no system call table for this architecture: %v", err)
	}
	p := Default()
	for i := range 900 {
		p.Syscalls = append(p.Syscalls, Rule{
			Names: []string{"ioctl"}, Action: ActErrno, Errno: new(uint16(i%7 + 1)),
			Args: []Arg{{Index: 1, Value: uint64(i+1) << 33, Op: OpEqualTo}},
		})
	}
	f := compile(t, p, target)
	if len(f) < 2000 {
		t.Errorf("only %d instructions", len(f))
	}
	if got := probe(t, f, "TCGETS"); got != "ENOTTY" {
		t.Errorf("TCGETS: %s", got)
	}
}

// Ordinary programs work, with threads, processes, sockets and files.
func TestProgramsUnderDefault(t *testing.T) {
	filter := nativeDefault(t)
	for _, argv := range [][]string{
		{"sh", "-c", "mkdir d && echo hi > d/f && ls -l d | sort | wc -l && cp -a d e && chmod 600 e/f && stat e && rm -r d e"},
		{"sh", "-c", "echo hi > f; tar cf a.tar f && gzip a.tar && tar tzf a.tar.gz"},
		{"python3", "-c", "import threading, subprocess, socket, os, multiprocessing as m\n" +
			"t = [threading.Thread(target=os.getpid) for _ in range(8)]\n[x.start() for x in t]; [x.join() for x in t]\n" +
			"print(subprocess.check_output(['echo', 'child']))\n" +
			"s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname())\n" +
			"p = m.Process(target=os.getpid); p.start(); p.join(); print(p.exitcode)"},
		{"git", "-c", "init.defaultBranch=main", "init", "-q", "repo"},
		{"openssl", "dgst", "-sha256", "/etc/hostname"},
		{"perl", "-e", "if (fork) { wait } else { exit 0 } print qx(echo child)"},
		{"gcc", "-pthread", "-x", "c", "-o", "hello", "c/hello.c"},
		{"node", "-e", "new (require('worker_threads').Worker)('1', {eval: true}).on('exit', c => console.log('worker', c))"},
		{"go", "build", "-o", "hello", "."},
	} {
		t.Run(argv[0], func(t *testing.T) {
			if _, err := exec.LookPath(argv[0]); err != nil {
				t.Skipf("needs %s: not installed", argv[0])
			}
			free := programOutput(t, nil, argv)
			if free.err != nil {
				t.Skipf("needs syscall: %s does not work without a filter either: %v: %s", argv[0], free.err, free.out)
			}
			if got := programOutput(t, filter, argv); got.err != nil {
				t.Errorf("%v: %s", got.err, got.out)
			}
		})
	}
}

type programResult struct {
	out string
	err error
}

func programOutput(t *testing.T, f Filter, argv []string) programResult {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"c/hello.c": "#include <pthread.h>\nint main(void) { return 0; }\n",
		"hello.go":  "package main\n\nfunc main() { println(\"hello\") }\n",
		"go.mod":    "module hello\n\ngo 1.21\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := helper(t, "exec", f, argv...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return programResult{strings.TrimSpace(string(out)), err}
}
