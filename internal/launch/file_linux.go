package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// An Executable is a launcher's image that execve(2) can start. It is safe
// for concurrent use; Close frees it once no start is under way.
type Executable struct {
	Path   string // what to execute
	Memory bool   // a sealed memfd; false: a private file, because memfds may not be executed here
	file   *os.File
}

// PathIn is Path with another directory of this process in /proc than /proc/self.
func (e *Executable) PathIn(proc string) string {
	if rest, ok := strings.CutPrefix(e.Path, "/proc/self/"); ok {
		return proc + "/" + rest
	}
	return e.Path
}

// sealed is every seal that keeps an image as it is.
const sealed = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// NewMemoryExecutable puts an image into a sealed memfd. Its descriptor lies
// above the number floor: os/exec moves descriptors around in its child, and
// one that it needs must not be in the way (see Floor).
//
// A descriptor open for writing makes execve fail with ETXTBSY, and a
// concurrent fork elsewhere in this process could carry one off, so no fork
// may happen while one is open: that is what syscall.ForkLock is for.
func NewMemoryExecutable(image []byte, floor int) (*Executable, error) {
	fd, err := withoutForks(func() (int, error) { return sealedMemory(image) })
	if err != nil {
		return nil, err
	}
	return newExecutable(fd, floor, true)
}

// newExecutable moves a read-only descriptor of an image above the floor.
func newExecutable(fd, floor int, memory bool) (*Executable, error) {
	defer unix.Close(fd)
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, floor)
	if err != nil {
		return nil, fmt.Errorf("fcntl(F_DUPFD_CLOEXEC, %d): %w", floor, err)
	}
	return &Executable{
		Path:   fmt.Sprintf("/proc/self/fd/%d", high),
		Memory: memory,
		file:   os.NewFile(uintptr(high), "launcher"),
	}, nil
}

// sealedMemory returns a read-only descriptor of a sealed memfd.
func sealedMemory(image []byte) (int, error) {
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	rw, err := unix.MemfdCreate("sandbox", flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 every memfd is executable
		rw, err = unix.MemfdCreate("sandbox", flags)
	}
	if err != nil {
		return -1, fmt.Errorf("memfd_create: %w", err)
	}
	defer unix.Close(rw)
	if err := writeAll(rw, image); err != nil {
		return -1, fmt.Errorf("write memfd: %w", err)
	}
	if _, err := unix.FcntlInt(uintptr(rw), unix.F_ADD_SEALS, sealed); err != nil {
		return -1, fmt.Errorf("fcntl(F_ADD_SEALS): %w", err)
	}
	ro, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", rw), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open memfd read-only: %w", err)
	}
	return ro, nil
}

// NewMemoryFile returns a memfd with this content that nobody can change.
func NewMemoryFile(name string, content []byte) (*os.File, error) {
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := writeAll(fd, content); err != nil {
		f.Close()
		return nil, fmt.Errorf("write memfd: %w", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, sealed); err != nil {
		f.Close()
		return nil, fmt.Errorf("fcntl(F_ADD_SEALS): %w", err)
	}
	return f, nil
}

// NewFileExecutable puts an image into a file without a name, for hosts that
// refuse to execute a memfd: so nothing is left should this process be killed. The
// file system of dir ("" means os.TempDir) must not be mounted noexec.
func NewFileExecutable(image []byte, dir string, floor int) (*Executable, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	fd, err := withoutForks(func() (int, error) { return writeExecutable(dir, unix.O_TMPFILE, image) })
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		fd, err = withoutName(dir, image)
	}
	if err != nil {
		return nil, err
	}
	return newExecutable(fd, floor, false)
}

// withoutName is for file systems that make no file without a name: the file loses
// it at once, and the directory that only this user can enter goes with it.
func withoutName(dir string, image []byte) (int, error) {
	private, err := os.MkdirTemp(dir, "sandbox-")
	if err != nil {
		return -1, err
	}
	path := filepath.Join(private, "launcher")
	fd, err := withoutForks(func() (int, error) { return writeExecutable(path, unix.O_CREAT, image) })
	if removed := os.RemoveAll(private); err == nil && removed != nil {
		unix.Close(fd)
		return -1, removed
	}
	return fd, err
}

func withoutForks(open func() (int, error)) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return open()
}

// writeExecutable makes a file and returns a read-only descriptor of it.
func writeExecutable(path string, how int, image []byte) (int, error) {
	rw, err := unix.Open(path, how|unix.O_WRONLY|unix.O_EXCL|unix.O_CLOEXEC, 0o500)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(rw)
	if err := writeAll(rw, image); err != nil {
		return -1, &os.PathError{Op: "write", Path: path, Err: err}
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", rw), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open read-only", Path: path, Err: err}
	}
	return fd, nil
}

// Close frees the image.
func (e *Executable) Close() error { return e.file.Close() }

func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// Floor returns a descriptor number that os/exec's child does not reach when
// it moves count files, the highest of them numbered highest, into place: it
// works upwards from the highest number in use, by one for each file. The
// distance leaves room for descriptors that other goroutines open meanwhile.
func Floor(count, highest int) int {
	const distance = 1024
	// Rounded, so that a few files more do not make it another number.
	floor := (highest+count)/distance*distance + 2*distance
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && uint64(floor) >= limit.Cur {
		floor = int(limit.Cur) - 1
		if between := (highest + count + int(limit.Cur)) / 2; between < floor {
			floor = between
		}
	}
	return floor
}
