package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/seed-d1379373/sandbox/seccomp"
)

// An Option is one named change of the defaults. Options record and do
// nothing else; [New] validates them together. Of several options of one kind
// the last counts, except for those that are additive.
type Option interface{ apply(*settings) }

type option func(*settings)

func (o option) apply(s *settings) { o(s) }

// named records that the caller asked for something, so that it fails closed.
func named(name string, set func(*settings)) Option {
	return option(func(s *settings) {
		s.named[name] = true
		set(s)
	})
}

// Unlimited removes a limit, where an option says so.
const Unlimited = -1

// WithMemory limits the memory of all processes of the sandbox together, in
// bytes. That counts page cache and the contents of /tmp and /dev/shm, and not
// the launcher. A process beyond the limit is killed, and the Reason is
// OOMKilled. [Unlimited] removes the limit.
//
// Swap is not used unless [WithMemorySwap] says so. The default, 1 GiB, is a
// best effort; a limit that is named needs the memory controller (cgroups(7)),
// and without it New succeeds and Start fails with an *UnsupportedError.
//
// The smallest limit is 64 KiB; most programs need a few MiB to start.
func WithMemory(bytes int64) Option {
	return named("WithMemory", func(s *settings) { s.Memory = bytes })
}

// WithMemorySwap limits memory and swap together, in bytes, as Docker's
// --memory-swap: a value equal to the memory limit, the default, means no
// swap, and [Unlimited] means as much swap as the host has.
func WithMemorySwap(total int64) Option {
	return named("WithMemorySwap", func(s *settings) { s.MemorySwap = total })
}

// WithMemoryReservation asks for this much memory, in bytes, to be left to the
// sandbox while the host runs short of it. It is a soft limit: the kernel
// protects it on a best effort (memory.low) and enforces nothing.
func WithMemoryReservation(bytes int64) Option {
	return named("WithMemoryReservation", func(s *settings) { s.MemoryReservation = bytes })
}

// WithCPUShares sets the sandbox's weight when CPUs are contended, from 2 to
// 262144; 1024 is an ordinary group's. A sandbox with 1024 gets twice the time
// of one with 512, and either may use all there is when the other is idle. On
// cgroup v2 the value is converted so that 1024 is the default weight of 100.
func WithCPUShares(shares uint64) Option {
	return named("WithCPUShares", func(s *settings) { s.CPUShares = shares })
}

// WithCPUs limits CPU time to this many CPUs' worth, measured over periods of
// 100 ms: 0.75 is three quarters of one CPU. The sandbox is stopped for the
// rest of a period that it has used up.
func WithCPUs(n float64) Option {
	return named("WithCPUs", func(s *settings) { s.CPUs = n })
}

// WithCPUSet confines the sandbox to these CPUs, in the list format of
// cpuset(7): "0-2,4".
func WithCPUSet(cpus string) Option {
	return named("WithCPUSet", func(s *settings) { s.CPUSet = cpus })
}

// WithCPUSetMems confines the sandbox's memory to these NUMA nodes, in the
// list format of cpuset(7).
func WithCPUSetMems(nodes string) Option {
	return named("WithCPUSetMems", func(s *settings) { s.CPUSetMems = nodes })
}

// WithPids limits the number of processes and threads in the sandbox; the
// launcher does not count. fork(2) fails with EAGAIN beyond it. [Unlimited]
// removes the limit. The default is 512.
//
// Where the pids controller cannot be had, and for the default on cgroup v1, the
// limit is enforced by RLIMIT_NPROC in the sandbox's own user namespace (Linux
// 5.14), which counts the same there.
func WithPids(n int64) Option {
	return named("WithPids", func(s *settings) { s.Pids = n })
}

// WithCgroupParent makes the sandbox's cgroup below this one in place of the
// caller's own: a path as in /proc/self/cgroup, such as "/user.slice/judge".
// The caller must be allowed to make groups there.
func WithCgroupParent(path string) Option {
	return named("WithCgroupParent", func(s *settings) { s.CgroupParent = path })
}

// WithRlimit sets a limit of setrlimit(2) for every process of the sandbox by
// its name, such as "NOFILE" or "RLIMIT_NOFILE", in the limit's own unit. It is
// additive by name. A hard limit above the caller's own needs CAP_SYS_RESOURCE.
//
// Defaults: NOFILE 1024, FSIZE 4 GiB, MEMLOCK 64 KiB, RTPRIO 0, NICE 0, CORE 1
// byte, MSGQUEUE 800 KiB, STACK 8 MiB; lower where the caller's own is lower.
func WithRlimit(name string, soft, hard uint64) Option {
	return named("WithRlimit", func(s *settings) {
		name = strings.TrimPrefix(strings.ToUpper(name), "RLIMIT_")
		s.Rlimits[name], s.rlimitNamed[name] = Rlimit{soft, hard}, true
	})
}

// WithTimeout ends the sandbox after this time, counted from Start; the Reason
// is TimedOut. The default is none.
func WithTimeout(d time.Duration) Option {
	return named("WithTimeout", func(s *settings) { s.Timeout = d })
}

// WithCPUTime ends the sandbox when all its processes together have used this
// much CPU time; the Reason is CPUTimeExceeded. The total is checked every few
// milliseconds of use, so it may be exceeded by a little. It needs a cgroup
// that counts CPU time.
func WithCPUTime(d time.Duration) Option {
	return named("WithCPUTime", func(s *settings) { s.CPUTime = d })
}

// WithOutputLimit ends the sandbox when it has written more than this many
// bytes to its standard output and standard error together; the Reason is
// OutputLimit, and no more than the limit is passed on. Output that goes to
// /dev/null, which is where a nil Stdout goes, is not counted.
func WithOutputLimit(bytes int64) Option {
	return named("WithOutputLimit", func(s *settings) { s.OutputLimit = bytes })
}

// WithUser runs the command as this user: "nobody", "nobody:nogroup", "1000",
// "10000:20000". Names are looked up in the passwd and group files of the
// sandbox's root file system, and in the host's without one. Ids need not
// exist anywhere.
//
// Without this option an ordinary caller keeps its own id, and a caller that is
// root gets nobody. An id other than 0 is the same id outside for a caller that
// is root, and the caller's own id outside for an ordinary one. User 0 is root
// inside and an unprivileged id outside, unless [WithHostUserNS] is given.
func WithUser(user string) Option {
	return named("WithUser", func(s *settings) { s.User = user })
}

// WithGroups gives the command these supplementary groups, by name or number.
// There are none by default; where the kernel does not let an ordinary caller
// drop its own, the report says so.
func WithGroups(groups ...string) Option {
	return named("WithGroups", func(s *settings) { s.Groups = slices.Clone(groups) })
}

// WithHostUserNS leaves out the user namespace: the ids inside are the host's,
// and root inside is root of the host, held only by capabilities, the seccomp
// filter and the file view. It needs a caller with CAP_SYS_ADMIN.
func WithHostUserNS() Option {
	return named("WithHostUserNS", func(s *settings) { s.HostUserNS = true })
}

// AddCap grants capabilities, in any spelling (net_raw, CAP_NET_RAW), or
// "all". It is additive, and an added capability works for a command that is
// not root, too (ambient). Capabilities reach only what belongs to the
// sandbox's own namespaces.
//
// Once a capability is added, or the user is root, Docker's default set is what
// the sandbox can have at most, with the additions and without what [DropCap]
// takes away. Otherwise it has none.
func AddCap(names ...string) Option {
	return named("AddCap", func(s *settings) { s.CapAdd = append(s.CapAdd, names...) })
}

// DropCap takes capabilities away from Docker's default set, or "all" of it.
// It is additive. See [AddCap].
func DropCap(names ...string) Option {
	return named("DropCap", func(s *settings) { s.CapDrop = append(s.CapDrop, names...) })
}

// WithNewPrivileges turns no_new_privs off: set-user-ID programs and file
// capabilities work inside, as far as the file view allows them ([WithSUID]; the
// default view and all mounts are nosuid) and within the sandbox's user
// namespace.
func WithNewPrivileges() Option {
	return named("WithNewPrivileges", func(s *settings) { s.NewPrivileges = true })
}

// WithSeccomp filters system calls by this policy in place of
// [seccomp.Default]; [seccomp.Unconfined] is no filter at all.
func WithSeccomp(p *seccomp.Policy) Option {
	return named("WithSeccomp", func(s *settings) {
		s.policy = p
		switch {
		case p == nil:
			s.errs = append(s.errs, &OptionError{"WithSeccomp", "nil", "no policy; use seccomp.Unconfined for none"})
		case p.IsUnconfined():
			s.Seccomp = "unconfined"
		default:
			s.Seccomp = "custom"
		}
	})
}

// WithRootFS makes this directory of the host the root, read-only, in place of
// the view of the host's system directories. It must hold the directories proc,
// dev and tmp; nothing of the host's /usr and /etc is added.
func WithRootFS(dir string) Option {
	return named("WithRootFS", func(s *settings) { s.RootFS = dir })
}

// WithBind makes a file or directory of the host visible at a path inside,
// writable as far as its permissions allow the sandbox's user. Both paths are
// absolute; the target is created where the root is the default view. Mounts
// below the source come along. It is additive, and a later one for the same
// target replaces an earlier one.
//
// A writable bind is shared with the host: it does not protect the host's
// programs from what is written there, such as symbolic links.
func WithBind(source, target string) Option {
	return named("WithBind", func(s *settings) { s.mount(Mount{Source: source, Target: target}) })
}

// WithReadOnlyBind is [WithBind] without the right to write.
func WithReadOnlyBind(source, target string) Option {
	return named("WithReadOnlyBind", func(s *settings) { s.mount(Mount{Source: source, Target: target, ReadOnly: true}) })
}

// WithIDMappedBind is [WithBind] with the ids of files mapped (mount_setattr(2),
// MOUNT_ATTR_IDMAP): what belongs to this user or group of the host belongs to
// the command's user or group inside, and what the command makes there belongs to
// them on the host. Files of anyone else belong to nobody then, and as nobody's
// they can be read but not changed, as far as their permissions allow.
//
// It needs a caller with CAP_SYS_ADMIN, Linux 5.12, and a file system that
// allows it (ext4 and xfs 5.12, btrfs 5.15, overlayfs 5.19, tmpfs 6.3);
// otherwise it is an *[UnsupportedError]. The ids 0 are refused: the command could
// make set-user-ID programs of the host's root. It can make those of the given
// user, too, and may do there whatever that user may.
func WithIDMappedBind(source, target string, uid, gid uint32) Option {
	return named("WithIDMappedBind", func(s *settings) {
		s.mount(Mount{Source: source, Target: target, Owner: &Owner{uid, gid}})
	})
}

// WithTmpfs mounts an empty writable file system in memory, of at most this
// many bytes, which count against the memory limit. It is additive. For "/tmp"
// it changes the size, 64 MiB by default.
func WithTmpfs(target string, size int64) Option {
	return named("WithTmpfs", func(s *settings) { s.mount(Mount{Target: target, Size: size}) })
}

// WithShmSize sets the size of /dev/shm in bytes; the default is 64 MiB.
func WithShmSize(bytes int64) Option {
	return named("WithShmSize", func(s *settings) { s.ShmSize = bytes })
}

// WithMask hides what is at these paths inside: a directory looks empty, a file
// reads as empty. A path that does not exist is an error. It is additive.
func WithMask(paths ...string) Option {
	return named("WithMask", func(s *settings) { s.Masks = append(s.Masks, paths...) })
}

// WithHostname sets the host name inside; the default is "sandbox".
func WithHostname(name string) Option {
	return named("WithHostname", func(s *settings) { s.Hostname = name })
}

// WithoutLandlock leaves out the second line over the file view. The view
// itself, made of mounts, stays as it is.
func WithoutLandlock() Option {
	return named("WithoutLandlock", func(s *settings) { s.Landlock = false })
}

// WithBestEffort lists features that may be missing on the host. What is
// missing is then left out and shown in the report, and everything else still
// fails closed. It is additive.
func WithBestEffort(features ...Feature) Option {
	return named("WithBestEffort", func(s *settings) { s.BestEffort = append(s.BestEffort, features...) })
}

// mount records a mount, in place of an earlier one on the same target.
func (s *settings) mount(m Mount) {
	for i := range s.Mounts {
		if s.Mounts[i].Target == m.Target {
			s.Mounts[i] = m
			return
		}
	}
	s.Mounts = append(s.Mounts, m)
}

// fail records an OptionError.
func (s *settings) fail(option string, value any, format string, args ...any) {
	text := fmt.Sprint(value)
	if strings.ContainsFunc(text, unicode.IsControl) { // an error is one line
		quoted := strconv.Quote(text)
		text = quoted[1 : len(quoted)-1]
	}
	s.errs = append(s.errs, &OptionError{option, text, fmt.Sprintf(format, args...)})
}
