// The cgroups of a start: one directory in each hierarchy that a limit needs.

#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void add_setting(const char *dir, const char *file, const char *value)
{
	static const char *last;
	if (!last || strcmp(last, dir)) {
		last = dir;
		options.group[options.groups++].dir = must(dir, open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	}
	struct group *g = &options.group[options.groups - 1];
	g->setting[g->settings++] = (struct setting){file, value};
}

// make_groups makes and sets the cgroups, reads every value back, and opens the
// files to enter them by.
void make_groups(const char *name)
{
	for (struct group *g = options.group; g < options.group + options.groups; g++) {
		must("mkdir cgroup", mkdirat(g->dir, name, 0755));
		g->own = must("open cgroup", openat(g->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		for (struct setting *s = g->setting; s < g->setting + g->settings; s++) {
			char back[64];
			int file = openat(g->own, s->file, O_RDWR | O_CLOEXEC);
			if (file < 0 && errno == ENOENT)
				continue; // no accounting of swap
			must(s->file, file);
			must(s->file, write(file, s->value, strlen(s->value)));
			must(s->file, pread(file, back, sizeof back, 0));
			close(file);
		}
		if (options.version2)
			g->entrance = must("dup", fcntl(g->own, F_DUPFD_CLOEXEC, 0));
		else
			g->entrance = must("tasks", openat(g->own, "tasks", O_WRONLY | O_CLOEXEC));
	}
}

void remove_groups(const char *name)
{
	for (struct group *g = options.group; g < options.group + options.groups; g++) {
		close(g->entrance);
		close(g->own);
		must("rmdir cgroup", unlinkat(g->dir, name, AT_REMOVEDIR));
	}
}
