// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the BPF program decides and does, packet by packet, driven through the
 * same dataplane.h that zebra_dyncast uses.  Root; own namespaces.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <linux/if_ether.h>
#include <linux/ipv6.h>

#include "dp_harness.h"
#include "tests/unit/between.h"

#define FLOWS 500

static void new_flow_follows_ring(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	struct dyncast_dp_counters of_a, of_b;
	unsigned int n_a = 0;

	(void)state;
	dp_ring(0, a, b);
	for (int i = 0; i < FLOWS; i++) {
		struct dp_packet p = tcp(1000 + i);
		uint32_t want = dp_slot(0, &p) % 2 ? b : a;

		p.proto = i % 3 ? IPPROTO_TCP : IPPROTO_UDP;
		p.tcp_flags = SYN;
		want = dp_slot(0, &p) % 2 ? b : a;
		assert_int_equal(dp_flow(&p), want);
		p.tcp_flags = ACK;
		assert_int_equal(dp_flow(&p), want);
		n_a += want == a;
	}
	/* the hash spreads */
	assert_between(n_a, FLOWS * 2 / 5, FLOWS * 3 / 5);

	assert_int_equal(status().flow_new, FLOWS);
	assert_int_equal(status().flow_hits + status().flow_stateless, FLOWS);
	assert_int_equal(status().packets_steered, 2 * FLOWS);
	assert_true(dyncast_dp_instance_counters(a, &of_a));
	assert_true(dyncast_dp_instance_counters(b, &of_b));
	assert_int_equal(of_a.flows_new, n_a);
	assert_int_equal(of_b.flows_new, FLOWS - n_a);
	assert_int_equal(of_a.packets + of_b.packets, 2 * FLOWS);
	assert_int_equal(of_a.bytes + of_b.bytes, status().bytes_steered);
}

static void flows_stay_when_ring_moves(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");

	(void)state;
	dp_ring(0, a, a);
	for (int i = 0; i < FLOWS; i++) {
		struct dp_packet t = tcp(1000 + i), u = udp(1000 + i);

		assert_int_equal(dp_flow(&t), a);
		assert_int_equal(dp_flow(&u), a);
	}
	dp_ring(0, b, b);
	/* the second packet makes an entry, the third one needs it */
	for (int n = 0; n < 3 * FLOWS; n++) {
		int i = n % FLOWS;
		struct dp_packet old = tcp(1000 + i), new = tcp(5000 + i),
				 u = udp(1000 + i), v = udp(5000 + i);

		new.tcp_flags = SYN;
		assert_int_equal(dp_flow(&old), a);
		assert_int_equal(dp_flow(&new), b);
		assert_int_equal(dp_flow(&u), a);
		assert_int_equal(dp_flow(&v), b);
	}
	assert_int_equal(status().flow_repinned, 0);
}

/* a connection that its client has closed and opens again from the same port
 * is a new flow; a SYN, a FIN or a SYN-ACK alone moves nothing */
static void reopened_connection_is_new(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	const uint8_t syn = SYN, ack = ACK;
	struct dp_packet p = tcp(999);

	(void)state;
	dp_ring(0, b, b);
	for (uint8_t end = FIN; end <= RST; end += RST - FIN) {
		p = tcp(1000 + end);

		/* a slot that moves: the connection gets an entry */
		dp_ring(0, a, a);
		p.tcp_flags = syn;
		assert_int_equal(dp_flow(&p), a);
		dp_ring(0, b, b);
		assert_int_equal(dp_flow(&p), a); /* again, not closed */
		p.tcp_flags = end | ack;
		assert_int_equal(dp_flow(&p), a);
		p.tcp_flags = ack;
		assert_int_equal(dp_flow(&p), a); /* the end was forged */
		p.tcp_flags = syn | ack;
		assert_int_equal(dp_flow(&p), a);
		p.tcp_flags = syn;
		assert_int_equal(dp_flow(&p), b);
		p.tcp_flags = ack;
		assert_int_equal(dp_flow(&p), b);
	}
	/* one without an entry */
	dp_ring(0, a, a);
	dp_age(0, DP_TIMEOUT + 1);
	p = tcp(2000);
	for (int i = 0; i < 2; i++) {
		p.tcp_flags = i ? FIN | ACK : syn;
		assert_int_equal(dp_flow(&p), a);
	}
	dp_ring(0, b, b);
	p.tcp_flags = syn;
	assert_int_equal(dp_flow(&p), b);
	p.tcp_flags = ack;
	assert_int_equal(dp_flow(&p), b);
	assert_int_equal(status().flow_repinned, 0);
}

/* voiding one instance moves its flows and no others */
static void void_moves_only_its_flows(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12"),
		 c = dp_adjacent(0, "10.1.0.13");
	struct dyncast_dp_counters of_b, of_c, sum;
	unsigned int moved = 0;

	(void)state;
	dp_ring(0, a, b);
	for (int i = 0; i < FLOWS; i++) {
		struct dp_packet p = i % 2 ? tcp(1000 + i) : udp(1000 + i);

		dp_flow(&p);
		dp_flow(&p);
	}
	assert_int_equal(dp_entries(), FLOWS / 2);
	dp_ring(0, c, c);
	dyncast_dp_instance_void(a);
	for (int i = 0; i < FLOWS; i++) {
		struct dp_packet p = i % 2 ? tcp(1000 + i) : udp(1000 + i);
		bool of_b = dp_slot(0, &p) % 2;

		assert_int_equal(dp_flow(&p), of_b ? b : c);
		moved += !of_b;
	}
	assert_int_equal(status().flow_repinned, moved);
	assert_true(moved > 0 && moved < FLOWS);

	/* a re-pinned flow is no new one, of its instance and of the service */
	assert_true(dyncast_dp_instance_counters(b, &of_b));
	assert_true(dyncast_dp_instance_counters(c, &of_c));
	assert_true(dyncast_dp_service_counters(0, &sum));
	assert_int_equal(of_c.repinned, moved);
	assert_int_equal(of_c.flows_new, 0);
	assert_int_equal(of_c.misses, moved);
	assert_int_equal(sum.repinned, moved);
	assert_int_equal(of_b.misses, of_b.packets - of_b.hits);
	assert_int_equal(sum.misses, sum.packets - sum.hits);
}

static void dead_instance_is_skipped(void **state)
{
	struct dyncast_dp_instance in = {.kind = DYNCAST_KIND_ADJACENT,
					 .dbid = dp_addr("10.1.0.11")};
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	struct dp_packet p;

	(void)state;
	dp_ring(0, a, b);
	for (int i = 0; i < FLOWS; i++) {
		p = tcp(1000 + i);
		dp_flow(&p);
	}
	/* the ring still names it: its neighbours in the ring take over */
	assert_true(dyncast_dp_instance_set(a, &in));
	for (int i = 0; i < FLOWS; i++) {
		p = tcp(1000 + i);
		assert_int_equal(dp_flow(&p), b);
	}
	/* Nobody left: the kernel's route has it.  Alive without a way there is
	 * dead too. */
	in.alive = true;
	in.dbid = dp_addr("10.1.0.12");
	assert_false(dyncast_dp_instance_set(b, &in));
	p = tcp(9999);
	assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);
	assert_int_equal(status().no_instance, 1);
}

/* all drained: running flows stay, new ones are the kernel's */
static void empty_ring_takes_no_flow(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11");
	struct dp_packet running = tcp(1000), new = tcp(5000);
	uint32_t slot = dp_slot(0, &new);

	(void)state;
	dp_ring(0, a, a);
	assert_int_equal(dp_flow(&running), a);
	/* long ago, so that the slots remember who had them */
	for (int i = 0; i < DYNCAST_RING_SLOTS; i++)
		dyncast_dp.slots[i].t_change -= 2 * DP_TIMEOUT;
	dp_ring(0, 0, 0);
	assert_int_equal(dyncast_dp.slots[slot].old, a);
	assert_int_equal(dp_flow(&running), a);
	new.tcp_flags = SYN;
	assert_int_equal(dp_run_packet(&new).verdict, DP_PASS);
	assert_int_equal(status().no_instance, 1);
	new = udp(5000);
	assert_int_equal(dp_run_packet(&new).verdict, DP_PASS);
}

static void idle_flow_ends_of(struct dp_packet idle, struct dp_packet busy)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	struct dyncast_map_flow flow;

	dp_ring(0, b, b);
	dp_ring(0, a, a);
	idle.tcp_flags = busy.tcp_flags = SYN; /* while its slot moves */
	dp_flow(&idle);
	dp_flow(&busy);
	idle.tcp_flags = busy.tcp_flags = ACK;
	dp_flow(&idle);
	dp_flow(&busy);
	dp_ring(0, b, b);

	assert_true(dp_entry(&busy, &flow));
	flow.last_seen -= DP_TIMEOUT - 5;
	dp_entry_write(&busy, &flow);
	assert_int_equal(dp_flow(&busy), a);
	/* and the hit has refreshed it */
	assert_true(dp_entry(&busy, &flow));
	assert_between(dyncast_dp_now() - flow.last_seen, 0, 3);

	assert_true(dp_entry(&idle, &flow));
	flow.last_seen -= DP_TIMEOUT + 2;
	dp_entry_write(&idle, &flow);
	assert_int_equal(dp_flow(&idle), b);
	assert_int_equal(status().flow_repinned, 0);
}

static void idle_flow_ends(void **state)
{
	(void)state;
	idle_flow_ends_of(udp(1000), udp(1001));
	idle_flow_ends_of(tcp(1000), tcp(1001));
}

/* an id that has a new owner does not inherit the old one's flows or slots */
static void id_reuse_voids(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	uint32_t generation = dyncast_dp.instances[a].generation;
	uint32_t ring[DYNCAST_RING_SLOTS];
	struct dp_packet p = tcp(1000);
	int other = dp_service(DP_TABLE, "10.255.0.2/32");

	(void)state;
	dp_ring(0, a, a);
	assert_int_equal(dp_flow(&p), a);
	dyncast_dp_instance_del(a);
	assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);
	assert_false(dyncast_dp_ring_get(0, ring));

	dyncast_dp.next_id = a;
	assert_int_equal(dp_adjacent(other, "10.1.0.11"), a);
	assert_true(dyncast_dp.instances[a].generation > generation);
	assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);
	/* not even when a slot of the wrong service names it */
	dp_ring(0, a, a);
	assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);
	dp_ring(0, b, b);
	assert_int_equal(dp_flow(&p), b);
}

/* .. of the same service, and flows that have entries */
static void id_reuse_voids_entries(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	struct dp_packet p = udp(1000);

	(void)state;
	dp_ring(0, a, a);
	for (int i = 0; i < 2; i++)
		assert_int_equal(dp_flow(&p), a);
	assert_int_equal(dp_entries(), 1);
	dyncast_dp_instance_del(a);
	dyncast_dp.next_id = a;
	assert_int_equal(dp_adjacent(0, "10.1.0.13"), a);
	dp_ring(0, b, b);
	assert_int_equal(dp_flow(&p), b);
	assert_int_equal(status().flow_repinned, 1);
}

static void longest_prefix_and_table(void **state)
{
	int wide = dp_service(DP_TABLE, "10.255.0.0/16");
	int vrf = dp_service(1001, "10.255.0.1/32");
	uint32_t host = dp_adjacent(0, "10.1.0.11"),
		 net = dp_adjacent(wide, "10.1.0.12"),
		 red = dp_adjacent(vrf, "10.1.0.13");
	struct dp_packet p = tcp(1000);
	struct dyncast_dp_counters of_red;

	(void)state;
	dp_ring(0, host, host);
	dp_ring(wide, net, net);
	dp_ring(vrf, red, red);
	assert_int_equal(dp_flow(&p), host);
	p.dst = "10.255.0.2";
	assert_int_equal(dp_flow(&p), net);
	p.dst = "10.254.0.1";
	assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);
	p.dst = "10.255.0.1";

	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", 1001,
				      DYNCAST_DP_ATTACH_STEER));
	assert_int_equal(dp_run_packet(&p).verdict, DP_REDIRECT);
	assert_true(dyncast_dp_instance_counters(red, &of_red));
	assert_int_equal(of_red.packets, 1);
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", 1002,
				      DYNCAST_DP_ATTACH_STEER));
	assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);

	/* the longer one gone, the shorter one has its packets */
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE,
				      DYNCAST_DP_ATTACH_STEER));
	dyncast_dp_service_del(0);
	assert_int_equal(dp_flow(&p), net);
}

/* a service is found whatever its length, and the others still are when one
 * with the same first bits goes */
static void every_length_is_found(void **state)
{
	static const struct {
		const char *prefix, *in, *out;
	} of[] = {
		{"10.255.0.8/29", "10.255.0.15", "10.255.0.16"},
		{"10.254.0.0/16", "10.254.9.9", "10.253.9.9"},
		{"172.16.0.0/12", "172.31.0.1", "172.32.0.1"},
		{"198.0.0.0/7", "199.255.0.1", "200.0.0.1"},
		{"2001:db8:ffff::/48", "2001:db8:ffff::9", "2001:db8:fffe::9"},
		{"2001:db9::/32", "2001:db9::9", "2001:dba::9"},
		{"2400::/12", "240f:1:2::3", "2410::3"},
	};
	enum { N = sizeof(of) / sizeof(of[0]) };
	int index[N];

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < N; i++) {
			bool ipv6 = strchr(of[i].prefix, ':');
			struct dp_packet p = tcp(1000 + i);
			uint32_t id;

			p.ipv6 = ipv6;
			p.dst = of[i].in;
			assert_int_equal(dp_flow(&p), 0);
			index[i] = dp_service(DP_TABLE, of[i].prefix);
			id = dp_adjacent(index[i],
					 ipv6 ? "2001:db8:1::11" : "10.1.0.11");
			dp_ring(index[i], id, id);
			assert_int_equal(dp_flow(&p), id);
			/* as after a restart */
			dyncast_dp_stop();
			assert_true(dyncast_dp_start(dp_dir, 8192, 0));
			assert_int_equal(dp_flow(&p), id);
			p.dst = of[i].out;
			assert_int_equal(dp_flow(&p), 0);
		}
		for (int i = 0; i < N; i++)
			dyncast_dp_service_del(index[i]);
	}
	for (int i = 0; i < DYNCAST_MAP_FILTER_WORDS; i++)
		/* 10.255/16 of the service that each test has */
		assert_int_equal(dyncast_dp.filter[i],
				 i == 0x0aff / 64 ? 1ull << (0x0aff % 64) : 0);
}

static void adjacent_rewrite(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11");
	struct dp_packet p = tcp(1000);
	struct dp_result r;

	(void)state;
	p.options = 3;
	p.payload = 100;
	dp_ring(0, a, a);
	r = dp_run_packet(&p);
	assert_int_equal(r.verdict, DP_REDIRECT);
	assert_int_equal(r.data[ETH_HLEN + 8], 63);
	assert_int_equal(dp_checksum(r.data + ETH_HLEN, 32), 0);
}

static void srv6_rewrite(void **state)
{
	uint32_t a = dp_srv6(0, "2001:db8:e1:0:11::", "fe80::2", 1500);
	struct dp_packet p = tcp(1000);
	struct ipv6hdr outer;
	struct dp_result r;
	uint8_t *ip;
	uint8_t frame[2048], want[16];
	uint32_t size, word;

	(void)state;
	p.tos = 0xb8 | 1; /* EF, ECT(1) */
	p.payload = 50;
	dp_ring(0, a, a);
	size = dp_build(&p, frame);
	r = dp_run_frame(frame, size);
	assert_int_equal(r.verdict, DP_REDIRECT);
	assert_int_equal(r.size, size + 40);
	assert_int_equal(r.data[12] << 8 | r.data[13], ETH_P_IPV6);
	assert_memory_equal(r.data, frame, 12);

	memcpy(&outer, r.data + ETH_HLEN, sizeof(outer));
	memcpy(&word, &outer, sizeof(word));
	assert_int_equal(ntohl(word) >> 20, 6 << 8 | p.tos);
	assert_int_not_equal(ntohl(word) & 0xfffff, 0);
	assert_int_equal(ntohs(outer.payload_len), size - ETH_HLEN);
	assert_int_equal(outer.nexthdr, IPPROTO_IPIP);
	assert_int_equal(outer.hop_limit, 64);
	inet_pton(AF_INET6, "2001:db8::1", want);
	assert_memory_equal(&outer.saddr, want, 16);
	inet_pton(AF_INET6, "2001:db8:e1:0:11::", want);
	assert_memory_equal(&outer.daddr, want, 16);

	ip = r.data + ETH_HLEN + 40;
	assert_int_equal(ip[8], 63);
	assert_int_equal(dp_checksum(ip, 20), 0);
	assert_memory_equal(ip + 20, frame + ETH_HLEN + 20,
			    size - ETH_HLEN - 20);
}

/* no single next hop: encapsulated, and the kernel routes it */
static void srv6_by_kernel_route(void **state)
{
	uint32_t a = dp_srv6(0, "2001:db8:e1:0:11::", NULL, 0);
	struct dp_packet p = tcp(1000);
	struct dp_result r;

	(void)state;
	dp_ring(0, a, a);
	r = dp_run_packet(&p);
	assert_int_equal(r.verdict, DP_OK);
	assert_int_equal(r.data[12] << 8 | r.data[13], ETH_P_IPV6);
}

static void left_to_kernel(const struct dp_packet *p)
{
	uint8_t frame[2048];
	uint32_t size = dp_build(p, frame);
	struct dp_result r = dp_run_frame(frame, size);

	assert_int_equal(r.verdict, DP_PASS);
	assert_int_equal(r.size, size);
	assert_memory_equal(r.data, frame, size);
}

static void kernel_answers(void **state)
{
	uint32_t a = dp_srv6(0, "2001:db8:e1:0:11::", "fe80::2", 1500);
	struct dp_packet fits = tcp(1000), big = tcp(1000), old = tcp(1000),
			 rest = tcp(1000);

	(void)state;
	dp_ring(0, a, a);
	fits.payload = 1500 - 40 - 40;
	assert_int_equal(dp_run_packet(&fits).verdict, DP_REDIRECT);
	big.payload = fits.payload + 1;
	left_to_kernel(&big);
	assert_int_equal(status().too_big, 1);
	old.ttl = 1;
	left_to_kernel(&old);
	rest.frag = 100;
	left_to_kernel(&rest);
	assert_int_equal(status().fragments, 1);
	assert_int_equal(status().packets_steered, 1);
}

/* what a hostile or broken sender may put on the wire */
static void malformed_passes(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11");
	struct dp_packet p = tcp(1000);
	uint8_t frame[2048], bad[2048];
	uint32_t size = dp_build(&p, frame);

	(void)state;
	dp_ring(0, a, a);
	/* the control: it is steered when it is right */
	assert_int_equal(dp_run_frame(frame, size).verdict, DP_REDIRECT);

#define BREAK(offset, value)                                                   \
	do {                                                                   \
		memcpy(bad, frame, sizeof(bad));                               \
		bad[offset] = (value);                                         \
		assert_int_equal(dp_run_frame(bad, size).verdict, DP_PASS);    \
	} while (0)
	BREAK(0, 1);	 /* for a multicast address */
	BREAK(5, 9);	 /* for another host */
	BREAK(12, 0x86); /* no IP */
	BREAK(14, 0x65); /* version 6 */
	BREAK(14, 0x44); /* header of 16 bytes */
	BREAK(14, 0x4f); /* header beyond the packet */
	BREAK(16, 0xff); /* longer than the frame */
	BREAK(17, 20);	 /* no room for ports */
#undef BREAK
	/* cut off everywhere; the kernel runs nothing on less than a header */
	for (uint32_t cut = ETH_HLEN + 20; cut < size; cut++)
		assert_int_equal(dp_run_frame(frame, cut).verdict, DP_PASS);
	/* padding of a short frame is not payload, and no reason to refuse */
	assert_int_equal(dp_run_frame(frame, size + 6).verdict, DP_REDIRECT);
	assert_int_equal(status().errors, 0);
}

/* the same flows by the programs for older kernels, and back */
static void does_without(void **state)
{
	const uint32_t without = 1u << DYNCAST_DP_FEATURE_POINTERS |
				 1u << DYNCAST_DP_FEATURE_COARSE_CLOCK |
				 1u << DYNCAST_DP_FEATURE_TCX;
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12"), before = dyncast_dp.pretend;
	struct dp_packet p = udp(1000), other = {.dst = "10.9.0.1"};

	(void)state;
	dp_ring(0, a, a);
	assert_int_equal(dp_flow(&p), a);
	assert_int_equal(dp_flow(&p), a);
	dp_ring(0, b, b);

	for (int i = 0; i < 2; i++) {
		dyncast_dp.pretend = i ? before : without;
		dyncast_dp_stop();
		assert_true(dyncast_dp_start(dp_dir, 8192, 0));
		assert_int_equal(status().missing & dyncast_dp.pretend,
				 dyncast_dp.pretend);
		if (!i)
			assert_string_equal(status().attach_mode, "clsact");
		assert_true(dyncast_dp_attached(dp_ifindex));
		assert_int_equal(dp_flow(&p), a);
		assert_int_equal(dp_run_packet(&other).verdict, DP_PASS);
	}
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, dp_setup, dp_teardown)
	const struct CMUnitTest tests[] = {
		TEST(new_flow_follows_ring),
		TEST(flows_stay_when_ring_moves),
		TEST(reopened_connection_is_new),
		TEST(void_moves_only_its_flows),
		TEST(dead_instance_is_skipped),
		TEST(empty_ring_takes_no_flow),
		TEST(idle_flow_ends),
		TEST(id_reuse_voids),
		TEST(id_reuse_voids_entries),
		TEST(longest_prefix_and_table),
		TEST(every_length_is_found),
		TEST(adjacent_rewrite),
		TEST(srv6_rewrite),
		TEST(srv6_by_kernel_route),
		TEST(kernel_answers),
		TEST(malformed_passes),
		TEST(does_without),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("dataplane: decision", tests,
					   dp_group_setup, dp_group_teardown);
}
