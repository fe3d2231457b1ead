// floor is what a start costs in C: the same namespaces, mounts, ids, limits,
// filters and processes as the library's, written out by hand. It reads a line
// for each start and answers with its time in nanoseconds. It knows nothing else:
// no failures, no verdict, no host that dies.
//
// This file has the host's side and PID 1.

#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct options options = {.without = ",", .command = NULL};

static int host_proc;	     // /proc of the host, for id maps
static int control[2];	     // from PID 1 to here and back
static int mounts = -1;	     // the mount namespace, so that the end of PID 1 is not that of the mounts
static int *gate;	     // shared: the command waits for PID 1
static char stack[64 << 10]; // of the command, until it executes

bool with(const char *part)
{
	char name[32];
	snprintf(name, sizeof name, ",%s,", part);
	return !strstr(options.without, name);
}

long must(const char *what, long result)
{
	if (result < 0) {
		dprintf(2, "floor: %s: %s\n", what, strerror(errno));
		_exit(126);
	}
	return result;
}

void write_file(int dir, const char *path, const char *text)
{
	int file = must(path, openat(dir, path, O_WRONLY | O_CLOEXEC));
	must(path, write(file, text, strlen(text)));
	close(file);
}

static void write_id_maps(int proc, const char *process, unsigned outer_uid, unsigned outer_gid)
{
	char path[64], map[64];
	if (!options.root) {
		snprintf(path, sizeof path, "%s/setgroups", process);
		write_file(proc, path, "deny");
	}
	snprintf(path, sizeof path, "%s/uid_map", process);
	snprintf(map, sizeof map, "%u %u 1\n", options.uid, outer_uid);
	write_file(proc, path, map);
	snprintf(path, sizeof path, "%s/gid_map", process);
	snprintf(map, sizeof map, "%u %u 1\n", options.gid, outer_gid);
	write_file(proc, path, map);
}

static void send_files(const int *file, int files)
{
	char byte = 0, space[CMSG_SPACE(sizeof(int) * max_groups)] = {0};
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
	if (files) {
		message.msg_control = space;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * files);
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int) * files);
		memcpy(CMSG_DATA(rights), file, sizeof(int) * files);
	}
	must("send", sendmsg(control[0], &message, 0));
}

static void send_entrances(void)
{
	int files[max_groups];
	for (int i = 0; i < options.groups; i++)
		files[i] = options.group[i].entrance;
	send_files(files, options.groups);
}

// send_standard_files sends what os/exec would open, but its own standard output.
static void send_standard_files(void)
{
	int in = must("/dev/null", open("/dev/null", O_RDONLY | O_CLOEXEC));
	int err = must("/dev/null", open("/dev/null", O_WRONLY | O_CLOEXEC));
	send_files((int[]){in, 1, err}, 3);
	close(in);
	close(err);
}

static int receive_entrances(int *entrance)
{
	char byte, space[CMSG_SPACE(sizeof(int) * max_groups)];
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
	must("receive", recvmsg(control[1], &message, MSG_CMSG_CLOEXEC));
	struct cmsghdr *files = CMSG_FIRSTHDR(&message);
	if (!files)
		return 0;
	size_t size = files->cmsg_len - CMSG_LEN(0);
	memcpy(entrance, CMSG_DATA(files), size);
	return size / sizeof(int);
}

static int entrances, entrance[max_groups];

static int command(void *unused)
{
	(void)unused;
	run_command(entrances, entrance, gate, control[1]);
	return 126;
}

// start_command shares the memory until execve, as the library does; where the
// command is born in its cgroup it copies it, for want of a clone3 with a stack.
static pid_t start_command(void)
{
	if (!options.version2 || !entrances)
		return must("clone", clone(command, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL));
	struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = entrance[0]};
	pid_t pid = must("clone3", syscall(SYS_clone3, &args, sizeof args));
	if (pid == 0) {
		entrances = 0;
		_exit(command(NULL));
	}
	return pid;
}

static void lock_down(void)
{
	set_user();
	set_capabilities(1 << 5); // CAP_KILL
	must("dumpable", prctl(PR_SET_DUMPABLE, 0));
	must("pdeathsig", prctl(PR_SET_PDEATHSIG, SIGKILL));
	must("close_range", syscall(SYS_close_range, 3, ~0U, 0));
	must("no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	set_filter(options.guard, options.guard_length);
}

static void loopback_up(void)
{
	int s = must("socket", socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	must("loopback", ioctl(s, SIOCSIFFLAGS, &lo));
	close(s);
}

static int flags_of(bool first)
{
	struct {
		const char *part;
		int flag;
		bool early; // for root: before the user namespace
	} all[] = {
	    {"mounts", CLONE_NEWNS, true}, {"pid", CLONE_NEWPID, true}, {"ipc", CLONE_NEWIPC, true},
	    {"user", CLONE_NEWUSER, false}, {"uts", CLONE_NEWUTS, false}, {"net", CLONE_NEWNET, false},
	};
	int flags = 0;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (with(all[i].part) && (options.root ? all[i].early == first : first))
			flags |= all[i].flag;
	return flags;
}

// init is PID 1: it builds the view, starts the command, gives everything up and
// reaps.
static void init(unsigned uid, unsigned gid)
{
	close(control[0]);
	if (!options.root)
		write_id_maps(AT_FDCWD, "/proc/self", uid, gid);
	if (with("mounts")) {
		if (!options.prepared)
			build_static_view();
		build_fresh_view();
		if (!options.prepared)
			enter_view();
	}
	int later = flags_of(false);
	if (later & CLONE_NEWUSER) {
		must("unshare user", unshare(CLONE_NEWUSER));
		must("ask for maps", send(control[1], "m", 1, 0));
	}
	if (later & ~CLONE_NEWUSER)
		must("unshare", unshare(later & ~CLONE_NEWUSER));
	if (with("uts"))
		must("sethostname", sethostname("sandbox", 7));
	if (with("net"))
		loopback_up();
	entrances = receive_entrances(entrance);
	pid_t pid = start_command();
	lock_down();
	*gate = 1;
	syscall(SYS_futex, gate, FUTEX_WAKE, 1, NULL, NULL, 0);
	for (;;) {
		int status;
		if (syscall(SYS_wait4, -1, &status, __WALL, NULL) == pid)
			syscall(SYS_exit_group, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
}

static pid_t init_pid;

static void open_mounts(void)
{
	char path[32];
	snprintf(path, sizeof path, "%d/ns/mnt", init_pid);
	mounts = must(path, openat(host_proc, path, O_RDONLY | O_CLOEXEC));
}

static void group_name(char *name, size_t size, unsigned long number)
{
	snprintf(name, size, "floor-%d-%lu", getpid(), number);
}

// start starts PID 1 and does what that asks for.
static void start(unsigned long number)
{
	unsigned uid = getuid(), gid = getgid();
	char name[64];
	group_name(name, sizeof name, number);
	*gate = 0;
	must("socketpair", socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control));
	init_pid = must("clone", syscall(SYS_clone, flags_of(true) | SIGCHLD, NULL, NULL, NULL, NULL));
	if (init_pid == 0)
		init(uid, gid);
	close(control[1]);
	if (with("mounts"))
		open_mounts();
	make_groups(name);
	if (flags_of(false) & CLONE_NEWUSER) {
		char byte, process[32];
		snprintf(process, sizeof process, "%d", init_pid);
		if (recv(control[0], &byte, 1, 0) == 1)
			write_id_maps(host_proc, process, options.uid, options.gid);
	}
	send_entrances();
}

// await_waiting returns when the command does but wait.
static void await_waiting(void)
{
	char byte;
	if (recv(control[0], &byte, 1, 0) != 1)
		must("wait for the command to wait", -1);
}

// finish returns when all of the sandbox is gone.
static int finish(void)
{
	int status;
	must("wait", waitpid(init_pid, &status, 0));
	close(control[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// load reads a filter: an array of struct sock_filter.
static void *load(const char *path, unsigned short *length)
{
	struct stat st;
	int file = must(path, open(path, O_RDONLY | O_CLOEXEC));
	must(path, fstat(file, &st));
	void *filter = malloc(st.st_size);
	must(path, read(file, filter, st.st_size));
	close(file);
	*length = st.st_size / 8;
	return filter;
}

// parse reads -root, -v2, -waiting, -id UID GID, -bind SOURCE TARGET, -hide PATH, -protect
// PATH, -without PARTS, -filter FILE, -guard FILE, -cgroup DIR FILE VALUE (settings of
// one directory follow each other) and, after --, the command.
static void parse(char **argv)
{
	for (char **a = argv + 1; *a; a++) {
		if (!strcmp(*a, "--")) {
			options.command = a + 1;
			return;
		} else if (!strcmp(*a, "-root")) {
			options.root = true;
		} else if (!strcmp(*a, "-v2")) {
			options.version2 = true;
		} else if (!strcmp(*a, "-waiting")) {
			options.waiting = true;
		} else if (!strcmp(*a, "-id")) {
			options.uid = atoi(*++a);
			options.gid = atoi(*++a);
		} else if (!strcmp(*a, "-bind")) {
			options.bind_source = *++a;
			options.bind_target = *++a;
		} else if (!strcmp(*a, "-hide") && options.hidden < max_paths) {
			options.hide[options.hidden++] = *++a;
		} else if (!strcmp(*a, "-protect") && options.protected < max_paths) {
			options.protect[options.protected++] = *++a;
		} else if (!strcmp(*a, "-without")) {
			options.without = *++a;
		} else if (!strcmp(*a, "-filter")) {
			options.filter = load(*++a, &options.filter_length);
		} else if (!strcmp(*a, "-guard")) {
			options.guard = load(*++a, &options.guard_length);
		} else if (!strcmp(*a, "-cgroup")) {
			add_setting(a[1], a[2], a[3]);
			a += 3;
		} else {
			break;
		}
	}
	dprintf(2, "floor: bad arguments\n");
	exit(2);
}

int main(int argc, char **argv)
{
	(void)argc;
	parse(argv);
	host_proc = must("/proc", open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	gate = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (options.root && with("mounts") && with("prepared")) {
		must("unshare", unshare(CLONE_NEWNS));
		build_static_view();
		enter_view();
		options.prepared = true;
	}
	char line;
	for (unsigned long number = 0;; number++) {
		struct timespec a, b;
		char name[64];
		if (options.waiting) {
			start(number);
			await_waiting();
		}
		bool over = read(0, &line, 1) != 1;
		if (over && !options.waiting)
			return 0;
		clock_gettime(CLOCK_MONOTONIC, &a);
		if (over)
			shutdown(control[0], SHUT_RDWR);
		else if (options.waiting)
			send_standard_files();
		else
			start(number);
		int status = finish();
		group_name(name, sizeof name, number);
		if (!options.waiting)
			remove_groups(name);
		clock_gettime(CLOCK_MONOTONIC, &b);
		if (options.waiting)
			remove_groups(name);
		close(mounts);
		if (over)
			return 0;
		if (status != 0)
			dprintf(1, "the command ended with status %d\n", status);
		else
			dprintf(1, "%lld\n", (b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec);
	}
}
