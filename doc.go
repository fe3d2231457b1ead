// Package sandbox runs a command in a Linux sandbox. It needs no daemon, no
// root, no cgo, no helper program and no hook in main:
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"os"
//		"os/exec"
//
//		"github.com/seed-d1379373/sandbox"
//	)
//
//	func main() {
//		cmd := exec.Command("sh", "-c", "id; ls / /home")
//		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
//		res, err := sandbox.Run(context.Background(), cmd, sandbox.WithPids(64))
//		fmt.Println(res, err)
//	}
//
// Without options a program can compute, read the system's programs and
// libraries and write to a /tmp of its own. Everything beyond that is an option,
// and everything is refused that an option does not name. The next sections
// say what holds without options, on Linux 5.14 and later.
//
// They tell two callers apart. Root is a host program with user id 0 and with
// CAP_SYS_ADMIN, SETUID, SETGID, SETPCAP, MKNOD and SYS_CHROOT in the initial
// user namespace. Everyone else is an ordinary caller.
//
// # Namespaces
//
// The command gets new user, mount, PID, IPC, UTS, network and cgroup
// namespaces, for root callers too. The network is a loopback interface that is
// up and nothing else; abstract Unix sockets belong to it. The host name is
// "sandbox". There is no time namespace: the clocks are the host's, and cannot
// be set. [WithNetwork], [WithIPC], [WithHostname] and [WithHostUserNS] choose
// other ones.
//
// For root the mounts are made before the user namespace is, so that they belong
// to the host and no capability inside reaches them. An ordinary caller needs the
// user namespace first; a command that can have capabilities then gets one more
// of its own, below the one that owns the mounts.
//
// # Identity
//
// A caller whose user or group id is 0 gets nobody and nogroup, 65534 inside and
// outside. Anyone else keeps its user and group id. No id inside stands for root of
// the host unless [WithHostUserNS] or [WithPrivileged] says so: [WithUser]("root")
// is the first subordinate id that /etc/subuid grants to root, or else 65534, and
// for an ordinary caller its own id. [WithUserRemap] and [WithIDMap] choose other
// maps.
//
// Supplementary groups are dropped. The kernel does not let a caller without
// CAP_SETUID and CAP_SETGID do that: its own stay, and the report lists that as
// missing.
//
// # Capabilities
//
// The command has none, in none of the five sets, and no_new_privs is on, so
// that set-user-ID programs and file capabilities gain nothing. If the user
// inside is root, it has Docker's default set, with what [AddCap] adds and
// without what [DropCap] takes. For another user AddCap gives the named ones and
// no more, effective and ambient, and the bounding set is that of root. A
// capability reaches what the sandbox's own namespaces own, and nothing of the
// host.
//
// # Seccomp
//
// The filter is [seccomp.Default]: Docker's profile as data, hardened. Native
// system calls only; a call of i386 kills the process, and x32 numbers and
// numbers without a name get ENOSYS. clone3 gets ENOSYS because its flags lie
// behind a pointer, and programs use clone instead. Sockets are of the families
// unix, inet, inet6 and netlink with the protocol route; of the internet's
// protocols MPTCP, SCTP, DCCP, UDP-Lite and L2TP are left out. io_uring,
// userfaultfd, memfd_secret, the keyring calls, resource limits of other
// processes and typing into terminals (TIOCSTI) are refused.
// [WithSeccomp] takes another policy.
//
// # Root
//
// The root is a tmpfs that is read-only once it is built. It has the host's
// /usr, /bin, /sbin, /lib, /lib32, /lib64 and /libx32, as far as they exist,
// read-only, nosuid and nodev; one that is a symbolic link stays one. Files
// keep their permissions: what only root may read stays closed. Nothing else of
// the host is there: no /home, /root, /var, /run, /sys, /mnt, /srv, /opt, /boot.
//
// /etc is made anew: passwd and group with root, nobody and the command's user,
// hosts, hostname and nsswitch.conf. Of the host's it has ld.so.cache,
// alternatives, localtime, public certificates (ssl/certs, ssl/openssl.cnf and
// other systems' places for them), services, protocols, mime.types, fonts and
// terminfo; with [NetworkHost] also the content of resolv.conf.
//
// [WithBind], [WithReadOnlyBind], [WithIDMappedBind] and [WithTmpfs] add to the view, [WithMask]
// hides a part of it, and [WithRootFS] takes a directory in its place.
//
// # Temporary files
//
// /tmp and /dev/shm are tmpfs of 64 MiB each, with at most one file for every
// 4 KiB, nosuid and nodev. Their contents are charged to the memory limit and
// end with the sandbox. /tmp is the home directory. Programs may be executed
// from both.
//
// # Proc and dev
//
// /proc is mounted in the new PID namespace and shows the sandbox's processes
// alone. Hidden in it are acpi, asound, bus, cmdline, config.gz, diskstats, fs,
// interrupts, keys, key-users, latency_stats, modules, partitions, sched_debug,
// scsi, softirqs, swaps and timer_stats, and /proc/sys is read-only.
// What the kernel opens to root of the host alone, or shows to others without
// addresses (kcore, kmsg, kallsyms, sysrq-trigger and the like), is left to that
// where root of the host does not exist inside, and is hidden or read-only as well
// where it does.
//
// /dev is part of the read-only root. It has null, zero, full, random, urandom
// and tty (which opens the command's own terminal, and it has none), the links
// fd, stdin, stdout, stderr and ptmx, and shm, mqueue and pts: terminals made
// there are the sandbox's own. [WithDevice] adds a device of the host.
//
// # Inherited state
//
// Of the host program's descriptors 0 to 2 and the command's ExtraFiles survive
// execve, whatever the host itself inherited. A nil Env is PATH, HOME=/tmp,
// LANG=C.UTF-8, USER and LOGNAME. The working directory is /. All signals have
// their default action and none is blocked; the umask is 022; the personality
// is reset, and with it address space randomisation; session and session keyring
// are new, so there is no controlling terminal without [WithTerminal]. The
// scheduling policy, niceness and I/O priority are normal again, except that an
// ordinary caller cannot take back a niceness.
//
// The resource limits of setrlimit(2) are those that [WithRlimit] lists, each
// cut to the caller's own. A pipe that the host program made for a standard file
// is given to the command's user, so that /dev/stdout can be opened.
//
// # Limits
//
// All processes together have 1 GiB of memory without swap, and may be 512
// processes and threads. These two defaults are a best effort: where the host
// program cannot make a cgroup with the controller, memory is not limited and the
// report says so. The number of processes is then limited by RLIMIT_NPROC in
// the sandbox's user namespace, which counts the same. There is no limit of
// time, CPU or output. The launcher is not charged for.
//
// # PID 1
//
// The command is process 2. Process 1 is the launcher: a small static program
// that this package writes to a sealed, read-only memory file. It
// reaps orphans, passes on signals and reports the exact wait status. It is not
// dumpable, has an empty environment and fixed arguments, has the command's user
// and no capability but CAP_KILL in the sandbox's user namespace, and a seccomp
// filter that allows the few calls that it makes. A second process of the same kind
// outside ties it to the host program.
//
// # Landlock
//
// Where the kernel has Landlock, a ruleset repeats the file view as a second
// line, and scopes signals and abstract Unix sockets (ABI 6). It is left out for
// a command that may have CAP_SYS_ADMIN, because Landlock refuses every mount.
// A kernel without it is shown in the report and is no error. TCP is not part
// of the ruleset: without a network there is none. [WithLandlock] adds rules of
// the caller's as a second layer.
//
// # AppArmor and SELinux
//
// Without options the command has the host program's own label. [WithAppArmor]
// and [WithSELinux] give it another, which is in force, or the start fails: a
// profile that is not loaded or only complains, a label that the policy does not
// know, and a permissive kernel are errors before anything starts. The launcher
// reads back what it has written.
//
// # End of life
//
// When the command ends, its context ends, a limit is passed, [Process.Kill] is
// called or the host program dies in whatever way, every process of the sandbox
// is killed. Wait returns when the last one is gone, and kills them before it
// waits for pipes, so that a process left behind with standard output open
// cannot hold it up. Mounts end with the processes; Wait removes the cgroup, and
// one that a killed host program left is removed by the next.
//
// # Best effort and fail closed
//
// An option that the host cannot enforce is an error, an [UnsupportedError] with
// the reason and a fix, and nothing runs. What may be missing without an error
// is the two default limits, the supplementary groups of an ordinary caller,
// Landlock, and what [WithBestEffort] names. [Result.Report] lists all of it,
// and [Probe] says beforehand what a host can enforce.
//
// A wrong option is an [OptionError], which [New] returns for all of them at
// once. A step that fails is a [SetupError] with its name, path and errno; nothing
// ran then, and nothing is left. A command that ran and did not exit with status
// 0 is an [ExitError], and its Reason is true: an out-of-memory kill, a timeout,
// the CPU time, the output limit, the seccomp filter, the context and an ordinary
// signal are told apart.
//
// # Last resort
//
// Where the kernel gives this caller neither namespaces nor mounts, nothing runs,
// unless [FeatureUserNamespace], [FeatureNamespaces] and [FeatureMounts] are all a best
// effort. Then the command runs on the host's files and ids, confined by what takes no
// privilege: Landlock, which allows the paths of the view with their rights and keeps
// signals and ptrace(2) inside; the seccomp filter, which in addition refuses every
// socket but connected pairs (with [NetworkHost] those of the internet are left),
// System V IPC and message queues, changes of modes, owners, times and attributes by
// path, watches of directories, and calls about other processes; no_new_privs,
// resource limits and the clean state. It takes Landlock with scopes (Linux 6.12), or
// else it is an error.
//
// Temporary files go to a directory that is made for the run and removed with it; HOME
// and TMPDIR name it, and Dir "/tmp" means it. An ordinary caller's command has the
// caller's ids, root's those of nobody, and neither can be root of the host.
//
// Everything dies with the command, the context and the host program here, too: two
// processes of the launcher adopt what the command leaves behind, and kill all of it at
// once by a signal that Landlock keeps among their descendants. Only who kills both at
// once from outside, before they can act, leaves something behind.
//
// [Report.Losses] lists what is lost, each with its consequence, among it every option
// that has no meaning without a namespace or a mount, such as [WithHostname],
// [WithTmpfs] and a bind whose target is not its source. An option without which the
// command could do more than was meant is an error: other users' ids, capabilities, a
// root of its own, masks in what the view shows, namespaces of other sandboxes.
// [Process.Exec] is an [UnsupportedError].
//
// # Denials
//
// A result does not list what Landlock, AppArmor, SELinux or the filter denied. The
// program gets an errno. Of the others' denials the kernel tells the audit log alone,
// which an ordinary user may not read, and of Landlock's nobody: its records, since
// Linux 6.15, leave out programs that were executed within a domain. [Result.Report]
// says which profile, label, filter and ruleset was in force.
//
// # Reuse
//
// [Run] and [Start] work everything out anew. A [Sandbox] does it once and may be
// used again and from several goroutines; each command gets a sandbox of its
// own from it. From the second start on it copies a prepared mount namespace,
// where the caller may, and it keeps the launcher of the last command line. A
// start costs the same in a host program with a large heap as in a small one.
//
// # What it does not protect from
//
//   - Bugs of the kernel. All sandboxes share the host's. The filter and the
//     namespaces make less of it reachable, not correct. A user namespace itself
//     is code that ordinary programs do not reach otherwise.
//   - Side channels: timing, caches, CPU bugs, load, and what /proc and system
//     calls such as sysinfo(2) tell about the machine.
//   - Exhaustion of what no limit covers. Without a cgroup that is memory; and
//     always disk and network bandwidth, kernel objects that no controller
//     counts, and time without [WithTimeout]. Several sandboxes of one user share
//     per-user limits of the kernel.
//   - What is handed in: files that are bound writable, descriptors in
//     ExtraFiles or standard files (a terminal can be written to and read from),
//     the host's network or IPC. Whoever reads what a command wrote must treat it
//     as untrusted.
//   - Secrets in files below /usr that everyone may read.
//   - [WithHostUserNS] with root inside, [seccomp.Unconfined], devices, added
//     capabilities and [WithNewPrivileges] each take a layer away; together they
//     leave little, and [WithPrivileged] leaves nothing against root's sandboxes.
//   - Other processes of the same user outside, which may trace the launcher and
//     the command: the sandbox faces inwards.
package sandbox
