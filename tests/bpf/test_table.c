// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flow table as such (lib/bpf/dyncast_table.h): what it holds, what it does
 * when it is full, flows that have spilled over, and several CPUs at once.
 */

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "dp_harness.h"
#include "tests/unit/between.h"
#include "zebra-dyncast/dataplane_copy.h"

#define TABLE_FLOWS 4096
#define MANY (4 * TABLE_FLOWS)

static struct dyncast_map_flow_key keys[MANY];
static struct dyncast_map_flow flows[MANY];

static const struct dyncast_dp_table *table_of(uint8_t family)
{
	return &dyncast_dp.tables[family != AF_INET];
}

/* flows that differ in everything and may be looked for by their number */
static void make_flows(uint8_t family)
{
	memset(keys, 0, sizeof(keys));
	for (uint32_t i = 0; i < MANY; i++) {
		keys[i].proto = i % 2 ? IPPROTO_TCP : IPPROTO_UDP;
		keys[i].sport = htons(1024 + i % 50000);
		keys[i].dport = htons(80);
		if (family == AF_INET) {
			keys[i].saddr4 = htonl(0x0a000000 + i / 7);
			keys[i].daddr4 = htonl(0x0aff0001);
		} else {
			keys[i].saddr[3] = htonl(i / 7);
			keys[i].daddr[0] = htonl(0x20010db8);
		}
		flows[i] = (struct dyncast_map_flow){
			.instance = 1 + i % 1000,
			.generation = i,
			.first_seen = dyncast_dp_now(),
			.last_seen = dyncast_dp_now(),
		};
	}
}

static uint32_t order(enum dyncast_map_order_op op, uint8_t family,
		      uint32_t from, uint32_t n)
{
	return dyncast_dp_table_order(op, family, keys + from, flows + from, n);
}

/* how many of the first n are there, each with what was put */
static uint32_t found(uint8_t family, uint32_t n)
{
	struct dyncast_map_flow flow;
	uint32_t hits = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!dyncast_dp_table_get(table_of(family), &keys[i], &flow))
			continue;
		assert_memory_equal(&flow, &flows[i], sizeof(flow));
		hits++;
	}
	return hits;
}

static uint64_t spills(uint8_t family)
{
	const struct dyncast_map_bucket4 *buckets4 = table_of(family)->memory;
	const struct dyncast_map_bucket6 *buckets6 = table_of(family)->memory;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < table_of(family)->buckets; i++)
		sum += family == AF_INET ? buckets4[i].tags.spills
					 : buckets6[i].tags.spills;
	return sum;
}

static void restart(void)
{
	assert_true(dyncast_dp_start(dp_dir, TABLE_FLOWS, 0));
	assert_int_equal(dyncast_dp.flow_table_size, TABLE_FLOWS);
}

static void holds_its_size(uint8_t family)
{
	uint32_t done;

	restart();
	make_flows(family);
	assert_int_equal(order(DYNCAST_ORDER_PUT, family, 0, TABLE_FLOWS),
			 TABLE_FLOWS);
	assert_int_equal(found(family, MANY), TABLE_FLOWS);
	assert_int_equal(dp_entries(), TABLE_FLOWS);
	/* once more is not another one, nor a change without news */
	assert_int_equal(order(DYNCAST_ORDER_PUT, family, 0, TABLE_FLOWS), 0);
	assert_int_equal(dp_entries(), TABLE_FLOWS);

	/* far beyond it: refused, and nobody lost */
	done = order(DYNCAST_ORDER_PUT, family, TABLE_FLOWS,
		     MANY - TABLE_FLOWS);
	assert_between(done, 1, TABLE_FLOWS);
	assert_int_equal(found(family, TABLE_FLOWS), TABLE_FLOWS);
	assert_int_equal(found(family, MANY), TABLE_FLOWS + done);
	assert_true(spills(family) > 0);
	print_message("%u flows in a table for %u\n", TABLE_FLOWS + done,
		      TABLE_FLOWS);

	for (uint32_t i = 0; i < MANY; i += 2)
		order(DYNCAST_ORDER_FORGET, family, i, 1);
	assert_int_equal(found(family, MANY), dp_entries());
	for (uint32_t i = 0; i < MANY; i += 2)
		assert_int_equal(order(DYNCAST_ORDER_FORGET, family, i, 1), 0);
}

static void holds_its_size_ipv4(void **state)
{
	(void)state;
	holds_its_size(AF_INET);
}

static void holds_its_size_ipv6(void **state)
{
	(void)state;
	holds_its_size(AF_INET6);
}

/* a smaller table takes what it has room for, and the rest is counted */
static void smaller_than_its_content(void **state)
{
	int before, now;

	(void)state;
	assert_true(dyncast_dp_start(dp_dir, 16 * MANY, 0));
	make_flows(AF_INET6);
	assert_int_equal(order(DYNCAST_ORDER_PUT, AF_INET6, 0, MANY), MANY);
	before = dup(dyncast_dp.maps[DYNCAST_DP_MAP_FLOWS6]);
	restart();
	now = found(AF_INET6, MANY);
	assert_between(now, TABLE_FLOWS, 2 * TABLE_FLOWS);
	/* those that it has are no news, and not lost either */
	assert_int_equal(dyncast_dp_copy_table(before, AF_INET6, 0),
			 MANY - now);
	close(before);
}

/* those that were seen since they were looked at stay */
static void forgets_the_idle_only(void **state)
{
	struct dyncast_map_flow seen;

	(void)state;
	restart();
	make_flows(AF_INET);
	assert_int_equal(order(DYNCAST_ORDER_PUT, AF_INET, 0, 2), 2);
	seen = flows[0];
	flows[0].last_seen--;
	assert_int_equal(order(DYNCAST_ORDER_FORGET_IDLE, AF_INET, 0, 2), 1);
	assert_true(dyncast_dp_table_get(table_of(AF_INET), &keys[0], &seen));
	assert_false(dyncast_dp_table_get(table_of(AF_INET), &keys[1], &seen));
}

/* a sweep leaves no trace of a table that was full */
static void settles(void **state)
{
	struct dyncast_dp_walk *walk = NULL;
	unsigned int deleted = 0;
	uint32_t in;

	(void)state;
	restart();
	make_flows(AF_INET);
	for (uint32_t i = 0; i < MANY; i++)
		flows[i].last_seen -= i % 8 ? 100000 : 0;
	in = order(DYNCAST_ORDER_PUT, AF_INET, 0, MANY);
	assert_true(spills(AF_INET) > 0);
	while (dyncast_dp_flow_sweep_walk(&walk, 256, &deleted))
		;
	dyncast_dp_flow_walk_end(&walk);
	assert_int_equal(deleted + dp_entries(), in);
	assert_int_equal(found(AF_INET, MANY), dp_entries());
	/* what was moved over stays where it is, so some trace may */
	assert_int_equal(order(DYNCAST_ORDER_FORGET, AF_INET, 0, MANY),
			 in - deleted);
	while (dyncast_dp_flow_sweep_walk(&walk, 256, &deleted))
		;
	dyncast_dp_flow_walk_end(&walk);
	assert_int_equal(spills(AF_INET), 0);
}

/* no room: flows of before a change stay where they were, without an entry */
static void full_stays_at_old(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	struct dp_packet p;
	uint32_t refused = 0;

	(void)state;
	restart();
	make_flows(AF_INET);
	order(DYNCAST_ORDER_PUT, AF_INET, 0, MANY);
	dp_ring(0, a, a);
	dp_ring(0, b, b);
	for (int i = 0; i < 1000; i++) {
		p = tcp(1000 + i);
		p.tcp_flags = ACK;
		assert_int_equal(dp_flow(&p), a);
		refused = status().flow_refused;
	}
	assert_true(refused > 0);
	assert_int_equal(status().flow_limited, 0);
}

/* Each CPU puts and forgets flows of its own, and all put the same ones. */
static void on_cpu(int cpu, int rounds)
{
	cpu_set_t set;
	const uint32_t own = 560, shared = 64;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		_exit(2);
	for (int i = 0; i < rounds; i++) {
		for (uint32_t j = 0; j < shared; j++)
			flows[j].last_seen = i;
		order(DYNCAST_ORDER_PUT, AF_INET, 0, shared);
		if (order(DYNCAST_ORDER_PUT, AF_INET, shared + cpu * own,
			  own) != own)
			_exit(3);
		if (order(DYNCAST_ORDER_FORGET, AF_INET, shared + cpu * own,
			  own - 1) != own - 1)
			_exit(4);
		if (order(DYNCAST_ORDER_FORGET, AF_INET,
			  shared + cpu * own + own - 1, 1) != 1)
			_exit(5);
	}
	_exit(0);
}

static void several_cpus(void **state)
{
	pid_t children[2];
	int status_of;

	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	/* few buckets, so that they meet, and more flows than it has to hold,
	 * so that many spill over */
	assert_true(dyncast_dp_start(dp_dir, 1024, 0));
	make_flows(AF_INET);
	for (int cpu = 0; cpu < 2; cpu++) {
		fflush(NULL);
		children[cpu] = fork();
		assert_true(children[cpu] >= 0);
		if (!children[cpu])
			on_cpu(cpu, 400);
	}
	for (int cpu = 0; cpu < 2; cpu++) {
		assert_int_equal(waitpid(children[cpu], &status_of, 0),
				 children[cpu]);
		assert_int_equal(status_of, 0);
	}
	assert_true(spills(AF_INET) > 0);
	/* the shared ones, each once */
	assert_int_equal(dp_entries(), 64);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, dp_setup, dp_teardown)
	const struct CMUnitTest tests[] = {
		TEST(holds_its_size_ipv4),
		TEST(holds_its_size_ipv6),
		TEST(smaller_than_its_content),
		TEST(forgets_the_idle_only),
		TEST(settles),
		TEST(full_stays_at_old),
		TEST(several_cpus),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("dataplane: flow table", tests,
					   dp_group_setup, dp_group_teardown);
}
