package sandbox_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// attempts are single acts that a sandbox may refuse, by name. Each gets what
// follows the colon in "name:argument". Every one is harmless where it
// succeeds, in namespaces of its own.
func attempts() map[string]func(arg string) error {
	all := map[string]func(string) error{}
	for _, group := range []map[string]func(string) error{
		fileAttempts(), mountAttempts(), namespaceAttempts(), processAttempts(), kernelAttempts(), socketAttempts(), terminalAttempts(),
	} {
		for name, attempt := range group {
			all[name] = attempt
		}
	}
	return all
}

func fileAttempts() map[string]func(string) error {
	open := func(flags int) func(string) error {
		return func(p string) error {
			fd, err := unix.Open(p, flags|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0o644)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}
	}
	return map[string]func(string) error{
		"open":        open(unix.O_RDONLY),
		"write":       open(unix.O_WRONLY),
		"create":      open(unix.O_WRONLY | unix.O_CREAT),
		"list":        func(p string) error { _, err := os.ReadDir(p); return err },
		"stat":        func(p string) error { _, err := os.Stat(p); return err },
		"readlink":    func(p string) error { _, err := os.Readlink(p); return err },
		"read":        func(p string) error { _, err := os.ReadFile(p); return err },
		"mkdir":       func(p string) error { return unix.Mkdir(p, 0o755) },
		"remove":      os.RemoveAll,
		"chmod":       func(p string) error { return unix.Chmod(p, 0o777) },
		"rewrite":     rewrite,
		"chown":       func(p string) error { return unix.Chown(p, 1, 1) },
		"block":       func(p string) error { return unix.Mknod(p, unix.S_IFBLK, int(unix.Mkdev(7, 0))) },
		"device":      func(p string) error { return unix.Mknod(p, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))) },
		"rename":      renameAcross,
		"truncate":    truncateBeyond,
		"descriptors": openMany,
	}
}

// rewrite writes a file's own content back to it.
func rewrite(p string) error {
	content, err := os.ReadFile(p)
	if err != nil {
		return err
	}
	fd, err := unix.Open(p, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, content)
	return err
}

// renameAcross moves a new file to another new directory.
func renameAcross(dir string) error {
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

// truncateBeyond makes a hole that ends just after this many bytes.
func truncateBeyond(bytes string) error {
	n, err := strconv.ParseInt(bytes, 10, 64)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp("/tmp", "hole")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	return ignoring(unix.SIGXFSZ, func() error { return unix.Ftruncate(int(f.Fd()), n) })
}

// openMany opens this many more files.
func openMany(number string) error {
	n, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	for range n {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
	}
	return nil
}

func mountAttempts() map[string]func(string) error {
	setattr := func(p string, attr unix.MountAttr) error {
		return unix.MountSetattr(unix.AT_FDCWD, p, 0, &attr)
	}
	return map[string]func(string) error{
		"mount":         func(p string) error { return unix.Mount("tmpfs", p, "tmpfs", 0, "") },
		"bindmount":     func(p string) error { return unix.Mount(p, p, "", unix.MS_BIND, "") },
		"umount":        func(p string) error { return unix.Unmount(p, unix.MNT_DETACH) },
		"remount-bind":  func(p string) error { return unix.Mount("", p, "", unix.MS_REMOUNT|unix.MS_BIND, "") },
		"remount":       func(p string) error { return unix.Mount("", p, "", unix.MS_REMOUNT, "") },
		"make-writable": func(p string) error { return setattr(p, unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}) },
		"make-writable-own": func(string) error {
			return mountInTmp("tmpfs", func(dir string) error {
				if err := setattr(dir, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
					return err
				}
				if err := unix.Mkdir(dir+"/x", 0o755); err != unix.EROFS {
					return fmt.Errorf("read-only: %w", err)
				}
				if err := setattr(dir, unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}); err != nil {
					return err
				}
				return unix.Mkdir(dir+"/x", 0o755)
			})
		},
		"mount-proc":  func(string) error { return mountInTmp("proc", nil) },
		"mount-sysfs": func(string) error { return mountInTmp("sysfs", nil) },
		"mount-tmpfs": func(string) error { return mountInTmp("tmpfs", nil) },
		"fsopen": func(string) error {
			fd, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
			return closing(fd, err)
		},
		"open_tree": func(p string) error {
			fd, err := unix.OpenTree(unix.AT_FDCWD, p, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
			return closing(fd, err)
		},
		"pivot_root": func(p string) error { return unix.PivotRoot(p, p) },
	}
}

func closing(fd int, err error) error {
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// mountInTmp mounts a fresh file system on a new directory, for an act.
func mountInTmp(fstype string, act func(dir string) error) error {
	dir, err := os.MkdirTemp("/tmp", "mount")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	if err := unix.Mount(fstype, dir, fstype, 0, ""); err != nil {
		return err
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	if act == nil {
		return nil
	}
	return act(dir)
}

var cloneFlags = map[string]uintptr{
	"user": unix.CLONE_NEWUSER, "mnt": unix.CLONE_NEWNS, "pid": unix.CLONE_NEWPID, "ipc": unix.CLONE_NEWIPC,
	"uts": unix.CLONE_NEWUTS, "net": unix.CLONE_NEWNET, "cgroup": unix.CLONE_NEWCGROUP, "time": unix.CLONE_NEWTIME,
}

func namespaceAttempts() map[string]func(string) error {
	return map[string]func(string) error{
		"unshare": func(kind string) error { return unix.Unshare(int(cloneFlags[kind])) },
		"clone": func(kind string) error {
			pid, errno := rawFork(cloneFlags[kind], false)
			if errno != 0 {
				return errno
			}
			_, err := unix.Wait4(pid, nil, unix.WALL, nil)
			return err
		},
		"setns": func(kind string) error {
			fd, err := unix.Open("/proc/self/ns/"+kind, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Setns(fd, int(cloneFlags[kind]))
		},
		"setns-of": func(p string) error {
			fd, err := unix.Open(p, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Setns(fd, 0)
		},
		"chroot":      unix.Chroot,
		"sethostname": func(name string) error { return unix.Sethostname([]byte(name)) },
	}
}

// rawFork makes a child that does nothing but wait for ever, or exit. Nothing
// of the Go runtime runs in it.
//
//go:norace
func rawFork(flags uintptr, stay bool) (int, syscall.Errno) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, _, errno := syscall.RawSyscall(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD), 0, 0)
	if errno != 0 || pid != 0 {
		return int(pid), errno
	}
	for stay {
		syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

func socketAttempts() map[string]func(string) error {
	open := func(family, kind, protocol int) func(string) error {
		return func(string) error { return closing(unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol)) }
	}
	return map[string]func(string) error{
		"socket-unix":     open(unix.AF_UNIX, unix.SOCK_STREAM, 0),
		"socket-inet":     open(unix.AF_INET, unix.SOCK_STREAM, 0),
		"socket-inet6":    open(unix.AF_INET6, unix.SOCK_DGRAM, 0),
		"socket-route":    open(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE),
		"socket-audit":    open(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC),
		"socket-vsock":    open(unix.AF_VSOCK, unix.SOCK_STREAM, 0),
		"socket-packet":   open(unix.AF_PACKET, unix.SOCK_RAW, 0),
		"socket-raw":      open(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP),
		"socketpair-inet": func(string) error { _, err := unix.Socketpair(unix.AF_INET, unix.SOCK_STREAM, 0); return err },
		"listen": func(address string) error {
			l, err := net.Listen("tcp", address)
			if err == nil {
				l.Close()
			}
			return err
		},
		"connect":          func(address string) error { return dial("tcp", address) },
		"connect-abstract": func(name string) error { return dial("unix", "@"+name) },
	}
}

func dial(network, address string) error {
	c, err := net.Dial(network, address)
	if err == nil {
		c.Close()
	}
	return err
}
