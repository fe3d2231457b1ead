package attempt

import (
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Open opens a file and closes it. It waits for nothing and takes no terminal.
func Open(path string, flags int) error {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0o644)
	return Closing(fd, err)
}

// List reads a directory.
func List(dir string) error {
	_, err := os.ReadDir(dir)
	return err
}

// Rewrite writes a file's own content back to it.
func Rewrite(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, content)
	return err
}

// NullDevice makes a device like /dev/null.
func NullDevice(path string) error {
	return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3)))
}

// RenameAcross moves a new file to another new directory.
func RenameAcross(dir string) error {
	from, to := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	for _, d := range []string{from, to} {
		if err := unix.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(from, "file"), nil, 0o644); err != nil {
		return err
	}
	return unix.Rename(filepath.Join(from, "file"), filepath.Join(to, "file"))
}

// TruncateBeyond makes a hole in a file of /tmp that ends just after this many
// bytes.
func TruncateBeyond(bytes int64) error {
	f, err := os.CreateTemp("/tmp", "hole")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	return unix.Ftruncate(int(f.Fd()), bytes)
}

// OpenMany opens this many more files.
func OpenMany(n int) error {
	for range n {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
	}
	return nil
}
