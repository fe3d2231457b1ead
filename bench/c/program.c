// program is what runs inside and outside, the same file:
//
//	program pause                  waits until it is killed
//	program facts                  says what confines it, as a line of JSON
//	program loop KIND N            nanoseconds of one call, the mean of N
//	program filtered FILE KIND N   the same under a seccomp filter
//	program load FILE N            nanoseconds to load a filter, the median of N

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *self;

static void fail(const char *what)
{
	fprintf(stderr, "program: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int zero;		  // /dev/zero
static char exit_path[4096]; // a program beside this one that ends at once

static void one_getpid(void) { syscall(SYS_getpid); }

static void one_read(void)
{
	char c;
	if (read(zero, &c, 1) != 1)
		fail("read");
}

static void one_open(void)
{
	int f = open("/dev/null", O_RDONLY);
	if (f < 0)
		fail("open");
	close(f);
}

static void one_personality(void) { syscall(SYS_personality, 0xffffffffUL); }

static void one_refused(void) { syscall(SYS_swapoff, NULL); }

static void one_forkexec(void)
{
	char *argv[] = {exit_path, NULL};
	pid_t pid = vfork();
	if (pid == 0) {
		execv(exit_path, argv);
		_exit(1);
	}
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		fail("fork and exec");
}

static const struct {
	const char *name;
	void (*one)(void);
} kinds[] = {
    {"getpid", one_getpid}, {"read", one_read}, {"open", one_open},
    {"personality", one_personality}, {"refused", one_refused}, {"forkexec", one_forkexec},
};

static void loop(const char *kind, long n)
{
	zero = open("/dev/zero", O_RDONLY);
	snprintf(exit_path, sizeof exit_path, "%s", self);
	char *slash = strrchr(exit_path, '/');
	strcpy(slash ? slash + 1 : exit_path, "exit");
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		if (strcmp(kinds[k].name, kind))
			continue;
		for (long i = 0; i < n / 10; i++)
			kinds[k].one();
		long long begin = now();
		for (long i = 0; i < n; i++)
			kinds[k].one();
		printf("%.2f\n", (double)(now() - begin) / n);
		return;
	}
	errno = EINVAL;
	fail(kind);
}

static struct sock_fprog load(const char *path)
{
	struct stat st;
	int f = open(path, O_RDONLY);
	if (f < 0 || fstat(f, &st) < 0)
		fail(path);
	struct sock_fprog p = {st.st_size / sizeof(struct sock_filter), malloc(st.st_size)};
	if (read(f, p.filter, st.st_size) != st.st_size)
		fail(path);
	close(f);
	return p;
}

static void set(struct sock_fprog *p)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, p) < 0)
		fail("seccomp");
}

static int by_size(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;
	return (x > y) - (x < y);
}

// measure_load loads the filter in a process of its own each time, so that
// filters do not pile up.
static void measure_load(const char *path, int n)
{
	struct sock_fprog p = load(path);
	long long *took = mmap(NULL, n * sizeof *took, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			long long begin = now();
			set(&p);
			took[i] = now() - begin;
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	qsort(took, n, sizeof *took, by_size);
	printf("%lld\n", took[n / 2]);
}

// value prints a line of a file of /proc as a JSON string.
static void value(const char *key, const char *path, const char *field)
{
	char line[4096], *text = "";
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, field, strlen(field))) {
			text = line + strlen(field);
			text += strspn(text, " \t");
			break;
		}
	}
	if (f)
		fclose(f);
	printf("\"%s\":\"%s\",", key, text);
}

static void facts(void)
{
	static const char *const spaces[] = {"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"};
	char path[64], target[64], line[4096];
	int mounts = 0;
	printf("{");
	for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
		snprintf(path, sizeof path, "/proc/self/ns/%s", spaces[i]);
		ssize_t n = readlink(path, target, sizeof target - 1);
		target[n > 0 ? n : 0] = 0;
		printf("\"%s\":\"%s\",", spaces[i], target);
	}
	value("seccomp", "/proc/self/status", "Seccomp:");
	value("noNewPrivs", "/proc/self/status", "NoNewPrivs:");
	value("bounding", "/proc/self/status", "CapBnd:");
	value("effective", "/proc/self/status", "CapEff:");
	value("files", "/proc/self/limits", "Max open files");
	FILE *f = fopen("/proc/self/mountinfo", "r");
	while (f && fgets(line, sizeof line, f))
		mounts++;
	printf("\"uid\":%d,\"pid1\":%d,\"mounts\":%d}\n", getuid(), getppid() == 1, mounts);
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc == 2 && !strcmp(argv[1], "pause")) {
		for (;;)
			pause();
	} else if (argc == 2 && !strcmp(argv[1], "facts")) {
		facts();
	} else if (argc == 4 && !strcmp(argv[1], "loop")) {
		loop(argv[2], atol(argv[3]));
	} else if (argc == 5 && !strcmp(argv[1], "filtered")) {
		struct sock_fprog p = load(argv[2]);
		set(&p);
		loop(argv[3], atol(argv[4]));
	} else if (argc == 4 && !strcmp(argv[1], "load")) {
		measure_load(argv[2], atoi(argv[3]));
	} else {
		fprintf(stderr, "program: bad arguments\n");
		return 2;
	}
	return 0;
}
