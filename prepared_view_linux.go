package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/internal/plan"
)

// preparedView is a mount namespace with the static part of the view. A start
// that copies it spares more than half of the mounts. It is built at the second
// start, since a sandbox that is used once would only pay for it, and where it
// cannot be built each start makes its whole view, as an ordinary caller's does.
type preparedView struct {
	mu     sync.Mutex
	starts int
	file   *os.File // nsfs
}

// open returns the namespace, or nil where there is none.
func (v *preparedView) open(p *prepared) *os.File {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.starts++
	if v.starts == 2 && p.spec.Privileged {
		v.file, _ = buildView(&p.spec) // without it the start is slower, not weaker
	}
	return v.file
}

func (v *preparedView) close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.file == nil {
		return nil
	}
	err := v.file.Close()
	v.file = nil
	return err
}

// buildView runs the preparation and opens its mount namespace.
func buildView(of *plan.Spec) (*os.File, error) {
	spec := *of
	spec.Files = plan.Files{Keep: 3, Control: 3, Last: 3}
	return runHelper(spec.Preparation(), func(pid int) (*os.File, error) {
		return os.Open(fmt.Sprintf("/proc/%d/ns/mnt", pid))
	})
}

// runHelper runs a program that makes something and waits until the host has
// opened it. Its control socket is descriptor 3.
func runHelper(program *launch.Program, open func(pid int) (*os.File, error)) (*os.File, error) {
	bytes, err := program.Image()
	if err != nil {
		return nil, err
	}
	control, peer, err := launch.NewControl()
	if err != nil {
		return nil, err
	}
	defer control.Close()
	defer peer.Close()
	executable, err := newExecutable(bytes, launch.Floor(4, int(peer.Fd())))
	if err != nil {
		return nil, err
	}
	defer executable.Close()
	cmd := &exec.Cmd{Path: executable.Path, Args: []string{"sandbox"}, Env: []string{}, ExtraFiles: []*os.File{peer}}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer cmd.Wait()
	defer control.Close() // which ends it
	peer.Close()
	m, err := control.Receive()
	if err != nil {
		return nil, err
	}
	if m.Kind != launch.MessageMap {
		step, _ := program.StepOf(m.Index)
		return nil, &SetupError{step.Name, step.Path, unix.Errno(m.Errno)}
	}
	return open(m.PID)
}
