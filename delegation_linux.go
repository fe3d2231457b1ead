package sandbox

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/cgroup"
	"github.com/seed-d1379373/sandbox/internal/launch"
)

// mayDelegate says whether this caller may ask for a cgroup: an ordinary user who
// named no parent.
func (h *host) mayDelegate(s *settings) bool {
	return h.uid != 0 && h.cgroups != nil && s.CgroupParent == ""
}

// delegate asks the user's systemd for a cgroup, in place of those that this
// caller may make no groups in.
func (h *host) delegate() error {
	k, err := newKeeper()
	if err != nil {
		return err
	}
	scope, err := cgroup.DiscoverScope(context.Background(), k.cmd.Process.Pid)
	if err != nil {
		return errors.Join(err, k.close())
	}
	h.cgroups.Close()
	h.cgroups, h.keeper = scope, k
	return nil
}

// keeper is a process that does nothing: a scope of systemd lasts as long as
// there is one in it. It ends with its standard input, and so with the host.
type keeper struct {
	cmd   *exec.Cmd
	input *os.File
}

// keeperProgram holds no file of the host but its standard input.
func keeperProgram() *launch.Program {
	p := launch.NewProgram()
	failed := p.NewLabel("failed")
	p.OnFailure(failed)
	p.Step("close inherited files", "")
	p.Call(launch.CloseRange, launch.Int(1), launch.Int(1<<32-1), launch.Int(0)).IgnoreAll()
	p.Step("wait for the host", "")
	p.Call(launch.Read, launch.Int(0), p.Buffer("byte", 1), launch.Int(1)).IgnoreAll()
	p.Call(launch.ExitGroup, launch.Int(0))
	p.Place(failed)
	p.Call(launch.ExitGroup, launch.Int(1))
	return p
}

func newKeeper() (*keeper, error) {
	image, err := keeperProgram().Image()
	if err != nil {
		return nil, &UnsupportedError{"the launcher", err.Error(), "", err}
	}
	in, out, err := os.Pipe()
	if err != nil {
		return nil, &SetupError{"open a pipe", "", underlying(err)}
	}
	defer in.Close()
	cmd := &exec.Cmd{Args: []string{"sandbox"}, Env: []string{}, Dir: "/", Stdin: in}
	executable, err := newExecutable(image, launch.Floor(3, highest(cmd, nil)))
	if err != nil {
		out.Close()
		return nil, err
	}
	defer executable.Close()
	cmd.Path = executable.Path
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // out of reach for the terminal's signals
	if err := cmd.Start(); err != nil {
		out.Close()
		return nil, &SetupError{"start the keeper of the scope", executable.Path, underlying(err)}
	}
	return &keeper{cmd, out}, nil
}

func (k *keeper) close() error {
	if k == nil {
		return nil
	}
	err := k.input.Close()
	waited := k.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(waited, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == unix.SIGKILL {
		waited = nil // systemd or somebody else was faster
	}
	return errors.Join(err, waited)
}
