package sandbox

import (
	"time"

	"github.com/seed-d1379373/sandbox/caps"
	"github.com/seed-d1379373/sandbox/cgroup"
	"github.com/seed-d1379373/sandbox/lsm"
	"github.com/seed-d1379373/sandbox/namespace"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// A Config is the effective policy of a sandbox, defaults included, as docker
// inspect shows it: CapAdd and CapDrop are what options added and dropped, and
// Bounding what comes of it. It marshals to JSON, for people and for logs, and
// back; times are nanoseconds. It is a copy, and changing it changes nothing.
type Config struct {
	// Memory and MemorySwap are bytes; -1 is no limit. MemorySwap is the sum
	// of memory and swap.
	Memory            int64   `json:"memory"`
	MemorySwap        int64   `json:"memorySwap"`
	MemoryReservation int64   `json:"memoryReservation,omitempty"`
	CPUShares         uint64  `json:"cpuShares,omitempty"`
	CPUs              float64 `json:"cpus,omitempty"`
	CPUSet            string  `json:"cpuset,omitempty"`
	CPUSetMems        string  `json:"cpusetMems,omitempty"`
	Pids              int64   `json:"pids"` // -1: no limit

	Rlimits     map[string]Rlimit `json:"rlimits"`
	Timeout     time.Duration     `json:"timeout,omitempty"`
	CPUTime     time.Duration     `json:"cpuTime,omitempty"`
	OutputLimit int64             `json:"outputLimit,omitempty"` // bytes; 0: none

	User       string            `json:"user,omitempty"` // as given; empty: the default identity
	Groups     []string          `json:"groups,omitempty"`
	HostUserNS bool              `json:"hostUserNS,omitempty"`
	UserRemap  string            `json:"userRemap,omitempty"`
	UIDMap     []namespace.IDMap `json:"uidMap,omitempty"`
	GIDMap     []namespace.IDMap `json:"gidMap,omitempty"`

	Devices     []string           `json:"devices,omitempty"`
	DeviceRules []string           `json:"deviceRules,omitempty"`
	IOWeight    uint16             `json:"ioWeight,omitempty"`
	IOMax       map[string]IOLimit `json:"ioMax,omitempty"`
	OOMScoreAdj *int               `json:"oomScoreAdj,omitempty"`
	Terminal    bool               `json:"terminal,omitempty"`

	Privileged      bool      `json:"privileged,omitempty"`
	AppArmor        string    `json:"apparmor,omitempty"`
	SELinux         lsm.Label `json:"selinux,omitzero"`
	SELinuxMount    lsm.Label `json:"selinuxMount,omitzero"`
	SELinuxDisabled bool      `json:"selinuxDisabled,omitempty"`

	CapAdd        []string `json:"capAdd,omitempty"`
	CapDrop       []string `json:"capDrop,omitempty"`
	DockerCaps    bool     `json:"dockerCaps,omitempty"` // Docker's default set is the base for any user
	Bounding      caps.Set `json:"capBounding"`          // what the sandbox can have at most
	NewPrivileges bool     `json:"newPrivileges,omitempty"`

	Seccomp       string     `json:"seccomp"`  // "default", "unconfined" or "custom"
	Landlock      bool       `json:"landlock"` // the second line over the file view
	LandlockRules []lsm.Rule `json:"landlockRules,omitempty"`

	RootFS   string   `json:"rootfs,omitempty"`
	Mounts   []Mount  `json:"mounts,omitempty"`
	Masks    []string `json:"masks,omitempty"`
	SUID     []string `json:"suid,omitempty"` // targets of mounts that are not nosuid
	ShmSize  int64    `json:"shmSize"`
	TmpSize  int64    `json:"tmpSize"`
	Hostname string   `json:"hostname"`

	CgroupParent string `json:"cgroupParent,omitempty"`

	Network         NetworkMode `json:"network"`
	IPC             IPCMode     `json:"ipc"`
	PIDNamespace    PIDMode     `json:"pidNamespace"`
	UTS             UTSMode     `json:"uts"`
	CgroupNamespace CgroupMode  `json:"cgroupNamespace"`
	Init            bool        `json:"init"` // the launcher is PID 1, and not the command

	BestEffort []Feature `json:"bestEffort,omitempty"`
}

// A Mount is one that an option asked for.
type Mount struct {
	Source   string `json:"source,omitempty"` // on the host; empty for a tmpfs
	Target   string `json:"target"`           // inside
	ReadOnly bool   `json:"readOnly,omitempty"`
	Size     int64  `json:"size,omitempty"` // of a tmpfs, in bytes
	Owner    *Owner `json:"owner,omitempty"`
}

// An Owner is a user and a group of the host whose files are the command's own
// inside; see [WithIDMappedBind].
type Owner struct {
	UID uint32 `json:"uid"`
	GID uint32 `json:"gid"`
}

// A Rlimit is a resource limit of setrlimit(2) by process. Unlimited is
// RLIM_INFINITY.
type Rlimit struct {
	Soft uint64 `json:"soft"`
	Hard uint64 `json:"hard"`
}

// settings is what the options record before it is validated.
type settings struct {
	Config
	policy      *seccomp.Policy
	seccompPath string              // a profile that WithSecurityOpt names
	devices     []device            // Devices, parsed
	deviceRules []cgroup.DeviceRule // DeviceRules, parsed
	named       map[string]bool     // options that the caller gave
	rlimitNamed map[string]bool
	errs        []error
}

// Default limits and sizes.
const (
	defaultMemory  = 1 << 30
	defaultPids    = 512
	defaultTmpSize = 64 << 20
	defaultHost    = "sandbox"
)

func newSettings(opts []Option) *settings {
	s := &settings{
		Config: Config{
			Memory:   defaultMemory,
			Pids:     defaultPids,
			Rlimits:  defaultRlimits(),
			Landlock: true,
			Seccomp:  "default",
			ShmSize:  defaultTmpSize,
			TmpSize:  defaultTmpSize,
			Hostname: defaultHost,
			IOMax:    map[string]IOLimit{},
			Network:  NetworkNone,
			IPC:      IPCPrivate,

			PIDNamespace:    PIDPrivate,
			UTS:             UTSPrivate,
			CgroupNamespace: CgroupPrivate,
			Init:            true,
		},
		named:       map[string]bool{},
		rlimitNamed: map[string]bool{},
	}
	for _, o := range opts {
		if o != nil {
			o.apply(s)
		}
	}
	return s
}

// defaultRlimits are the limits by process without options. The core limit is
// one byte, not zero: zero does not stop a core handler that reads from a pipe
// (core(5)), one does.
func defaultRlimits() map[string]Rlimit {
	same := func(n uint64) Rlimit { return Rlimit{n, n} }
	return map[string]Rlimit{
		"NOFILE":   same(1024),
		"FSIZE":    same(4 << 30),
		"MEMLOCK":  same(64 << 10),
		"RTPRIO":   same(0),
		"NICE":     same(0),
		"CORE":     same(1),
		"MSGQUEUE": same(819200),
		"STACK":    {8 << 20, 64 << 20},
	}
}
