// The view: the same directories, files and mounts as the library's default one
// (view_linux.go), in two parts: what every start shares, and what each makes anew.
// Which parts of /proc are covered is said by arguments.

#include "floor.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// sys/mount.h and linux/mount.h exclude each other.
int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);
enum { mnt_detach = 2, rdonly = 1, nosuid = 2, nodev = 4, noexec = 8, recursive = 16384, private_ = 1 << 18 };

static const char *const system_dirs[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};

static const char *const etc_files[] = {
    "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs", "/etc/pki/ca-trust", "/etc/ca-certificates/extracted", "/etc/crypto-policies",
    "/etc/services", "/etc/protocols", "/etc/mime.types", "/etc/fonts", "/etc/terminfo",
};

static const struct {
	const char *name;
	unsigned major, minor;
} devices[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};

static int root; // the new root

static void attach(int from, const char *source, const char *target, uint64_t attributes, int flags)
{
	struct mount_attr attr = {.attr_set = attributes};
	int tree = must(source, syscall(SYS_open_tree, from, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | 0x8000 /* AT_RECURSIVE */));
	must(source, syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | flags, &attr, sizeof attr));
	must(target, syscall(SYS_move_mount, tree, "", root, target, MOVE_MOUNT_F_EMPTY_PATH));
	close(tree);
}

static void make_dirs(const char *path)
{
	char parent[PATH_MAX];
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
		mkdirat(root, parent, 0755);
	}
}

static void file(const char *path, const char *content)
{
	int f = must(path, openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
	if (*content)
		must(path, write(f, content, strlen(content)));
	close(f);
}

// share shows a file or directory of the host at the same path.
static void share(const char *path)
{
	struct stat st;
	char target[PATH_MAX];
	if (lstat(path, &st) < 0)
		return;
	make_dirs(path + 1);
	if (S_ISLNK(st.st_mode)) {
		target[must(path, readlink(path, target, sizeof target - 1))] = 0;
		must(path, symlinkat(target, root, path + 1));
		return;
	}
	if (S_ISDIR(st.st_mode))
		must(path, mkdirat(root, path + 1, 0755));
	else
		file(path + 1, "");
	attach(AT_FDCWD, path, path + 1, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0x8000);
}

static void device(const char *name, unsigned major, unsigned minor)
{
	char path[32];
	snprintf(path, sizeof path, "/dev/%s", name);
	if (options.root) {
		must(path, mknodat(root, path + 1, S_IFCHR | 0666, makedev(major, minor)));
		return;
	}
	file(path + 1, "");
	attach(AT_FDCWD, path, path + 1, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0x8000);
}

static int new_root(void)
{
	int fs = must("fsopen", syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC));
	must("size", syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "size", "8m", 0));
	must("nr_inodes", syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "nr_inodes", "4096", 0));
	must("mode", syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0755", 0));
	must("create", syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	int mounted = must("fsmount", syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID));
	close(fs);
	must("move_mount", syscall(SYS_move_mount, mounted, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH));
	must("fchdir", fchdir(mounted));
	return mounted;
}

void build_static_view(void)
{
	must("private", mount(NULL, "/", NULL, recursive | private_, NULL));
	root = new_root();
	for (size_t i = 0; i < sizeof system_dirs / sizeof *system_dirs; i++)
		share(system_dirs[i]);
	must("etc", mkdirat(root, "etc", 0755));
	file("etc/passwd", "root:x:0:0:root:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n");
	file("etc/group", "root:x:0:\nnogroup:x:65534:\n");
	file("etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n");
	file("etc/hostname", "sandbox\n");
	file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n");
	for (size_t i = 0; i < sizeof etc_files / sizeof *etc_files; i++)
		share(etc_files[i]);
	must("tmp", mkdirat(root, "tmp", 0755));
	must("proc", mkdirat(root, "proc", 0555));
	must("dev", mkdirat(root, "dev", 0755));
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
		device(devices[i].name, devices[i].major, devices[i].minor);
	must("fd", symlinkat("/proc/self/fd", root, "dev/fd"));
	must("stdin", symlinkat("/proc/self/fd/0", root, "dev/stdin"));
	must("stdout", symlinkat("/proc/self/fd/1", root, "dev/stdout"));
	must("stderr", symlinkat("/proc/self/fd/2", root, "dev/stderr"));
	must("ptmx", symlinkat("pts/ptmx", root, "dev/ptmx"));
	must("pts", mkdirat(root, "dev/pts", 0755));
	must("shm", mkdirat(root, "dev/shm", 0755));
	must("mqueue", mkdirat(root, "dev/mqueue", 0755));
	must("bind", mkdirat(root, options.bind_target + 1, 0755));
	attach(AT_FDCWD, options.bind_source, options.bind_target + 1, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0x8000);
}

// hide covers a file or directory of /proc, which is the new one by now.
static void hide(const char *path)
{
	struct stat st;
	must(path, lstat(path, &st));
	if (S_ISDIR(st.st_mode))
		must(path, mount("tmpfs", path + 1, "tmpfs", rdonly | nosuid | nodev | noexec, "size=4k,nr_inodes=1,mode=0555"));
	else
		attach(root, "dev/null", path + 1, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0);
}

void build_fresh_view(void)
{
	if (options.prepared) {
		root = must("/", open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
		must("fchdir", fchdir(root));
	}
	must("devpts", mount("devpts", "dev/pts", "devpts", nosuid | noexec, "newinstance,ptmxmode=0666,mode=0620"));
	if (with("ipc")) {
		must("shm", mount("tmpfs", "dev/shm", "tmpfs", nosuid | nodev, "mode=01777,size=67108864,nr_inodes=16384"));
		must("mqueue", mount("mqueue", "dev/mqueue", "mqueue", nosuid | nodev | noexec, ""));
	}
	if (with("pid")) {
		must("proc", mount("proc", "proc", "proc", nosuid | nodev | noexec, ""));
		for (int i = 0; i < options.hidden; i++)
			hide(options.hide[i]);
		for (int i = 0; i < options.protected; i++)
			attach(root, options.protect[i] + 1, options.protect[i] + 1, MOUNT_ATTR_RDONLY, 0x8000);
	}
	must("tmp", mount("tmpfs", "tmp", "tmpfs", nosuid | nodev, "mode=01777,size=67108864,nr_inodes=16384"));
	if (options.prepared)
		close(root);
}

void enter_view(void)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	must("read-only", syscall(SYS_mount_setattr, root, "", AT_EMPTY_PATH, &attr, sizeof attr));
	must("fchdir", fchdir(root));
	must("pivot_root", syscall(SYS_pivot_root, ".", "."));
	must("umount", umount2(".", mnt_detach));
	must("chdir", chdir("/"));
	close(root);
}
