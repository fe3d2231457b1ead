package sandbox

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/internal/plan"
)

// A courier is a process that os/exec starts as the caller's command, and with
// the caller's files and pipes, when the launcher that will execute the command
// runs already and os/exec has something to do for the command. It hands its files
// over and holds none; it exits as the command does, and its death from another cause
// is the sandbox's.
type courier struct {
	control *launch.Control
	gone    chan struct{} // closed when it has ended
}

// givePipes makes the command's user the owner of its pipes.
func (st *start) givePipes(files []*os.File) error {
	p := st.pipes()
	if p == nil {
		return nil
	}
	for _, i := range p.Files {
		if err := unix.Fchown(int(files[i].Fd()), int(p.UID), int(p.GID)); err != nil {
			return &SetupError{"give the pipes to the user", "", err}
		}
	}
	return nil
}

// startCourier starts the courier, which hands the command's files over if it is
// to.
func (st *start) startCourier(handOver bool) (files []*os.File, err error) {
	c := &courier{}
	if c.control, st.peer, err = launch.NewControl(); err != nil {
		return nil, &SetupError{"open the courier's socket", "", err}
	}
	last := 3 + len(st.cmd.ExtraFiles)
	f := plan.Files{Keep: last, Control: last, Last: last}
	if handOver {
		f.Pipes = st.pipes()
	}
	given := append(append([]*os.File{}, st.cmd.ExtraFiles...), st.peer)
	image, err := st.prepared.couriers.forCourier(f, handOver, st.cmd, given)
	if err == nil {
		defer st.prepared.couriers.give(image)
		err = st.lend(image.value.Executable, given, nil)
	}
	if err != nil {
		c.control.Close()
		return nil, err
	}
	if handOver {
		if files, err = c.takeFiles(); err != nil {
			c.control.Close()
			st.cmd.Wait()
			return nil, err
		}
	}
	r := &st.p.running
	c.gone = make(chan struct{})
	r.mu.Lock()
	r.courier = c
	r.mu.Unlock()
	go c.watch(r)
	return files, nil
}

// takeFiles takes what the courier brings.
func (c *courier) takeFiles() (files []*os.File, err error) {
	m, err := c.control.Receive()
	if err == nil && m.Kind != launch.MessageFiles {
		closeDescriptors(m.Files)
		err = syscall.Errno(m.Errno)
	}
	if err != nil {
		return nil, &SetupError{"receive the command's files", "", err}
	}
	for _, fd := range m.Files {
		files = append(files, os.NewFile(uintptr(fd), "file of the command"))
	}
	return files, nil
}

// watch ends the sandbox with the courier, which is what the caller's exec.Cmd
// knows as its process.
func (c *courier) watch(r *running) {
	defer close(c.gone)
	for {
		m, err := c.control.Receive()
		if err != nil {
			break
		}
		closeDescriptors(m.Files)
	}
	r.killAll()
}

// tell lets the courier exit as the command did.
func (c *courier) tell(m launch.Message, known bool) {
	if c == nil {
		return
	}
	status := byte(plan.SetupFailed)
	if w := syscall.WaitStatus(m.Status); known && w.Exited() {
		status = byte(w.ExitStatus())
	} else if known {
		const signaled = 128
		status = signaled + byte(w.Signal())
	}
	if c.control.Send([]byte{status}, nil) != nil {
		c.control.Hangup() // it ends with another status, which nobody asks for
	}
}

// await waits until the courier has ended and that was noticed.
func (c *courier) await() {
	if c != nil {
		<-c.gone
	}
}

// close ends the courier.
func (c *courier) close() {
	if c == nil {
		return
	}
	c.control.Hangup()
	<-c.gone
	c.control.Close()
}

func closeDescriptors(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
