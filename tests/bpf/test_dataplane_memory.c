// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memory that maps take is what was told before, and within the bounds for
 * a flow.  Run as root.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "dp_harness.h"
#include "tests/unit/between.h"
#include "zebra-dyncast/sizing.h"

/* what the kernel says of a map */
static uint64_t memlock_of(int map)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", map);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "memlock: %llu", &bytes);
	fclose(file);
	return bytes;
}

/* Kernels from 5.11 to 6.3 do not count what a map takes: they multiply key,
 * value and entries, as if an array had its keys in memory. */
static bool memlock_is_counted(void)
{
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "counted", 4, 8, 65536,
				 NULL);
	uint64_t bytes;

	assert_true(map >= 0);
	bytes = memlock_of(map);
	close(map);
	return bytes < 65536 * 12;
}

/* 0 when the kernel does not count it */
static uint64_t memlock(enum dyncast_dp_map which)
{
	return memlock_is_counted() ? memlock_of(dyncast_dp.maps[which]) : 0;
}

static void assert_about(uint64_t told, uint64_t real)
{
	if (real)
		assert_between(told, real * 9 / 10, real * 11 / 10);
}

static void memory_is_as_told(void **state)
{
	struct dyncast_dp_memory told;
	uint64_t flows, flows4;

	(void)state;
	assert_true(dyncast_dp_start(dp_dir, 262144, 1024));
	told = status().memory;
	flows4 = memlock(DYNCAST_DP_MAP_FLOWS4);
	flows = flows4 + memlock(DYNCAST_DP_MAP_FLOWS6);
	assert_about(told.flows, flows);
	assert_about(told.slots, memlock(DYNCAST_DP_MAP_SLOTS) +
					 memlock(DYNCAST_DP_MAP_PINS));
	/* of each flow that can be remembered */
	assert_between(told.flows, 1, 2 * 128ull * 262144);
	assert_between(flows4, 0, 128ull * 262144);
	assert_between(flows - flows4, 0, 128ull * 262144);
	print_message("bytes for a flow: IPv4 %.1f, IPv6 %.1f\n",
		      flows4 / 262144.0, (flows - flows4) / 262144.0);

	/* what the configuration lines tell before */
	assert_int_equal(dyncast_sizing_flows(262144), told.flows);
	assert_true(dyncast_dp_start(dp_dir, 262144, 2048));
	assert_int_equal(dyncast_sizing_services(2048) -
				 dyncast_sizing_services(1024),
			 status().memory.total - told.total);
}

/* what the table can forget again, shared by few processors; never too little
 * for one that gets them all */
static void pace_of_new_entries(void **state)
{
	(void)state;
	assert_int_equal(dyncast_dp_budget_for(1 << 20, -1), (1 << 20) / 60);
	assert_int_equal(dyncast_dp_budget_for(1 << 20, 2), (1 << 20) / 120);
	assert_int_equal(dyncast_dp_budget_for(1 << 20, 64),
			 DYNCAST_MAP_BUDGET_MIN);
	assert_int_equal(dyncast_dp_budget_for(8192, 1),
			 DYNCAST_MAP_BUDGET_MIN);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(memory_is_as_told, dp_setup,
						dp_teardown),
		cmocka_unit_test(pace_of_new_entries),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("dataplane: memory", tests,
					   dp_group_setup, dp_group_teardown);
}
