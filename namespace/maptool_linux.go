package namespace

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// The capabilities that let a process write any id map, as bits of a mask.
const (
	capSetGID = 1 << 6
	capSetUID = 1 << 7
)

// LookupTools returns the paths of newuidmap(1) and newgidmap(1), which write
// the id maps that an ordinary user cannot write itself. It finds them as
// [exec.LookPath] does and checks that starting them gives them their power: each
// must be a set-user-ID program of root, or have CAP_SETUID or CAP_SETGID
// respectively as a file capability; not lie on a file system mounted nosuid; and
// the calling thread must not have no_new_privs set. Errors are
// [*UnsupportedError]s that say what to do.
//
// A caller with CAP_SETUID and CAP_SETGID writes maps itself and needs no tools.
func LookupTools() (newuidmap, newgidmap string, err error) {
	newuidmap, uidErr := lookupTool("newuidmap", capSetUID)
	newgidmap, gidErr := lookupTool("newgidmap", capSetGID)
	if err := errors.Join(uidErr, gidErr, checkNewPrivileges()); err != nil {
		return "", "", err
	}
	return newuidmap, newgidmap, nil
}

func lookupTool(name string, capability uint32) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", &UnsupportedError{Feature: name, Reason: "not found", Fix: "apt-get install uidmap (elsewhere: shadow-utils)", Err: err}
	}
	return path, checkTool(path, capability)
}

func checkTool(path string, capability uint32) error {
	info, err := os.Stat(path)
	if err != nil {
		return &UnsupportedError{Feature: path, Reason: "cannot be examined", Err: err}
	}
	var mount unix.Statfs_t
	if err := unix.Statfs(path, &mount); err != nil {
		return &UnsupportedError{Feature: path, Reason: "its file system cannot be examined", Err: err}
	}
	if mount.Flags&unix.ST_NOSUID != 0 {
		return &UnsupportedError{
			Feature: path, Reason: "lies on a file system mounted nosuid, where it has no privilege",
			Fix: "install it elsewhere",
		}
	}
	if setuidRoot(info) {
		return nil
	}
	if mask, err := fileCapabilities(path); err == nil && mask&capability != 0 {
		return nil
	}
	return &UnsupportedError{
		Feature: path, Reason: "neither a set-user-ID program of root nor one with the file capability it needs",
		Fix: "chown root " + path + " && chmod u+s " + path,
	}
}

func setuidRoot(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0 && info.Mode().IsRegular() && info.Mode()&fs.ModeSetuid != 0
}

// fileCapabilities returns the first 32 capabilities that a program has as
// soon as it starts, from struct vfs_cap_data (capabilities(7)): a word with the
// version and the effective flag, then the low word of the permitted set.
func fileCapabilities(path string) (uint32, error) {
	const effective = 1 // VFS_CAP_FLAGS_EFFECTIVE
	var data [24]byte
	n, err := unix.Getxattr(path, "security.capability", data[:])
	if err != nil {
		return 0, err
	}
	if n < 8 || binary.LittleEndian.Uint32(data[:4])&effective == 0 {
		return 0, nil
	}
	return binary.LittleEndian.Uint32(data[4:8]), nil
}

// checkNewPrivileges refuses a thread whose children cannot gain privilege.
func checkNewPrivileges() error {
	set, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err != nil {
		return &UnsupportedError{Feature: "newuidmap", Reason: "prctl PR_GET_NO_NEW_PRIVS", Err: err}
	}
	if set != 0 {
		return &UnsupportedError{
			Feature: "newuidmap", Reason: "no_new_privs is set, so that a set-user-ID program has no privilege",
			Fix: "start the calling program without no_new_privs (in systemd: NoNewPrivileges=no)",
		}
	}
	return nil
}
