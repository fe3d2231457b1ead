package lsm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const selinuxFS = "/sys/fs/selinux/"

// ReadSELinux asks the host about SELinux. With an error it could not be told
// whether SELinux is active, or where Active is set, whether it enforces.
func ReadSELinux() (SELinux, error) {
	var s SELinux
	text, err := readAttr("current")
	if errors.Is(err, unix.EINVAL) {
		return s, nil // no module has labels
	}
	if err != nil {
		return s, err
	}
	// AppArmor answers in the same file, and SELinux without a policy does, with
	// something else than a label.
	own, err := ParseLabel(text)
	if err != nil || !isSELinux() {
		return s, nil
	}
	s.Active, s.Own = true, own
	enforce, err := os.ReadFile(selinuxFS + "enforce")
	if err != nil {
		return s, err
	}
	s.Enforcing = len(enforce) > 0 && enforce[0] == '1'
	mls, err := os.ReadFile(selinuxFS + "mls")
	s.Levels = err == nil && len(mls) > 0 && mls[0] == '1'
	return s, err
}

// isSELinux says whether the kernel's module with labels is SELinux.
func isSELinux() bool {
	var st unix.Statfs_t
	if unix.Statfs(selinuxFS, &st) == nil && st.Type == unix.SELINUX_MAGIC {
		return true
	}
	b, err := os.ReadFile("/proc/filesystems")
	return err == nil && hasFilesystem(string(b), "selinuxfs")
}

// NewFileType is the type of a file or directory that a process with this
// label is to use on a fresh tmpfs: what the distribution says of containers, or
// else what the policy itself gives to a directory that the process makes there.
func NewFileType(process Label) (string, error) {
	for _, path := range contextFiles() {
		if b, err := os.ReadFile(path); err == nil {
			if t := parseContexts(string(b))[process.Type]; t != "" {
				return t, nil
			}
			break
		}
	}
	tmpfs, err := tmpfsLabel()
	if err != nil {
		return "", fmt.Errorf("lsm: label of a tmpfs: %w", err)
	}
	l, err := computeCreate(process, tmpfs, "dir")
	return l.Type, err
}

// contextFiles are where distributions say how containers are labelled, as
// Podman and Docker read it.
func contextFiles() []string {
	more, _ := filepath.Glob("/etc/selinux/*/contexts/lxc_contexts")
	return append([]string{"/usr/share/containers/selinux/contexts"}, more...)
}

// tmpfsLabel is the label of a file on a tmpfs without one of its own.
func tmpfsLabel() (Label, error) {
	fd, err := unix.MemfdCreate("label", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate("label", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return Label{}, err
	}
	defer unix.Close(fd)
	b := make([]byte, 4096)
	n, err := unix.Fgetxattr(fd, "security.selinux", b)
	if err != nil {
		return Label{}, err
	}
	return ParseLabel(string(b[:n]))
}

// computeCreate asks the policy how a process labels what it makes in a
// directory (selinuxfs, "create").
func computeCreate(process, dir Label, class string) (Label, error) {
	index, err := os.ReadFile(selinuxFS + "class/" + class + "/index")
	if err != nil {
		return Label{}, err
	}
	f, err := os.OpenFile(selinuxFS+"create", os.O_RDWR, 0)
	if err != nil {
		return Label{}, err
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s %s %s", process, dir, index); err != nil {
		return Label{}, err
	}
	b := make([]byte, 4096)
	n, err := f.Read(b)
	if err != nil {
		return Label{}, err
	}
	return ParseLabel(string(b[:n]))
}

// LabelLoaded says whether the policy knows a label and this process may give it
// to the next program. An error means that it could not be told.
func LabelLoaded(l Label) (bool, error) {
	_, err := Try(SELinuxExec(l))
	if errors.Is(err, unix.EINVAL) {
		return false, nil
	}
	return err == nil, err
}

// UnknownParts names the parts of a label that the policy does not know or does
// not allow together with the others: those without which it would be valid, with
// this process's own in their place.
func UnknownParts(l, own Label) []string {
	var bad []string
	for _, p := range []struct {
		name, value string
		with        Label
	}{
		{"user", l.User, Label{"", l.Role, l.Type, l.Level}},
		{"role", l.Role, Label{l.User, "", l.Type, l.Level}},
		{"type", l.Type, Label{l.User, l.Role, "", l.Level}},
		{"level", l.Level, Label{l.User, l.Role, l.Type, ""}},
	} {
		if ok, err := LabelLoaded(p.with.Over(own)); ok && err == nil {
			bad = append(bad, p.name+" "+p.value)
		}
	}
	return bad
}
