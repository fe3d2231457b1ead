package sandbox

import (
	"strings"

	"github.com/seed-d1379373/sandbox/lsm"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// WithPrivileged gives the sandbox all capabilities and all devices of the
// host, without a seccomp filter and without hidden parts of /proc, as Docker's
// --privileged. Its network, processes and files stay its own. For a caller
// that is root there is no user namespace either: the command is root of the
// host and can take it over. It is for programs that are trusted.
func WithPrivileged() Option {
	return named("WithPrivileged", func(s *settings) { s.Privileged = true })
}

// WithSUID lets set-user-ID and set-group-ID programs, and file capabilities,
// count on the mounts at these targets of [WithBind], [WithReadOnlyBind] and
// [WithTmpfs], or on the root of [WithRootFS] by "/"; all other mounts are nosuid.
// It is additive, and changes nothing without [WithNewPrivileges]: no_new_privs
// defeats such a program wherever it lies (execve(2)).
//
// A set-user-ID program whose user or group is not mapped into the sandbox still
// gains nothing, so this is of use with [WithUserRemap] and [WithIDMap]. Root inside
// has the capabilities that the sandbox can have at most, which is none without
// [AddCap]. It is not for directories that others write to; and with
// [WithHostUserNS] a set-user-ID program of root runs as root of the host.
func WithSUID(targets ...string) Option {
	return named("WithSUID", func(s *settings) { s.SUID = append(s.SUID, targets...) })
}

// WithSeccomp filters system calls by this policy (seccomp(2), filter mode) in place
// of [seccomp.Default]; [seccomp.Load] reads Docker's profiles, and
// [seccomp.Unconfined] is no filter at all. A nil policy and one that is
// inconsistent are an *[OptionError]. A command that the filter kills has the Reason
// SeccompKilled.
//
// A filter sees numbers and register arguments, never what a pointer points to: paths
// and the flags of clone3 are out of its reach.
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

// WithSecurityOpt takes Docker's --security-opt strings, with = or : between
// key and value:
//
//	label:user:USER   label:role:ROLE   label:type:TYPE   label:level:LEVEL
//	label:disable     apparmor:PROFILE  no-new-privileges
//	seccomp:PATH      seccomp:unconfined
//
// It is additive. A label or profile needs the LSM in question.
func WithSecurityOpt(opts ...string) Option {
	return named("WithSecurityOpt", func(s *settings) {
		for _, o := range opts {
			s.securityOpt(o)
		}
	})
}

func (s *settings) securityOpt(opt string) {
	key, value, ok := strings.Cut(opt, "=")
	if !ok {
		key, value, _ = strings.Cut(opt, ":")
	}
	bad := func(why string) { s.fail("WithSecurityOpt", opt, "%s", why) }
	switch key {
	case "no-new-privileges":
		switch value {
		case "", "true":
			s.NewPrivileges = false
		case "false":
			s.NewPrivileges = true
		default:
			bad("must be true or false")
		}
	case "apparmor":
		if value == "" {
			bad("no profile")
			return
		}
		WithAppArmor(value).apply(s)
	case "label":
		s.labelOpt(opt, value)
	case "seccomp":
		s.seccompOpt(opt, value)
	default:
		bad("not one of label:user:, label:role:, label:type:, label:level:, label:disable, apparmor:, seccomp:, no-new-privileges")
	}
}

func (s *settings) labelOpt(opt, value string) {
	key, part, _ := strings.Cut(value, ":")
	if key == "disable" && part == "" {
		WithSELinuxDisabled().apply(s)
		return
	}
	fields := map[string]*string{"user": &s.SELinux.User, "role": &s.SELinux.Role, "type": &s.SELinux.Type, "level": &s.SELinux.Level}
	field, known := fields[key]
	switch {
	case !known:
		s.fail("WithSecurityOpt", opt, "a label has user, role, type and level, or is disabled")
	case part == "":
		s.fail("WithSecurityOpt", opt, "no %s", key)
	default:
		*field = part
		s.named["WithSELinux"] = true
	}
}

func (s *settings) seccompOpt(opt, value string) {
	switch value {
	case "":
		s.fail("WithSecurityOpt", opt, "no profile")
	case "unconfined":
		WithSeccomp(seccomp.Unconfined).apply(s)
	case "default", "builtin":
		WithSeccomp(seccomp.Default()).apply(s)
	default:
		s.seccompPath = value // read in validate, as options do no I/O
	}
}

// WithAppArmor confines the command by this AppArmor profile (apparmor(7)),
// which must be loaded and in enforce mode; "unconfined" is none. A host program
// that is confined itself keeps its own profile, and the command has both
// (stacking). It works with no_new_privs, which is the default.
//
// [lsm.DefaultProfile] is a profile of this library's, on the model of Docker's.
// If it is not loaded, the first start loads it, which takes root and
// apparmor_parser; it stays in the kernel.
//
// What a profile allows is the administrator's affair. A profile sees paths as
// they are inside. The report says that it is in force; what it denies is in the
// kernel's audit log alone.
func WithAppArmor(profile string) Option {
	return named("WithAppArmor", func(s *settings) { s.AppArmor = profile })
}

// WithSELinux runs the command with this SELinux label (selinux(8)). Empty parts
// are those of the host program's label, but for the level: there each start
// gets a pair of categories that no other sandbox has, such as s0:c17,c803,
// so that under a policy with categories (MCS) two sandboxes cannot touch each
// other's files and processes. One that joins another's IPC namespace gets the
// other's pair. Give a level to share files, or to keep them over several runs.
//
// The kernel must be enforcing. With no_new_privs, the default, and because the
// view is mounted nosuid, the policy must let the host program's type enter the
// label's type (process transition) with process2 nnp_transition and
// nosuid_transition.
//
// File systems that are made for the command (/tmp, /dev/shm, WithTmpfs,
// terminals) are labelled for it, see [WithSELinuxMountLabel]. What is bound
// keeps its labels.
func WithSELinux(l lsm.Label) Option {
	return named("WithSELinux", func(s *settings) { s.SELinux = l })
}

// WithSELinuxMountLabel labels the files of the file systems in memory that are
// made for a command with [WithSELinux]. Empty parts are the user of the
// command's label, object_r, its level, and the type that the distribution
// names for containers of the command's type (container_file_t for container_t),
// or else that the policy gives to a directory made by the command. What all
// commands have in common, the root and its /etc, has no categories.
func WithSELinuxMountLabel(l lsm.Label) Option {
	return named("WithSELinuxMountLabel", func(s *settings) { s.SELinuxMount = l })
}

// WithSELinuxDisabled gives the command no SELinux label, as Docker's
// label:disable: it runs with the host program's own, or with the one that the
// policy gives to its program.
func WithSELinuxDisabled() Option {
	return named("WithSELinuxDisabled", func(s *settings) { s.SELinuxDisabled = true })
}

// WithLandlock confines the command by these rules (landlock(7)), on top of all
// else: with a rule about paths, only the named paths can be opened, changed and
// executed, as they are named inside; with a rule about TCP, only the named
// ports can be bound and connected to. It is additive.
//
//	sandbox.WithLandlock(lsm.ReadOnly("/"), lsm.ReadWrite("/data"), lsm.ConnectTCP(443))
//
// Rules about paths need Linux 6.2, about TCP 6.7, scopes 6.12. What the kernel
// cannot enforce is an *[UnsupportedError], unless [FeatureLandlock] is a best
// effort: then the rest is enforced and the report says what is missing.
//
// A denial is an EACCES or EPERM in the program, and in no result: the kernel does not
// tell this process.
//
// Rules do not cover what is open already, stat(2), chdir(2) and changes of modes
// and owners, nor sockets other than TCP. A command with CAP_SYS_ADMIN that has
// rules about paths cannot mount. The standard files can be opened again.
func WithLandlock(rules ...lsm.Rule) Option {
	return named("WithLandlock", func(s *settings) { s.LandlockRules = append(s.LandlockRules, rules...) })
}
