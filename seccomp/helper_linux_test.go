package seccomp

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The test binary runs itself as a helper that loads a filter, which cannot be
// undone, and then probes or executes a program under it.
const (
	helperEnv = "SECCOMP_TEST_HELPER" // "probe" or "exec"
	filterEnv = "SECCOMP_TEST_FILTER" // hexadecimal struct sock_filter; empty: none
)

func TestMain(m *testing.M) {
	switch os.Getenv(helperEnv) {
	case "probe":
		os.Exit(helperProbe(os.Args[1]))
	case "exec":
		os.Exit(helperExec(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// loadFilterFromEnv applies the filter to all threads of the helper.
func loadFilterFromEnv() error {
	code, err := hex.DecodeString(os.Getenv(filterEnv))
	if err != nil || len(code) == 0 {
		return err
	}
	return loadFilter(code, unix.SECCOMP_FILTER_FLAG_TSYNC)
}

func loadFilter(code []byte, flags uintptr) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	pinner.Pin(&code[0])
	// x/sys has no wrapper that takes a program, so this needs its address.
	program := unix.SockFprog{Len: uint16(len(code) / sockFilterSize), Filter: (*unix.SockFilter)(unsafe.Pointer(&code[0]))}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}

func helperProbe(name string) int {
	runtime.LockOSThread()
	if err := loadFilterFromEnv(); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		return 3
	}
	err := probes[name]()
	var errno syscall.Errno
	switch {
	case err == nil:
		fmt.Print("ok")
	case errors.As(err, &errno):
		fmt.Print(unix.ErrnoName(errno))
	default:
		fmt.Print(err)
	}
	return 0
}

func helperExec(argv []string) int {
	path, err := exec.LookPath(argv[0])
	if err == nil {
		err = loadFilterFromEnv()
	}
	if err == nil {
		err = unix.Exec(path, argv, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "helper:", err)
	return 3
}

// helper returns the command that does something under a filter, nil for none.
func helper(t *testing.T, mode string, f Filter, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	// Binaries with the race detector would sleep a second before they exit.
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", helperEnv+"="+mode, filterEnv+"="+hex.EncodeToString(f.Bytes()))
	return cmd
}

func nativeDefault(t testing.TB) Filter {
	t.Helper()
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		// Go's own sockets on 386 use socketcall, which Default refuses.
		t.Skipf("needs seccomp: the programs of this system are not of the test's architecture, %s", runtime.GOARCH)
	}
	target, err := NativeTarget()
	if err != nil {
		t.Skipf("needs seccomp: no system call table for this architecture: %v", err)
	}
	return compile(t, Default(), target)
}
