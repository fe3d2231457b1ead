// The command: what it resets and gives up, in the library's order, and execve.

#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void set_filter(const void *filter, unsigned short length)
{
	struct sock_fprog program = {length, (struct sock_filter *)filter};
	must("seccomp", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

void set_capabilities(uint64_t permitted)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{permitted, permitted, 0}, {permitted >> 32, permitted >> 32, 0}};
	must("capset", syscall(SYS_capset, &header, data));
}

// set_user goes by the system calls: the C library's functions ask all threads.
void set_user(void)
{
	if (options.root)
		must("setgroups", syscall(SYS_setgroups, 0, NULL));
	must("keepcaps", prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	must("setresgid", syscall(SYS_setresgid, options.gid, options.gid, options.gid));
	must("setresuid", syscall(SYS_setresuid, options.uid, options.uid, options.uid));
}

static void reset_signals(void)
{
	static const long zero[8]; // struct sigaction of the kernel: SIG_DFL
	for (int s = 1; s <= 64; s++)
		if (s != SIGKILL && s != SIGSTOP)
			must("sigaction", syscall(SYS_rt_sigaction, s, zero, NULL, 8));
	must("sigprocmask", syscall(SYS_rt_sigprocmask, SIG_SETMASK, zero, NULL, 8));
}

static void set_limits(void)
{
	static const struct {
		int resource;
		struct rlimit limit;
	} limits[] = {
	    {RLIMIT_CORE, {1, 1}}, {RLIMIT_FSIZE, {1UL << 32, 1UL << 32}}, {RLIMIT_MEMLOCK, {65536, 65536}},
	    {RLIMIT_MSGQUEUE, {819200, 819200}}, {RLIMIT_NICE, {0, 0}}, {RLIMIT_NOFILE, {1024, 1024}},
	    {RLIMIT_RTPRIO, {0, 0}}, {RLIMIT_STACK, {8 << 20, 64 << 20}},
	};
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		must("setrlimit", setrlimit(limits[i].resource, &limits[i].limit));
}

// The rights of landlock(7) up to ABI 6; older kernels get as many as they know.
enum { fs_v1 = (1 << 13) - 1, fs_read = 0xd, fs_device = 0xc | 2 | 1 << 14, inherit_read = 4, inherit_write = 2 | 1 << 14 };

struct ruleset {
	uint64_t files, network, scopes;
};

static uint64_t known_rights;

static int make_ruleset(void)
{
	static const char *const paths[] = {"/", "/proc", "/dev", "/tmp", "/dev/shm", "/dev/mqueue"};
	int abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1)
		return -1;
	uint64_t known = known_rights = fs_v1 | (abi >= 2 ? 1 << 13 : 0) | (abi >= 3 ? 1 << 14 : 0) | (abi >= 5 ? 1 << 15 : 0);
	uint64_t write = known & ~(uint64_t)(1 << 6 | 1 << 11);
	uint64_t rights[] = {fs_read, fs_read | fs_device, fs_device | 1 << 15, write, write, write};
	struct ruleset attr = {known, 0, abi >= 6 ? 3 : 0};
	int set = must("landlock", syscall(SYS_landlock_create_ruleset, &attr, abi >= 6 ? 24 : abi >= 4 ? 16 : 8, 0));
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct landlock_path_beneath_attr rule = {rights[i] & known, open(paths[i], O_PATH | O_CLOEXEC)};
		if (rule.parent_fd < 0)
			continue; // left out with its part
		must("landlock rule", syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
		close(rule.parent_fd);
	}
	return set;
}

// restrict_files adds the standard files to a ruleset, and applies it.
static void restrict_files(int ruleset)
{
	for (int fd = 0; fd <= 2; fd++) { // pipes are no files; the call then fails, as in the library
		struct landlock_path_beneath_attr rule = {(fd ? inherit_write | 1 << 15 : inherit_read | 1 << 15) & known_rights, fd};
		syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	}
	must("landlock_restrict_self", syscall(SYS_landlock_restrict_self, ruleset, 0));
}

// receive_files waits for the command's standard files.
static void receive_files(int control)
{
	int files[3];
	char byte, space[CMSG_SPACE(sizeof files)];
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
	must("ready", send(control, "r", 1, 0));
	if (must("receive", recvmsg(control, &message, MSG_CMSG_CLOEXEC)) != 1)
		_exit(126); // the host needs no command any more
	memcpy(files, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof files);
	for (int fd = 0; fd <= 2; fd++)
		must("dup3", dup3(files[fd], fd, 0));
}

static void drop_capabilities(void)
{
	int last = 63;
	set_capabilities(1ULL << CAP_SETPCAP | 1ULL << CAP_SYS_ADMIN);
	for (int c = 0; c <= last; c++)
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
			break; // past the last one
	set_capabilities(0);
	must("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
	must("keepcaps", prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0));
}

void run_command(int entrances, const int *entrance, int *gate, int control)
{
	static char *const environment[] = {"PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8", "USER=nobody", "LOGNAME=nobody", NULL};
	int ruleset = -1;
	for (int i = 0; i < entrances; i++)
		must("enter cgroup", write(entrance[i], "0", 1));
	must("cgroup namespace", unshare(CLONE_NEWCGROUP));
	must("setsid", setsid());
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	reset_signals();
	must("personality", personality(0));
	umask(022);
	if (with("rlimits"))
		set_limits();
	if (with("landlock"))
		ruleset = make_ruleset();
	must("securebits", prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
	set_user();
	drop_capabilities();
	must("no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	while (options.waiting && !*(volatile int *)gate)
		syscall(SYS_futex, gate, FUTEX_WAIT, 0, NULL, NULL, 0);
	if (options.waiting && with("seccomp"))
		set_filter(options.filter, options.filter_length);
	if (options.waiting)
		receive_files(control);
	if (ruleset >= 0)
		restrict_files(ruleset);
	must("close_range", syscall(SYS_close_range, 3, ~0U, 0));
	must("chdir", chdir("/"));
	while (!*(volatile int *)gate)
		syscall(SYS_futex, gate, FUTEX_WAIT, 0, NULL, NULL, 0);
	if (!options.waiting && with("seccomp"))
		set_filter(options.filter, options.filter_length);
	execve(options.command[0], options.command, environment);
	must("execve", -1);
}
