package lsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

const (
	appArmorEnabled  = "/sys/module/apparmor/parameters/enabled"
	appArmorProfiles = "/sys/kernel/security/apparmor/profiles"
)

// AppArmorActive says whether AppArmor is active in this kernel.
func AppArmorActive() (bool, error) {
	b, err := os.ReadFile(appArmorEnabled)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// Without sysfs, as in some containers, the kernel still answers here.
		if _, err := os.Stat(threadAttr + "apparmor/exec"); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		_, err := readAttr("apparmor/current")
		return err == nil, nil
	case err != nil:
		return false, err
	}
	return strings.HasPrefix(string(b), "Y"), nil
}

// OwnConfinement is this process's AppArmor label.
func OwnConfinement() (Confinement, error) {
	s, err := readAttr("apparmor/current")
	return ParseConfinement(s), err
}

// Profiles lists the loaded profiles with their modes. The kernel shows them
// to a process with CAP_MAC_ADMIN, on a mounted securityfs; to learn about one
// profile [Try] needs neither.
func Profiles() ([]Confinement, error) {
	b, err := os.ReadFile(appArmorProfiles)
	if err != nil {
		return nil, err
	}
	var all []Confinement
	for line := range strings.Lines(string(b)) {
		all = append(all, ParseConfinement(line))
	}
	return all, nil
}

// ProfileLoaded says whether a profile is loaded. An error means that it could
// not be told, because AppArmor is not active or the caller's own
// confinement forbids to ask.
func ProfileLoaded(name string) (bool, error) {
	own, err := OwnConfinement()
	if err != nil {
		return false, err
	}
	_, err = Try(AppArmorExec(name, own))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// LoadProfile compiles a profile's text with apparmor_parser and gives it to
// the kernel, where it stays until it is removed; one of the same name is
// replaced. It needs the program and CAP_MAC_ADMIN.
func LoadProfile(ctx context.Context, text string) error {
	parser, err := exec.LookPath("apparmor_parser")
	if err != nil {
		// Where sbin is not in an administrator's PATH.
		if parser, err = exec.LookPath("/sbin/apparmor_parser"); err != nil {
			return fmt.Errorf("lsm: apparmor_parser is not installed: %w", err)
		}
	}
	// -K: the cache may lie on a read-only file system.
	cmd := exec.CommandContext(ctx, parser, "--skip-cache", "--replace")
	cmd.Stdin = strings.NewReader(text)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("lsm: apparmor_parser: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}
