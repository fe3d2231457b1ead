package main

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/needs"
)

// session is dockerrun on a terminal, with someone who types.
type session struct {
	t    *testing.T
	near *os.File
	out  *bufio.Reader
	text strings.Builder
	wait func() error
}

// onTerminal starts dockerrun in a session of its own on a new terminal.
func onTerminal(t *testing.T, e *engine, args ...string) *session {
	t.Helper()
	near, far, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	if err := unix.IoctlSetWinsize(int(near.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 90}); err != nil {
		t.Fatal(err)
	}
	cmd := e.command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	far.Close()
	return &session{t: t, near: near, out: bufio.NewReader(near), wait: cmd.Wait}
}

// expect reads until a pattern has come, and forgets what was before.
func (s *session) expect(pattern string) string {
	s.t.Helper()
	want := regexp.MustCompile(pattern)
	for {
		if m := want.FindString(s.text.String()); m != "" {
			s.text.Reset()
			return m
		}
		b, err := s.out.ReadByte()
		if err != nil {
			s.t.Fatalf("no %s in %q: %v", pattern, s.text.String(), err)
		}
		s.text.WriteByte(b)
	}
}

func (s *session) typed(text string) {
	s.t.Helper()
	if _, err := s.near.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

func TestTerminal(t *testing.T) {
	e := newEngine(t)
	s := onTerminal(t, e, "run", "-it", "--rm", "host", "sh")
	s.typed("test -t 0 && test -t 1 && echo is a ter''minal\n")
	s.expect("is a terminal")
	s.typed("stty size; echo size d''one\n")
	s.expect(`30 90\r\nsize done`)
	// Its own terminal is not the caller's.
	s.typed("stty -a | tr -d '\\n'; echo set''tings\n")
	s.expect(`[^-]icanon.*settings`) // the caller's is raw meanwhile

	// ^C ends what runs in the foreground, and not the shell.
	// That one speaks, as the shell may be between the two.
	s.typed("sh -c 'echo st\"\"arted; exec sleep 1000'\n")
	s.expect("started")
	s.typed("\x03")
	s.typed("echo status $?\n")
	s.expect("status 130")

	// A new size arrives.
	if err := unix.IoctlSetWinsize(int(s.near.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 41, Col: 132}); err != nil {
		t.Fatal(err)
	}
	s.typed("while [ \"$(stty size)\" != '41 132' ]; do :; done; echo resi''zed\n")
	s.expect("resized")

	s.typed("exit 5\n")
	if err := s.wait(); err == nil || !strings.Contains(err.Error(), "exit status 5") {
		t.Errorf("ended with %v", err)
	}
	if settings, err := unix.IoctlGetTermios(int(s.near.Fd()), unix.TCGETS); err != nil || settings.Lflag&unix.ICANON == 0 {
		t.Errorf("the caller's terminal stays raw: %v", err)
	}
}

// Job control: a job stops at ^Z and goes on.
func TestJobControl(t *testing.T) {
	needs.Program(t, "bash")
	s := onTerminal(t, newEngine(t), "run", "-it", "--rm", "host", "bash", "--norc")
	s.typed("echo st''arted; cat; echo sta''tus\n")
	// To the end of the line, into which the echo of the next one could fall.
	s.expect("started\r\n")
	s.typed("line\n")
	s.expect("line\r\nline\r\n")
	s.typed("\x1a")
	s.expect(`Stopped.*\r\n`)
	s.typed("fg\n")
	s.expect(`fg\r\n.*cat\r\n`) // not the line before it
	s.typed("again\n")
	s.expect("again\r\nagain\r\n")
	s.typed("\x04")
	s.typed("exit\n")
	if err := s.wait(); err != nil {
		t.Error(err)
	}
}

// Without -t a command has no terminal, not even the one that its output goes
// to in the end.
func TestNoTerminal(t *testing.T) {
	s := onTerminal(t, newEngine(t), "run", "-i", "--rm", "host", "sh", "-c",
		`for i in 0 1 2; do test -t $i && echo "$i is a terminal"; done; cat < /dev/tty; read -r line; echo "read $line"`)
	s.typed("words\n")
	got := s.expect(`read words`)
	if strings.Contains(got, "is a terminal") {
		t.Error(got)
	}
	s.wait()
}
