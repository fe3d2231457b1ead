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
	namespace := e.Step == "create namespaces" || e.Step == "create user namespace" || strings.HasPrefix(e.Step, "lock the mounts")
	switch {
	case namespace && errors.Is(e.Err, unix.ENOSPC):
		return &UnsupportedError{string(FeatureUserNamespace), "a limit on the number of namespaces is reached (/proc/sys/user/max_*_namespaces)",
			"raise the limit, such as sysctl user.max_user_namespaces=65536", e}
	case namespace && (errors.Is(e.Err, unix.EPERM) || errors.Is(e.Err, unix.EACCES)):
		reason, fix := whyNoUserNamespace()
		return &UnsupportedError{string(FeatureUserNamespace), reason, fix, e}
	case namespace && (errors.Is(e.Err, unix.EINVAL) || errors.Is(e.Err, unix.ENOSYS)):
		return &UnsupportedError{string(FeatureNamespaces), "the kernel was built without one of the namespaces " + e.Path,
			"use a kernel with CONFIG_NAMESPACES and all its kinds", e}
	case restrictedByAppArmor() && (errors.Is(e.Err, unix.EPERM) || errors.Is(e.Err, unix.EACCES)):
		reason, fix := whyNoUserNamespace()
		return &UnsupportedError{string(FeatureUserNamespace), reason, fix, e}
	}
	return e
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
