package probe

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

func identity() []Probe {
	return []Probe{
		{"identity/host-root", "be the root of the host: user 0 without a user namespace",
			"user_namespaces(7): whoever escapes as user 0 of the host owns it", Plain, always(hostRoot)},
		{"identity/become-root", "setuid(0)", "setuid(2): root of a user namespace has capabilities in it", Bare,
			always(func() error { return attempt.SetUID(0) })},
		{"identity/become-another", "setuid(1)", "setuid(2): files and processes of other users", Plain,
			always(func() error { return attempt.SetUID(1) })},
		{"identity/host-groups", "hold supplementary groups of the host program",
			"credentials(7): a group such as docker or disk is as good as root", Plain, always(supplementary)},
		{"identity/drop-groups", "setgroups(2) to none", "CVE-2014-8989: file modes that refuse a group are evaded by leaving it", Plain,
			always(func() error { return attempt.Call(unix.SYS_SETGROUPS) })},
		{"identity/new-privileges", "find no_new_privs off", "PR_SET_NO_NEW_PRIVS(2const): set-user-ID programs work", Plain, always(newPrivileges)},
		{"identity/set-user-ID", "find /usr mounted without nosuid", "mount(2), MS_NOSUID: the second line behind no_new_privs", Plain, always(honoursSetID)},
		{"identity/capabilities", "hold an effective capability", "capabilities(7)", Bare, always(func() error {
			return holdsCapability(func(d unix.CapUserData) uint32 { return d.Effective })
		})},
		{"identity/inheritable", "hold an inheritable capability", "CVE-2022-24769: files with inheritable capabilities pass them on", Plain, always(func() error {
			return holdsCapability(func(d unix.CapUserData) uint32 { return d.Inheritable })
		})},
		{"identity/bounding-set", "have a capability in the bounding set", "capabilities(7): what a set-user-ID program could gain at most", Plain, always(boundingSet)},
		{"identity/ambient", "make a capability ambient", "capabilities(7): one that survives execve", Bare, always(raiseAmbient)},
		{"identity/securebits", "change the securebits", "capabilities(7): the rules by which root has capabilities", Bare,
			always(func() error { return unix.Prctl(unix.PR_SET_SECUREBITS, 1, 0, 0, 0) })}, // SECBIT_NOROOT
		{"identity/file-capabilities", "give a file capabilities", "capabilities(7): a way to keep them for later", Bare, always(giveCapabilities)},
	}
}

func hostRoot() error {
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return err
	}
	fields := strings.Fields(string(b))
	whole := len(fields) == 3 && fields[0] == "0" && fields[1] == "0" && fields[2] == "4294967295"
	return holds(os.Geteuid() == 0 && whole, "user %d, mapped by %q", os.Geteuid(), fields)
}

func supplementary() error {
	groups, err := os.Getgroups()
	if err != nil {
		return err
	}
	for _, g := range groups {
		if g != os.Getgid() {
			return nil
		}
	}
	return holds(false, "no groups but %v", groups)
}

func newPrivileges() error {
	on, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err != nil {
		return err
	}
	return holds(on == 0, "no_new_privs is on")
}

func honoursSetID() error {
	var st unix.Statfs_t
	if err := unix.Statfs("/usr", &st); err != nil {
		return err
	}
	return holds(st.Flags&unix.ST_NOSUID == 0, "nosuid")
}

func capabilities() (data [2]unix.CapUserData, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	err = unix.Capget(&header, &data[0])
	return data, err
}

func holdsCapability(set func(unix.CapUserData) uint32) error {
	data, err := capabilities()
	if err != nil {
		return err
	}
	return holds(set(data[0])|set(data[1]) != 0, "none")
}

func boundingSet() error {
	for c := range uintptr(64) {
		if on, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0); err == nil && on == 1 {
			return nil
		}
	}
	return holds(false, "empty")
}

// raiseAmbient needs the capability permitted and makes it inheritable first.
func raiseAmbient() error {
	data, err := capabilities()
	if err != nil {
		return err
	}
	data[0].Inheritable |= data[0].Permitted
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_KILL, 0, 0)
}

// giveCapabilities writes the extended attribute of capabilities(7), version 2,
// with CAP_KILL, which a user namespace turns into version 3.
func giveCapabilities() error {
	return inTmp(func(path string) error {
		value := make([]byte, 20)
		value[3], value[4] = 2, 1<<unix.CAP_KILL
		return unix.Setxattr(path, "security.capability", value, 0)
	})
}

// inTmp makes an empty file for an act.
func inTmp(act func(path string) error) error {
	f, err := os.CreateTemp("/tmp", "probe")
	if err != nil {
		return err
	}
	f.Close()
	defer os.Remove(f.Name())
	return act(f.Name())
}
