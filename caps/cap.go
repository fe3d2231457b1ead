package caps

import (
	"fmt"
	"strconv"
	"strings"
)

// A Cap is one capability, by the kernel's number. The zero value is [Chown].
//
// Numbers from 41 to 63 are capabilities that a newer kernel may define and
// this package cannot name; they are written CAP_41 and so on. Numbers above 63
// do not exist: no [Set] can hold them.
type Cap uint8

// The capabilities of Linux 5.9 and later. Each comment says what a holder
// may do.
const (
	Chown             Cap = iota // give any file to any user and group
	DACOverride                  // read, write and search whatever the permission bits say, and execute what has any execute bit
	DACReadSearch                // read any file, search any directory, open files by handle
	Fowner                       // change mode, times, flags and ACLs of files that belong to others
	Fsetid                       // keep set-user-ID and set-group-ID bits when a file is changed
	Kill                         // send signals to processes of any user
	SetGID                       // take any group ids, and map any into a user namespace
	SetUID                       // take any user ids, and map any into a user namespace
	SetPCap                      // drop from the bounding set, add to the inheritable set, change securebits
	LinuxImmutable               // set and clear the immutable and append-only file attributes
	NetBindService               // bind to ports below ip_unprivileged_port_start (1024)
	NetBroadcast                 // unused by the kernel
	NetAdmin                     // configure interfaces, routes, firewalls and other network state
	NetRaw                       // open raw and packet sockets, bind to any address for transparent proxying
	IPCLock                      // lock memory without limit and use huge pages
	IPCOwner                     // skip permission checks on System V IPC objects
	SysModule                    // load and unload kernel modules: control of the kernel
	SysRawIO                     // reach I/O ports, physical memory and raw device commands
	SysChroot                    // call chroot(2), and together with SYS_ADMIN join a mount namespace
	SysPtrace                    // trace and read any process, and see its /proc files
	SysPacct                     // turn process accounting on and off
	SysAdmin                     // mount, set the host name, and a very long list of other administration
	SysBoot                      // reboot, and load another kernel with kexec
	SysNice                      // raise priority, use real-time scheduling, set CPU affinity of others
	SysResource                  // exceed resource limits, disk quotas and reserved space
	SysTime                      // set the system and hardware clocks
	SysTTYConfig                 // hang up and configure virtual terminals
	Mknod                        // create device nodes
	Lease                        // take leases on files of other users
	AuditWrite                   // write records to the audit log
	AuditControl                 // turn auditing on and off and change its rules
	SetFCap                      // attach capabilities to files, and map user id 0 of the parent user namespace
	MACOverride                  // bypass Smack's mandatory access control
	MACAdmin                     // change mandatory access control labels and policy
	Syslog                       // read and clear the kernel log, see kernel addresses
	WakeAlarm                    // set timers that wake the machine from suspend
	BlockSuspend                 // keep the machine from suspending
	AuditRead                    // read the audit log over netlink; since Linux 3.16
	PerfMon                      // monitor performance of the whole system; since Linux 5.8
	BPF                          // load BPF programs and create maps; since Linux 5.8
	CheckpointRestore            // checkpoint and restore processes, choose the pid of a child; since Linux 5.9
)

// named is how many capabilities have a name here, maxCap the highest
// number that a Set can hold.
const (
	named  = int(CheckpointRestore) + 1
	maxCap = 63
)

// names holds the kernel's spelling without its common prefix.
var names = [named]string{
	Chown: "CHOWN", DACOverride: "DAC_OVERRIDE", DACReadSearch: "DAC_READ_SEARCH",
	Fowner: "FOWNER", Fsetid: "FSETID", Kill: "KILL", SetGID: "SETGID", SetUID: "SETUID",
	SetPCap: "SETPCAP", LinuxImmutable: "LINUX_IMMUTABLE", NetBindService: "NET_BIND_SERVICE",
	NetBroadcast: "NET_BROADCAST", NetAdmin: "NET_ADMIN", NetRaw: "NET_RAW",
	IPCLock: "IPC_LOCK", IPCOwner: "IPC_OWNER", SysModule: "SYS_MODULE", SysRawIO: "SYS_RAWIO",
	SysChroot: "SYS_CHROOT", SysPtrace: "SYS_PTRACE", SysPacct: "SYS_PACCT",
	SysAdmin: "SYS_ADMIN", SysBoot: "SYS_BOOT", SysNice: "SYS_NICE",
	SysResource: "SYS_RESOURCE", SysTime: "SYS_TIME", SysTTYConfig: "SYS_TTY_CONFIG",
	Mknod: "MKNOD", Lease: "LEASE", AuditWrite: "AUDIT_WRITE", AuditControl: "AUDIT_CONTROL",
	SetFCap: "SETFCAP", MACOverride: "MAC_OVERRIDE", MACAdmin: "MAC_ADMIN",
	Syslog: "SYSLOG", WakeAlarm: "WAKE_ALARM", BlockSuspend: "BLOCK_SUSPEND",
	AuditRead: "AUDIT_READ", PerfMon: "PERFMON", BPF: "BPF",
	CheckpointRestore: "CHECKPOINT_RESTORE",
}

const prefix = "CAP_"

// String returns the name as the kernel headers spell it, such as
// CAP_NET_RAW, or CAP_41 for a number without a name.
func (c Cap) String() string {
	if int(c) < named {
		return prefix + names[c]
	}
	return prefix + strconv.Itoa(int(c))
}

// MarshalText returns the same text as [Cap.String]. It fails for a number
// above 63, which [Cap.UnmarshalText] would refuse.
func (c Cap) MarshalText() ([]byte, error) {
	if c > maxCap {
		return nil, fmt.Errorf("caps: %d is not a capability: the highest number is %d", uint8(c), maxCap)
	}
	return []byte(c.String()), nil
}

// UnmarshalText accepts whatever [Parse] does.
func (c *Cap) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

// Parse returns the capability of that name. Upper and lower case and a
// leading CAP_ make no difference: net_raw, NET_RAW, CAP_NET_RAW and cap_net_raw
// are one. The form CAP_n stands for the numbers 41 to 63, which have no name
// here yet. Any other text, with blanks around it for instance, is a [*NameError].
func Parse(name string) (Cap, error) {
	bare := strings.TrimPrefix(upper(name), prefix)
	for i, known := range names {
		if bare == known {
			return Cap(i), nil
		}
	}
	if c, ok := parseUnnamed(bare); ok {
		return c, nil
	}
	return 0, newNameError(name, bare)
}

// upper is strings.ToUpper for ASCII alone: some other letters, such as the
// long s, have an upper case within ASCII and would pass for a known name.
func upper(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

// parseUnnamed reads the number of a capability that has no name. It takes
// the canonical decimal form only, so that each capability has one spelling.
func parseUnnamed(s string) (Cap, bool) {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || int(n) < named || n > maxCap || strconv.FormatUint(n, 10) != s {
		return 0, false
	}
	return Cap(n), true
}
