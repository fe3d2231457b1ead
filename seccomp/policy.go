package seccomp

import (
	"slices"
	"syscall"
)

// Policy says what happens to each system call of a program. Its JSON form is
// Docker's profile format, of which OCI's linux.seccomp is the subset without
// archMap, includes and excludes. Fields may be set directly; [Policy.Validate]
// and [Policy.Compile] report mistakes. A Policy that nobody changes may be
// used by several goroutines.
//
// The zero value is not valid: it has no default action.
type Policy struct {
	// DefaultAction applies to every call that no rule decides.
	DefaultAction Action `json:"defaultAction"`

	// DefaultErrno is the errno (or the value for the tracer) of the default
	// action, if it takes one. Nil means EPERM; zero makes the call return 0
	// without having run.
	DefaultErrno *uint16 `json:"defaultErrnoRet,omitempty"`

	// Architectures are permitted in addition to the native one. Those that the
	// target's kernel cannot run, such as SCMP_ARCH_ARM on amd64, are ignored.
	// At most one of Architectures and ArchMap may be set; with neither, only
	// native calls are permitted.
	Architectures []Arch `json:"architectures,omitempty"`

	// ArchMap gives the additional architectures per native one.
	ArchMap []ArchMapping `json:"archMap,omitempty"`

	// Flags are for the loader, see [Policy.LoadFlags].
	Flags []Flag `json:"flags,omitempty"`

	// ListenerPath and ListenerMetadata are kept for other OCI runtimes. This
	// package does not act on them.
	ListenerPath     string `json:"listenerPath,omitempty"`
	ListenerMetadata string `json:"listenerMetadata,omitempty"`

	// Unlisted says which numbers get ENOSYS instead of the default action.
	// The zero value is [UnlistedNewer]. Docker ignores this field.
	Unlisted Unlisted `json:"unlistedSyscalls,omitempty"`

	// Syscalls are the rules. The package comment says which one decides.
	Syscalls []Rule `json:"syscalls"`

	unconfined bool
}

// Unconfined is the policy that means "no filter": Compile returns a nil
// Filter. What it means cannot be changed: assigning to its fields has no
// effect, and Allow, Deny and Clone return new policies.
var Unconfined = &Policy{DefaultAction: ActAllow, unconfined: true}

// Unlisted selects the call numbers that fail with ENOSYS although no rule
// says so. To a C library ENOSYS means "not in this kernel, use the older
// call", while EPERM makes it give up.
type Unlisted string

const (
	// UnlistedNewer, the default, is the behaviour of runc: numbers above the
	// highest one that the policy names for the architecture get ENOSYS, unless
	// the default action is to allow, log or trace.
	UnlistedNewer Unlisted = ""
	// UnlistedNoSys adds the numbers that no system call is known for, and
	// holds for every default action. Default uses it.
	UnlistedNoSys Unlisted = "nosys"
	// UnlistedDefault gives every number that no rule names the default action.
	UnlistedDefault Unlisted = "default"
)

// Rule gives one action to some calls, always or for certain arguments.
type Rule struct {
	// Names are system call names as in the kernel's tables. A name that the
	// target does not have is skipped; see [Policy.Unknown].
	Names []string `json:"names"`

	Action Action `json:"action"`

	// Errno is the errno of ActErrno or the value of ActTrace; it must be nil
	// with other actions. Nil means EPERM, not the policy's DefaultErrno. Zero
	// makes the call return 0 without having run.
	Errno *uint16 `json:"errnoRet,omitempty"`

	// Args must all match for the rule to apply. Empty: it always applies.
	// Several comparisons of one argument are combined in the same way, which
	// profile files cannot express: see [Parse].
	Args []Arg `json:"args,omitempty"`

	// Comment is for readers.
	Comment string `json:"comment,omitempty"`

	// Includes must hold, and Excludes must not, for the rule to be compiled.
	Includes Condition `json:"includes,omitzero"`
	Excludes Condition `json:"excludes,omitzero"`
}

// Arg compares one argument, as an unsigned 64-bit number. The kernel often
// reads only the low 32 bits of a register (every int argument); compare those
// with OpMaskedEqual and the mask 0xffffffff, or the unread half decides.
type Arg struct {
	Index uint   `json:"index"` // 0 to 5
	Value uint64 `json:"value"` // the mask for OpMaskedEqual
	// ValueTwo is what the masked argument must equal; other operators ignore it.
	ValueTwo uint64   `json:"valueTwo"`
	Op       Operator `json:"op"`
}

// Operator compares an argument, on the left, with Arg's value.
type Operator string

const (
	OpNotEqual     Operator = "SCMP_CMP_NE"
	OpLessThan     Operator = "SCMP_CMP_LT"
	OpLessEqual    Operator = "SCMP_CMP_LE"
	OpEqualTo      Operator = "SCMP_CMP_EQ"
	OpGreaterEqual Operator = "SCMP_CMP_GE"
	OpGreaterThan  Operator = "SCMP_CMP_GT"
	// OpMaskedEqual holds when argument & Value == ValueTwo.
	OpMaskedEqual Operator = "SCMP_CMP_MASKED_EQ"
)

// Condition ties a rule to properties of the target. Empty fields do not count.
//
// As Includes it holds when the target has all Caps, its architecture is one
// of Arches, and its kernel is MinKernel or newer. As Excludes each field
// excludes on its own: one of Caps, one of Arches, or the kernel version.
type Condition struct {
	Caps      []string `json:"caps,omitempty"`      // "CAP_SYS_ADMIN"
	Arches    []string `json:"arches,omitempty"`    // Docker's names of native architectures: "amd64", "x86"
	MinKernel string   `json:"minKernel,omitempty"` // "4.8"
}

// ArchMapping lists the architectures permitted in addition to a native one.
type ArchMapping struct {
	Arch      Arch   `json:"architecture"`
	SubArches []Arch `json:"subArchitectures"`
}

// IsUnconfined reports whether p is [Unconfined] or a copy of it.
func (p *Policy) IsUnconfined() bool { return p != nil && p.unconfined }

// Clone returns a deep copy. A clone of Unconfined is unconfined too.
func (p *Policy) Clone() *Policy {
	c := *p
	c.DefaultErrno = cloneErrno(p.DefaultErrno)
	c.Architectures = slices.Clone(p.Architectures)
	c.ArchMap = slices.Clone(p.ArchMap)
	for i := range c.ArchMap {
		c.ArchMap[i].SubArches = slices.Clone(c.ArchMap[i].SubArches)
	}
	c.Flags = slices.Clone(p.Flags)
	c.Syscalls = slices.Clone(p.Syscalls)
	for i := range c.Syscalls {
		c.Syscalls[i] = c.Syscalls[i].clone()
	}
	return &c
}

func (r Rule) clone() Rule {
	r.Names = slices.Clone(r.Names)
	r.Errno = cloneErrno(r.Errno)
	r.Args = slices.Clone(r.Args)
	r.Includes = r.Includes.clone()
	r.Excludes = r.Excludes.clone()
	return r
}

func (c Condition) clone() Condition {
	c.Caps = slices.Clone(c.Caps)
	c.Arches = slices.Clone(c.Arches)
	return c
}

func cloneErrno(errno *uint16) *uint16 {
	if errno == nil {
		return nil
	}
	return new(*errno)
}

// Allow returns a copy in which the named calls are allowed whatever their
// arguments and the target, and no other rule speaks of them.
func (p *Policy) Allow(names ...string) *Policy {
	return p.with(Rule{Names: slices.Clone(names), Action: ActAllow})
}

// Deny returns a copy in which the named calls always fail with errno (which
// must be at most 4095, see Validate), and no other rule speaks of them. On
// Unconfined it gives a policy that allows all other native calls.
func (p *Policy) Deny(errno syscall.Errno, names ...string) *Policy {
	return p.with(Rule{
		Names:  slices.Clone(names),
		Action: ActErrno,
		Errno:  new(uint16(min(errno, 0xffff))),
	})
}

// With returns a copy with more rules. Unlike Allow and Deny it keeps the
// rules that the policy has, so the strictest one still decides.
func (p *Policy) With(rules ...Rule) *Policy {
	c := p.Clone()
	c.unconfined = false
	for _, r := range rules {
		c.Syscalls = append(c.Syscalls, r.clone())
	}
	return c
}

func (p *Policy) with(r Rule) *Policy {
	c := p.Clone()
	c.unconfined = false
	if len(r.Names) == 0 {
		return c
	}
	c.forget(func(Rule) bool { return true }, r.Names...)
	c.Syscalls = append(c.Syscalls, r)
	return c
}

// forget removes names from the rules that match, and rules left without one.
func (p *Policy) forget(match func(Rule) bool, names ...string) {
	gone := make(map[string]bool, len(names))
	for _, name := range names {
		gone[name] = true
	}
	rules := p.Syscalls[:0]
	for _, r := range p.Syscalls {
		if match(r) {
			r.Names = slices.DeleteFunc(r.Names, func(name string) bool { return gone[name] })
			if len(r.Names) == 0 {
				continue
			}
		}
		rules = append(rules, r)
	}
	p.Syscalls = rules
}
