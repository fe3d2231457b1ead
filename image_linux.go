package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/internal/plan"
)

// An image is a launcher that can be executed, for one command.
type image struct {
	key        string
	program    *launch.Program
	executable *launch.Executable
	floor      int // a descriptor that os/exec moves must stay below
	users      int // starts that use it, and the cache
}

// imageCache keeps the last image: programs are often started again with the
// same arguments.
type imageCache struct {
	mu     sync.Mutex
	last   *image
	tamper func(*launch.Program) // nil but in tests, which make calls fail
}

// take returns the image for a command; give takes it back.
func (c *imageCache) take(spec *plan.Spec, cmd *exec.Cmd, files []*os.File) (*image, error) {
	key := imageKey(spec)
	floor := launch.Floor(3+len(files), highest(cmd, files))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil && c.last.key == key && c.last.floor >= floor {
		c.last.users++
		return c.last, nil
	}
	i, err := newImage(spec, floor, c.tamper)
	if err != nil {
		return nil, err
	}
	i.key, i.users = key, 2
	if c.last != nil {
		c.drop(c.last)
	}
	c.last = i
	return i, nil
}

func (c *imageCache) give(i *image) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(i)
}

func (c *imageCache) drop(i *image) {
	if i.users--; i.users == 0 {
		i.executable.Close()
	}
}

func (c *imageCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil {
		c.drop(c.last)
		c.last = nil
	}
}

// imageKey is all in which the programs of one sandbox differ.
func imageKey(s *plan.Spec) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %d %d %d %d %q", s.Files.Keep, s.Files.Control, s.Files.Last, s.Prepared, len(s.Cgroups), s.Command.Dir)
	fmt.Fprint(&b, s.Join, s.AttrExec, s.FreshLabel)
	if s.Files.Pipes != nil {
		fmt.Fprint(&b, s.Files.Pipes.Files)
	}
	for _, list := range [][]string{s.Command.Candidates, s.Command.Args, s.Command.Env} {
		b.WriteString("\x00\x00")
		for _, text := range list {
			b.WriteString(text)
			b.WriteByte(0)
		}
	}
	return b.String()
}

// newImage builds the launcher and puts it where it can be executed.
func newImage(spec *plan.Spec, floor int, tamper func(*launch.Program)) (*image, error) {
	program := spec.Program()
	if tamper != nil {
		tamper(program)
	}
	bytes, err := program.Image()
	if err != nil {
		return nil, &UnsupportedError{"the launcher", err.Error(), "", err}
	}
	executable, err := newExecutable(bytes, floor)
	if err != nil {
		return nil, err
	}
	return &image{program: program, executable: executable, floor: floor}, nil
}

func newExecutable(image []byte, floor int) (*launch.Executable, error) {
	if !memoryRefused() {
		e, err := launch.NewMemoryExecutable(image, floor)
		if err == nil {
			return e, nil
		}
		// An LSM or the filter of a container may refuse it.
		if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) {
			return nil, &SetupError{"make the launcher's image", "", err}
		}
	}
	e, err := launch.NewFileExecutable(image, "")
	if err != nil {
		return nil, &SetupError{"make the launcher's image", os.TempDir(), err}
	}
	return e, nil
}

// memoryRefused says whether the kernel is set to execute no memfd
// (vm.memfd_noexec, Linux 6.3).
func memoryRefused() bool {
	b, err := os.ReadFile("/proc/sys/vm/memfd_noexec")
	return err == nil && len(b) > 0 && b[0] == '2'
}

// highest is the highest descriptor that os/exec will move.
func highest(cmd *exec.Cmd, files []*os.File) int {
	n := 0
	for _, f := range files {
		if f != nil {
			n = max(n, int(f.Fd()))
		}
	}
	for _, s := range []any{cmd.Stdin, cmd.Stdout, cmd.Stderr} {
		if f, ok := s.(*os.File); ok && f != nil {
			n = max(n, int(f.Fd()))
		}
	}
	return n
}
