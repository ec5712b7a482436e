// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets that are no plain TCP or UDP of IPv4: ICMP and its errors,
 * fragments, IPv6 with its extension headers.  Root; own namespaces.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <linux/if_ether.h>

#include "dp_harness.h"

#define FLOWS 100
#define MF 0x2000

static uint32_t a, b, a6, b6; /* instances */
static int six;		      /* the IPv6 service */

static int setup(void **state)
{
	dp_setup(state);
	six = dp_service(DP_TABLE, "2001:db8:ffff::1/128");
	a = dp_adjacent(0, "10.1.0.11");
	b = dp_adjacent(0, "10.1.0.12");
	a6 = dp_adjacent(six, "2001:db8:1::11");
	b6 = dp_adjacent(six, "2001:db8:1::12");
	dp_ring(0, a, a);
	dp_ring(six, a6, a6);
	return 0;
}

static void move(void)
{
	dp_ring(0, b, b);
	dp_ring(six, b6, b6);
}

static struct dp_packet packet(bool ipv6, uint8_t proto, uint16_t sport)
{
	return (struct dp_packet){
		.ipv6 = ipv6, .proto = proto, .sport = sport, .dport = 80};
}

/* an echo request's first word is type and code */
static struct dp_packet echo(bool ipv6, uint32_t id)
{
	struct dp_packet p = packet(ipv6, ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
				    ipv6 ? 128 << 8 : 8 << 8);

	p.id = id;
	return p;
}

/* what has no ports is a flow of its two addresses */
static void address_pairs(void **state)
{
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct dp_packet ping = echo(ipv6, 1);
		struct dp_packet sctp = packet(ipv6, IPPROTO_SCTP, 1);
		uint32_t first = ipv6 ? a6 : a, second = ipv6 ? b6 : b;

		dp_ring(ipv6 ? six : 0, first, first);
		assert_int_equal(dp_flow(&ping), first);
		assert_int_equal(dp_flow(&sctp), first);
		move();
		sctp.sport = 77;
		assert_int_equal(dp_flow(&ping), first);
		assert_int_equal(dp_flow(&sctp), first);
		ping.src = ipv6 ? "2001:db8:9::77" : "192.0.2.77";
		assert_int_equal(dp_flow(&ping), second);
	}
	assert_int_equal(dp_entries(), 4);
	assert_int_equal(dp_on_probation(), 2);
}

/* what only a router or a host itself should hear of */
static void control_is_left(void **state)
{
	struct dp_packet p = echo(true, 0);

	(void)state;
	for (int type = 130; type < 138; type++) {
		p.sport = type << 8;
		assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);
	}
	p = echo(false, 0);
	p.sport = 5 << 8; /* redirect */
	assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);
}

/* what the kernel takes from nobody, or from nobody on another link */
static void impossible_sources(void **state)
{
	static const struct {
		const char *from;
		bool sane;
	} sources[] = {
		{"127.0.0.1", false},
		{"0.0.0.0", false},
		{"0.1.2.3", false},
		{"224.0.0.1", false},
		{"239.255.255.255", false},
		{"255.255.255.255", false},
		{"fe80::1", false},
		{"febf::1", false},
		{"::", false},
		{"::1", false},
		{"ff02::1", false},
		{"126.0.0.1", true},
		{"223.255.255.255", true},
		{"240.0.0.1", true},
		{"::2", true},
		{"fec0::1", true},
		{"0:0:0:1::", true},
		{"fd00::1", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		bool ipv6 = strchr(sources[i].from, ':');
		struct dp_packet p = packet(ipv6, IPPROTO_UDP, 1000);

		p.src = sources[i].from;
		assert_int_equal(dp_run_packet(&p).verdict,
				 sources[i].sane ? DP_REDIRECT : DP_PASS);
	}
}

/* an error goes where the flow is that it is about, and starts none */
static void errors_follow_the_flow(void **state)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP,
					 IPPROTO_SCTP};
	uint8_t frame[2048];
	uint32_t size;

	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		uint32_t first = ipv6 ? a6 : a, second = ipv6 ? b6 : b;
		const char *router = ipv6 ? "2001:db8:5::5" : "203.0.113.5";

		for (size_t i = 0; i < sizeof(protos); i++) {
			struct dp_packet p = packet(ipv6, protos[i], 1000),
					 q = packet(ipv6, protos[i], 2000);

			dp_ring(ipv6 ? six : 0, first, first);
			dp_age(ipv6 ? six : 0, DP_TIMEOUT + 1);
			p.extensions = ipv6 ? 2 : 0;
			assert_int_equal(dp_flow(&p), first);
			move();
			size = dp_build_error(&p, router, frame);
			assert_int_equal(dp_flow_frame(frame, size), first);

			/* one about a flow that nobody has seen since */
			q.src = ipv6 ? "2001:db8:9::3" : "192.0.2.3";
			size = dp_build_error(&q, router, frame);
			assert_int_equal(dp_flow_frame(frame, size),
					 protos[i] == IPPROTO_TCP ? first
								  : second);
			q.tcp_flags = SYN;
			assert_int_equal(dp_flow(&q), second);
			assert_int_equal(dp_flow_frame(frame, size), second);
		}
	}
}

/* a forged one is not about the service */
static void foreign_errors_are_left(void **state)
{
	uint8_t frame[2048];
	uint32_t size, inner;

	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct dp_packet p = packet(ipv6, IPPROTO_UDP, 1000);

		size = dp_build_error(
			&p, ipv6 ? "2001:db8:5::5" : "203.0.113.5", frame);
		inner = ETH_HLEN + (ipv6 ? 48 : 28);
		assert_int_equal(dp_run_frame(frame, size).verdict,
				 DP_REDIRECT);
		/* cut off everywhere in the inner packet, as the program has
		 * it: ICMP's length is IP's */
		for (uint32_t cut = inner - 4; cut < inner + 20; cut++)
			assert_int_equal(dp_run_frame(frame, cut).verdict,
					 DP_PASS);
		frame[inner + (ipv6 ? 8 : 12)] ^= 1;
		assert_int_equal(dp_run_frame(frame, size).verdict, DP_PASS);
	}
	assert_int_equal(status().errors, 0);
}

/* later fragments go where the first one went */
static void fragments_stay_together(void **state)
{
	(void)state;
	for (int i = 0; i < 2 * FLOWS; i++) {
		bool ipv6 = i % 2;
		struct dp_packet p = packet(ipv6, IPPROTO_UDP, 1000 + i);
		struct dp_packet later = packet(ipv6, IPPROTO_UDP, 0xffff);
		uint32_t got;

		dp_ring(0, a, b);
		dp_ring(six, a6, b6);
		p.extensions = later.extensions = i % 3;
		p.inside = later.inside = i / 6 % 2;
		p.id = later.id = i;
		p.frag = MF;
		later.frag = 100 | (i % 4 ? MF : 0);
		got = dp_flow(&p);
		assert_int_not_equal(got, 0);
		dp_ring(0, b, a);
		dp_ring(six, b6, a6);
		assert_int_equal(dp_flow(&later), got);
		assert_int_equal(dp_flow(&later), got);
		later.id = i + 2 * FLOWS; /* of a packet without a first one */
		assert_int_equal(dp_run_packet(&later).verdict, DP_PASS);
		dyncast_dp_instance_void(got);
		later.id = i;
		assert_int_equal(dp_run_packet(&later).verdict, DP_PASS);
	}
	assert_int_equal(status().fragments, 4 * FLOWS);
}

static void forge_first_fragments(uint32_t n)
{
	struct dp_packet p = packet(false, IPPROTO_UDP, 1);
	char source[16];

	p.frag = MF;
	p.src = source;
	for (uint32_t i = 0; i < n; i++) {
		snprintf(source, sizeof(source), "198.18.%u.%u", i >> 8 & 0xff,
			 i & 0xff);
		p.id = i;
		assert_int_equal(dp_run_packet(&p).verdict, DP_REDIRECT);
	}
}

/* A flood pushes out what is older than thousands of others, and keeps nobody
 * from being remembered. */
static void flood_leaves_new_fragments(void **state)
{
	struct dp_packet p = packet(false, IPPROTO_UDP, 1000);
	struct dp_packet later = packet(false, IPPROTO_UDP, 0xffff);

	(void)state;
	p.frag = MF;
	later.frag = 100;
	assert_int_equal(dp_flow(&p), a);
	dp_ring(0, b, b);
	forge_first_fragments(DYNCAST_MAP_FRAGMENTS_MAX / 4);
	assert_int_equal(dp_flow(&later), a);

	/* too late, as the control */
	forge_first_fragments(4 * DYNCAST_MAP_FRAGMENTS_MAX);
	assert_int_equal(dp_run_packet(&later).verdict, DP_PASS);
	assert_int_equal(status().fragments, 1);
	/* .. and as ever, with the flow's next packet */
	p.id = later.id = 1;
	assert_int_equal(dp_flow(&p), a);
	assert_int_equal(dp_flow(&later), a);
	assert_int_equal(status().fragments, 1);
}

/* by address pair, and by source, fragments need nobody before them */
static void fragments_without_ports(void **state)
{
	struct dyncast_dp_service source = {
		.affinity = DYNCAST_AFFINITY_SOURCE,
		.timeout_s = DP_TIMEOUT,
	};
	struct dp_packet p = echo(false, 7), q = packet(true, IPPROTO_UDP, 1);

	(void)state;
	p.frag = q.frag = 100;
	q.id = 7;
	assert_int_equal(dp_flow(&p), a);
	assert_int_equal(dp_run_packet(&q).verdict, DP_PASS);
	assert_true(dyncast_dp_service_enable(six, &source));
	assert_int_equal(dp_flow(&q), a6);
	move();
	p.frag = q.frag = MF;
	assert_int_equal(dp_flow(&p), a);
	assert_int_equal(dp_flow(&q), a6);
}

/* IPv6 flows are those of their transport, however it is wrapped */
static void extension_headers(void **state)
{
	struct dp_packet p = packet(true, IPPROTO_TCP, 1000);
	uint8_t frame[2048];
	uint32_t size;

	(void)state;
	for (int n = 0; n < 8; n++) {
		p = packet(true, IPPROTO_TCP, 1000 + n);
		p.extensions = n;
		p.tcp_flags = SYN;
		dp_ring(six, a6, a6);
		assert_int_equal(dp_flow(&p), a6);
		p.tcp_flags = ACK;
		move();
		assert_int_equal(dp_flow(&p), a6);
		p.extensions = (n + 3) % 8;
		assert_int_equal(dp_flow(&p), a6);
	}
	/* more than anybody needs, or a chain that leaves the packet */
	p.extensions = 20;
	assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);
	p.extensions = 1;
	size = dp_build(&p, frame);
	for (int len = 2; len < 256; len++) {
		frame[ETH_HLEN + 40 + 1] = len;
		assert_int_equal(dp_run_frame(frame, size).verdict, DP_PASS);
	}
	frame[ETH_HLEN + 40 + 1] = 0;
	for (uint32_t cut = ETH_HLEN + 40; cut < size; cut++)
		assert_int_equal(dp_run_frame(frame, cut).verdict, DP_PASS);
	assert_int_equal(dp_run_frame(frame, size).verdict, DP_REDIRECT);
	assert_int_equal(status().errors, 0);
}

static void ipv6_rewrite(void **state)
{
	struct dp_packet p = packet(true, IPPROTO_TCP, 1000);
	uint8_t frame[2048], want[16];
	uint32_t size, word;
	struct dp_result r;
	uint32_t s;

	(void)state;
	p.tos = 0xb8 | 1;
	p.payload = 60;
	p.extensions = 1;
	size = dp_build(&p, frame);
	r = dp_run_frame(frame, size);
	assert_int_equal(r.verdict, DP_REDIRECT);
	assert_int_equal(r.size, size);
	frame[ETH_HLEN + 7]--;
	assert_memory_equal(r.data, frame, size);
	frame[ETH_HLEN + 7]++;

	s = dp_srv6(six, "2001:db8:e1:0:11::", "fe80::2", 1500);
	p.sport = 2000;
	dp_ring(six, s, s);
	p.tcp_flags = SYN;
	size = dp_build(&p, frame);
	r = dp_run_frame(frame, size);
	assert_int_equal(r.verdict, DP_REDIRECT);
	assert_int_equal(r.size, size + 40);
	memcpy(&word, r.data + ETH_HLEN, sizeof(word));
	assert_int_equal(ntohl(word) >> 20, 6 << 8 | p.tos);
	assert_int_equal(r.data[ETH_HLEN + 6], IPPROTO_IPV6);
	inet_pton(AF_INET6, "2001:db8:e1:0:11::", want);
	assert_memory_equal(r.data + ETH_HLEN + 24, want, 16);
	frame[ETH_HLEN + 7]--;
	assert_memory_equal(r.data + ETH_HLEN + 40, frame + ETH_HLEN,
			    size - ETH_HLEN);

	/* the kernel answers: time exceeded, packet too big */
	p.ttl = 1;
	assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);
	p.ttl = 64;
	p.payload = 1500;
	assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);
	assert_int_equal(status().too_big, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, dp_teardown)
	const struct CMUnitTest tests[] = {
		TEST(address_pairs),
		TEST(control_is_left),
		TEST(errors_follow_the_flow),
		TEST(foreign_errors_are_left),
		TEST(impossible_sources),
		TEST(fragments_stay_together),
		TEST(fragments_without_ports),
		TEST(extension_headers),
		TEST(ipv6_rewrite),
		TEST(flood_leaves_new_fragments),
	};

	return cmocka_run_group_tests_name("dataplane: packets", tests,
					   dp_group_setup, dp_group_teardown);
}
