package namespace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Supported returns the kinds that the running kernel has, as listed in
// /proc/thread-self/ns. Whether the caller may create them is another matter.
func Supported() (Set, error) {
	entries, err := os.ReadDir("/proc/thread-self/ns")
	if err != nil {
		return 0, err
	}
	var found Set
	for _, entry := range entries {
		// Names such as pid_for_children are no kinds.
		if kind, err := ParseKind(entry.Name()); err == nil {
			found |= kind
		}
	}
	return found, nil
}

// Open opens the namespace of that kind that the process is in, for setns(2).
// The pid is one of the PID namespace of the /proc that is mounted; 0 means the
// calling thread. The open file keeps the namespace alive, and the caller must
// close it. Errors are [*JoinError]s; a kind that the kernel does not have
// satisfies errors.Is(err, errors.ErrUnsupported).
//
// The kernel asks for the right to trace the process (ptrace(2),
// PTRACE_MODE_READ_FSCREDS). A pid alone may by now belong to another process than
// the caller thinks: keep a pidfd, and check after Open that its process lives.
func Open(pid int, kind Set) (*os.File, error) {
	path := Path(pid, kind)
	if err := checkKind(path, kind); err != nil {
		return nil, err
	}
	if path == "" {
		return nil, &JoinError{Path: strconv.Itoa(pid), Kind: kind, Reason: "not a process id"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(path, kind, err)
	}
	if err := checkNamespace(f, path, kind); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// openError tells a kernel without that kind from a process that has ended.
func openError(path string, kind Set, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		if supported, supportedErr := Supported(); supportedErr == nil && !supported.Has(kind) {
			return &JoinError{
				Path: path, Kind: kind, Reason: "cannot be opened",
				Err: &UnsupportedError{Feature: kind.String() + " namespaces", Reason: "this kernel does not have them", Err: err},
			}
		}
	}
	return &JoinError{Path: path, Kind: kind, Reason: "cannot be opened", Err: unwrapPath(err)}
}

// unwrapPath drops the path, which the JoinError names already.
func unwrapPath(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// checkNamespace refuses a file that is not a namespace of that kind.
func checkNamespace(f *os.File, path string, kind Set) error {
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &stat); err != nil {
		return &JoinError{Path: path, Kind: kind, Reason: "fstatfs", Err: err}
	}
	if stat.Type != unix.NSFS_MAGIC {
		return &JoinError{Path: path, Kind: kind, Reason: "not the file of a namespace"}
	}
	actual, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE)
	if err != nil {
		return &JoinError{Path: path, Kind: kind, Reason: "ioctl NS_GET_NSTYPE", Err: err}
	}
	if Set(actual) != kind {
		return &JoinError{Path: path, Kind: kind, Reason: fmt.Sprintf("is a namespace of the kind %s", Set(actual))}
	}
	return nil
}

// OpenPath opens the namespace of that kind that an absolute path stands for,
// for setns(2): a bind mount such as those of "ip netns" in /run/netns, or a
// file in /proc/PID/ns. The caller must close the file. Errors are [*JoinError]s.
//
// Nothing but a namespace is ever opened: no pipe that blocks and no device that
// acts on being opened. The last component may be a symbolic link only inside
// /proc, where the kernel makes them. The directories above it are trusted;
// symbolic links among them are followed.
//
// OpenPath does not compare: the file may well stand for the caller's own
// namespace, as the host's network. See [Identify].
func OpenPath(path string, kind Set) (*os.File, error) {
	if err := checkKind(path, kind); err != nil {
		return nil, err
	}
	dir, base := filepath.Split(path)
	if !strings.HasPrefix(path, "/") || base == "" || base == "." || base == ".." || strings.ContainsRune(path, 0) {
		return nil, &JoinError{Path: path, Kind: kind, Reason: "not the absolute path of a file"}
	}
	handle, err := openHandle(dir, base)
	if err != nil {
		return nil, &JoinError{Path: path, Kind: kind, Reason: "cannot be opened", Err: err}
	}
	defer handle.Close()
	if err := checkHandle(handle, path, kind); err != nil {
		return nil, err
	}
	// The link in /proc leads to the very file of the handle, whatever its path
	// leads to by now.
	fd, err := unix.Open("/proc/thread-self/fd/"+strconv.Itoa(int(handle.Fd())), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &JoinError{Path: path, Kind: kind, Reason: "cannot be opened", Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	if err := checkNamespace(f, path, kind); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// openHandle returns an O_PATH descriptor, which has no effect on what it
// refers to.
func openHandle(dir, base string) (*os.File, error) {
	parent, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(parent)
	var stat unix.Statfs_t
	if err := unix.Fstatfs(parent, &stat); err != nil {
		return nil, err
	}
	flags := unix.O_PATH | unix.O_CLOEXEC
	if stat.Type != unix.PROC_SUPER_MAGIC {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Openat(parent, base, flags, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), filepath.Join(dir, base)), nil
}

// checkHandle refuses what must not be opened for reading.
func checkHandle(handle *os.File, path string, kind Set) error {
	info, err := handle.Stat()
	if err != nil {
		return &JoinError{Path: path, Kind: kind, Reason: "fstat", Err: unwrapPath(err)}
	}
	if info.Mode().Type() == fs.ModeSymlink {
		return &JoinError{Path: path, Kind: kind, Reason: "is a symbolic link"}
	}
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(handle.Fd()), &stat); err != nil {
		return &JoinError{Path: path, Kind: kind, Reason: "fstatfs", Err: err}
	}
	if stat.Type != unix.NSFS_MAGIC {
		return &JoinError{Path: path, Kind: kind, Reason: "not the file of a namespace"}
	}
	return nil
}

// Identify returns the identity of the namespace that an open file stands for,
// one from [Open] or [OpenPath].
func Identify(f *os.File) (ID, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return ID{}, &fs.PathError{Op: "fstat", Path: f.Name(), Err: err}
	}
	return ID{Device: uint64(stat.Dev), Inode: stat.Ino}, nil
}

// Same reports whether two processes are in the same namespace of that kind; 0
// means the calling thread. Both namespaces are held open while they are compared,
// so that an inode number which is used again cannot deceive. Errors are those of
// [Open].
func Same(pidA, pidB int, kind Set) (bool, error) {
	a, err := Open(pidA, kind)
	if err != nil {
		return false, err
	}
	defer a.Close()
	b, err := Open(pidB, kind)
	if err != nil {
		return false, err
	}
	defer b.Close()
	idA, err := Identify(a)
	if err != nil {
		return false, err
	}
	idB, err := Identify(b)
	if err != nil {
		return false, err
	}
	return idA == idB, nil
}
