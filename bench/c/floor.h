// The parts of floor, a C program that makes the same sandbox as the library.

#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { max_groups = 8, max_settings = 16, max_paths = 64 };

// A setting is one value written to one file of a cgroup.
struct setting {
	const char *file, *value;
};

// A group is one directory of a hierarchy below which each start makes its own.
struct group {
	int dir;	// where groups are made
	int own;	// the group of this start
	int entrance;	// its tasks file
	int settings;
	struct setting setting[max_settings];
};

struct options {
	bool root;	 // mounts first, then the user namespace
	bool prepared;	 // this process stands in the static part of the view
	bool version2;	 // one cgroup, and the command is born in it
	bool waiting;	 // all but what depends on the command is done before its time begins
	unsigned uid, gid;
	const char *bind_source, *bind_target;
	char *const *command;
	const char *without; // ",net,ipc,": parts to leave out
	void *filter, *guard;
	unsigned short filter_length, guard_length;
	int groups, hidden, protected;
	struct group group[max_groups];
	const char *hide[max_paths], *protect[max_paths]; // in /proc
};

extern struct options options;

// with says whether a part is not left out.
bool with(const char *part);

// must ends the process if a call has failed.
long must(const char *what, long result);

// add_setting adds a limit; those of one directory follow each other.
void add_setting(const char *dir, const char *file, const char *value);
void make_groups(const char *name);
void remove_groups(const char *name);

void build_static_view(void);
void build_fresh_view(void);
void enter_view(void);

// run_command turns the calling process into the command, which with -waiting
// comes over the socket.
void run_command(int entrances, const int *entrance, int *gate, int control);

void set_filter(const void *filter, unsigned short length);
void set_capabilities(uint64_t permitted);
void set_user(void);
void write_file(int dir, const char *path, const char *text);
