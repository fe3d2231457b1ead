package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

// order is a container to run.
type order struct {
	Args  []string // of docker run
	Remap string   // of --userns-remap
	Env   []string // of the caller, for --env NAME
	Dir   string   // of the caller, for relative paths
	ID    string   // and the name, if --name gives none
}

// host keeps containers: they live as long as the process that started them.
type host struct {
	dir string // of sockets, logs and volumes

	mu         sync.Mutex
	containers map[string]*container
	all        sync.WaitGroup
}

// container is one that runs.
type container struct {
	*sandbox.Process
	id      string
	name    string
	args    *sandbox.DockerArgs
	policy  *sandbox.Sandbox
	started time.Time

	done   chan struct{} // closed after its end
	result *sandbox.Result
	err    error
}

func newHost(dir string) *host { return &host{dir: dir, containers: map[string]*container{}} }

// parse reads the flags of an order.
func (h *host) parse(o order) (*sandbox.DockerArgs, error) {
	d, err := sandbox.ParseDockerArgs(o.Args, sandbox.DockerHost{
		Process: h.process, Volume: h.volume, Dir: o.Dir,
		LookupEnv: func(name string) (string, bool) {
			for _, e := range o.Env {
				if value, ok := strings.CutPrefix(e, name+"="); ok {
					return value, true
				}
			}
			return "", false
		},
	})
	if err != nil {
		return nil, err
	}
	if len(d.Args) < 2 {
		return nil, errors.New("no DIRECTORY or host, or no COMMAND after it")
	}
	if d.Name == "" {
		d.Name = o.ID
	}
	// The default limit by name, so that stats has processes to count.
	d.Options = append([]sandbox.Option{sandbox.WithPids(512)}, d.Options...)
	if root := d.Args[0]; root != "host" {
		if !filepath.IsAbs(root) {
			root = filepath.Join(o.Dir, root)
		}
		d.Options = append(d.Options, sandbox.WithRootFS(root))
	}
	return d, nil
}

// notHere is a container that another process keeps.
type notHere struct{ name string }

func (e notHere) Error() string {
	return e.name + " is not here: what joins two containers needs both to be kept by one process"
}

func (h *host) process(name string) (*sandbox.Process, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.containers[name]; c != nil {
		return c.Process, nil
	}
	return nil, notHere{name}
}

// volume is the directory of a named volume. As the root of the host makes it,
// it belongs to that; `chown` it for anyone else.
func (h *host) volume(name string) (string, error) {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != "" || name[0] == '.' {
		return "", fmt.Errorf("%q is no name for a volume", name)
	}
	dir := filepath.Join(h.dir, "volumes", name)
	return dir, os.MkdirAll(dir, 0o755)
}

// policy makes the sandbox. As in Docker ids are remapped unless a container
// asks for the host's, and the root is not nosuid where privileges may be new.
func policy(o order, d *sandbox.DockerArgs) (*sandbox.Sandbox, error) {
	s, err := sandbox.New(d.Options...)
	if err != nil {
		return nil, err
	}
	var more []sandbox.Option
	c := s.Config()
	if o.Remap != "" && !c.HostUserNS {
		more = append(more, sandbox.WithUserRemap(o.Remap))
	}
	if c.NewPrivileges && c.RootFS != "" {
		more = append(more, sandbox.WithSUID("/"))
	}
	if len(more) == 0 {
		return s, nil
	}
	s.Close()
	return sandbox.New(append(d.Options, more...)...)
}

// start runs a container with these standard files, and answers questions about
// it until its end.
func (h *host) start(ctx context.Context, o order, files [3]*os.File) (*container, error) {
	d, err := h.parse(o)
	if err != nil {
		return nil, err
	}
	c := &container{id: o.ID, name: d.Name, args: d, started: time.Now(), done: make(chan struct{})}
	if c.policy, err = policy(o, d); err != nil {
		return nil, err
	}
	listener, err := listen(h.dir, c.name)
	if err != nil {
		c.policy.Close()
		return nil, err
	}
	if d.Detach { // the name is ours, and so is the log
		os.Rename(logPath(h.dir, c.name)+"~", logPath(h.dir, c.name))
	}
	cmd := exec.Command(d.Args[1], d.Args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Dir = files[0], files[1], files[2], d.Workdir
	if len(d.Env) > 0 || d.TTY {
		cmd.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", "LANG=C.UTF-8"}, d.Env...)
		if d.TTY {
			cmd.Env = append([]string{"TERM=xterm"}, cmd.Env...)
		}
	}
	if c.Process, err = c.policy.Start(ctx, cmd); err != nil {
		listener.Close()
		c.policy.Close()
		if d.Detach {
			os.Remove(logPath(h.dir, c.name))
		}
		return nil, err
	}
	h.mu.Lock()
	h.containers[c.name] = c
	h.mu.Unlock()
	h.all.Go(func() { h.serve(listener, c) })
	h.all.Go(func() {
		c.result, c.err = c.Wait()
		h.mu.Lock()
		delete(h.containers, c.name)
		h.mu.Unlock()
		listener.Close()
		c.policy.Close()
		if d.Remove {
			os.Remove(logPath(h.dir, c.name))
		}
		close(c.done)
	})
	return c, nil
}

// stop asks the command to end, and ends it after a while.
func (c *container) stop() error {
	sig := syscall.SIGTERM
	if s := c.args.StopSignal; s != "" {
		if sig = signalNumber(s); sig == 0 {
			return fmt.Errorf("no signal %s", s)
		}
	}
	if err := c.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	const patience = 10 * time.Second
	select {
	case <-c.done:
		return nil
	case <-time.After(patience):
	}
	err := c.Kill()
	<-c.done
	return err
}

// signalNumber knows "SIGQUIT", "QUIT" and "3".
func signalNumber(s string) syscall.Signal {
	var n int
	if _, err := fmt.Sscanf(s, "%d", &n); err == nil {
		return syscall.Signal(n)
	}
	return unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG"))
}

// answer answers a question about the container.
func (c *container) answer(verb string) (answer, error) {
	switch verb {
	case "ps":
		return answer{PID: c.PID(), Command: c.args.Args[1:]}, nil
	case "stats":
		stats, err := c.Stats()
		return answer{Stats: sample{c.id, stats, networkText(c.PID()), time.Now()}}, err
	case "inspect":
		text, err := json.Marshal(c.inspect())
		return answer{Inspect: text}, err
	case "stop":
		return answer{}, c.stop()
	}
	return answer{}, fmt.Errorf("no such question: %s", verb)
}
