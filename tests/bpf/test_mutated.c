// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets of all kinds that the program knows, with some bytes changed, cut
 * short or made longer: always the same ones.  Whatever comes, the program says
 * what became of it, counts it once, changes nothing of what it leaves alone,
 * and of what it sends on a hop and an outer header.  Run as root.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>

#include <cmocka.h>
#include <linux/if_ether.h>

#include "dp_harness.h"
#include "tests/unit/between.h"

#define ROUNDS 1500
#define LONGEST 1000

#define SERVICE6 "2001:db8:ffff::1"
#define NEAR4 "10.66.0.1" /* D-BIDs of local instances */
#define NEAR6 "2001:db8:e1::1"

struct frame {
	uint8_t data[2048];
	uint32_t size;
};
static struct frame seeds[64];
static unsigned int n_seeds;

/* who may get a packet, and what it puts in front */
static struct {
	uint32_t id, outer;
} instances[4];

/* xorshift: the same numbers everywhere */
static uint32_t random_state;

static uint32_t below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % n;
}

/* Seeds ------------------------------------------------------------------- */

static struct frame *seed_new(void)
{
	assert_true(n_seeds < sizeof(seeds) / sizeof(seeds[0]));
	return &seeds[n_seeds++];
}

static void seed(struct dp_packet p)
{
	struct frame *f = seed_new();

	f->size = dp_build(&p, f->data);
}

/* and what comes back about its answer, in a tunnel, and with a tag */
static void seed_with_others(struct dp_packet p)
{
	struct dp_packet outer = {.src = "10.0.1.1", .dst = NEAR4};
	struct dp_packet outer6 = {.src = "2001:db8:1::1", .dst = NEAR6};
	struct frame *f = seed_new(), *in = f;

	f->size = dp_build(&p, f->data);
	outer.proto = outer6.proto = p.ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	outer6.ipv6 = true;
	/* an IPv4 header's D-BID is IPv4's instance's, and so on */
	if (p.ipv6)
		outer = outer6;
	outer.payload = in->size - ETH_HLEN - 8;
	f = seed_new();
	f->size = dp_build(&outer, f->data);
	memcpy(f->data + f->size - (in->size - ETH_HLEN), in->data + ETH_HLEN,
	       in->size - ETH_HLEN);

	f = seed_new();
	f->size = dp_build_error(&p, p.ipv6 ? "2001:db8:7::7" : "192.0.2.77",
				 f->data);

	f = seed_new();
	memcpy(f->data, in->data, 12);
	memcpy(f->data + 12, "\x81\x00\x00\x05", 4);
	memcpy(f->data + 16, in->data + 12, in->size - 12);
	f->size = in->size + 4;
}

static void make_seeds(void)
{
	n_seeds = 0;
	for (int ipv6 = 0; ipv6 <= 1; ipv6++) {
		struct dp_packet t = tcp(1000), u = udp(2000), p;

		t.ipv6 = u.ipv6 = ipv6;
		t.payload = 100;
		seed_with_others(u);
		t.tcp_flags = SYN;
		seed_with_others(t);
		t.tcp_flags = ACK;
		seed(t);
		t.tcp_flags = FIN | ACK;
		seed(t);
		for (int i = 1; i <= 3; i++) {
			p = u;
			p.options = ipv6 ? 0 : 2 * i;
			p.extensions = ipv6 ? i : 0;
			seed(p);
			p.id = i;
			p.frag = 0x2000;
			p.inside = ipv6 ? i - 1 : 0;
			seed(p);
			p.frag = 10;
			p.payload = 300;
			seed(p);
		}
	}
}

/* Mutations --------------------------------------------------------------- */

static void change_byte(struct frame *f)
{
	/* what a header's field may mean something by */
	static const uint8_t telling[] = {
		0,  1,	4,    5,    6,	17, 41, 43, 44,	  50,	51,   58,
		60, 64, 0x45, 0x46, 59, 87, 88, 89, 0x4f, 0x60, 0x86, 255};
	uint32_t head = f->size < 120 ? f->size : 120;
	/* half of them in the first header */
	uint32_t at = below(2) || head <= ETH_HLEN + 10 ? below(head)
							: ETH_HLEN + below(10);

	switch (below(3)) {
	case 0:
		f->data[at] = below(256);
		break;
	case 1:
		f->data[at] ^= 1 << below(8);
		break;
	default:
		f->data[at] = telling[below(sizeof(telling))];
	}
}

/* shorter ones newer kernels do not run a program on */
static uint32_t shortest(const struct frame *f)
{
	return ETH_HLEN + (f->data[12] == 0x08	 ? 20
			   : f->data[12] == 0x86 ? 40
						 : 1);
}

static void mutate(struct frame *f)
{
	uint32_t least;

	for (uint32_t n = 1 + below(4); n; n--)
		change_byte(f);
	least = shortest(f);
	if (f->size <= least)
		f->size = least;
	else if (!below(4))
		f->size = least + below(f->size - least);
	else if (!below(8))
		f->size += below(LONGEST - f->size);
}

/* What must be so --------------------------------------------------------- */

struct counted {
	struct dyncast_map_counters others;
	uint64_t steered[4];
};

static void count_now(struct counted *c)
{
	struct dyncast_dp_counters of;

	dyncast_dp_counters_others(&c->others);
	for (int i = 0; i < 4; i++) {
		assert_true(dyncast_dp_instance_counters(instances[i].id, &of));
		c->steered[i] = of.packets;
	}
}

static uint64_t rise(const struct counted *before, const struct counted *now,
		     int counter)
{
	return now->others.n[counter] - before->others.n[counter];
}

/* but for a hop the same, behind the outer header */
static void assert_sent_on(const struct frame *in, const struct dp_result *r,
			   uint32_t outer)
{
	uint8_t want[2048], *ip = want + ETH_HLEN;
	const uint8_t *got = r->data + ETH_HLEN + outer;
	uint32_t size = in->size - ETH_HLEN;
	bool ipv4 = in->data[12] == 0x08;

	assert_int_equal(r->size, in->size + outer);
	memcpy(want, in->data, in->size);
	ip[ipv4 ? 8 : 7]--;
	if (ipv4)
		memcpy(ip + 10, got + 10, 2); /* right as it was, or wrong */
	assert_memory_equal(got, ip, size);
	if (ipv4 && !dp_checksum(in->data + ETH_HLEN, 4 * (ip[0] & 15)))
		assert_int_equal(dp_checksum(got, 4 * (ip[0] & 15)), 0);
}

static uint32_t length_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? ip[2] << 8 | ip[3] : 40 + (ip[4] << 8 | ip[5]);
}

/* what was inside, a hop less, with nothing that the outer header did not say
 * to be there */
static void assert_stripped(const struct frame *in, const struct dp_result *r)
{
	const uint8_t *got = r->data + ETH_HLEN, *ip = in->data + ETH_HLEN;
	uint32_t outer = in->size - r->size, size = r->size - ETH_HLEN;
	uint32_t hops = got[0] >> 4 == 4 ? 8 : 7, same = hops == 8 ? 12 : 8;

	assert_true(in->size > r->size && outer >= sizeof(struct iphdr));
	assert_true(outer + length_of(got) <= length_of(ip));
	assert_int_equal(got[hops], ip[outer + hops] - 1);
	assert_memory_equal(got + same, ip + outer + same, size - same);
}

static void assert_makes_sense(const struct frame *in,
			       const struct dp_result *r,
			       const struct counted *before,
			       const struct counted *now)
{
	uint64_t left = rise(before, now, DYNCAST_COUNT_PASSED) +
			rise(before, now, DYNCAST_COUNT_NO_INSTANCE) +
			rise(before, now, DYNCAST_COUNT_FRAGMENT) +
			rise(before, now, DYNCAST_COUNT_TOO_BIG);
	uint64_t stripped = rise(before, now, DYNCAST_COUNT_DECAP);
	uint64_t dropped = rise(before, now, DYNCAST_COUNT_DECAP_DROPPED);
	uint64_t steered = 0;
	uint32_t outer = 0;

	for (int i = 0; i < 4; i++) {
		steered += now->steered[i] - before->steered[i];
		if (now->steered[i] != before->steered[i])
			outer = instances[i].outer;
	}
	assert_int_equal(rise(before, now, DYNCAST_COUNT_ERROR), 0);
	switch (r->verdict) {
	case DP_PASS: /* whose last hop it is, is not counted */
		assert_true(left <= 1);
		assert_int_equal(steered + stripped + dropped, 0);
		assert_int_equal(r->size, in->size);
		assert_memory_equal(r->data, in->data, in->size);
		break;
	case DP_REDIRECT:
		assert_int_equal(left + dropped, 0);
		assert_int_equal(steered + stripped, 1);
		if (steered)
			assert_sent_on(in, r, outer);
		else
			assert_stripped(in, r);
		break;
	case DP_DROP:
		assert_int_equal(dropped, 1);
		assert_int_equal(left + steered + stripped, 0);
		break;
	default:
		fail_msg("verdict %u", r->verdict);
	}
}

/* Tests ------------------------------------------------------------------- */

static int setup(void **state)
{
	struct dyncast_dp_instance ipip = {
		.kind = DYNCAST_KIND_IPIP,
		.alive = true,
		.encap_source = dp_addr("10.0.1.1"),
		.nexthop = dp_addr("10.0.1.2"),
		.mtu = 1500,
		.dbid = dp_addr("10.67.0.1"),
	};
	struct dyncast_addr near4 = dp_addr(NEAR4), near6 = dp_addr(NEAR6);
	bool created;
	int six;

	dp_setup(state);
	ipip.ifindex = dp_ifindex;
	six = dp_service(DP_TABLE, SERVICE6 "/128");
	instances[0].id = dp_adjacent(0, "10.1.0.11");
	instances[1].id = dp_srv6(0, "2001:db8:e2::1", "fe80::2", 1500);
	instances[1].outer = 40;
	instances[2].id = dp_adjacent(six, "2001:db8:1f::11");
	instances[3].id = dyncast_dp_instance_get(six, &ipip.dbid, &created);
	instances[3].outer = 20;
	assert_true(dyncast_dp_instance_set(instances[3].id, &ipip));
	dp_ring(0, instances[0].id, instances[1].id);
	dp_ring(six, instances[2].id, instances[3].id);
	assert_true(dyncast_dp_decap_set(&near4, instances[0].id));
	assert_true(dyncast_dp_decap_set(&near6, instances[2].id));
	make_seeds();
	return 0;
}

/* so that what follows is about something: all but those with a tag are sent
 * on as they are */
static void as_they_are(void **state)
{
	struct counted before, now;
	unsigned int sent = 0;

	(void)state;
	for (unsigned int i = 0; i < n_seeds; i++) {
		struct dp_result r;

		count_now(&before);
		r = dp_run_frame(seeds[i].data, seeds[i].size);
		count_now(&now);
		assert_makes_sense(&seeds[i], &r, &before, &now);
		sent += r.verdict == DP_REDIRECT;
	}
	assert_int_equal(sent, n_seeds - 4);
}

static void mutated(void **state)
{
	unsigned int sent = 0, dropped = 0;
	struct counted counts[2];
	int turn = 0;

	(void)state;
	random_state = 20240607;
	count_now(&counts[0]);
	for (unsigned int i = 0; i < ROUNDS * n_seeds; i++) {
		struct frame f = seeds[i % n_seeds];
		struct dp_result r;

		mutate(&f);
		r = dp_run_frame(f.data, f.size);
		count_now(&counts[!turn]);
		assert_makes_sense(&f, &r, &counts[turn], &counts[!turn]);
		turn = !turn;
		sent += r.verdict == DP_REDIRECT;
		dropped += r.verdict == DP_DROP;
	}
	print_message("%u packets: %u sent on, %u dropped\n", ROUNDS * n_seeds,
		      sent, dropped);
	/* both sides of what is checked are tried */
	assert_between(sent, ROUNDS, ROUNDS * n_seeds / 2);
	assert_between(dropped, ROUNDS / 10, ROUNDS * n_seeds / 10);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(as_they_are, setup,
						dp_teardown),
		cmocka_unit_test_setup_teardown(mutated, setup, dp_teardown),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("dataplane: mutated packets", tests,
					   dp_group_setup, dp_group_teardown);
}
