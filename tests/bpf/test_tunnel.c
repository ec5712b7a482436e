// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Outer headers, put on and taken off again: IP in IP of both families in both
 * families.  Each packet goes through the program twice, as at the ingress and
 * at the egress.  Root; own namespaces.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <linux/if_ether.h>

#include "dp_harness.h"

/* far: reached by a tunnel to the D-BID; near: the local instance that has it
 */
static const struct way {
	bool outer6, inner6;
	const char *dbid, *source, *nexthop;
} ways[] = {
	{false, false, "10.66.0.1", "10.0.1.1", "10.0.1.2"},
	{false, true, "10.66.0.1", "10.0.1.1", "10.0.1.2"},
	{true, false, "2001:db8:e1::1", "2001:db8:1::1", "fe80::2"},
	{true, true, "2001:db8:e1::1", "2001:db8:1::1", "fe80::2"},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static int six; /* the IPv6 service */
static uint32_t near4, near6;

static int setup(void **state)
{
	dp_setup(state);
	six = dp_service(DP_TABLE, "2001:db8:ffff::1/128");
	near4 = dp_adjacent(0, "10.1.0.11");
	near6 = dp_adjacent(six, "2001:db8:1f::11");
	return 0;
}

static struct dp_packet inner_of(const struct way *way, uint16_t sport)
{
	return (struct dp_packet){.ipv6 = way->inner6,
				  .sport = sport,
				  .dport = 80,
				  .payload = 100,
				  .id = 7777};
}

static uint32_t far(const struct way *way, const char *nexthop, uint16_t mtu)
{
	int service = way->inner6 ? six : 0;
	struct dyncast_dp_instance in = {
		.kind = DYNCAST_KIND_IPIP,
		.alive = true,
		.dbid = dp_addr(way->dbid),
		.encap_source = dp_addr(way->source),
		.ifindex = dp_ifindex,
		.mtu = mtu,
	};
	bool created;
	uint32_t id = dyncast_dp_instance_get(service, &in.dbid, &created);

	if (nexthop)
		in.nexthop = dp_addr(nexthop);
	assert_true(dyncast_dp_instance_set(id, &in));
	dp_ring(service, id, id);
	dyncast_dp_flow_clear(-1);
	return id;
}

static void near(const struct way *way)
{
	struct dyncast_addr dbid = dp_addr(way->dbid);

	assert_true(dyncast_dp_decap_set(&dbid, way->inner6 ? near6 : near4));
}

static uint32_t outer_size(const struct way *way)
{
	return way->outer6 ? 40 : 20;
}

static void outer_is_right(const struct way *way, const uint8_t *ip,
			   uint32_t inner_size, uint8_t tos)
{
	uint8_t want[16];
	struct iphdr outer;

	if (way->outer6) {
		assert_int_equal(ip[0] << 8 | ip[1],
				 6 << 12 | tos << 4 | (ip[1] & 15));
		assert_int_equal(ip[4] << 8 | ip[5], inner_size);
		assert_int_equal(ip[6],
				 way->inner6 ? IPPROTO_IPV6 : IPPROTO_IPIP);
		assert_int_equal(ip[7], 64);
		inet_pton(AF_INET6, way->source, want);
		assert_memory_equal(ip + 8, want, 16);
		inet_pton(AF_INET6, way->dbid, want);
		assert_memory_equal(ip + 24, want, 16);
		return;
	}
	memcpy(&outer, ip, sizeof(outer));
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(outer.tos, tos);
	assert_int_equal(ntohs(outer.tot_len), inner_size + 20);
	assert_int_equal(ntohs(outer.frag_off), IP_DF);
	assert_int_equal(outer.ttl, 64);
	assert_int_equal(outer.protocol,
			 way->inner6 ? IPPROTO_IPV6 : IPPROTO_IPIP);
	assert_int_equal(dp_checksum(ip, 20), 0);
	inet_pton(AF_INET, way->source, want);
	assert_memory_equal(&outer.saddr, want, 4);
	inet_pton(AF_INET, way->dbid, want);
	assert_memory_equal(&outer.daddr, want, 4);
}

/* one hop less on each side, and nothing else has changed */
static void there_and_back(void **state)
{
	uint8_t frame[2048];

	(void)state;
	for (int i = 0; i < WAYS; i++) {
		const struct way *way = &ways[i];
		uint32_t outer = outer_size(way), size;
		struct dp_result r;

		far(way, way->nexthop, 1500);
		near(way);
		for (int n = 0; n < 300; n++) {
			struct dp_packet p = inner_of(way, 1000 + n);

			p.tos = n;
			p.options = way->inner6 ? 0 : n % 11;
			p.extensions = way->inner6 ? n % 8 : 0;
			size = dp_build(&p, frame);
			r = dp_run_frame(frame, size);
			assert_int_equal(r.verdict, DP_REDIRECT);
			assert_int_equal(r.size, size + outer);
			assert_int_equal(r.data[12] << 8 | r.data[13],
					 way->outer6 ? ETH_P_IPV6 : ETH_P_IP);
			outer_is_right(way, r.data + ETH_HLEN, size - ETH_HLEN,
				       p.tos);

			r = dp_run_frame(r.data, r.size);
			assert_int_equal(r.verdict, DP_REDIRECT);
			p.ttl = 62;
			size = dp_build(&p, frame);
			assert_int_equal(r.size, size);
			assert_memory_equal(r.data, frame, size);
		}
	}
	assert_int_equal(status().decapsulated, WAYS * 300);
	assert_int_equal(status().errors, 0);
}

/* RFC 6040, figure 4 */
static void ecn_is_propagated(void **state)
{
	enum { NOT, ECT1, ECT0, CE, DROP };
	static const uint8_t want[4][4] = {
		/* by outer:  Not   ECT(1) ECT(0) CE */
		[NOT] = {NOT, NOT, NOT, DROP},
		[ECT1] = {ECT1, ECT1, ECT1, CE},
		[ECT0] = {ECT0, ECT1, ECT0, CE},
		[CE] = {CE, CE, CE, CE},
	};
	uint8_t frame[2048], expected[2048];

	(void)state;
	for (int i = 0; i < WAYS * 16; i++) {
		const struct way *way = &ways[i / 16];
		uint8_t inner = i & 3, outer = i >> 2 & 3;
		struct dp_packet p = inner_of(way, 1000 + i);
		struct dp_result r;
		uint16_t sum;
		uint8_t *ip;
		uint32_t size;

		far(way, way->nexthop, 0);
		near(way);
		p.tos = 0xb8 | inner;
		size = dp_build(&p, frame);
		r = dp_run_frame(frame, size);
		assert_int_equal(r.verdict, DP_REDIRECT);
		ip = r.data + ETH_HLEN;
		if (way->outer6) {
			ip[1] = (ip[1] & ~0x30) | outer << 4;
		} else {
			ip[1] = outer; /* and another DSCP: it stays outside */
			ip[10] = ip[11] = 0;
			sum = htons(dp_checksum(ip, 20));
			memcpy(ip + 10, &sum, 2);
		}
		r = dp_run_frame(r.data, r.size);
		if (want[inner][outer] == DROP) {
			assert_int_equal(r.verdict, DP_DROP);
			continue;
		}
		assert_int_equal(r.verdict, DP_REDIRECT);
		p.tos = 0xb8 | want[inner][outer];
		p.ttl = 62;
		assert_int_equal(r.size, dp_build(&p, expected));
		assert_memory_equal(r.data, expected, r.size);
	}
	assert_int_equal(status().decap_dropped, WAYS);
}

/* no single next hop: the kernel routes the outer packet */
static void by_kernel_route(void **state)
{
	(void)state;
	for (int i = 0; i < WAYS; i++) {
		struct dp_packet p = inner_of(&ways[i], 1000);
		uint8_t frame[2048];
		uint32_t size = dp_build(&p, frame);
		struct dp_result r;

		far(&ways[i], NULL, 0);
		r = dp_run_frame(frame, size);
		assert_int_equal(r.verdict, DP_OK);
		outer_is_right(&ways[i], r.data + ETH_HLEN, size - ETH_HLEN, 0);
	}
}

/* the outer header counts, and its family's size does */
static void path_mtu(void **state)
{
	(void)state;
	for (int i = 0; i < WAYS; i++) {
		struct dp_packet p = inner_of(&ways[i], 1000);

		far(&ways[i], ways[i].nexthop, 1500);
		p.payload = 1500 - outer_size(&ways[i]) - 20 -
			    (ways[i].inner6 ? 40 : 20);
		assert_int_equal(dp_run_packet(&p).verdict, DP_REDIRECT);
		p.payload++;
		assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);
		assert_int_equal(status().too_big, i + 1);
	}
}

/* an encapsulated packet of the way, as it comes to the egress */
static uint32_t arriving(const struct way *way, struct dp_packet *p,
			 uint8_t frame[2048])
{
	struct dp_result r;

	far(way, way->nexthop, 0);
	near(way);
	r = dp_run_packet(p);
	assert_int_equal(r.verdict, DP_REDIRECT);
	memcpy(frame, r.data, r.size);
	return r.size;
}

static void dropped(const uint8_t *frame, uint32_t size)
{
	uint64_t before = status().decap_dropped;

	assert_int_equal(dp_run_frame(frame, size).verdict, DP_DROP);
	assert_int_equal(status().decap_dropped, before + 1);
}

/* to the local instance or to nobody: never on to another site */
static void local_or_nobody(void **state)
{
	struct dyncast_dp_instance dead = {.kind = DYNCAST_KIND_ADJACENT};

	(void)state;
	for (int i = 0; i < WAYS; i++) {
		const struct way *way = &ways[i];
		uint32_t id = way->inner6 ? near6 : near4;
		struct dp_packet p = inner_of(way, 1000);
		struct dyncast_addr dbid = dp_addr(way->dbid);
		uint8_t frame[2048], bad[2048];
		uint32_t size = arriving(way, &p, frame), far_id;
		uint32_t inner = ETH_HLEN + outer_size(way);

		/* the control; the ring says "far", and nobody asks it */
		assert_int_equal(dp_run_frame(frame, size).verdict,
				 DP_REDIRECT);

		memcpy(bad, frame, size);
		bad[inner + (way->inner6 ? 7 : 8)] = 1; /* no hop left */
		dropped(bad, size);
		memcpy(bad, frame, size);
		bad[inner + (way->inner6 ? 39 : 19)] ^= 1; /* not for it */
		dropped(bad, size);
		memcpy(bad, frame, size);
		bad[inner] ^= 0x10; /* no IP */
		dropped(bad, size);
		if (!way->outer6) {
			memcpy(bad, frame, size);
			bad[ETH_HLEN + 6] = 0x20; /* a fragment */
			dropped(bad, size);
		}
		/* cut off in the inner header */
		for (uint32_t cut = inner; cut < inner + 20; cut++)
			assert_int_not_equal(dp_run_frame(frame, cut).verdict,
					     DP_REDIRECT);

		/* not one that is itself reached by a tunnel */
		far_id = far(way, way->nexthop, 0);
		assert_true(dyncast_dp_decap_set(&dbid, far_id));
		dropped(frame, size);
		near(way);
		assert_true(dyncast_dp_instance_set(id, &dead));
		dropped(frame, size);
		dp_adjacent(way->inner6 ? six : 0,
			    way->inner6 ? "2001:db8:1f::11" : "10.1.0.11");
		assert_int_equal(dp_run_frame(frame, size).verdict,
				 DP_REDIRECT);

		/* one that had the D-BID before takes nothing away */
		dyncast_dp_decap_clear(&dbid, far_id);
		assert_int_equal(dp_run_frame(frame, size).verdict,
				 DP_REDIRECT);
		dyncast_dp_decap_clear(&dbid, id);
		assert_int_equal(dp_run_frame(frame, size).verdict, DP_PASS);
	}
	assert_false(dyncast_dp_decap_set(&(struct dyncast_addr){}, 0));
	assert_false(dyncast_dp_decap_set(&(struct dyncast_addr){}, 4000));
}

/* an interface towards the core strips and places nothing */
static void core_interface(void **state)
{
	struct dp_packet p = inner_of(&ways[0], 1000);
	uint8_t frame[2048];
	uint32_t size = arriving(&ways[0], &p, frame);

	(void)state;
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE,
				      DYNCAST_DP_ATTACH_DECAP));
	assert_int_equal(dp_run_frame(frame, size).verdict, DP_REDIRECT);
	assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);
}

static void service_rests(int index, const char *prefix, bool rests)
{
	struct dyncast_dp_service service = {.table_id = DP_TABLE,
					     .prefix = dp_prefix(prefix),
					     .rests = rests};

	assert_true(dyncast_dp_service_enable(index, &service));
}

/* What others send here still arrives, and what comes from clients goes the
 * kernel's way: not that of a service with a shorter prefix. */
static void service_at_rest(void **state)
{
	int net = dp_service(DP_TABLE, "10.255.0.0/24");
	uint32_t of_net = dp_adjacent(net, "10.1.0.99");
	struct dp_packet p = inner_of(&ways[2], 1000);
	uint8_t frame[2048];
	uint32_t size = arriving(&ways[2], &p, frame);

	(void)state;
	dp_ring(net, of_net, of_net);
	service_rests(0, "10.255.0.1/32", true);
	for (int run = 0; run < 2; run++) {
		assert_int_equal(dp_run_frame(frame, size).verdict,
				 DP_REDIRECT);
		assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);
		/* as after a restart */
		dyncast_dp_stop();
		assert_true(dyncast_dp_start(dp_dir, 8192, 0));
	}
	service_rests(0, "10.255.0.1/32", false);
	assert_int_equal(dp_run_packet(&p).verdict, DP_REDIRECT);
	dyncast_dp_service_del(0);
	assert_int_equal(dp_run_frame(frame, size).verdict, DP_DROP);
	assert_int_equal(dp_flow(&p), of_net);
}

/* a D-BID is looked at while one at least wants it, and no longer */
static void filter_of_dbids(void **state)
{
	const struct dyncast_addr addr[] = {dp_addr("10.66.0.1"),
					    dp_addr("10.66.0.2"),
					    dp_addr("2001:db8:e1::1")};
	uint64_t before[DYNCAST_MAP_FILTER_WORDS];
	struct dp_packet p = inner_of(&ways[0], 1000);
	uint8_t frame[2048];
	uint32_t size;

	(void)state;
	memcpy(before, dyncast_dp.filter, sizeof(before));
	size = arriving(&ways[0], &p, frame);
	for (int run = 0; run < 2; run++)
		for (int i = 0; i < 3; i++)
			assert_true(dyncast_dp_decap_set(&addr[i], near4));
	dyncast_dp_stop();
	assert_true(dyncast_dp_start(dp_dir, 8192, 0));
	/* the other one of 10.66/16 goes, and one that is not there */
	for (int run = 0; run < 2; run++)
		for (int i = 1; i < 3; i++)
			dyncast_dp_decap_clear(&addr[i], near4);
	assert_int_equal(dp_run_frame(frame, size).verdict, DP_REDIRECT);
	dyncast_dp_decap_clear(&addr[0], near4);
	assert_memory_equal(before, dyncast_dp.filter, sizeof(before));
}

/* IPv4 outside with options: a header of any length goes */
static void outer_options(void **state)
{
	(void)state;
	for (int words = 1; words <= 10; words++) {
		for (int i = 0; i < 2; i++) {
			struct dp_packet p = inner_of(&ways[i], 1000);
			uint8_t frame[2048], longer[2048], expected[2048];
			uint32_t size = arriving(&ways[i], &p, frame);
			uint32_t head = ETH_HLEN + 20, extra = 4 * words;
			struct dp_result r;
			uint16_t value;

			memcpy(longer, frame, head);
			memset(longer + head, 1, extra);
			memcpy(longer + head + extra, frame + head,
			       size - head);
			longer[ETH_HLEN] = 0x40 | (5 + words);
			value = htons(size - ETH_HLEN + extra);
			memcpy(longer + ETH_HLEN + 2, &value, 2);
			r = dp_run_frame(longer, size + extra);
			assert_int_equal(r.verdict, DP_REDIRECT);
			p.ttl = 62;
			assert_int_equal(r.size, dp_build(&p, expected));
			assert_memory_equal(r.data, expected, r.size);
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, dp_teardown)
	const struct CMUnitTest tests[] = {
		TEST(there_and_back),  TEST(ecn_is_propagated),
		TEST(by_kernel_route), TEST(path_mtu),
		TEST(local_or_nobody), TEST(core_interface),
		TEST(outer_options),   TEST(service_at_rest),
		TEST(filter_of_dbids),
	};

	return cmocka_run_group_tests_name("dataplane: tunnels", tests,
					   dp_group_setup, dp_group_teardown);
}
