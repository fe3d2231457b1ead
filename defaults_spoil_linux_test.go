package sandbox_test

import (
	"fmt"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

func spoilTerminal(d dirt) error {
	if !d.Terminal {
		return nil
	}
	if _, err := unix.Setsid(); err != nil {
		return fmt.Errorf("setsid: %w", err)
	}
	signal.Ignore(unix.SIGHUP) // at the end, when the terminal closes
	side, peer, _, err := attempt.OpenTerminal()
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	if _, err := unix.Dup(side); err != nil { // stays open over execve
		return err
	}
	if err := unix.IoctlSetInt(peer, unix.TIOCSCTTY, 0); err != nil {
		return fmt.Errorf("controlling terminal: %w", err)
	}
	return unix.Dup3(peer, 0, 0)
}

func spoilDescriptors(d dirt) error {
	if !d.Descriptors {
		return nil
	}
	root, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	for fd := 20; fd < 30; fd++ {
		if err := unix.Dup2(root, fd); err != nil {
			return err
		}
	}
	return nil
}

func spoilScheduling(d dirt) error {
	if d.Personality {
		if err := attempt.Call(unix.SYS_PERSONALITY, attempt.NoRandomAddresses); err != nil {
			return err
		}
	}
	if d.Umask {
		unix.Umask(0)
	}
	if d.Nice != 0 {
		return unix.Setpriority(unix.PRIO_PROCESS, 0, d.Nice)
	}
	return nil
}

func spoilKeyring(d dirt) error {
	if d.Key == "" {
		return nil
	}
	if err := attempt.Call(unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING); err != nil { // no name
		return fmt.Errorf("keyring: %w", err)
	}
	_, err := unix.AddKey("user", d.Key, []byte("secret"), unix.KEY_SPEC_SESSION_KEYRING)
	return err
}

func spoilRlimits(d dirt) error {
	for name, n := range d.Rlimits {
		which, err := strconv.Atoi(name)
		if err != nil {
			return err
		}
		if err := unix.Prlimit(0, which, &unix.Rlimit{Cur: n, Max: n}, nil); err != nil {
			return fmt.Errorf("limit %s: %w", name, err)
		}
	}
	return nil
}

func spoilGroups(d dirt) error {
	if d.Groups == nil {
		return nil
	}
	var groups []int
	for _, g := range d.Groups {
		n, err := strconv.Atoi(g)
		if err != nil {
			return err
		}
		groups = append(groups, n)
	}
	return syscall.Setgroups(groups)
}

// spoilCapabilities raises inheritable and ambient capabilities on this thread,
// which is the one that executes.
func spoilCapabilities(d dirt) error {
	if len(d.Ambient) == 0 {
		return nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	for _, c := range d.Ambient {
		data[c/32].Inheritable |= 1 << (c % 32)
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return err
	}
	for _, c := range d.Ambient {
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(c), 0, 0); err != nil {
			return err
		}
	}
	return nil
}

func spoilSignals(d dirt) error {
	for _, s := range d.Ignored {
		signal.Ignore(s)
	}
	var set unix.Sigset_t
	for _, s := range d.Blocked {
		set.Val[(s-1)/64] |= 1 << ((s - 1) % 64)
	}
	return unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil)
}
