package cgroup

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// fileSystem is what a fake tree of plain files has to do differently.
type fileSystem struct {
	mkdir   func(parent int, name string) error
	rmdir   func(parent int, name string) error
	genuine bool // mounts must be cgroup file systems
}

func kernelFileSystem() fileSystem {
	return fileSystem{
		mkdir:   func(parent int, name string) error { return unix.Mkdirat(parent, name, 0o755) },
		rmdir:   func(parent int, name string) error { return unix.Unlinkat(parent, name, unix.AT_REMOVEDIR) },
		genuine: true,
	}
}

// again repeats an interrupted call. The Go runtime sends signals to its own
// threads, and some cgroup files give up on any pending signal.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// openAt opens one name in a directory, never through a symlink.
func openAt(parent int, name string, flags int) (fd int, err error) {
	err = again(func() error {
		fd, err = unix.Openat(parent, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, err
}

func openDirAt(parent int, name string) (int, error) {
	return openAt(parent, name, unix.O_RDONLY|unix.O_DIRECTORY)
}

// openBelow opens a directory some levels below another without leaving it,
// following symlinks or crossing into another mount.
func openBelow(parent int, rel string) (fd int, err error) {
	if rel == "" {
		rel = "."
	}
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	err = again(func() error {
		fd, err = unix.Openat2(parent, rel, &how)
		return err
	})
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EAGAIN) {
		// Some seccomp filters refuse openat2; EAGAIN is a rename elsewhere on the host.
		return walkBelow(parent, rel)
	}
	return fd, err
}

func walkBelow(parent int, rel string) (int, error) {
	fd, err := openDirAt(parent, ".")
	for part := range strings.SplitSeq(rel, "/") {
		if err != nil {
			return -1, err
		}
		if part == ".." {
			unix.Close(fd)
			return -1, unix.EXDEV
		}
		var next int
		next, err = openDirAt(fd, part)
		unix.Close(fd)
		fd = next
	}
	return fd, err
}

// readAt reads a whole file of a cgroup directory.
func readAt(dir int, name string) (string, error) {
	fd, err := openAt(dir, name, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return readAll(fd)
}

// readAll reads from the start, so that a file can be read again. The kernel's cgroup
// files give as much as there is and fits in, so that less is the end.
func readAll(fd int) (string, error) {
	buf := make([]byte, 0, 2048)
	for {
		var n int
		err := again(func() (err error) {
			n, err = unix.Pread(fd, buf[len(buf):cap(buf)], int64(len(buf)))
			return err
		})
		if err != nil {
			return "", err
		}
		buf = buf[:len(buf)+n]
		if len(buf) < cap(buf) {
			return string(buf), nil
		}
		buf = append(buf, make([]byte, cap(buf))...)[:len(buf)]
	}
}

// writeAt writes a value in one write, as cgroup files want it. With check it
// gives what the file then holds.
func writeAt(dir int, name, value string, check bool) (kept string, err error) {
	mode := unix.O_WRONLY
	if check {
		mode = unix.O_RDWR
	}
	// The kernel's cgroup files ignore O_TRUNC; plain files need it.
	fd, err := openAt(dir, name, mode|unix.O_TRUNC)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if err := writeAll(fd, value); err != nil || !check {
		return "", err
	}
	return readAll(fd)
}

func writeAll(fd int, value string) error {
	return again(func() error {
		n, err := unix.Write(fd, []byte(value))
		if err == nil && n != len(value) {
			return unix.EIO
		}
		return err
	})
}

// exists tells whether a directory has a file.
func exists(dir int, name string) bool {
	var st unix.Stat_t
	return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil
}

// writable asks whether this process may write to a name in a directory.
func writable(dir int, name string) error {
	return again(func() error { return unix.Faccessat(dir, name, unix.W_OK, unix.AT_EACCESS) })
}

// childless says whether a directory is known to have no directories in it.
func (d *dir) childless() bool {
	var st unix.Stat_t
	return unix.Fstatat(d.base.fd, d.name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Nlink == 2
}

// childDirs lists the directories in a directory.
func childDirs(dir int) ([]string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err == nil && st.Nlink == 2 {
		return nil, nil // cgroup file systems count children as links
	}
	fd, err := openDirAt(dir, ".")
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), ".")
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil // removed meanwhile
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}
