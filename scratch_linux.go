package sandbox

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// scratch is a directory for one run, in place of the private /tmp where none can
// be mounted. Its lock tells others that the host program lives: what one that was
// killed has left is removed by the next.
type scratch struct {
	path string
	lock *os.File // the directory
}

const scratchPrefix = "sandbox-tmp-"

// newScratch makes a directory that belongs to a user.
func newScratch(uid, gid uint32) (*scratch, error) {
	for {
		path, err := os.MkdirTemp("", scratchPrefix)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return nil, &SetupError{"make a temporary directory", os.TempDir(), underlying(err)}
		}
		s, err := holdScratch(path)
		if err != nil {
			os.Remove(path)
			return nil, &SetupError{"make a temporary directory", path, underlying(err)}
		}
		if s == nil {
			continue // another host program took it for one left behind
		}
		if err := s.lock.Chown(int(uid), int(gid)); err != nil {
			return nil, errors.Join(&SetupError{"make a temporary directory", path, underlying(err)}, s.remove())
		}
		return s, nil
	}
}

// holdScratch locks a directory; nil means that somebody else holds it, or has
// removed it.
func holdScratch(path string) (*scratch, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &scratch{path, os.NewFile(uintptr(fd), path)}
	err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	var here, there unix.Stat_t
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		err = nil
	case err != nil:
	case unix.Fstat(fd, &here) == nil && unix.Lstat(path, &there) == nil && here.Ino == there.Ino && here.Dev == there.Dev:
		return s, nil
	}
	s.lock.Close()
	return nil, err
}

// file opens the directory for the launcher, which gets no share in the lock.
func (s *scratch) file() (*os.File, error) {
	fd, err := unix.Open(s.path, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &SetupError{"open the temporary directory", s.path, err}
	}
	return os.NewFile(uintptr(fd), s.path), nil
}

// remove removes the directory and all in it, once no process of the run lives.
func (s *scratch) remove() error {
	if s == nil {
		return nil
	}
	defer s.lock.Close()
	err := unix.Fchmod(int(s.lock.Fd()), 0o700) // whatever its owner has made of it
	if err == nil {
		err = emptyDir(int(s.lock.Fd()))
	}
	if err == nil {
		err = unix.Rmdir(s.path)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return &SetupError{"remove the temporary directory", s.path, err}
	}
	return nil
}

// emptyDir removes what is in a directory, which may be nested deeper than there
// are descriptors or room for a stack: directories are moved up before they are
// emptied. None of it is followed, and none may be closed to its owner.
func emptyDir(top int) error {
	for moved := 0; ; {
		names, err := namesIn(top)
		if err != nil || len(names) == 0 {
			return err
		}
		for _, name := range names {
			err := unix.Unlinkat(top, name, 0)
			if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) {
				err = flatten(top, name, &moved)
			}
			if err != nil && !errors.Is(err, unix.ENOENT) {
				return err
			}
		}
	}
}

// flatten removes a directory after it has moved its directories up.
func flatten(top int, name string, moved *int) error {
	if err := unix.Unlinkat(top, name, unix.AT_REMOVEDIR); err == nil || !errors.Is(err, unix.ENOTEMPTY) {
		return err
	}
	dir, err := unix.Openat(top, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EACCES) && open700(top, name) == nil {
		dir, err = unix.Openat(top, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	if err := unix.Fchmod(dir, 0o700); err != nil {
		return err
	}
	names, err := namesIn(dir)
	if err != nil {
		return err
	}
	for _, child := range names {
		err := unix.Unlinkat(dir, child, 0)
		if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) {
			err = moveUp(dir, child, top, moved)
		}
		if err != nil {
			return err
		}
	}
	return unix.Unlinkat(top, name, unix.AT_REMOVEDIR)
}

// open700 opens a directory to its owner again. Where a process is left that a killed
// host program has not ended yet, a link must not be followed.
func open700(dir int, name string) error {
	return unix.Fchmodat(dir, name, 0o700, unix.AT_SYMLINK_NOFOLLOW)
}

// moveUp gives a directory a name in the top directory that is free.
func moveUp(dir int, child string, top int, moved *int) error {
	for closed := false; ; {
		*moved++
		err := unix.Renameat2(dir, child, top, scratchPrefix+strconv.Itoa(*moved), unix.RENAME_NOREPLACE)
		switch {
		case errors.Is(err, unix.EACCES) && !closed: // what it is in is written in it
			closed = true
			if err := open700(dir, child); err != nil {
				return err
			}
		case !errors.Is(err, unix.EEXIST):
			return err
		}
	}
}

// namesIn lists some of a directory, from its beginning.
func namesIn(dir int) ([]string, error) {
	const some = 4096
	fd, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "directory")
	defer f.Close()
	names, err := f.Readdirnames(some)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return names, underlying(err)
}

// sweepScratch removes what host programs of this user left that were killed. It is a
// best effort, and the next one tries again.
func sweepScratch() {
	dir := os.TempDir()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), scratchPrefix) || e.Type() != fs.ModeDir {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue
		}
		if st := info.Sys().(*syscall.Stat_t); int(st.Uid) != os.Geteuid() && os.Geteuid() != 0 {
			continue
		}
		if s, err := holdScratch(filepath.Join(dir, e.Name())); err == nil && s != nil {
			s.remove()
		}
	}
}

// scratchFor is the run's directory, made when the launcher is started.
func (st *start) scratchFor() (*os.File, error) {
	if !st.prepared.hasScratch {
		return nil, nil
	}
	s, err := newScratch(st.prepared.identity.uid, st.prepared.identity.gid)
	if err != nil {
		return nil, err
	}
	st.p.scratch = s
	return s.file()
}

// scratchPath is the place of the command's own temporary files; empty where that is
// a /tmp of its own.
func (st *start) scratchPath() string {
	switch {
	case !st.prepared.hasScratch:
		return ""
	case st.p == nil || st.p.scratch == nil:
		return filepath.Join(os.TempDir(), scratchPrefix+"0") // of a plan
	}
	return st.p.scratch.path
}

// inScratch tells a command about the directory that it has in place of /tmp.
func inScratch(path string, env []string, own bool, dir string) ([]string, string) {
	if path == "" {
		return env, dir
	}
	if dir == "/tmp" {
		dir = path
	}
	told := false
	for i, e := range env {
		told = told || strings.HasPrefix(e, "TMPDIR=")
		if !own && strings.HasPrefix(e, "HOME=") {
			env[i] = "HOME=" + path
		}
	}
	if !told {
		env = append(env, "TMPDIR="+path)
	}
	return env, dir
}
