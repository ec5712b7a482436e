// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Affinity: which instance a flow stays with when slots move, and what that
 * costs in table entries.  Root; own namespaces.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <netinet/in.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "dp_harness.h"
#include "tests/unit/between.h"

#define FLOWS 500

/* TCP costs table entries only where a flow and its slot disagree, or may come
 * to do so */
static void tcp_is_stateless_at_rest(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12"),
		 c = dp_adjacent(0, "10.1.0.13");
	struct dp_packet p, silent = tcp(999);

	(void)state;
	dp_ring(0, a, a);
	silent.tcp_flags = SYN;
	assert_int_equal(dp_flow(&silent), a);
	silent.tcp_flags = ACK;
	for (int i = 0; i < FLOWS; i++) {
		p = tcp(1000 + i);
		p.tcp_flags = SYN;
		assert_int_equal(dp_flow(&p), a);
		p.tcp_flags = ACK;
		assert_int_equal(dp_flow(&p), a);
	}
	assert_int_equal(dp_entries(), 0);
	assert_int_equal(status().flow_new, FLOWS + 1);

	/* two moves within the timeout, connections opened in between and
	 * after: each stays where it began */
	dp_ring(0, b, b);
	for (int i = 0; i < FLOWS; i++) {
		p = tcp(2000 + i);
		p.tcp_flags = SYN;
		assert_int_equal(dp_flow(&p), b);
	}
	assert_int_equal(dp_entries(), 0);
	assert_int_equal(dp_on_probation(), FLOWS);
	dp_age(0, DP_TIMEOUT / 2);
	dp_ring(0, c, c);
	for (int i = 0; i < FLOWS; i++) {
		p = tcp(1000 + i);
		p.tcp_flags = ACK;
		assert_int_equal(dp_flow(&p), a);
		p = tcp(2000 + i);
		p.tcp_flags = ACK;
		assert_int_equal(dp_flow(&p), b);
		p = tcp(3000 + i);
		p.tcp_flags = SYN;
		assert_int_equal(dp_flow(&p), c);
		p.tcp_flags = ACK;
		assert_int_equal(dp_flow(&p), c);
	}
	assert_int_equal(dp_entries(), 3 * FLOWS);
	assert_int_equal(dp_on_probation(), 0);
	assert_int_equal(dp_flow(&silent), a);

	/* when that is long ago, those that agree with the ring go */
	dp_age(0, DP_TIMEOUT + 1);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < FLOWS; i++) {
			p = tcp(1000 + i);
			assert_int_equal(dp_flow(&p), a);
			p = tcp(2000 + i);
			assert_int_equal(dp_flow(&p), b);
			p = tcp(3000 + i);
			assert_int_equal(dp_flow(&p), c);
		}
		assert_int_equal(dp_entries(), 2 * FLOWS + 1);
		dyncast_dp_ring_settle(0);
	}
	assert_int_equal(status().flow_repinned, 0);

	/* and they need none at the next move either */
	dp_ring(0, b, b);
	p = tcp(3000);
	assert_int_equal(dp_flow(&p), c);
	/* a flow that nobody has seen before and that is no SYN began before
	 * the move */
	p = tcp(4000);
	assert_int_equal(dp_flow(&p), c);
	/* without old, it is placed anew and stays there */
	dyncast_dp_instance_void(c);
	p = tcp(4001);
	assert_int_equal(dp_flow(&p), b);
	assert_int_equal(status().flow_repinned, 1);
}

/* The flow table is asked for TCP of a slot at rest only while one of its flows
 * has an entry. */
static void pins_come_and_go(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	struct dp_packet p = tcp(1000);
	uint32_t *pin = dyncast_dp_pin(0, dp_slot(0, &p));
	struct dyncast_map_flow flow;

	(void)state;
	dp_ring(0, a, a);
	p.tcp_flags = ACK;
	assert_int_equal(dp_flow(&p), a);
	assert_int_equal(*pin, 0);
	dp_ring(0, b, b);
	assert_int_equal(dp_flow(&p), a);
	assert_between(dyncast_dp_now() - *pin, 0, 3);
	dp_age(0, DP_TIMEOUT + 1);
	dyncast_dp_ring_settle(0);
	*pin -= DP_TIMEOUT - 5;
	/* still asked, and every packet says that it is to be */
	dyncast_dp_ring_settle(0);
	assert_int_not_equal(*pin, 0);
	assert_int_equal(dp_flow(&p), a);
	assert_between(dyncast_dp_now() - *pin, 0, 3);
	/* no packet for so long: the entry has expired with the pin */
	*pin -= DP_TIMEOUT + 2;
	dyncast_dp_ring_settle(0);
	assert_int_equal(*pin, 0);
	assert_true(dp_entry(&p, &flow));
	assert_int_equal(dp_flow(&p), b);
	assert_int_equal(status().flow_repinned, 0);
}

/* a longer timeout does not call back changes that the shorter one had closed
 */
static void timeout_grows(void **state)
{
	struct dyncast_dp_service service = {
		.table_id = DP_TABLE,
		.prefix = dp_prefix("10.255.0.1/32"),
		.timeout_s = 100 * DP_TIMEOUT,
	};
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	struct dp_packet p = tcp(1000);

	(void)state;
	dp_ring(0, a, a);
	dp_ring(0, b, b);
	dp_age(0, DP_TIMEOUT + 1);
	assert_int_equal(dp_flow(&p), b);
	assert_true(dyncast_dp_service_enable(0, &service));
	assert_int_equal(dp_flow(&p), b);
	assert_int_equal(dp_entries(), 0);
	/* and the next move is one by the longer one */
	dp_ring(0, a, a);
	dp_age(0, DP_TIMEOUT + 1);
	assert_int_equal(dp_flow(&p), b);
	assert_int_equal(dp_entries(), 1);
}

/* a voided instance does not get its flows back, also when it never had an
 * entry of theirs; nor does one that lost its slots as a dead one */
static void void_ends_stateless_flows(void **state)
{
	struct dyncast_dp_instance dead = {.kind = DYNCAST_KIND_ADJACENT};
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12"),
		 c = dp_adjacent(0, "10.1.0.13");
	uint32_t ring[DYNCAST_RING_SLOTS];
	unsigned int of_a = 0;

	(void)state;
	dp_ring(0, a, b);
	dp_age(0, DP_TIMEOUT + 1);
	for (int i = 0; i < FLOWS; i++) {
		struct dp_packet p = tcp(1000 + i);

		assert_int_equal(dp_flow(&p), dp_slot(0, &p) % 2 ? b : a);
	}
	/* as zebra does it: dead, void, then its slots move, then it is back */
	assert_true(dyncast_dp_instance_set(a, &dead));
	dyncast_dp_instance_void(a);
	for (int i = 0; i < DYNCAST_RING_SLOTS; i++)
		ring[i] = i % 2 ? b : c;
	assert_true(dyncast_dp_ring_set(0, ring) > 0);
	dp_adjacent(0, "10.1.0.11");
	for (int i = 0; i < FLOWS; i++) {
		struct dp_packet p = tcp(1000 + i);
		bool was_b = dp_slot(0, &p) % 2;

		assert_int_equal(dp_flow(&p), was_b ? b : c);
		of_a += !was_b;
	}
	/* nobody else got an entry, nor a new place */
	assert_int_equal(status().flow_repinned, of_a);
	assert_int_equal(dp_entries(), of_a);
}

/* no new flows for a drained instance, and its old ones stay for as long as
 * they live */
static void drained_keeps_its_flows(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");

	(void)state;
	dp_ring(0, a, a);
	dp_age(0, DP_TIMEOUT + 1);
	for (int i = 0; i < FLOWS; i++) {
		struct dp_packet p = tcp(1000 + i);

		assert_int_equal(dp_flow(&p), a);
	}
	dp_ring(0, b, b);
	for (int step = 0; step < 3; step++) {
		for (int i = 0; i < FLOWS; i++) {
			struct dp_packet p = tcp(1000 + i),
					 new = tcp(5000 + step * FLOWS + i);

			new.tcp_flags = SYN;
			assert_int_equal(dp_flow(&p), a);
			assert_int_equal(dp_flow(&new), b);
		}
		dp_age(0, DP_TIMEOUT / 2 + 1);
	}
}

/* `clear`: also those without an entry are placed anew, at other services
 * nobody */
static void clear_forgets_stateless_flows(void **state)
{
	int other = dp_service(DP_TABLE, "10.255.0.2/32");
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12"),
		 c = dp_adjacent(other, "10.1.0.11"),
		 d = dp_adjacent(other, "10.1.0.12");
	struct dp_packet p = tcp(1000), q = tcp(1000);

	(void)state;
	q.dst = "10.255.0.2";
	dp_ring(0, a, a);
	dp_ring(other, c, c);
	dp_ring(0, b, b);
	dp_ring(other, d, d);
	assert_int_equal(dp_flow(&p), a);
	assert_int_equal(dp_flow(&q), c);
	dyncast_dp_flow_clear(0);
	assert_int_equal(dp_flow(&p), b);
	assert_int_equal(dp_flow(&q), c);
	dyncast_dp_flow_clear(-1);
	assert_int_equal(dp_flow(&q), d);
}

/* single packets of forged sources push out nobody, and cost no entries */
static void flood_moves_nobody(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	struct dp_packet p;
	char src[16];

	(void)state;
	dp_ring(0, a, a);
	for (int i = 0; i < FLOWS; i++) {
		p = i % 2 ? udp(1000 + i) : tcp(1000 + i);
		for (int n = 0; n < 2; n++)
			assert_int_equal(dp_flow(&p), a);
	}
	dp_ring(0, b, b);
	for (unsigned int i = 0; i < 100000; i++) {
		p = i % 2 ? udp(i) : tcp(i);
		p.tcp_flags = SYN;
		snprintf(src, sizeof(src), "198.%u.%u.%u", i >> 16,
			 i >> 8 & 255, i & 255);
		p.src = src;
		assert_int_equal(dp_run_packet(&p).verdict, DP_REDIRECT);
	}
	assert_int_equal(dp_entries(), FLOWS / 2);
	assert_int_equal(status().flow_probation, 100000 + FLOWS / 2);
	for (int i = 0; i < FLOWS; i++) {
		p = i % 2 ? udp(1000 + i) : tcp(1000 + i);
		assert_int_equal(dp_flow(&p), a);
	}
	assert_int_equal(status().flow_limited, 0);
}

/* more new entries than a second allows: the rest stays without one where it
 * was before the slot moved, and gets it later */
static void limited_stays_at_old(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	struct dyncast_dp_counters of_b;
	struct dp_packet p;

	(void)state;
	dp_ring(0, a, a);
	dp_ring(0, b, b);
	/* each speaks twice, at once: the first of a pair cannot tell */
	for (int i = 0; i < 10 * DYNCAST_MAP_BUDGET_MIN; i++) {
		p = tcp(1000 + i / 2);
		p.tcp_flags = ACK;
		assert_int_equal(dp_run_packet(&p).verdict, DP_REDIRECT);
	}
	assert_true(status().flow_limited > 0);
	assert_true(dyncast_dp_instance_counters(b, &of_b));
	assert_int_equal(of_b.packets, 0);
}

/* forged packets that look like connections of before a change leave entries
 * for those that are */
static void forged_acks_leave_entries(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	struct dp_packet p;
	char src[16];
	uint64_t before;

	(void)state;
	dp_ring(0, a, a);
	dp_ring(0, b, b);
	for (unsigned int i = 0; i < 3 * DYNCAST_MAP_BUDGET_MIN; i++) {
		p = tcp(i);
		p.tcp_flags = ACK;
		snprintf(src, sizeof(src), "198.18.%u.%u", i >> 8 & 255,
			 i & 255);
		p.src = src;
		assert_int_equal(dp_run_packet(&p).verdict, DP_REDIRECT);
	}
	assert_true(status().flow_probation > 0);
	assert_int_equal(status().flow_limited, 0);
	before = dp_entries();
	for (int i = 0; i < FLOWS; i++) {
		p = tcp(1000 + i);
		p.tcp_flags = ACK;
		for (int n = 0; n < 2; n++)
			assert_int_equal(dp_flow(&p), a);
	}
	assert_int_equal(dp_entries(), before + FLOWS);
}

/* more flows on probation than a second's new entries:
 * those without stay where they are for as long as they send */
static void refused_stays_while_it_sends(void **state)
{
	enum { MANY = 3 * DYNCAST_MAP_BUDGET_MIN };
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	struct dyncast_dp_counters of_b;
	struct dp_packet p = {.src = "192.0.2.1", .proto = IPPROTO_UDP};

	(void)state;
	dp_ring(0, a, a);
	for (int i = 0; i < MANY; i++) {
		p.sport = 1000 + i;
		assert_int_equal(dp_run_packet(&p).verdict, DP_REDIRECT);
	}
	assert_int_equal(dp_on_probation(), MANY);
	dp_ring(0, b, b);
	for (int round = 0; round < 2; round++) {
		dp_age_probation(DP_TIMEOUT - 5);
		for (int i = 0; i < MANY; i++) {
			p.sport = 1000 + i;
			assert_int_equal(dp_run_packet(&p).verdict,
					 DP_REDIRECT);
		}
		if (!round)
			assert_between(dp_on_probation(), 1, MANY);
	}
	assert_true(status().flow_limited > 0);
	assert_true(dyncast_dp_instance_counters(b, &of_b));
	assert_int_equal(of_b.packets, 0);
}

/* what the sweep takes, and what it leaves */
static void sweep_takes_the_ended(void **state)
{
	static const struct {
		uint8_t flags; /* of the last packet */
		bool payload;  /* in one after it */
		int idle;
		bool ends;
	} of[] = {
		{ACK, false, DP_TIMEOUT - 5, false},
		{ACK, false, DP_TIMEOUT + 2, true},
		{FIN | ACK, false, DP_TIMEOUT / 4 + 2, true},
		{RST, false, DP_TIMEOUT / 4 + 2, true},
		{FIN | ACK, false, DP_TIMEOUT / 4 - 5, false},
		{RST, true, DP_TIMEOUT / 4 + 2, false}, /* was forged */
	};
	enum { N = sizeof(of) / sizeof(of[0]) };
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	struct dyncast_dp_walk *walk = NULL;
	struct dyncast_map_flow flow;
	unsigned int deleted = 0;

	(void)state;
	dp_ring(0, a, a);
	dp_ring(0, b, b);
	for (int i = 0; i < N; i++) {
		struct dp_packet p = tcp(1000 + i);

		p.tcp_flags = ACK;
		assert_int_equal(dp_flow(&p), a);
		p.tcp_flags = of[i].flags;
		assert_int_equal(dp_flow(&p), a);
		p.tcp_flags = ACK;
		p.payload = of[i].payload;
		assert_int_equal(dp_flow(&p), a);
		p.payload = 0;
		assert_true(dp_entry(&p, &flow));
		flow.last_seen -= of[i].idle;
		dp_entry_write(&p, &flow);
	}
	while (dyncast_dp_flow_sweep_walk(&walk, 256, &deleted))
		;
	dyncast_dp_flow_walk_end(&walk);
	assert_int_equal(deleted, 3);
	for (int i = 0; i < N; i++) {
		struct dp_packet p = tcp(1000 + i);

		assert_int_equal(dp_entry(&p, &flow), !of[i].ends);
	}
}

static void set_affinity(uint8_t affinity, uint8_t plen)
{
	struct dyncast_dp_service service = {
		.affinity = affinity,
		.plen = plen,
		.timeout_s = DP_TIMEOUT,
	};

	assert_true(dyncast_dp_service_enable(0, &service));
}

/* everything from one source is one flow, whatever the ring does */
static void source_affinity(void **state)
{
	static const struct {
		uint8_t plen;
		const char *same, *other;
	} of[] = {
		/* none and one of IPv6's: the whole address */
		{0, "198.51.100.77", "198.51.100.76"},
		{64, "198.51.100.77", "198.51.100.76"},
		{24, "198.51.100.1", "198.51.101.77"},
		{20, "198.51.111.77", "198.51.112.77"},
	};
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");

	(void)state;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct dp_packet p = tcp(1000);

		set_affinity(DYNCAST_AFFINITY_SOURCE, of[i].plen);
		dyncast_dp_flow_clear(-1);
		dp_ring(0, a, a);
		p.src = "198.51.100.77";
		assert_int_equal(dp_flow(&p), a);
		dp_ring(0, b, b);
		p.src = of[i].same;
		/* a connection that ends and another one that begins are not
		 * the source's end */
		for (int port = 1; port < 20; port++) {
			p = port % 2 ? tcp(port) : udp(port);
			p.src = of[i].same;
			p.tcp_flags = port % 3 ? SYN : RST | ACK;
			p.dport = 100 + port;
			assert_int_equal(dp_flow(&p), a);
		}
		assert_int_equal(dp_entries(), 1);
		p.src = of[i].other;
		assert_int_equal(dp_flow(&p), b);
		assert_int_equal(dp_flow(&p), b);
		assert_int_equal(dp_entries(), 2);
		dp_age(0, DP_TIMEOUT + 1);
		p.src = of[i].same;
		assert_int_equal(dp_flow(&p), a);
	}
	assert_int_equal(status().flow_repinned, 0);
}

/* by flow again: those of one source spread */
static void no_affinity(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");

	(void)state;
	set_affinity(DYNCAST_AFFINITY_NONE, 0);
	dp_ring(0, a, b);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < FLOWS; i++) {
			struct dp_packet p =
				i % 2 ? tcp(1000 + i) : udp(1000 + i);
			bool odd = (dp_slot(0, &p) + round) % 2;

			assert_int_equal(dp_flow(&p), odd ? b : a);
		}
		dp_ring(0, b, a);
	}
	assert_int_equal(dp_entries(), 0);
	/* one that died is skipped all the same */
	dyncast_dp_instance_del(a);
	assert_int_equal(dp_flow(&(struct dp_packet){.sport = 1}), b);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, dp_setup, dp_teardown)
	const struct CMUnitTest tests[] = {
		TEST(tcp_is_stateless_at_rest),
		TEST(pins_come_and_go),
		TEST(timeout_grows),
		TEST(void_ends_stateless_flows),
		TEST(drained_keeps_its_flows),
		TEST(clear_forgets_stateless_flows),
		TEST(flood_moves_nobody),
		TEST(limited_stays_at_old),
		TEST(forged_acks_leave_entries),
		TEST(refused_stays_while_it_sends),
		TEST(sweep_takes_the_ended),
		TEST(source_affinity),
		TEST(no_affinity),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("dataplane: affinity", tests,
					   dp_group_setup, dp_group_teardown);
}
