// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What zebra believes of the running kernel: as its table of symbols has it,
 * and as a kernel that refuses something says.  Root; own namespaces.
 *
 * A kernel that lacks more than this one is another machine's: tools/kernels.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cmocka.h>

#include "dp_harness.h"
#include "zebra-dyncast/dataplane_internal.h"

static bool in_kernel(const char *symbol)
{
	FILE *symbols = fopen("/proc/kallsyms", "r");
	char line[512], name[256];
	bool found = false;

	assert_non_null(symbols);
	while (!found && fgets(line, sizeof(line), symbols))
		found = sscanf(line, "%*s %*s %255s", name) == 1 &&
			!strcmp(name, symbol);
	fclose(symbols);
	return found;
}

static bool kernel_since(int version, int patchlevel)
{
	int mine, minor;
	struct utsname kernel;

	assert_int_equal(uname(&kernel), 0);
	assert_int_equal(sscanf(kernel.release, "%d.%d", &mine, &minor), 2);
	return mine > version || (mine == version && minor >= patchlevel);
}

static void as_the_kernel_says(void **state)
{
	uint32_t pretend = dyncast_dp.pretend, missing = 0;

	(void)state;
	if (!in_kernel("bpf_prog_load"))
		skip(); /* it does not tell */
	if (!in_kernel("bpf_redirect_neigh"))
		missing |= 1u << DYNCAST_DP_FEATURE_REDIRECT;
	if (!in_kernel("bpf_ktime_get_coarse_ns"))
		missing |= 1u << DYNCAST_DP_FEATURE_COARSE_CLOCK;
	if (!in_kernel("tcx_link_attach"))
		missing |= 1u << DYNCAST_DP_FEATURE_TCX;
	/* which nothing but its version tells */
	if (!kernel_since(5, 12))
		missing |= 1u << DYNCAST_DP_FEATURE_POINTERS;
	dyncast_dp.pretend = 0;
	dyncast_dp_stop();
	assert_true(dyncast_dp_start(dp_dir, 8192, 0));
	dyncast_dp.pretend = pretend;
	assert_int_equal(status().missing, missing);
}

/* refuse bpf() with this command, whatever it is for */
static bool refuse_command(unsigned int command)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_bpf, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, command, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = 6, .filter = code};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* in a process of its own; what went wrong, 0: nothing */
static int by_filters(const char *dir)
{
	dyncast_dp.pretend = 0;
	if (!refuse_command(BPF_LINK_CREATE))
		return 1;
	if (!dyncast_dp_start(dir, 8192, 0))
		return 2;
	if (!(status().missing & (1u << DYNCAST_DP_FEATURE_TCX)) ||
	    strcmp(status().attach_mode, "clsact"))
		return 3;
	if (!dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE,
			       DYNCAST_DP_ATTACH_STEER))
		return 4;
	if (!dp_output_has("tc filter show dev dv0 ingress", "dyncast"))
		return 5;
	dyncast_dp_uninstall();
	return dp_output_has("tc qdisc show dev dv0", "clsact") ? 6 : 0;
}

/* without links of programs to interfaces they are filters */
static void kernel_without_tcx(void **state)
{
	char dir[96];
	pid_t child;
	int result;

	(void)state;
	dyncast_dp_uninstall();
	snprintf(dir, sizeof(dir), "%s.links", dp_dir);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(by_filters(dir));
	assert_int_equal(waitpid(child, &result, 0), child);
	umount(dir);
	rmdir(dir);
	assert_true(WIFEXITED(result));
	assert_int_equal(WEXITSTATUS(result), 0);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, dp_setup, dp_teardown)
	const struct CMUnitTest tests[] = {
		TEST(as_the_kernel_says),
		TEST(kernel_without_tcx),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("dataplane: features", tests,
					   dp_group_setup, dp_group_teardown);
}
