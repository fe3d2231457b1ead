package sandbox

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// explain turns the refusal of a namespace into an UnsupportedError that names
// the cause and the fix. Other errors stay as they are.
func explain(e *SetupError) error {
	if strings.HasPrefix(e.Step, "map the ids of ") {
		return explainIDMap(e)
	}
	namespace := strings.HasPrefix(e.Step, "create ") && strings.Contains(e.Step, "namespace") || strings.HasPrefix(e.Step, "lock the mounts")
	switch {
	case namespace && errors.Is(e.Err, unix.ENOSPC):
		return &UnsupportedError{string(FeatureUserNamespace), "a limit on the number of namespaces is reached (/proc/sys/user/max_*_namespaces)",
			"raise the limit, such as sysctl user.max_user_namespaces=65536", e}
	case namespace && (errors.Is(e.Err, unix.EPERM) || errors.Is(e.Err, unix.EACCES)):
		reason, fix := whyNoUserNamespace()
		return &UnsupportedError{string(FeatureUserNamespace), reason, fix, e}
	case namespace && errors.Is(e.Err, unix.EINVAL):
		return &UnsupportedError{string(FeatureNamespaces), "the kernel was built without one of the namespaces " + e.Path,
			"use a kernel with CONFIG_NAMESPACES and all its kinds", e}
	case errors.Is(e.Err, unix.ENOSYS):
		return &UnsupportedError{string(featureOf(e.Step)), "the kernel, or a seccomp filter over this process, lacks a system call that is needed to " + e.Step,
			"use Linux 5.14 or later, and in a container a seccomp profile that allows " + needed(e.Step), e}
	case restrictedByAppArmor() && (errors.Is(e.Err, unix.EPERM) || errors.Is(e.Err, unix.EACCES)):
		reason, fix := whyNoUserNamespace()
		return &UnsupportedError{string(FeatureUserNamespace), reason, fix, e}
	case (featureOf(e.Step) == FeatureMounts || e.Step == startStep) && errors.Is(e.Err, unix.EPERM),
		e.Step == "make mounts private" && errors.Is(e.Err, unix.EACCES):
		return &UnsupportedError{string(featureOf(e.Step)), "the kernel refuses this process to " + e.Step + ", as the seccomp filter of a container does",
			"run outside of a container, or with a seccomp profile that allows " + needed(e.Step), e}
	}
	return e
}

// startStep is the first step of the launcher.
const startStep = "start the launcher"

// needed are the calls of a step that filters are known to refuse.
func needed(step string) string {
	if featureOf(step) == FeatureMounts {
		return "mount, pivot_root, openat2, open_tree, move_mount and mount_setattr"
	}
	return "unshare, clone with namespaces, close_range and pidfd_open"
}

// isRefusal says whether an error of clone(2) may be about the namespace asked for.
func isRefusal(err error) bool {
	for _, errno := range []unix.Errno{unix.EPERM, unix.EINVAL, unix.ENOSPC} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// whyNoUserNamespace asks the settings that are known to forbid them.
func whyNoUserNamespace() (reason, fix string) {
	switch {
	case restrictedByAppArmor():
		// Not tested against a kernel that has this setting.
		return "AppArmor lets ordinary programs have user namespaces without capabilities only (kernel.apparmor_restrict_unprivileged_userns)",
			"install an AppArmor profile with the rule userns for the host program, or set the sysctl to 0"
	case sysctl("kernel/unprivileged_userns_clone") == "0":
		return "ordinary users may not create user namespaces (kernel.unprivileged_userns_clone is 0)",
			"set the sysctl to 1 or run as root"
	case sysctl("user/max_user_namespaces") == "0":
		return "user namespaces are turned off (user.max_user_namespaces is 0)", "raise the sysctl"
	}
	return "the kernel refuses new namespaces to this process, as the seccomp filter of a container does",
		"run as root outside of a container, or allow unshare and clone with namespace flags there"
}

func restrictedByAppArmor() bool {
	return os.Geteuid() != 0 && sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1"
}

func sysctl(name string) string {
	b, _ := os.ReadFile("/proc/sys/" + name)
	return strings.TrimSpace(string(b))
}
