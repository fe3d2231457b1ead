package sandbox

import "fmt"

// WithPIDNamespace chooses the PID namespace (pid_namespaces(7)), as Docker's
// --pid: [PIDPrivate], the default, or [PIDFrom]. [PIDHost] and a nil mode are an
// *[OptionError].
func WithPIDNamespace(mode PIDMode) Option {
	return named("WithPIDNamespace", func(s *settings) { s.PIDNamespace = mode })
}

// A PIDMode says which processes a sandbox sees (pid_namespaces(7)).
type PIDMode interface {
	fmt.Stringer
	pid()
}

type pidKind string

const (
	// PIDPrivate is a new PID namespace: the command sees the processes of its
	// sandbox alone, and the end of its PID 1 is the end of them all.
	PIDPrivate pidKind = "private"
	// PIDHost is Docker's name for having no PID namespace. It is an
	// *[OptionError] here: the kernel would not end the sandbox's processes any
	// more, and one that detaches itself would outlive a host program that is
	// killed. To look at the host's processes bind its /proc:
	// WithReadOnlyBind("/proc", "/host/proc").
	PIDHost pidKind = "host"
)

func (k pidKind) String() string { return string(k) }
func (pidKind) pid()             {}

// PIDFrom is the PID namespace of a running sandbox, as Docker's --pid
// container:NAME. The command sees the processes there, and is seen by them:
// those with the same user outside may signal one another, as far as Landlock
// does not scope signals (Linux 6.12), and it may find files and environments of
// the others in /proc where ptrace(2) would be allowed.
//
// The launcher is not PID 1 then. When the command ends, what it leaves behind is
// killed by its cgroup; the end of the other sandbox ends it in any case. It
// needs a caller with CAP_SYS_ADMIN and a host where that one can have a
// cgroup, and is an *[UnsupportedError] otherwise.
func PIDFrom(p *Process) PIDMode { return pidOf{p} }

type pidOf struct{ *Process }

func (o pidOf) String() string               { return "container:" + o.label() }
func (o pidOf) MarshalText() ([]byte, error) { return []byte(o.String()), nil }
func (pidOf) pid()                           {}

// WithoutInit makes the command PID 1 of its PID namespace, as Docker does without
// --init. By default a small launcher is PID 1, which reaps orphans and forwards
// signals; see the package comment.
//
// The command then has what the kernel gives to PID 1 (pid_namespaces(7)): it has to
// reap the processes that are orphaned inside, or they stay as zombies; a signal
// for which it has no handler does nothing to it, except SIGKILL and SIGSTOP from
// outside, so that [Process.Signal] with SIGTERM may have no effect; and its end is
// the end of all. Its set-up is charged to the sandbox's memory limit. It
// contradicts [PIDFrom], which is an *[OptionError].
func WithoutInit() Option {
	return named("WithoutInit", func(s *settings) { s.Init = false })
}

// WithUTS chooses the UTS namespace (uts_namespaces(7)), as Docker's --uts:
// [UTSPrivate], the default, or [UTSHost]. Anything else is an *[OptionError].
func WithUTS(mode UTSMode) Option {
	return named("WithUTS", func(s *settings) { s.UTS = mode })
}

// A UTSMode says whose host name a sandbox has (uts_namespaces(7)).
type UTSMode string

const (
	// UTSPrivate is a new UTS namespace with the name of [WithHostname].
	UTSPrivate UTSMode = "private"
	// UTSHost is the host's: its name is shown, and changes are seen at once. It
	// contradicts [WithHostname]. Nobody in a user namespace can change the
	// name; together with [WithHostUserNS] or [WithPrivileged], root inside with
	// the capability sys_admin can, for the whole host.
	UTSHost UTSMode = "host"
)

// WithHostname sets the host name inside (sethostname(2)), of 1 to 64 letters, digits,
// dots, hyphens and underscores; the default is "sandbox". /etc/hostname and
// /etc/hosts of the default view have it too. It contradicts [WithUTS] with
// [UTSHost].
func WithHostname(name string) Option {
	return named("WithHostname", func(s *settings) { s.Hostname = name })
}

// WithCgroupNamespace chooses the cgroup namespace (cgroup_namespaces(7)), as
// Docker's --cgroupns: [CgroupPrivate], the default, or [CgroupHost]. Anything else
// is an *[OptionError].
func WithCgroupNamespace(mode CgroupMode) Option {
	return named("WithCgroupNamespace", func(s *settings) { s.CgroupNamespace = mode })
}

// A CgroupMode says what of the cgroup tree a sandbox sees in
// /proc/self/cgroup (cgroup_namespaces(7)). It says nothing about limits, and
// no cgroup file system is mounted with either.
type CgroupMode string

const (
	// CgroupPrivate is a new cgroup namespace: the sandbox's own cgroup is /.
	CgroupPrivate CgroupMode = "private"
	// CgroupHost is the host program's: /proc/self/cgroup has the whole path,
	// which tells the names of the host's services and users.
	CgroupHost CgroupMode = "host"
)
