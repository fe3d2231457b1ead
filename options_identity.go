package sandbox

import (
	"slices"

	"github.com/seed-d1379373/sandbox/namespace"
)

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

// WithGroups gives the command these supplementary groups, by name or number; names
// are looked up in the group file of the sandbox's root file system. Without it
// there are those that the group file gives to a user that [WithUser] names, and
// none otherwise. No groups at all is WithGroups().
//
// An ordinary caller may not set groups (user_namespaces(7), setgroups): its own
// stay, which the report says, and naming others is an *[UnsupportedError] unless
// [FeatureGroups] is a best effort. With [WithUserRemap] or [WithIDMap] it may, and
// the groups must be among the mapped ones.
func WithGroups(groups ...string) Option {
	return named("WithGroups", func(s *settings) { s.Groups = slices.Clone(groups) })
}

// WithHostUserNS leaves out the user namespace: the ids inside are the host's, and
// root inside is root of the host, held only by capabilities, the seccomp filter,
// Landlock and the file view. It needs a caller with CAP_SYS_ADMIN, else Start fails
// with an *[UnsupportedError], and it can give only capabilities that the caller has.
// It contradicts [WithUserRemap] and [WithIDMap].
//
// A bug of the kernel, a device or a file that is bound writable is then worth root
// of the host (CVE-2019-5736 overwrote the runtime itself); a user namespace is what
// makes it worth an ordinary user.
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

// DropCap takes capabilities away from Docker's default set, in any spelling, or
// "all" of it; what [AddCap] names stays. It is additive. It takes nothing from a
// command that has no capabilities anyway, which is one that is not root and to
// which none was added. An unknown name is an *[OptionError].
func DropCap(names ...string) Option {
	return named("DropCap", func(s *settings) { s.CapDrop = append(s.CapDrop, names...) })
}

// WithNewPrivileges turns no_new_privs off (prctl(2), PR_SET_NO_NEW_PRIVS), which is
// on by default: set-user-ID programs and file capabilities then work inside, as
// far as the file view allows them ([WithSUID]; the default view and all binds are
// nosuid) and within the sandbox's user namespace and bounding set. It is what
// Docker's default is, and what sudo or ping need in a root file system of their
// own. It gives up a line against bugs in such programs.
func WithNewPrivileges() Option {
	return named("WithNewPrivileges", func(s *settings) { s.NewPrivileges = true })
}

// WithUserRemap maps the ids inside, from 0 on, to the subordinate ids of this user
// in /etc/subuid and /etc/subgid (subuid(5)), as Docker's userns-remap does: with the
// entry dockremap:5000:10000 root inside is the user 5000 outside, and 9999 inside is
// 14999. Without [WithUser] the command is root inside then.
//
// A caller that is root may use anyone's ranges. An ordinary one needs newuidmap(1)
// and newgidmap(1) (Debian's package uidmap) and ranges of its own, else Start fails
// with an *[UnsupportedError]. Ranges that are missing, empty, malformed, or overlap
// with another user's are an *[OptionError] of Start that says which entry and how to
// repair it. Two sandboxes with the same ranges are the same users to the host's
// files, and to one another's.
func WithUserRemap(user string) Option {
	return named("WithUserRemap", func(s *settings) { s.UserRemap = user })
}

// WithIDMap maps user and group ids by these maps (user_namespaces(7)), each of at
// most 340 ranges. A caller that is root may map any ids but the host's root, which is
// an *[OptionError]; an ordinary caller its own one, or subordinate ones by newuidmap
// and newgidmap as [WithUserRemap]. Empty maps and ranges that overlap are an
// *[OptionError]. Without [WithUser] the command is root inside. Files of ids that
// are not mapped belong to nobody inside, and cannot be changed there.
func WithIDMap(uids, gids []namespace.IDMap) Option {
	return named("WithIDMap", func(s *settings) { s.UIDMap, s.GIDMap = slices.Clone(uids), slices.Clone(gids) })
}
