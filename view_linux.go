package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/plan"
)

// The host's directories of programs and libraries that the default view
// shows. Where one is a symbolic link, as on a merged /usr, it stays one.
var systemDirs = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}

// etcFiles is what programs need of the host's /etc: how to find libraries and
// alternatives, certificates that are public, zones and fonts. No accounts, no
// keys, no host names.
var etcFiles = []string{
	"/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
	"/etc/pki/tls/certs", "/etc/pki/ca-trust", "/etc/ca-certificates/extracted", "/etc/crypto-policies",
	"/etc/services", "/etc/protocols", "/etc/mime.types", "/etc/fonts", "/etc/terminfo",
}

// The parts of /proc that are hidden, because they tell about the host or its
// other processes, and that are read-only, because they change it: Docker's
// lists and a little more. Most belong to the host's root and nobody else may
// open or write them; files with such a mode, and the directories marked so, are
// left to that wherever the sandbox has a user namespace without the host's
// root, which spares a mount for each.
var hiddenProc = []struct {
	path     string
	readOnly bool
	rootOnly bool
}{
	{"/proc/acpi", false, false}, {"/proc/asound", false, false}, {"/proc/interrupts", false, false},
	{"/proc/keys", false, false}, {"/proc/key-users", false, false}, {"/proc/latency_stats", false, false},
	{"/proc/sched_debug", false, false}, {"/proc/scsi", false, false}, {"/proc/timer_stats", false, false},
	{"/proc/kallsyms", false, false}, {"/proc/kcore", false, false}, {"/proc/kmsg", false, false},
	{"/proc/kpagecgroup", false, false}, {"/proc/kpagecount", false, false}, {"/proc/kpageflags", false, false},
	{"/proc/slabinfo", false, false}, {"/proc/timer_list", false, false}, {"/proc/vmallocinfo", false, false},
	{"/proc/iomem", false, false}, {"/proc/ioports", false, false},
	{"/proc/cmdline", false, false}, {"/proc/config.gz", false, false}, {"/proc/diskstats", false, false},
	{"/proc/modules", false, false}, {"/proc/partitions", false, false}, {"/proc/softirqs", false, false}, {"/proc/swaps", false, false},
	{"/proc/bus", false, false}, {"/proc/fs", false, false},
	{"/proc/sys", true, false}, {"/proc/irq", true, true},
	{"/proc/sysrq-trigger", true, true}, {"/proc/mtrr", true, true}, {"/proc/dma", true, true},
}

// devices of the default view, by name, major and minor number.
var devices = []struct {
	name         string
	major, minor uint32
}{{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}}

// devpts are the sandbox's own terminals.
var devpts = plan.Filesystem{Path: "/dev/pts", Type: "devpts", Flags: plan.NoSuid | plan.NoExec,
	Options: []plan.Option{{Name: "newinstance"}, {Name: "ptmxmode", Value: "0666"}, {Name: "mode", Value: "0620"}}}

// resolveView describes the file tree.
func resolveView(s *settings, h *host, id *identity) (plan.View, error) {
	hostname, err := viewHostname(s)
	if err != nil {
		return plan.View{}, err
	}
	v := view{hostname: hostname, settings: s, host: h, identity: id, made: map[string]bool{"/": true}, rootless: id.excludesRoot()}
	if s.RootFS != "" {
		if err := v.rootFS(); err != nil {
			return plan.View{}, err
		}
	} else {
		v.Root, v.ReadOnly = plan.Root{}, true
		if err := v.system(); err != nil {
			return plan.View{}, err
		}
		v.etc(id)
		v.dir("/tmp", 0o755)
		v.dir("/proc", 0o555)
	}
	if s.Privileged {
		v.hostDev()
	} else {
		v.dev()
	}
	v.ipc()
	if err := v.devices(); err != nil {
		return plan.View{}, err
	}
	if err := v.proc(); err != nil {
		return plan.View{}, err
	}
	if !v.asked("/tmp") {
		v.tmpfs("/tmp", s.TmpSize, 0o1777)
	}
	if err := v.mounts(); err != nil {
		return plan.View{}, err
	}
	for _, p := range s.Masks {
		v.fresh(plan.Mask{Path: p})
	}
	return v.View, nil
}

// viewHostname is the name that /etc shows.
func viewHostname(s *settings) (string, error) {
	if s.UTS == UTSPrivate {
		return s.Hostname, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", &SetupError{"read the host name", "", underlying(err)}
	}
	return name, nil
}

type view struct {
	plan.View
	hostname string
	settings *settings
	host     *host
	identity *identity
	rootless bool            // the host's root does not exist inside
	made     map[string]bool // places that exist in a tmpfs of the view
}

// keep adds what is the same for every start, fresh what each start makes anew.
func (v *view) keep(e plan.Entry)  { v.Static = append(v.Static, e) }
func (v *view) fresh(e plan.Entry) { v.Entries = append(v.Entries, e) }

// add adds something in a tmpfs of the view, after the mount that it lies in.
func (v *view) add(p string, e plan.Entry) {
	for _, m := range v.Entries {
		if t, ok := m.(plan.Tmpfs); ok && within(p, t.Path) && p != t.Path {
			v.fresh(e)
			return
		}
	}
	v.keep(e)
}

// asked says whether an option mounts something there.
func (v *view) asked(target string) bool {
	for _, m := range v.settings.Mounts {
		if m.Target == target {
			return true
		}
	}
	return false
}

func (v *view) dir(p string, mode uint32) {
	if v.made[p] {
		return
	}
	v.made[p] = true
	v.add(p, plan.Dir{Path: p, Mode: mode})
}

func (v *view) file(p, content string) {
	if v.asked(p) {
		content = ""
	}
	v.made[p] = true
	v.add(p, plan.File{Path: p, Mode: 0o444, Content: []byte(content)})
}

func (v *view) tmpfs(p string, size int64, mode uint32) {
	const bytesPerFile = 4096
	v.dir(p, 0o755)
	v.fresh(plan.Tmpfs{Path: p, Size: size, Files: max(size/bytesPerFile, 64), Mode: mode, Flags: plan.NoSuid | plan.NoDev})
}

// rootFS takes a directory as the root.
func (v *view) rootFS() error {
	s := v.settings
	st, err := os.Stat(s.RootFS)
	if err != nil {
		return &SetupError{"open the root", s.RootFS, underlying(err)}
	}
	if !st.IsDir() {
		return &SetupError{"open the root", s.RootFS, unix.ENOTDIR}
	}
	v.Root = plan.Root{Source: path.Clean(s.RootFS), Flags: plan.ReadOnly | v.flags("/")}
	delete(v.made, "/")
	for _, p := range []string{"/proc", "/dev", "/tmp"} {
		v.made[p] = true // must exist; the launcher's step names the one that does not
	}
	return nil
}

// system shows the host's programs and libraries.
func (v *view) system() error {
	for _, dir := range systemDirs {
		if err := v.share(dir); err != nil {
			return err
		}
	}
	return nil
}

// share shows one file or directory of the host read-only at the same path; a
// symbolic link stays one, and what does not exist is left out.
func (v *view) share(p string) error {
	if v.asked(p) {
		return nil
	}
	st, err := os.Lstat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &SetupError{"look at", p, underlying(err)}
	case st.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(p)
		if err != nil {
			return &SetupError{"look at", p, underlying(err)}
		}
		v.keep(plan.Symlink{Path: p, Target: target})
		return nil
	case st.IsDir():
		v.dir(p, 0o755)
	default:
		v.file(p, "")
	}
	v.keep(plan.Bind{Source: p, Path: p, Flags: plan.ReadOnly | plan.NoSuid | plan.NoDev})
	return nil
}

// etc is the sandbox's own /etc.
func (v *view) etc(id *identity) {
	v.file("/etc/passwd", id.passwd())
	v.file("/etc/group", id.group())
	v.file("/etc/hosts", "127.0.0.1 localhost "+v.hostname+"\n::1 localhost\n")
	v.file("/etc/hostname", v.hostname+"\n")
	v.file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n")
	for _, p := range etcFiles {
		v.share(p) // a file that cannot be looked at is not needed
	}
	if v.settings.Network == NetworkHost {
		v.resolver()
	}
}

// resolver shows the host's resolv.conf, wherever the link to it leads.
func (v *view) resolver() {
	const p = "/etc/resolv.conf"
	content, err := os.ReadFile(p)
	if err != nil || v.asked(p) {
		return
	}
	v.file(p, string(content))
}

// dev is the sandbox's own /dev.
func (v *view) dev() {
	if v.settings.RootFS != "" {
		v.made["/dev"] = true
		v.keep(plan.Tmpfs{Path: "/dev", Size: 64 << 10, Files: 64, Mode: 0o755, Flags: plan.NoSuid | plan.NoExec})
	} else {
		v.dir("/dev", 0o755)
	}
	for _, d := range devices {
		p := "/dev/" + d.name
		if v.host.canMount {
			v.keep(plan.Node{Path: p, Mode: 0o666, Major: d.major, Minor: d.minor})
			continue
		}
		v.file(p, "")
		v.keep(plan.Bind{Source: p, Path: p, Flags: plan.NoSuid | plan.NoExec})
	}
	for _, l := range []plan.Symlink{
		{Path: "/dev/fd", Target: "/proc/self/fd"}, {Path: "/dev/stdin", Target: "/proc/self/fd/0"},
		{Path: "/dev/stdout", Target: "/proc/self/fd/1"}, {Path: "/dev/stderr", Target: "/proc/self/fd/2"},
		{Path: "/dev/ptmx", Target: "pts/ptmx"},
	} {
		v.keep(l)
	}
	v.dir("/dev/pts", 0o755)
	v.fresh(devpts)
}

// ipc is what of /dev follows the IPC namespace.
func (v *view) ipc() {
	switch v.settings.IPC {
	case IPCNone:
		return
	case IPCHost:
		v.hostIPC("/dev/shm")
		if v.host.canMount && !v.settings.Privileged {
			v.mqueue() // the host need not have it mounted
		} else {
			v.hostIPC("/dev/mqueue")
		}
		return
	}
	missing := func(p string) bool { return v.settings.Privileged && !v.made[p] }
	if missing("/dev/shm") {
		return
	}
	if _, joined := v.settings.IPC.(ipcOf); joined {
		v.dir("/dev/shm", 0o755)
		v.fresh(plan.Bind{Source: "/dev/shm", Path: "/dev/shm", Flags: plan.NoSuid | plan.NoDev, From: sharedMount})
	} else if !v.asked("/dev/shm") {
		v.tmpfs("/dev/shm", v.settings.ShmSize, 0o1777)
	}
	if missing("/dev/mqueue") {
		return
	}
	v.mqueue()
}

// hostIPC shows a directory of the host, if there is one.
func (v *view) hostIPC(p string) {
	if st, err := os.Stat(p); err == nil && st.IsDir() {
		v.dir(p, 0o755)
		v.fresh(plan.Bind{Source: p, Path: p, Flags: plan.NoSuid | plan.NoDev | plan.NoExec})
	}
}

// mqueue shows the queues of the sandbox's IPC namespace. Landlock knows them by
// this directory, so mq_open(3) depends on it.
func (v *view) mqueue() {
	v.dir("/dev/mqueue", 0o755)
	v.fresh(plan.Filesystem{Path: "/dev/mqueue", Type: "mqueue", Flags: plan.NoSuid | plan.NoDev | plan.NoExec})
}

// proc mounts a fresh /proc and hides parts of it.
func (v *view) proc() error {
	v.fresh(plan.Filesystem{Path: "/proc", Type: "proc", Flags: plan.NoSuid | plan.NoDev | plan.NoExec})
	if v.settings.Privileged {
		v.sys()
		return nil
	}
	for _, h := range hiddenProc {
		st, err := os.Lstat(h.path)
		switch {
		case err != nil: // this kernel has none
		case v.rootless && (h.rootOnly || !st.IsDir() && st.Mode()&0o077 == 0):
		case h.readOnly:
			v.fresh(plan.Protect{Path: h.path})
		default:
			v.fresh(plan.Mask{Path: h.path, Dir: st.IsDir(), Null: "/dev/null"})
		}
	}
	return nil
}

// sys is for a privileged sandbox. The kernel lets only the owner of a network
// namespace mount a /sys of it, which an ordinary caller's launcher is not: it
// shows the host's, read-only.
func (v *view) sys() {
	v.dir("/sys", 0o555)
	flags := plan.NoSuid | plan.NoDev | plan.NoExec
	if v.host.canMount {
		v.fresh(plan.Filesystem{Path: "/sys", Type: "sysfs", Flags: flags})
		return
	}
	v.fresh(plan.Bind{Source: "/sys", Path: "/sys", Flags: flags | plan.ReadOnly})
}

// mounts are those that options asked for.
func (v *view) mounts() error {
	for _, m := range v.settings.Mounts {
		if m.Source == "" {
			if !v.made[m.Target] && v.creatable(m.Target) {
				v.dir(m.Target, 0o755)
			}
			v.made[m.Target] = true
			v.fresh(plan.Tmpfs{Path: m.Target, Size: m.Size, Files: max(m.Size/4096, 64), Mode: 0o1777, Flags: v.flags(m.Target)})
			continue
		}
		st, err := os.Stat(m.Source)
		if err != nil {
			return &SetupError{"bind " + m.Source, m.Target, underlying(err)}
		}
		if !v.made[m.Target] && v.creatable(m.Target) {
			if st.IsDir() {
				v.dir(m.Target, 0o755)
			} else {
				v.file(m.Target, "")
			}
		}
		v.made[m.Target] = false
		flags := v.flags(m.Target)
		if m.ReadOnly {
			flags |= plan.ReadOnly
		}
		bind := plan.Bind{Source: path.Clean(m.Source), Path: m.Target, Flags: flags}
		if m.Owner != nil {
			if bind.IDMap, err = v.idMap(*m.Owner); err != nil {
				return err
			}
		}
		v.fresh(bind)
	}
	return nil
}

// flags of a mount that an option asked for.
func (v *view) flags(target string) plan.Flags {
	if slices.Contains(v.settings.SUID, target) {
		return plan.NoDev
	}
	return plan.NoDev | plan.NoSuid
}

// creatable says whether a place for a mount can be made: its nearest mount is
// a tmpfs of the view.
func (v *view) creatable(target string) bool {
	best, fresh := "", false
	for _, e := range slices.Concat(v.Static, v.Entries) {
		switch e := e.(type) {
		case plan.Bind:
			if within(target, e.Path) && len(e.Path) >= len(best) {
				best, fresh = e.Path, false
			}
		case plan.Tmpfs:
			if within(target, e.Path) && len(e.Path) >= len(best) {
				best, fresh = e.Path, true
			}
		case plan.Filesystem:
			if within(target, e.Path) && len(e.Path) >= len(best) {
				best, fresh = e.Path, false
			}
		case plan.Symlink:
			if strings.HasPrefix(target, e.Path+"/") {
				best, fresh = e.Path, false
			}
		}
	}
	if best == "" {
		return v.settings.RootFS == ""
	}
	return fresh
}
