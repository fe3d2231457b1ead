package namespace_test

import (
	"errors"
	"io/fs"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/namespace"
)

func TestKindsAreTheKernels(t *testing.T) {
	for kind, flag := range map[namespace.Set]int{
		namespace.User: unix.CLONE_NEWUSER, namespace.Mount: unix.CLONE_NEWNS, namespace.PID: unix.CLONE_NEWPID,
		namespace.IPC: unix.CLONE_NEWIPC, namespace.UTS: unix.CLONE_NEWUTS, namespace.Network: unix.CLONE_NEWNET,
		namespace.Cgroup: unix.CLONE_NEWCGROUP, namespace.Time: unix.CLONE_NEWTIME,
	} {
		if int(kind) != flag {
			t.Errorf("%v is %#x, the kernel has %#x", kind, uint32(kind), flag)
		}
	}
}

// startIn starts a program in new namespaces of those kinds, which ends with
// the test. An ordinary user needs User among them.
func startIn(t *testing.T, kinds namespace.Set) (pid int) {
	t.Helper()
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: uintptr(kinds)}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Start()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Skipf("needs userns: this kernel does not let uid %d create %v namespaces: %v", os.Getuid(), kinds, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return cmd.Process.Pid
}

// all but Time, which clone(2) cannot create.
const cloned = namespace.All &^ namespace.Time

func TestSame(t *testing.T) {
	for _, created := range []namespace.Set{cloned, namespace.User, namespace.User | namespace.Network} {
		pid := startIn(t, created)
		for _, kind := range cloned.Kinds() {
			same, err := namespace.Same(os.Getpid(), pid, kind)
			if err != nil || same == created.Has(kind) {
				t.Errorf("child in new %v: Same(%v) = %v, %v", created, kind, same, err)
			}
			if same, err := namespace.Same(pid, pid, kind); err != nil || !same {
				t.Errorf("a process with itself: Same(%v) = %v, %v", kind, same, err)
			}
		}
	}
}

func TestOpen(t *testing.T) {
	pid := startIn(t, cloned)
	for _, kind := range cloned.Kinds() {
		f, err := namespace.Open(pid, kind)
		if err != nil {
			t.Error(err)
			continue
		}
		id, err := namespace.Identify(f)
		link, linkErr := os.Readlink(namespace.Path(pid, kind))
		if want := kind.String() + ":[" + strconv.FormatUint(id.Inode, 10) + "]"; err != nil || linkErr != nil || link != want {
			t.Errorf("Identify = %+v, %v; the link is %q, %v", id, err, link, linkErr)
		}
		if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%v: the descriptor is inherited by programs", kind)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenOwnNamespaces(t *testing.T) {
	supported, err := namespace.Supported()
	if err != nil || !supported.Has(namespace.User|namespace.Mount) {
		t.Fatalf("Supported = %v, %v", supported, err)
	}
	for _, kind := range supported.Kinds() {
		same, err := namespace.Same(0, os.Getpid(), kind)
		if err != nil || !same {
			t.Errorf("Same(%v) = %v, %v", kind, same, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct {
		what  string
		pid   int
		kind  namespace.Set
		cause error
	}{
		{"no process", math.MaxInt32, namespace.User, fs.ErrNotExist},
		{"negative pid", -1, namespace.User, nil},
		{"no kind", 0, 0, nil},
		{"two kinds", 0, namespace.User | namespace.PID, nil},
	} {
		f, err := namespace.Open(test.pid, test.kind)
		var bad *namespace.JoinError
		if !errors.As(err, &bad) || f != nil || test.cause != nil && !errors.Is(err, test.cause) {
			t.Errorf("%s: %v, %v; want a JoinError because of %v", test.what, f, err, test.cause)
		}
		if errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v claims that the kernel lacks something", test.what, err)
		}
	}
}

func TestOpenPathInProc(t *testing.T) {
	pid := startIn(t, cloned)
	for _, kind := range cloned.Kinds() {
		for _, path := range []string{namespace.Path(pid, kind), namespace.Path(0, kind), "/proc/self/ns/" + kind.String()} {
			f, err := namespace.OpenPath(path, kind)
			if err != nil {
				t.Error(err)
				continue
			}
			var actual, want unix.Stat_t
			if err := errors.Join(unix.Fstat(int(f.Fd()), &actual), unix.Stat(path, &want)); err != nil || actual.Ino != want.Ino || actual.Dev != want.Dev {
				t.Errorf("OpenPath(%s) opened inode %d, want %d: %v", path, actual.Ino, want.Ino, err)
			}
			_ = f.Close()
			other := namespace.UTS
			if kind == other {
				other = namespace.IPC
			}
			if f, err := namespace.OpenPath(path, other); err == nil || !strings.Contains(err.Error(), "is a namespace of the kind "+kind.String()) {
				t.Errorf("OpenPath(%s, %v) = %v, %v", path, other, f, err)
			}
		}
	}
}

func TestOpenPathRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(
		os.WriteFile(at("file"), []byte("x"), 0o600),
		os.Symlink("/proc/self/ns/net", at("link")),
		os.Symlink("nowhere", at("dangling")),
		os.Mkdir(at("dir"), 0o700),
		unix.Mkfifo(at("fifo"), 0o600), // opening it for reading would block
	); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for _, test := range []struct{ path, want string }{
		{at("file"), "not the file of a namespace"},
		{at("link"), "is a symbolic link"},
		{at("dangling"), "is a symbolic link"},
		{at("dir"), "not the file of a namespace"},
		{at("fifo"), "not the file of a namespace"},
		{at("socket"), "not the file of a namespace"},
		{"/dev/null", "not the file of a namespace"},
		{"/proc/self/status", "not the file of a namespace"},
		{"/proc/self/root", "not the file of a namespace"},
		{at("absent"), "no such file"},
		{at("file/x"), "not a directory"},
		{"/", "not the absolute path"},
		{"", "not the absolute path"},
		{dir + "/", "not the absolute path"},
		{dir + "/..", "not the absolute path"},
		{"proc/self/ns/net", "not the absolute path"},
		{"/proc/self/ns/net\x00", "not the absolute path"},
	} {
		f, err := namespace.OpenPath(test.path, namespace.Network)
		var bad *namespace.JoinError
		if !errors.As(err, &bad) || bad.Path != test.path || f != nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, %v; want a JoinError with %q", test.path, f, err, test.want)
		}
	}
	// The control: the same name through a directory that is a link.
	if err := os.Symlink("/proc/self/ns", at("trusted")); err != nil {
		t.Fatal(err)
	}
	f, err := namespace.OpenPath(at("trusted/net"), namespace.Network)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if _, err := namespace.OpenPath("/proc/self/ns/net", namespace.User|namespace.Network); err == nil {
		t.Error("OpenPath accepted two kinds")
	}
}

func TestOpenLeaksNothing(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	for _, path := range []string{"/proc/self/ns/net", "/proc/self/ns/uts", "/dev/null", "/proc/self/ns/absent"} {
		if f, err := namespace.OpenPath(path, namespace.Network); err == nil {
			_ = f.Close()
		}
	}
	_, _ = namespace.Same(0, os.Getpid(), namespace.User)
	_, _ = namespace.Same(0, math.MaxInt32, namespace.User)
	if after := count(); after != before {
		t.Errorf("%d open files before, %d after", before, after)
	}
}
