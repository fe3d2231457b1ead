package launch

import "fmt"

// A Call is a system call, with its number on each architecture that has an
// interpreter. Programs name calls, not numbers, so that they can be built and
// listed on any operating system.
type Call struct {
	Name         string
	amd64, arm64 int
}

// number returns the call's number.
func (c Call) number(arch string) (int, error) {
	switch arch {
	case "amd64":
		return c.amd64, nil
	case "arm64":
		return c.arm64, nil
	}
	return 0, fmt.Errorf("launch: no number of %s for %s", c.Name, arch)
}

// sum is the one operation that is not a system call.
var sum = Call{"sum", sumNumber, sumNumber}

// The system calls that programs use, by the names of syscalls(2).
var (
	Capset                = Call{"capset", 126, 91}
	Chdir                 = Call{"chdir", 80, 49}
	ClockGettime          = Call{"clock_gettime", 228, 113}
	Chroot                = Call{"chroot", 161, 51}
	Clone                 = Call{"clone", 56, 220}
	Clone3                = Call{"clone3", 435, 435}
	Close                 = Call{"close", 3, 57}
	CloseRange            = Call{"close_range", 436, 436}
	Dup3                  = Call{"dup3", 292, 24}
	Execve                = Call{"execve", 59, 221}
	ExitGroup             = Call{"exit_group", 231, 94}
	Fchdir                = Call{"fchdir", 81, 50}
	Fchown                = Call{"fchown", 93, 55}
	Fchownat              = Call{"fchownat", 260, 54}
	Fsconfig              = Call{"fsconfig", 431, 431}
	Fsmount               = Call{"fsmount", 432, 432}
	Fsopen                = Call{"fsopen", 430, 430}
	Fstatfs               = Call{"fstatfs", 138, 44}
	Futex                 = Call{"futex", 202, 98}
	Getpid                = Call{"getpid", 39, 172}
	Ioctl                 = Call{"ioctl", 16, 29}
	IoprioSet             = Call{"ioprio_set", 251, 30}
	Keyctl                = Call{"keyctl", 250, 219}
	Kill                  = Call{"kill", 62, 129}
	LandlockAddRule       = Call{"landlock_add_rule", 445, 445}
	LandlockCreateRuleset = Call{"landlock_create_ruleset", 444, 444}
	LandlockRestrictSelf  = Call{"landlock_restrict_self", 446, 446}
	Mkdirat               = Call{"mkdirat", 258, 34}
	Mknodat               = Call{"mknodat", 259, 33}
	Mmap                  = Call{"mmap", 9, 222}
	Mount                 = Call{"mount", 165, 40}
	MountSetattr          = Call{"mount_setattr", 442, 442}
	MoveMount             = Call{"move_mount", 429, 429}
	OpenTree              = Call{"open_tree", 428, 428}
	Openat                = Call{"openat", 257, 56}
	Openat2               = Call{"openat2", 437, 437}
	Personality           = Call{"personality", 135, 92}
	PidfdOpen             = Call{"pidfd_open", 434, 434}
	Pipe2                 = Call{"pipe2", 293, 59}
	PivotRoot             = Call{"pivot_root", 155, 41}
	Ppoll                 = Call{"ppoll", 271, 73}
	Prctl                 = Call{"prctl", 157, 167}
	Pread64               = Call{"pread64", 17, 67}
	Prlimit64             = Call{"prlimit64", 302, 261}
	Read                  = Call{"read", 0, 63}
	Recvmsg               = Call{"recvmsg", 47, 212}
	Recvfrom              = Call{"recvfrom", 45, 207}
	RtSigaction           = Call{"rt_sigaction", 13, 134}
	RtSigprocmask         = Call{"rt_sigprocmask", 14, 135}
	SchedSetscheduler     = Call{"sched_setscheduler", 144, 119}
	Seccomp               = Call{"seccomp", 317, 277}
	Sendmsg               = Call{"sendmsg", 46, 211}
	Sendto                = Call{"sendto", 44, 206}
	Setgroups             = Call{"setgroups", 116, 159}
	Sethostname           = Call{"sethostname", 170, 161}
	Setns                 = Call{"setns", 308, 268}
	Setpriority           = Call{"setpriority", 141, 140}
	Setresgid             = Call{"setresgid", 119, 149}
	Setresuid             = Call{"setresuid", 117, 147}
	Setsid                = Call{"setsid", 112, 157}
	Signalfd4             = Call{"signalfd4", 289, 74}
	Socket                = Call{"socket", 41, 198}
	Symlinkat             = Call{"symlinkat", 266, 36}
	Umask                 = Call{"umask", 95, 166}
	Umount2               = Call{"umount2", 166, 39}
	Unshare               = Call{"unshare", 272, 97}
	Wait4                 = Call{"wait4", 61, 260}
	Write                 = Call{"write", 1, 64}
)
