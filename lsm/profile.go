package lsm

import (
	"fmt"
	"strings"
)

// DefaultProfile is the name of the AppArmor profile that
// [DefaultProfileText] describes.
const DefaultProfile = "sandbox-default"

// DefaultProfileText is an AppArmor profile for containers, by the model of
// Docker's docker-default: files, network and capabilities as far as other controls
// allow them; no mounts; nothing of /proc and /sys that changes the host; signals
// and traces among its own processes alone. Signals from outside come from an
// unconfined process, or from one of the given peers, by their labels.
//
// It includes no other file, so that it is the same on every host.
func DefaultProfileText(name string, peers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "profile %s flags=(attach_disconnected,mediate_deleted) {\n", quote(name))
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+",\n", args...) }
	for _, rule := range []string{"network", "capability", "file", "umount"} {
		line("%s", rule)
	}
	b.WriteString("\n")
	line("signal (receive) peer=%s", Unconfined)
	for _, peer := range peers {
		line("signal (receive) peer=%s", quote(peer))
	}
	line("signal (send,receive) peer=%s", quote(name))
	line("ptrace (trace,read,tracedby,readby) peer=%s", quote(name))
	b.WriteString("\n")
	for _, rule := range deniedRules {
		line("deny %s", rule)
	}
	b.WriteString("}\n")
	return b.String()
}

// deniedRules are docker-default's, with /proc in place of its variable.
var deniedRules = []string{
	"mount",
	// /proc itself, and what in it belongs to no process, but /proc/sys/kernel/shm*.
	"/proc/* w",
	"/proc/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9/]*}/** w",
	"/proc/sys/[^k]** w",
	"/proc/sys/kernel/{?,??,[^s][^h][^m]**} w",
	"/proc/sysrq-trigger rwklx",
	"/proc/kcore rwklx",
	// /sys, but for writing to /sys/fs/cgroup.
	"/sys/[^f]*/** wklx",
	"/sys/f[^s]*/** wklx",
	"/sys/fs/[^c]*/** wklx",
	"/sys/fs/c[^g]*/** wklx",
	"/sys/fs/cg[^r]*/** wklx",
	"/sys/firmware/** rwklx",
	"/sys/devices/virtual/powercap/** rwklx",
	"/sys/kernel/security/** rwklx",
}

// quote makes a name one word of the profile language, and literal: there *, ?,
// brackets and braces are patterns.
func quote(name string) string {
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, "{", `\{`, "}", `\}`, "^", `\^`, "@", `\@`).Replace(name)
	if escaped != name || strings.ContainsAny(name, " \t,()=#") {
		return `"` + escaped + `"`
	}
	return name
}
