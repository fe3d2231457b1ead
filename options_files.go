package sandbox

// WithRootFS makes this directory of the host the root, read-only, nosuid and nodev,
// in place of the view of the host's system directories. The default is that view.
// The path is absolute. The directory must hold the directories proc, dev and
// tmp, or the step that mounts there fails with a *[SetupError]; nothing of the host's
// /usr and /etc is added, and users are looked up in its own etc/passwd and
// etc/group. Mounts below it come along.
//
// Changes on the host show inside while the sandbox runs. Whoever can write to the
// directory decides what the command executes.
func WithRootFS(dir string) Option {
	return named("WithRootFS", func(s *settings) { s.RootFS = dir })
}

// WithBind makes a file or directory of the host visible at a path inside,
// writable as far as its permissions allow the sandbox's user, and nosuid and nodev.
// Both paths are absolute; a symbolic link at the source is followed on the host, and
// one on the way to the target as a process inside would. The target is created
// where the root is the default view, and must exist elsewhere. Mounts below the
// source come along. It is additive, and a later one for the same target replaces
// an earlier one. It cannot replace / or anything in /proc.
//
// A source that the caller cannot reach is a *[SetupError] of Start. A writable
// bind is shared with the host: it does not protect the host's programs from what
// is written there, such as symbolic links, and its disk is not limited.
func WithBind(source, target string) Option {
	return named("WithBind", func(s *settings) { s.mount(Mount{Source: source, Target: target}) })
}

// WithReadOnlyBind is [WithBind] without the right to write: the mount and all below
// it are read-only (mount_setattr(2), Linux 5.12), and no capability inside can
// change that. A socket or pipe can still be written to, and what the host changes
// shows inside.
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

// WithTmpfs mounts an empty writable file system in memory (tmpfs(5)), of at most
// this many bytes and a file for every 4 KiB, nosuid and nodev, with mode 1777. Its
// contents count against the memory limit and end with the sandbox. It is
// additive. For "/tmp" it changes the size, 64 MiB by default; see [WithShmSize] for
// /dev/shm. A size that is not positive is an *[OptionError]. Programs in it may be
// executed.
func WithTmpfs(target string, size int64) Option {
	return named("WithTmpfs", func(s *settings) { s.mount(Mount{Target: target, Size: size}) })
}

// WithShmSize sets the size of /dev/shm in bytes, as Docker's --shm-size; the default
// is 64 MiB, and it must be positive. Its contents count against the memory limit. It
// says nothing about System V shared memory, which has the kernel's own limits
// (sysvipc(7)), nor does it count where /dev/shm is another's ([IPCHost],
// [IPCFrom]) or there is none ([IPCNone]).
func WithShmSize(bytes int64) Option {
	return named("WithShmSize", func(s *settings) { s.ShmSize = bytes })
}

// WithMask hides what is at these paths inside: a directory is covered by an empty
// read-only one, a file by /dev/null. The paths are absolute paths of the view; one
// that does not exist is a *[SetupError] of Start. It is additive. A file is still
// reached by another name, such as a hard link, that is not masked.
func WithMask(paths ...string) Option {
	return named("WithMask", func(s *settings) { s.Masks = append(s.Masks, paths...) })
}

// WithoutLandlock leaves out the second line over the file view (landlock(7)), which
// by default allows beneath each path what the mounts allow and scopes signals and
// abstract sockets where the kernel can. The view itself, made of mounts, stays as it
// is. It is for programs that need what Landlock refuses: renaming or linking
// between directories on Linux before 5.19, and POSIX message queues of the host
// ([IPCHost]).
func WithoutLandlock() Option {
	return named("WithoutLandlock", func(s *settings) { s.Landlock = false })
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
