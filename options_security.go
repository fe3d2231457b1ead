package sandbox

import (
	"strings"

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

// WithAppArmor runs the command under this AppArmor profile, which must be
// loaded; "unconfined" is none.
func WithAppArmor(profile string) Option {
	return named("WithAppArmor", func(s *settings) { s.AppArmor = profile })
}

// A Label is a SELinux context. Empty parts are those of the caller's context.
type Label struct {
	User  string `json:"user,omitempty"`
	Role  string `json:"role,omitempty"`
	Type  string `json:"type,omitempty"`
	Level string `json:"level,omitempty"`
}

// WithSELinux runs the command with this SELinux label.
func WithSELinux(l Label) Option {
	return named("WithSELinux", func(s *settings) { s.SELinux = l })
}

// WithSELinuxDisabled runs the command with the caller's own label.
func WithSELinuxDisabled() Option {
	return named("WithSELinuxDisabled", func(s *settings) { s.SELinuxDisabled = true })
}
