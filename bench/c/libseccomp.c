// libseccomp compiles a policy with libseccomp and writes the filter, an array of
// struct sock_filter, to standard output. The policy is read as lines
//
//	NAME allow|ERRNO [INDEX OPERATOR VALUE VALUE]...
//
// in which what the machine does not know is skipped. The argument is
// libseccomp's level of optimisation: 1, its default, is a list and 2 a tree.

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum scmp_compare operator;
} operators[] = {
    {"SCMP_CMP_NE", SCMP_CMP_NE}, {"SCMP_CMP_LT", SCMP_CMP_LT}, {"SCMP_CMP_LE", SCMP_CMP_LE}, {"SCMP_CMP_EQ", SCMP_CMP_EQ},
    {"SCMP_CMP_GE", SCMP_CMP_GE}, {"SCMP_CMP_GT", SCMP_CMP_GT}, {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};

static void must(const char *what, int result)
{
	if (result < 0) {
		fprintf(stderr, "libseccomp: %s: %s\n", what, strerror(-result));
		exit(1);
	}
}

static struct scmp_arg_cmp argument(char *index)
{
	struct scmp_arg_cmp a = {.arg = atoi(index)};
	const char *operator = strtok(NULL, " \n");
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
		if (!strcmp(operators[i].name, operator))
			a.op = operators[i].operator;
	a.datum_a = strtoull(strtok(NULL, " \n"), NULL, 10);
	a.datum_b = strtoull(strtok(NULL, " \n"), NULL, 10);
	return a;
}

int main(int argc, char **argv)
{
	char line[4096];
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter || argc != 2)
		return 2;
	must("optimize", seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, atoi(argv[1])));
	while (fgets(line, sizeof line, stdin)) {
		struct scmp_arg_cmp arguments[6];
		unsigned n = 0;
		char *name = strtok(line, " \n"), *action = strtok(NULL, " \n");
		for (char *index; n < 6 && (index = strtok(NULL, " \n"));)
			arguments[n++] = argument(index);
		int number = seccomp_syscall_resolve_name(name);
		if (number < 0)
			continue;
		uint32_t a = strcmp(action, "allow") ? SCMP_ACT_ERRNO(atoi(action)) : SCMP_ACT_ALLOW;
		int result = a == SCMP_ACT_ERRNO(EPERM) ? 0 : seccomp_rule_add_array(filter, a, number, n, arguments);
		if (result != -EEXIST && result != -EACCES)
			must(name, result);
	}
	fflush(stdout);
	must("export", seccomp_export_bpf(filter, 1));
	return 0;
}
