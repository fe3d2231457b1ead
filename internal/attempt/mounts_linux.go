package attempt

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// SetAttr changes a mount's attributes.
func SetAttr(path string, attr unix.MountAttr) error {
	return unix.MountSetattr(unix.AT_FDCWD, path, 0, &attr)
}

// MountInTmp mounts a fresh file system on a new directory, for an act, which
// may be nil.
func MountInTmp(fstype, options string, act func(dir string) error) error {
	dir, err := os.MkdirTemp("/tmp", "mount")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	if err := unix.Mount(fstype, dir, fstype, 0, options); err != nil {
		return err
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	if act == nil {
		return nil
	}
	return act(dir)
}

// MakeOwnWritable makes a mount of its own read-only and writable again.
func MakeOwnWritable() error {
	return MountInTmp("tmpfs", "", func(dir string) error {
		if err := SetAttr(dir, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return err
		}
		if err := unix.Mkdir(dir+"/x", 0o755); err != unix.EROFS {
			return fmt.Errorf("read-only: %w", err)
		}
		if err := SetAttr(dir, unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return err
		}
		return unix.Mkdir(dir+"/x", 0o755)
	})
}

// OpenFS makes the context of a file system that is to be mounted.
func OpenFS(fstype string) error {
	return Closing(unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC))
}

// CloneTree copies a mount.
func CloneTree(path string) error {
	return Closing(unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC))
}

// EnterNamespace enters a namespace by its file.
func EnterNamespace(path string, flags int) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Setns(fd, flags)
}
