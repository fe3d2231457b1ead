package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/attempt"
)

// probeInside is where the probe is in a sandbox. As an argument it stands for
// the probe anywhere.
const probeInside = "/probe"

// A place runs a program to its end and returns what it printed. The program
// must succeed.
type place func(t *testing.T, argv ...string) string

// sandboxed is a sandbox with these options only, and the probe bound into it
// where that is the program.
func sandboxed(opts ...sandbox.Option) place {
	return func(t *testing.T, argv ...string) string {
		t.Helper()
		out, _, err := runInside(argv, opts...)
		if err != nil {
			t.Fatalf("in a sandbox: %v: %v\n%s", argv, err, out)
		}
		return out
	}
}

// runInside returns standard output and standard error together.
func runInside(argv []string, opts ...sandbox.Option) (string, *sandbox.Result, error) {
	cmd, opts := command(argv, opts)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	res, err := sandbox.Run(context.Background(), cmd, opts...)
	return out.String(), res, err
}

// command adds the probe where it is wanted.
func command(argv []string, opts []sandbox.Option) (*exec.Cmd, []sandbox.Option) {
	if slices.Contains(argv, probeInside) {
		opts = append(slices.Clone(opts), sandbox.WithReadOnlyBind(probeBinary, probeInside))
	}
	return exec.Command(argv[0], argv[1:]...), opts
}

// onHost is no sandbox at all.
func onHost(t *testing.T, argv ...string) string {
	t.Helper()
	return plain(t, nil, argv)
}

// unsandboxed is a process with every capability in fresh namespaces and
// nothing else: what a sandbox refuses and a kernel would do for its user.
func unsandboxed(t *testing.T, argv ...string) string {
	t.Helper()
	return plain(t, attempt.Bare(), argv)
}

const nobody = attempt.Nobody

func plain(t *testing.T, attr *syscall.SysProcAttr, argv []string) string {
	t.Helper()
	argv = slices.Clone(argv)
	for i, a := range argv {
		if a == probeInside {
			argv[i] = probeBinary
		}
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("outside: %v: %v\n%s", argv, err, out)
	}
	return string(out)
}

// probeArgs is the command line of a probe.
func probeArgs(probe string, args ...string) []string {
	return append([]string{probeInside, "probe", probe}, args...)
}

// ask runs a probe in a place and decodes its answer.
func ask[T any](t *testing.T, in place, probe string, args ...string) (answer T) {
	t.Helper()
	out := in(t, probeArgs(probe, args...)...)
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		t.Fatalf("probe %s %q: %v in %q", probe, args, err, out)
	}
	return answer
}

// try makes attempts in a place: each result is "ok" or the name of an errno.
func try(t *testing.T, in place, attempts ...string) map[string]string {
	t.Helper()
	return ask[map[string]string](t, in, "try", attempts...)
}

// wantResults compares attempts with what they should lead to; a list such as
// "EACCES|EROFS" allows several.
func wantResults(t *testing.T, in place, where string, want map[string]string) {
	t.Helper()
	got := try(t, in, slices.Sorted(maps.Keys(want))...)
	for _, attempt := range slices.Sorted(maps.Keys(want)) {
		if !slices.Contains(strings.Split(want[attempt], "|"), got[attempt]) {
			t.Errorf("%s: %s: %s, want %s", where, attempt, got[attempt], want[attempt])
		}
	}
}

// A session is a command that runs in a sandbox until the test ends it.
type session struct {
	*sandbox.Process
	stdin io.Closer
	first string // line of output
	out   func() string
}

// start starts a probe that waits for the end of its input; it has executed
// and said so when start returns.
func start(t *testing.T, opts ...sandbox.Option) *session {
	t.Helper()
	return startCommand(t, probeArgs("wait"), opts...)
}

// startCommand starts a command whose first line of output says that it is
// ready, and which ends with its input.
func startCommand(t *testing.T, argv []string, opts ...sandbox.Option) *session {
	t.Helper()
	return startContext(t, context.Background(), argv, opts...)
}

func startContext(t *testing.T, ctx context.Context, argv []string, opts ...sandbox.Option) *session {
	t.Helper()
	cmd, opts := command(argv, opts)
	return follow(t, cmd, func() (*sandbox.Process, error) { return sandbox.Start(ctx, cmd, opts...) })
}

// startIn starts a command of a policy that has the probe already.
func startIn(t *testing.T, s *sandbox.Sandbox, argv []string) *session {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	return follow(t, cmd, func() (*sandbox.Process, error) { return s.Start(context.Background(), cmd) })
}

// follow waits for the first line of a command, or its end.
func follow(t *testing.T, cmd *exec.Cmd, begin func() (*sandbox.Process, error)) *session {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	ready := &firstLine{seen: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = ready, ready
	p, err := begin()
	if err != nil {
		t.Fatal(err)
	}
	s := &session{Process: p, stdin: stdin, out: ready.String}
	t.Cleanup(func() { s.end() })
	ended := make(chan struct{})
	go func() { p.Wait(); close(ended) }()
	select {
	case <-ready.seen:
		s.first = ready.first()
	case <-ended:
		_, err := p.Wait()
		if s.first = ready.first(); s.first == "" {
			t.Fatalf("%v ended early: %v: %s", cmd.Args, err, s.out())
		}
	}
	return s
}

func (s *session) end() (*sandbox.Result, error) {
	s.stdin.Close()
	return s.Wait()
}

// firstLine is a buffer that tells when it has a line.
type firstLine struct {
	mu   sync.Mutex
	text []byte
	line string
	seen chan struct{}
}

func (w *firstLine) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, b...)
	if i := bytes.IndexByte(w.text, '\n'); i >= 0 && w.line == "" {
		w.line = string(w.text[:i+1])
		close(w.seen)
	}
	return len(b), nil
}

func (w *firstLine) first() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.line
}

func (w *firstLine) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.text)
}

// status parses /proc/PID/status.
func status(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			out[key] = strings.TrimSpace(value)
		}
	}
	return out
}

// hostStatus is the status of a process as the host sees it.
func hostStatus(t *testing.T, pid int) map[string]string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	return status(string(b))
}

func needRoot(t *testing.T, why string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: " + why)
	}
}

// needFeature skips where the host cannot enforce a feature, with the reason
// that the library itself gives.
func needFeature(t *testing.T, f sandbox.Feature, ask ...sandbox.Option) {
	t.Helper()
	_, _, err := runInside([]string{"true"}, ask...)
	var missing *sandbox.UnsupportedError
	if errors.As(err, &missing) && missing.Feature == string(f) {
		t.Skipf("needs cgroup2: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// moment is a time in which this machine starts several sandboxes, for limits
// that must not be reached before a command runs.
func moment(t *testing.T) time.Duration {
	t.Helper()
	begin := time.Now()
	for range 2 {
		sandboxed()(t, probeArgs("ids")...)
	}
	return 100*time.Millisecond + 3*time.Since(begin)
}
