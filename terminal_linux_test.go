package sandbox_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/attempt"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

// newTerminal makes a pseudo-terminal that hands everything on as it comes.
func newTerminal(t *testing.T) (near, far *os.File) {
	t.Helper()
	n, f, _, err := attempt.OpenTerminal()
	if err != nil {
		t.Fatal(err)
	}
	near, far = os.NewFile(uintptr(n), "near"), os.NewFile(uintptr(f), "far")
	t.Cleanup(func() { near.Close(); far.Close() })
	settings, err := unix.IoctlGetTermios(f, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	settings.Lflag &^= unix.ICANON | unix.ECHO
	if err := unix.IoctlSetTermios(f, unix.TCSETS, settings); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// typist types into the terminal that its standard input is.
const typist = `
import errno, fcntl
for request, argument in ((0x5412, b'x'), (0x541c, b'\x03')):
    try:
        fcntl.ioctl(0, request, argument)
        print('ok')
    except OSError as e:
        print(errno.errorcode[e.errno])
`

// TestNobodyTypesIntoTheTerminal: a command whose standard input, or even
// controlling terminal, is the caller's terminal cannot leave input there for
// the caller's shell (CVE-2017-5226).
func TestNobodyTypesIntoTheTerminal(t *testing.T) {
	needs.Program(t, "python3")
	waiting := func(far *os.File) int {
		n, err := unix.IoctlGetInt(int(far.Fd()), unix.TIOCINQ)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if b, _ := os.ReadFile("/proc/sys/dev/tty/legacy_tiocsti"); string(b) != "0\n" {
		_, far := newTerminal(t)
		cmd := exec.Command("/usr/bin/python3", "-c", typist)
		cmd.Stdin = far
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "ok\n") {
			t.Errorf("control: %s, %v", out, err)
		}
	}
	for name, opts := range map[string][]sandbox.Option{
		"standard input":       nil,
		"controlling terminal": {sandbox.WithTerminal()},
		"and capable":          {sandbox.WithTerminal(), sandbox.WithUser("root"), sandbox.AddCap("sys_admin", "sys_tty_config")},
	} {
		_, far := newTerminal(t)
		cmd := exec.Command("python3", "-c", typist)
		cmd.Stdin = far
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if _, err := sandbox.Run(context.Background(), cmd, opts...); err != nil || out.String() != "EPERM\nEPERM\n" {
			t.Errorf("%s: %q, %v", name, &out, err)
		}
		if n := waiting(far); n != 0 {
			t.Errorf("%s: %d bytes wait for the caller", name, n)
		}
	}
}

// TestOwnTerminal: the far end of a pseudo-terminal is the command's controlling
// terminal, with job control and the size that the caller gives it.
func TestOwnTerminal(t *testing.T) {
	near, far := newTerminal(t)
	cmd := exec.Command("sh", "-c", `test -t 0 && echo a terminal >/dev/tty
		trap 'stty size </dev/tty >/dev/tty' WINCH
		echo ready >/dev/tty; while ! read -r line; do :; done </dev/tty; echo "got $line" >/dev/tty`)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
	p, err := sandbox.Start(context.Background(), cmd, sandbox.WithTerminal())
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	expect := func(want string) {
		t.Helper()
		b := make([]byte, 1)
		for !strings.Contains(text.String(), want) {
			if _, err := near.Read(b); err != nil {
				t.Fatalf("no %q in %q: %v", want, text.String(), err)
			}
			text.Write(b)
		}
		text.Reset()
	}
	expect("a terminal\r\n")
	expect("ready\r\n")
	if err := unix.IoctlSetWinsize(int(near.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 41, Col: 132}); err != nil {
		t.Fatal(err)
	}
	expect("41 132\r\n")
	fmt.Fprintln(near, "words")
	expect("got words\r\n")
	if _, err := p.Wait(); err != nil {
		t.Error(err)
	}
}
