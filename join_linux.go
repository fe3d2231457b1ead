package sandbox

import (
	"errors"
	"os"

	"github.com/seed-d1379373/sandbox/internal/plan"
	"github.com/seed-d1379373/sandbox/namespace"
)

// sharedMount marks a bind from the mount namespace of the sandbox whose IPC
// namespace is joined, until a start knows its descriptor.
const sharedMount = -1

func (s *settings) joinsIPC() bool {
	_, ok := s.IPC.(ipcOf)
	return ok
}

func (s *settings) joinsPID() bool {
	_, ok := s.PIDNamespace.(pidOf)
	return ok
}

// notShareable says why the IPC namespace cannot be joined, or nothing.
func (r *running) notShareable() string {
	if r.settings == nil {
		return "the process is not running"
	}
	if r.settings.IPC == IPCShareable || r.settings.IPC == IPCHost || r.settings.joinsIPC() {
		return ""
	}
	return "its IPC namespace is " + r.settings.IPC.String() + "; start it with WithIPC(IPCShareable)"
}

// joins opens the namespaces of other sandboxes that a start enters. The
// launcher gets them as descriptors after first.
func (st *start) joins(first int) (files []*os.File, joins []plan.Join, shared int, err error) {
	defer func() {
		if err != nil {
			for _, f := range files {
				f.Close()
			}
			files = nil
		}
	}()
	add := func(f *os.File) int {
		files = append(files, f)
		return first + len(files) - 1
	}
	if i, ok := st.settings.IPC.(ipcOf); ok {
		ipc, err := i.open(namespace.IPC)
		if err != nil {
			return files, nil, 0, err
		}
		joins = append(joins, plan.Join{Name: "ipc", File: add(ipc)})
		mount, err := i.open(namespace.Mount)
		if err != nil {
			return files, nil, 0, err
		}
		shared = add(mount)
	}
	if o, ok := st.settings.PIDNamespace.(pidOf); ok {
		pid, err := o.open(namespace.PID)
		if err != nil {
			return files, nil, 0, err
		}
		joins = append(joins, plan.Join{Name: "pid", File: add(pid)})
	}
	var network *os.File
	switch n := st.settings.Network.(type) {
	case networkOf:
		network, err = n.open(namespace.Network)
	case networkPath:
		network, err = namespace.OpenPath(string(n), namespace.Network)
		if err != nil {
			err = &SetupError{"open the network namespace", string(n), err}
		}
	}
	if network != nil {
		joins = append(joins, plan.Join{Name: "net", File: add(network)})
	}
	if err == nil && len(joins) > 0 && !st.prepared.host.canMount {
		err = &UnsupportedError{"joining a namespace", "this process has no CAP_SYS_ADMIN in the user namespace that owns it", "run as root", nil}
	}
	return files, joins, shared, err
}

// open opens a namespace of the command, of which no other process can have
// taken the place: the command is still there afterwards.
func (r *running) open(kind namespace.Set) (*os.File, error) {
	if err := r.needNamespaces("joining a namespace"); err != nil {
		return nil, err
	}
	f, err := namespace.Open(r.pid, kind)
	switch {
	case !r.alive():
		if err == nil {
			f.Close()
		}
		return nil, &SetupError{"open the namespace of process", kind.String(), os.ErrProcessDone}
	case err != nil:
		return nil, &SetupError{"open the namespace of process", kind.String(), underlyingJoin(err)}
	}
	return f, nil
}

func underlyingJoin(err error) error {
	var join *namespace.JoinError
	if errors.As(err, &join) && join.Err != nil {
		return join.Err
	}
	return err
}
