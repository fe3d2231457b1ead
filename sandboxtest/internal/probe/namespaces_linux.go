package probe

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

// kinds are the namespaces, by their names in /proc/self/ns.
var kinds = []struct {
	name, isolates string
	flag           int
}{
	{"user", "ids and capabilities", unix.CLONE_NEWUSER},
	{"mnt", "mounts", unix.CLONE_NEWNS},
	{"pid", "processes", unix.CLONE_NEWPID},
	{"ipc", "System V IPC and POSIX message queues", unix.CLONE_NEWIPC},
	{"uts", "the host name", unix.CLONE_NEWUTS},
	{"net", "interfaces, ports and abstract sockets", unix.CLONE_NEWNET},
	{"cgroup", "the path of the cgroup", unix.CLONE_NEWCGROUP},
}

func namespaces() []Probe {
	var out []Probe
	for _, k := range kinds {
		out = append(out, Probe{"namespaces/shared-" + k.name, "be in the host program's " + k.name + " namespace",
			"namespaces(7): it isolates " + k.isolates, Plain, func(f *Facts) error { return sameNamespace(f, k.name) }})
	}
	for _, k := range kinds[1:] {
		out = append(out, Probe{"namespaces/unshare-" + k.name, "make a new " + k.name + " namespace by unshare(2)",
			"CVE-2022-0492, CVE-2022-0185 and many others began with namespaces made inside", Bare,
			always(func() error { return unix.Unshare(k.flag) })})
	}
	return append(out, []Probe{
		{"namespaces/unshare-time", "make a new time namespace by unshare(2)", "time_namespaces(7)", Bare,
			always(func() error { return unix.Unshare(unix.CLONE_NEWTIME) })},
		{"namespaces/clone-user", "make a user namespace by clone(2)", "user_namespaces(7): every capability inside it, and the kernel code behind", Plain,
			always(func() error { return attempt.Clone(unix.CLONE_NEWUSER) })},
		{"namespaces/clone-user-mount", "make user, mount and network namespaces at once", "CVE-2022-0185, CVE-2023-32233, CVE-2024-1086: the usual first step of an exploit", Plain,
			always(func() error { return attempt.Clone(unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET) })},
		{"namespaces/clone3", "reach clone3(2)", "clone3(2): its flags lie behind a pointer, where no filter sees them", Plain, reach(unix.SYS_CLONE3)},
		{"namespaces/enter-own", "enter a namespace by setns(2)", "setns(2)", Bare,
			always(func() error { return attempt.EnterNamespace("/proc/self/ns/uts", unix.CLONE_NEWUTS) })},
		{"namespaces/enter-supervisor", "enter the supervisor's namespaces by its pidfd", "setns(2): the way out through a process that is outside", Plain, onSupervisor(enterSupervisor)},
		{"namespaces/chroot", "chroot(2)", "chroot(2): the first half of the oldest escape", Bare, always(func() error { return unix.Chroot("/") })},
		{"namespaces/pivot-root", "exchange the root", "pivot_root(2)", Bare, always(pivotRoot)},
		{"namespaces/host-name", "set the host name", "uts_namespaces(7)", Bare, always(func() error { return unix.Sethostname([]byte("probe")) })},
		{"namespaces/domain-name", "set the domain name", "uts_namespaces(7)", Bare, always(func() error { return unix.Setdomainname([]byte("probe")) })},
	}...)
}

func sameNamespace(f *Facts, kind string) error {
	own, err := os.Readlink("/proc/self/ns/" + kind)
	if err != nil {
		return err
	}
	return holds(own == f.Namespaces[kind], "another one")
}

func enterSupervisor(f *Facts) error {
	fd, err := unix.PidfdOpen(f.Supervisor, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Setns(fd, unix.CLONE_NEWUTS)
}

// pivotRoot does it in a mount namespace of its own, since other probes need the
// root as it is.
func pivotRoot() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", "/tmp", "tmpfs", 0, ""); err != nil {
		return err
	}
	return unix.PivotRoot("/tmp", "/tmp")
}

func mounts() []Probe {
	fs := func(fstype, options, why string) Probe {
		return Probe{"namespaces/mount-" + fstype, "mount " + fstype, why, Bare,
			always(func() error { return attempt.MountInTmp(fstype, options, nil) })}
	}
	return []Probe{
		fs("tmpfs", "", "mount(2): memory that no limit of the view covers"),
		fs("proc", "", "proc(5): a fresh one has no masks"),
		fs("sysfs", "", "sysfs(5): the kernel's switches"),
		fs("devpts", "newinstance", "pts(4)"),
		fs("mqueue", "", "mq_overview(7)"),
		fs("cgroup2", "", "cgroups(7): limits, and on v1 release_agent"),
		fs("overlay", "lowerdir=/usr:/etc", "CVE-2021-3493, CVE-2023-0386: overlayfs in user namespaces"),
		fs("ramfs", "", "memory without a limit of size"),
		{"namespaces/mount-cgroup", "mount a hierarchy of cgroup v1", "CVE-2022-0492: its release_agent runs on the host", Bare, always(mountCgroup1)},
		{"namespaces/bind", "bind a directory to another place", "mount(2), MS_BIND: what lies below a mount", Bare, always(func() error {
			return attempt.MountInTmp("tmpfs", "", func(dir string) error {
				if err := unix.Mount("/usr", dir, "", unix.MS_BIND, ""); err != nil {
					return err
				}
				return unix.Unmount(dir, unix.MNT_DETACH)
			})
		})},
		{"namespaces/remount", "change the flags of /", "mount(2), MS_REMOUNT: read-only made writable", Bare,
			always(func() error {
				return unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RELATIME|ownFlags(), "")
			})},
		{"namespaces/mount-setattr", "change the attributes of / by mount_setattr(2)", "CVE-2022-0185's new mount interface; filters older than it let it through", Bare,
			// Cleared is what is not set: it must change nothing where it is allowed.
			always(func() error { return attempt.SetAttr("/", unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_NOSYMFOLLOW}) })},
		{"namespaces/propagation", "make the root's mounts shared", "mount_namespaces(7): mounts that reach others", Bare,
			always(func() error { return unix.Mount("", "/", "", unix.MS_SHARED, "") })},
		{"namespaces/fsopen", "open a file system context", "CVE-2022-0185: fsconfig(2), reachable by it", Bare, always(func() error { return attempt.OpenFS("tmpfs") })},
		{"namespaces/open-tree", "copy a mount by open_tree(2)", "open_tree(2)", Bare, always(func() error { return attempt.CloneTree("/usr") })},
		{"namespaces/move-mount", "mount by fsopen(2), fsmount(2) and move_mount(2)", "move_mount(2): mount(2) by other numbers", Bare, always(mountByDescriptors)},
		{"namespaces/unmount", "unmount a part of the view", "umount(2): what a mask hides", Bare, always(func() error {
			return attempt.MountInTmp("tmpfs", "", func(dir string) error { return unix.Unmount(dir, unix.MNT_DETACH) })
		})},
	}
}

// ownFlags are those of the root's mount that a remount must repeat.
func ownFlags() uintptr {
	var st unix.Statfs_t
	if unix.Statfs("/", &st) != nil {
		return 0
	}
	return uintptr(st.Flags) & (unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
}

func mountCgroup1() error {
	var err error
	for _, hierarchy := range []string{"pids", "cpu", "memory", "freezer", "devices", "none,name=systemd"} {
		if err = attempt.MountInTmp("cgroup", hierarchy, nil); err == nil {
			break
		}
	}
	return err
}

func mountByDescriptors() error {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return err
	}
	tree, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	dir, err := os.MkdirTemp("/tmp", "mount")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return err
	}
	return unix.Unmount(dir, unix.MNT_DETACH)
}
