package cgroup

import (
	"errors"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Group is one group: one directory on v2, one for each needed hierarchy on
// v1. It is safe for concurrent use. Remove it after use.
type Group struct {
	h    *Hierarchy
	name string

	mu    sync.RWMutex // held for writing by Remove, which ends all descriptors
	dirs  []*dir
	gone  bool
	setMu sync.Mutex  // Set reads before it writes
	quota atomic.Bool // a limit of CPU time was ever set, so that there is a count of it
}

// dir is one directory that was made. No descriptor of it is kept for long: hosts of
// many sandboxes would pay for them at each fork.
type dir struct {
	fs          fileSystem
	base        *base
	name        string
	procs       *os.File       // write-only cgroup.procs; nil after CloseProcs
	door        *os.File       // the directory itself, see Dir
	controllers []string       // v2 names of what can be used here
	devices     *ebpf.Program  // v2: the device rules in force, if there are any
	kept        map[string]int // files that are open for reading; nil but after KeepTotals
}

func (d *dir) path(file string) string { return path.Join(d.base.path, d.name, file) }

func (d *dir) fail(op, controller, file, value string, err error) error {
	return &Error{
		Op: op, Controller: controller, Path: d.path(file), Value: value,
		Cause: cause(d.base.version, file, err), Err: err,
	}
}

// makeDir makes and opens a directory. An error that is EEXIST means that
// nothing was made.
func makeDir(fs fileSystem, b *base, name string, controllers []string) (*dir, error) {
	d := &dir{fs: fs, base: b, name: name, controllers: controllers}
	if err := again(func() error { return fs.mkdir(b.fd, name) }); err != nil {
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS) {
			return nil, b.refused(strings.Join(controllers, "+"), d.fail("create", "", "", "", err))
		}
		return nil, d.fail("create", "", "", "", err)
	}
	return d, nil
}

// openFile opens one of the directory's files.
func (d *dir) openFile(file string, flags int) (int, error) {
	return openAt(d.base.fd, d.name+"/"+file, flags)
}

func (d *dir) readFile(file string) (string, error) {
	if fd, ok := d.kept[file]; ok {
		return readAll(fd)
	}
	return readAt(d.base.fd, d.name+"/"+file)
}

// keep opens files for later readings. One that is not there is left for these to find.
func (d *dir) keep(files ...string) {
	if d.kept == nil {
		d.kept = map[string]int{}
	}
	for _, file := range files {
		if _, ok := d.kept[file]; ok {
			continue
		}
		if fd, err := d.openFile(file, unix.O_RDONLY); err == nil {
			d.kept[file] = fd
		}
	}
}

func (d *dir) closeKept() {
	for _, fd := range d.kept {
		unix.Close(fd)
	}
	d.kept = nil
}

// write writes one of the directory's files as writeAt does.
func (d *dir) write(file, value string, check bool) (kept string, err error) {
	return writeAt(d.base.fd, d.name+"/"+file, value, check)
}

// open opens the directory.
func (d *dir) open() (*os.File, error) {
	fd, err := openDirAt(d.base.fd, d.name)
	if err != nil {
		return nil, d.fail("open", "", "", "", err)
	}
	return os.NewFile(uintptr(fd), d.path("")), nil
}

// each calls visit with a descriptor of the directory and of every one below it.
func (d *dir) each(visit func(fd int, top bool) error) error {
	f, err := d.open()
	if err != nil {
		return err
	}
	defer f.Close()
	top := int(f.Fd())
	return eachBelow(top, func(fd int) error { return visit(fd, fd == top) })
}

// openProcs opens the file for entering. On v1 that is "tasks": a thread that
// moves itself by it needs no lock on all forks of the host, whose taking waits
// for an RCU grace period of 10 ms and more (cgroup_procs_write_start in
// kernel/cgroup/cgroup.c). On v2 CLONE_INTO_CGROUP spares that.
func (d *dir) openProcs() error {
	name := "cgroup.procs"
	if d.base.version == 1 {
		name = "tasks"
	}
	fd, err := d.openFile(name, unix.O_WRONLY)
	if err != nil {
		return d.fail("open", "", name, "", err)
	}
	d.procs = os.NewFile(uintptr(fd), d.path(name))
	return nil
}

func (d *dir) close() {
	d.closeKept()
	if d.devices != nil {
		d.devices.Close()
		d.devices = nil
	}
	if d.procs != nil {
		d.procs.Close()
		d.procs = nil
	}
	if d.door != nil {
		d.door.Close()
		d.door = nil
	}
}

// read reads one of the directory's files.
func (d *dir) read(controller, file string) (string, error) {
	text, err := d.readFile(file)
	if err != nil {
		return "", d.fail("read", controller, file, "", err)
	}
	return text, nil
}

func (d *dir) has(controller string) bool { return slices.Contains(d.controllers, controller) }

// Name is the name of the group's directories.
func (g *Group) Name() string { return g.name }

// Paths lists the group's directories.
func (g *Group) Paths() []string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var paths []string
	for _, d := range g.dirs {
		paths = append(paths, d.path(""))
	}
	return paths
}

// use locks the group against removal. Call the function it gives when done.
func (g *Group) use(op string) (done func(), err error) {
	g.mu.RLock()
	if g.gone {
		g.mu.RUnlock()
		return nil, &Error{Op: op, Path: g.name, Err: errClosed}
	}
	return g.mu.RUnlock, nil
}

// at finds the directory of a controller, or nil.
func (g *Group) at(controller string) *dir {
	for _, d := range g.dirs {
		if d.has(controller) {
			return d
		}
	}
	return nil
}

// unified is the v2 directory, or nil.
func (g *Group) unified() *dir {
	for _, d := range g.dirs {
		if d.base.version == 2 {
			return d
		}
	}
	return nil
}

// ProcsFiles gives a write-only descriptor for entering each directory:
// cgroup.procs on v2, tasks on v1. A process with one thread enters the group
// by writing "0" to every one of them, in any order.
// Permission is that of the process which made the group (Linux 5.16, and
// earlier stable kernels). The files belong to the group and are closed by
// CloseProcs or Remove; after that the list is empty.
func (g *Group) ProcsFiles() []*os.File {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var files []*os.File
	for _, d := range g.dirs {
		if d.procs != nil {
			files = append(files, d.procs)
		}
	}
	return files
}

// CloseProcs closes the files of ProcsFiles, and that of Dir.
func (g *Group) CloseProcs() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var errs []error
	for _, d := range g.dirs {
		for _, f := range []**os.File{&d.procs, &d.door} {
			if *f != nil {
				errs = append(errs, (*f).Close())
				*f = nil
			}
		}
	}
	return errors.Join(errs...)
}

// Dir is the directory for CLONE_INTO_CGROUP (clone(2), Linux 5.7) where that
// is all it takes to enter: nil if any part of the group is on v1, if it cannot be
// opened, and after Remove. The group owns it; CloseProcs and Remove close it.
func (g *Group) Dir() *os.File {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.dirs) != 1 || g.dirs[0].base.version != 2 {
		return nil
	}
	d := g.dirs[0]
	if d.door == nil {
		d.door, _ = d.open()
	}
	return d.door
}

// Add moves a process, with all its threads, into the group. Its children
// made before stay where they are. If it fails the process may have
// entered some of the group's hierarchies.
func (g *Group) Add(pid int) error {
	done, err := g.use("enter")
	if err != nil {
		return err
	}
	defer done()
	if pid <= 0 {
		return &LimitError{Limit: "pid", Value: strconv.Itoa(pid), Reason: "must be the number of a process"}
	}
	if err := g.h.Adopt(pid); err != nil {
		return err
	}
	value := strconv.Itoa(pid)
	for _, d := range g.dirs {
		if _, err := d.write("cgroup.procs", value, false); err != nil {
			return d.fail("enter", "", "cgroup.procs", value, err)
		}
	}
	return nil
}
