package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/internal/plain"
	"github.com/seed-d1379373/sandbox/internal/plan"
)

// An image is a launcher that can be executed.
type image struct {
	*launch.Executable
	key     string
	program *launch.Program
	floor   int // a descriptor that os/exec moves must stay below
}

// imageCache makes images.
type imageCache struct {
	lastUsed[*image]
	tamper func(*launch.Program) // nil but in tests, which make calls fail
}

// forStart returns the image for a start.
func (c *imageCache) forStart(spec *plan.Spec, cmd *exec.Cmd, files []*os.File) (*shared[*image], error) {
	return c.image(imageKey(spec), cmd, files, spec.Program)
}

// forCourier returns the image of a courier.
func (c *imageCache) forCourier(f plan.Files, handOver bool, cmd *exec.Cmd, files []*os.File) (*shared[*image], error) {
	key := fmt.Sprint(f.Keep, handOver)
	if f.Pipes != nil {
		key += fmt.Sprint(*f.Pipes)
	}
	return c.image(key, cmd, files, func() *launch.Program { return plan.Courier(f, handOver) })
}

func (c *imageCache) image(key string, cmd *exec.Cmd, files []*os.File, program func() *launch.Program) (*shared[*image], error) {
	floor := launch.Floor(3+len(files), highest(cmd, files))
	return c.take(
		func(i *image) bool { return i.key == key && i.floor >= floor },
		func() (*image, error) {
			p := program()
			if c.tamper != nil {
				c.tamper(p)
			}
			return newImage(p, key, floor)
		})
}

// imageKey is all in which the programs of one sandbox differ.
func imageKey(s *plan.Spec) string {
	key := fmt.Sprint(s.Files.Keep, s.Files.Control, s.Files.Block, s.Files.Last, s.Prepared, len(s.Cgroups), s.Join, s.AttrExec, s.FreshLabel)
	if s.Files.Pipes != nil {
		key += fmt.Sprint(s.Files.Pipes.Files)
	}
	if s.Files.Block == 0 {
		key += string(s.Command.Block())
	}
	return key
}

// A commandFile is a command as a file, see [plan.Command].
type commandFile struct {
	*os.File
	block string
}

// commandFor returns the file for a command. Where the host has no memory files
// that is an error, and the image must hold the command.
func (p *prepared) commandFor(c plan.Command) (*shared[commandFile], error) {
	block := string(c.Block())
	return p.commands.take(
		func(f commandFile) bool { return f.block == block },
		func() (commandFile, error) {
			f, err := launch.NewMemoryFile("command", []byte(block))
			return commandFile{f, block}, err
		})
}

// newImage builds the launcher and puts it where it can be executed.
func newImage(program *launch.Program, key string, floor int) (*image, error) {
	bytes, err := program.Image()
	if err != nil {
		return nil, &UnsupportedError{"the launcher", err.Error(), "", err}
	}
	executable, err := newExecutable(bytes, floor)
	if err != nil {
		return nil, err
	}
	return &image{executable, key, program, floor}, nil
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
	e, err := launch.NewFileExecutable(image, "", floor)
	if err != nil {
		return nil, &SetupError{"make the launcher's image", os.TempDir(), err}
	}
	return e, nil
}

// memoryRefused says whether the kernel is set to execute no memfd
// (vm.memfd_noexec, Linux 6.3).
func memoryRefused() bool {
	b, err := plain.Read("/proc/sys/vm/memfd_noexec")
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
