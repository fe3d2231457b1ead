package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-d1379373/sandbox"
)

// failing is a writer that fails after so many bytes.
type failing struct {
	left int
	err  error
}

func (w *failing) Write(b []byte) (int, error) {
	n := min(len(b), w.left)
	if w.left -= n; n < len(b) {
		return n, w.err
	}
	return n, nil
}

// A pool connects readers and writers by itself, and does it as package os/exec does in
// a cold start.
func TestPoolStreamsAreThoseOfExec(t *testing.T) {
	broken := errors.New("broken")
	big := strings.Repeat("0123456789abcdef", 1<<16)
	for name, c := range map[string]struct {
		script string
		set    func(cmd *exec.Cmd, out *bytes.Buffer)
		err    error
		out    string
		status int
	}{
		"output":              {"echo word", func(c *exec.Cmd, out *bytes.Buffer) { c.Stdout = out }, nil, "word\n", 0},
		"errors":              {"echo word >&2", func(c *exec.Cmd, out *bytes.Buffer) { c.Stderr = out }, nil, "word\n", 0},
		"both in order":       {"for i in 1 2 3; do echo $i; echo $i >&2; done", func(c *exec.Cmd, out *bytes.Buffer) { c.Stdout, c.Stderr = out, out }, nil, "1\n1\n2\n2\n3\n3\n", 0},
		"input":               {"cat", func(c *exec.Cmd, out *bytes.Buffer) { c.Stdin, c.Stdout = strings.NewReader(big), out }, nil, big, 0},
		"input not wanted":    {"exit 3", func(c *exec.Cmd, out *bytes.Buffer) { c.Stdin, c.Stdout = strings.NewReader(big), out }, nil, "", 3},
		"input partly wanted": {"head -c 4", func(c *exec.Cmd, out *bytes.Buffer) { c.Stdin, c.Stdout = strings.NewReader(big), out }, nil, "0123", 0},
		"input that fails": {"cat", func(c *exec.Cmd, out *bytes.Buffer) {
			c.Stdin, c.Stdout = io.MultiReader(strings.NewReader("some"), iotest.ErrReader(broken)), out
		}, broken, "some", 0},
		"a writer that fails":         {"echo 12345678; exit 0", func(c *exec.Cmd, out *bytes.Buffer) { c.Stdout = &failing{4, broken} }, broken, "", 0},
		"a writer fails, status":      {"echo 12345678; exit 5", func(c *exec.Cmd, out *bytes.Buffer) { c.Stdout = &failing{4, broken} }, nil, "", 5},
		"left behind with the output": {"sleep 1000 & echo word", func(c *exec.Cmd, out *bytes.Buffer) { c.Stdout = out }, nil, "word\n", 0},
		"a file and a writer": {"cat; echo word >&2", func(c *exec.Cmd, out *bytes.Buffer) {
			c.Stdin, c.Stdout, c.Stderr = strings.NewReader(big), tempFile(t), out
		}, nil, "word\n", 0},
		"another file": {"cat <&3", func(c *exec.Cmd, out *bytes.Buffer) {
			f := tempFile(t)
			fmt.Fprint(f, "of a file")
			f.Seek(0, io.SeekStart)
			c.Stdout, c.ExtraFiles = out, []*os.File{f}
		}, nil, "of a file", 0},
	} {
		t.Run(name, func(t *testing.T) {
			pool := newPool(t, 1)
			for how, run := range map[string]func(context.Context, *exec.Cmd) (*sandbox.Result, error){"cold": newBox(t).Run, "warm": pool.Run} {
				awaitReady(t, pool)
				var out bytes.Buffer
				cmd := exec.Command("sh", "-c", c.script)
				c.set(cmd, &out)
				res, err := run(context.Background(), cmd)
				var exit *sandbox.ExitError
				if res == nil || res.ExitCode != c.status || cmd.ProcessState.ExitCode() != c.status || errors.As(err, &exit) != (c.status != 0) {
					t.Errorf("%s: %v, %v", how, res, err)
				}
				if c.status == 0 && !errors.Is(err, c.err) {
					t.Errorf("%s: error %v, want %v", how, err, c.err)
				}
				if out.String() != c.out {
					t.Errorf("%s: %d bytes of output, want %d", how, out.Len(), len(c.out))
				}
			}
			if s := pool.State(); s.Warm != 1 || s.Cold != 0 {
				t.Errorf("%v", s)
			}
		})
	}
}

// A command that cannot be executed gives the pipes of a pool back.
func TestPoolStreamsOfACommandThatIsNotThere(t *testing.T) {
	box := newBox(t)
	before := takeInventory()
	pool, err := box.Pool(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	awaitReady(t, pool)
	var out bytes.Buffer
	cmd := exec.Command("/no/such/program")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("word"), &out, &out
	if _, err := pool.Run(context.Background(), cmd); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if s := pool.State(); s.Warm != 1 {
		t.Errorf("%v", s)
	}
	if err := errors.Join(pool.Close(), box.Close()); err != nil {
		t.Error(err)
	}
	if left := before.leftBehind(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// The limit of output counts what a pool copies.
func TestPoolLimitsOutput(t *testing.T) {
	pool := newPool(t, 1, sandbox.WithOutputLimit(1000))
	awaitReady(t, pool)
	var out bytes.Buffer
	cmd := exec.Command("cat", "/dev/zero")
	cmd.Stdout = &out
	res, err := pool.Run(context.Background(), cmd)
	if res == nil || res.Reason != sandbox.OutputLimit || out.Len() != 1000 || cmd.Stdout != &out {
		t.Errorf("%v, %v, %d bytes", res, err, out.Len())
	}
	if s := pool.State(); s.Warm != 1 {
		t.Errorf("%v", s)
	}
}

func tempFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
