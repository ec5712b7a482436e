// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of lib/msg.c and lib/msg_set.c: each message from bytes written out
 * here, malformed ones, and sets in parts.
 */

#include "tests/unit/wire.h"

#include <stdio.h>

#include "lib/msg.h"

/* an address: family, 16 bytes */
#define V4(a, b, c, d) 4, a, b, c, d, U32(0), U32(0), U32(0)
#define V6(a, b, c, d) 6, U32(a), U32(b), U32(c), U32(d)
#define NO_ADDR 0, U32(0), U32(0), U32(0), U32(0)
#define KEY U32(3) /* VRF */, 32, V4(10, 255, 0, 1)

/* type, 0, length, sequence, body */
#define MESSAGE(type, sequence, ...)                                           \
	type, 0, U16(8 + sizeof((const uint8_t[]){__VA_ARGS__})),              \
		U32(sequence), __VA_ARGS__
#define BARE(type, sequence) type, 0, U16(8), U32(sequence)

#define HELLO                                                                  \
	U64(0x1122334455667788), U32(4) /* version */, U32(3) /* features */,  \
		48, V6(0x20010db8, 0xe10000, 0, 0), 24, V4(10, 9, 1, 0)

/* one whole set: part 0, last; 1 item each */
#define PART(part, last, items) U16(part), last, 0, U16(items), KEY
#define SET_HEAD(sites, candidates)                                            \
	U16(sites), U16(candidates), 1 /* spread */, 1 /* flow */,             \
		2 /* weighted */, 0, U16(60), 30 /* alpha */, 15, 90, 3,       \
		U16(5) /* hold */, U32(20000), U32(5000), 5, 'v', 'i', 'd',    \
		'e', 'o', OVERRIDE
#define OVERRIDE                                                               \
	3 /* dry run, pinned */, SITE, 2 /* caps */, NO_ADDR, 50, SITE, 0
#define NO_OVERRIDE 0, NO_ADDR, 0
/* a set of nothing but these */
#define BARE_SET(...)                                                          \
	MESSAGE(2, 9, PART(0, 1, 0), U16(0), U16(0), 0, 0, 0, 0, U16(0),       \
		NO_MORE_POLICY, 0, __VA_ARGS__)
#define NO_MORE_POLICY U32(0), U16(0), U32(0), U32(0)
#define CANDIDATE                                                              \
	1 /* adjacent */, 0 /* flags */, 0x3f, 8 /* score */, U16(3750),       \
		U32(100), U32(7), U32(4100), U32(20) /* age */,                \
		U32(250500) /* rate */, V4(10, 1, 0, 11), NO_ADDR,             \
		V4(10, 1, 0, 11), U16(45875) /* withheld */, 2, 'a', '1'
#define SITE V4(192, 0, 2, 1)

struct msg_case {
	const char *name;
	enum dyncast_msg_result result;
	const uint8_t *bytes;
	size_t len;
};

static const struct msg_case cases[] = {
	{"hello", DYNCAST_MSG_DONE, BYTES(MESSAGE(1, 0, HELLO))},
	{"hello without a locator", DYNCAST_MSG_DONE,
	 BYTES(MESSAGE(1, 0, U64(1), U32(4), U32(0), 0, NO_ADDR, 0, NO_ADDR))},
	{"hello of version 5, longer", DYNCAST_MSG_BAD_VERSION,
	 BYTES(MESSAGE(1, 0, U64(1), U32(5), U32(0), 1, 2, 3))},
	{"hello of version 1, shorter", DYNCAST_MSG_BAD_VERSION,
	 BYTES(MESSAGE(1, 0, U64(1), U32(1), U32(0)))},
	{"remove", DYNCAST_MSG_DONE, BYTES(MESSAGE(3, 9, KEY))},
	{"end of sync", DYNCAST_MSG_DONE, BYTES(BARE(4, 9))},
	{"ack", DYNCAST_MSG_DONE, BYTES(BARE(5, 9))},
	{"feedback", DYNCAST_MSG_DONE,
	 BYTES(MESSAGE(6, 0, KEY, V4(10, 1, 0, 11), 2))},
	{"set", DYNCAST_MSG_DONE,
	 BYTES(MESSAGE(2, 9, PART(0, 1, 2), SET_HEAD(1, 1), SITE, CANDIDATE))},
	{"empty set", DYNCAST_MSG_DONE,
	 BYTES(MESSAGE(2, 9, PART(0, 1, 0), SET_HEAD(0, 0)))},
	{"first part", DYNCAST_MSG_MORE,
	 BYTES(MESSAGE(2, 9, PART(0, 0, 1), SET_HEAD(1, 1), SITE))},

	{"nothing", DYNCAST_MSG_BAD, BYTES(5)},
	{"half a header", DYNCAST_MSG_BAD, BYTES(5, 0, U16(8))},
	{"type 0", DYNCAST_MSG_BAD, BYTES(BARE(0, 0))},
	{"type 7", DYNCAST_MSG_BAD, BYTES(BARE(7, 0))},
	{"padding in the header", DYNCAST_MSG_BAD, BYTES(5, 1, U16(8), U32(9))},
	{"length too short", DYNCAST_MSG_BAD, BYTES(5, 0, U16(7), U32(9))},
	{"length too long", DYNCAST_MSG_BAD, BYTES(5, 0, U16(9), U32(9))},
	{"trailing byte", DYNCAST_MSG_BAD, BYTES(MESSAGE(5, 9, 0))},
	{"hello with a sequence", DYNCAST_MSG_BAD, BYTES(MESSAGE(1, 1, HELLO))},
	{"hello of epoch 0", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(1, 0, U64(0), U32(4), U32(0), 0, NO_ADDR, 0, NO_ADDR))},
	{"short hello", DYNCAST_MSG_BAD, BYTES(MESSAGE(1, 0, U64(1), U32(4)))},
	{"hello with host bits", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(1, 0, U64(1), U32(4), U32(0), 48,
		       V6(0x20010db8, 0xe10001, 0, 0), 0, NO_ADDR))},
	{"hello with a length and no locator", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(1, 0, U64(1), U32(4), U32(0), 1, NO_ADDR, 0, NO_ADDR))},
	{"hello with an IPv4 prefix as the SRv6 locator", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(1, 0, U64(1), U32(4), U32(0), 24, V4(10, 9, 1, 0), 0,
		       NO_ADDR))},
	{"hello with an IPv6 prefix as the IPv4 locator", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(1, 0, U64(1), U32(4), U32(0), 0, NO_ADDR, 48,
		       V6(0x20010db8, 0xe10000, 0, 0)))},
	{"remove of nothing", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(3, 9, U32(0), 0, NO_ADDR))},
	{"remove of a /33", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(3, 9, U32(0), 33, V4(10, 0, 0, 0)))},
	{"family 5", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(3, 9, U32(0), 0, 5, U32(0), U32(0), U32(0), U32(0)))},
	{"padding in an address", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(3, 9, U32(0), 8, 4, 10, 0, 0, 0, U32(0), U32(0),
		       U32(1)))},
	{"feedback of state 0", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(6, 0, KEY, V4(10, 1, 0, 11), 0))},
	{"feedback of state 4", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(6, 0, KEY, V4(10, 1, 0, 11), 4))},
	{"feedback of nobody", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(6, 0, KEY, NO_ADDR, 1))},

	{"set that begins in the middle", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(1, 1, 1), CANDIDATE))},
	{"unknown part flag", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(0, 3, 0), SET_HEAD(0, 0)))},
	{"part without items that is not the last", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(0, 0, 0), SET_HEAD(1, 0)))},
	{"last part that is not all", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(0, 1, 1), SET_HEAD(1, 1), SITE))},
	{"all in a part that is not the last", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(0, 0, 1), SET_HEAD(1, 0), SITE))},
	{"more items than announced", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(0, 1, 2), SET_HEAD(0, 1), CANDIDATE,
		       CANDIDATE))},
	{"257 candidates announced", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(0, 0, 1), SET_HEAD(0, 257), CANDIDATE))},
	{"257 sites announced", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(0, 0, 1), SET_HEAD(257, 0), SITE))},
	{"fewer items than counted", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(0, 1, 1), SET_HEAD(1, 0)))},
	{"trailing byte in a set", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(0, 1, 0), SET_HEAD(0, 0), 0))},
	{"policy out of range", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(0, 1, 0), U16(0), U16(0), 8, 0, 0, 0, U16(0),
		       NO_MORE_POLICY, 0, NO_OVERRIDE))},
	{"service name with a space", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(0, 1, 0), U16(0), U16(0), 0, 0, 0, 0, U16(0),
		       NO_MORE_POLICY, 1, ' ', NO_OVERRIDE))},
	{"no override", DYNCAST_MSG_DONE, BYTES(BARE_SET(NO_OVERRIDE))},
	{"unknown override flag", DYNCAST_MSG_BAD,
	 BYTES(BARE_SET(4, NO_ADDR, 0))},
	{"pinned to a site without being pinned", DYNCAST_MSG_BAD,
	 BYTES(BARE_SET(0, SITE, 0))},
	{"9 caps", DYNCAST_MSG_BAD,
	 BYTES(BARE_SET(0, NO_ADDR, 9, NO_ADDR, 1, V4(10, 0, 0, 1), 1,
			V4(10, 0, 0, 2), 1, V4(10, 0, 0, 3), 1, V4(10, 0, 0, 4),
			1, V4(10, 0, 0, 5), 1, V4(10, 0, 0, 6), 1,
			V4(10, 0, 0, 7), 1, V4(10, 0, 0, 8), 1))},
	{"two caps of one site", DYNCAST_MSG_BAD,
	 BYTES(BARE_SET(0, NO_ADDR, 2, SITE, 1, SITE, 2))},
	{"cap of 101 percent", DYNCAST_MSG_BAD,
	 BYTES(BARE_SET(0, NO_ADDR, 1, SITE, 101))},
	{"kind 4", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(0, 1, 1), SET_HEAD(0, 1), 4, 0, 0, 0, U16(0),
		       U32(0), U32(0), U32(0), U32(0), U32(0), V4(10, 1, 0, 11),
		       NO_ADDR, NO_ADDR, 0))},
	{"unknown metric", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(0, 1, 1), SET_HEAD(0, 1), 1, 0, 0x40, 0,
		       U16(0), U32(0), U32(0), U32(0), U32(0), U32(0),
		       V4(10, 1, 0, 11), NO_ADDR, NO_ADDR, 0))},
	{"candidate without a D-BID", DYNCAST_MSG_BAD,
	 BYTES(MESSAGE(2, 9, PART(0, 1, 1), SET_HEAD(0, 1), 1, 0, 0, 0, U16(0),
		       U32(0), U32(0), U32(0), U32(0), U32(0), NO_ADDR, NO_ADDR,
		       NO_ADDR, 0))},
};

static void test_decode_results(void **state)
{
	static const struct dyncast_msg zero;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dyncast_msg_reader reader = {0};
		struct dyncast_msg out;
		enum dyncast_msg_result result = dyncast_msg_decode(
			&reader, cases[i].bytes, cases[i].len, &out);

		if (result != cases[i].result)
			fail_msg("%s: result %d, not %d", cases[i].name, result,
				 cases[i].result);
		if (result == DYNCAST_MSG_BAD) {
			assert_memory_equal(&out, &zero, sizeof(out));
			assert_null(reader.set.candidates);
		} else {
			assert_int_equal(out.type, cases[i].bytes[0]);
		}
		/* cut anywhere it is bad, never a read past the end */
		for (size_t len = 0; len < cases[i].len; len++) {
			uint8_t *copy = test_malloc(len + 1);

			memcpy(copy, cases[i].bytes, len);
			assert_int_equal(
				dyncast_msg_decode(&reader, copy, len, &out),
				DYNCAST_MSG_BAD);
			test_free(copy);
		}
		dyncast_msg_reader_fini(&reader);
	}
}

/* what the table's good bytes say, and that the encoder writes the same */
static const struct msg_case *case_of(const char *name)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (!strcmp(cases[i].name, name))
			return &cases[i];
	}
	fail_msg("no case %s", name);
	return NULL;
}

static void decode_and_back(const char *name, struct dyncast_msg *out)
{
	const struct msg_case *c = case_of(name);
	struct dyncast_msg_reader reader = {0};
	uint8_t buf[DYNCAST_MSG_MAX];

	assert_int_equal(dyncast_msg_decode(&reader, c->bytes, c->len, out),
			 DYNCAST_MSG_DONE);
	assert_int_equal(dyncast_msg_encode(out, buf, sizeof(buf)), c->len);
	assert_memory_equal(buf, c->bytes, c->len);
	assert_int_equal(dyncast_msg_encode(out, buf, c->len - 1), 0);
	dyncast_msg_reader_fini(&reader);
}

static void assert_key(const struct dyncast_service_key *key)
{
	struct dyncast_prefix prefix = prefix_of("10.255.0.1/32");

	assert_int_equal(key->vrf_id, 3);
	assert_int_equal(dyncast_prefix_cmp(&key->prefix, &prefix), 0);
}

static void test_simple(void **state)
{
	struct dyncast_prefix locator = prefix_of("2001:db8:e1::/48");
	struct dyncast_addr dbid = addr_of("10.1.0.11");
	struct dyncast_msg msg;

	(void)state;
	decode_and_back("hello", &msg);
	assert_true(msg.hello.epoch == 0x1122334455667788);
	assert_int_equal(msg.hello.version, 4);
	assert_int_equal(msg.hello.features, 3);
	assert_int_equal(dyncast_prefix_cmp(&msg.hello.locator, &locator), 0);
	locator = prefix_of("10.9.1.0/24");
	assert_int_equal(dyncast_prefix_cmp(&msg.hello.locator4, &locator), 0);
	decode_and_back("hello without a locator", &msg);
	assert_int_equal(msg.hello.locator.addr.family, 0);
	decode_and_back("remove", &msg);
	assert_int_equal(msg.sequence, 9);
	assert_key(&msg.remove);
	decode_and_back("end of sync", &msg);
	assert_int_equal(msg.sequence, 9);
	decode_and_back("ack", &msg);
	assert_int_equal(msg.sequence, 9);
	decode_and_back("feedback", &msg);
	assert_key(&msg.feedback.service);
	assert_int_equal(dyncast_addr_cmp(&msg.feedback.dbid, &dbid), 0);
	assert_int_equal(msg.feedback.state, DYNCAST_FEEDBACK_UNREACHABLE);
}

static void test_bad_version(void **state)
{
	const struct msg_case *c = case_of("hello of version 5, longer");
	struct dyncast_msg_reader reader = {0};
	struct dyncast_msg msg;

	(void)state;
	dyncast_msg_decode(&reader, c->bytes, c->len, &msg);
	assert_int_equal(msg.hello.version, 5);
	assert_true(msg.hello.epoch == 1);
}

static void test_encode_refuses(void **state)
{
	struct dyncast_msg bad[] = {
		{.type = 0},
		{.type = DYNCAST_MSG_SET},
		{.type = 7},
		{.type = DYNCAST_MSG_HELLO},  /* epoch 0 */
		{.type = DYNCAST_MSG_REMOVE}, /* no prefix */
		{.type = DYNCAST_MSG_FEEDBACK},
		{.type = DYNCAST_MSG_REMOVE,
		 .remove = {.prefix = {.addr = addr_of("10.0.0.1"),
				       .len = 8}}}, /* host bits */
		{.type = DYNCAST_MSG_REMOVE,
		 .remove = {.prefix = {.addr = {.family = AF_UNIX}}}},
	};
	uint8_t buf[DYNCAST_MSG_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (dyncast_msg_encode(&bad[i], buf, sizeof(buf)))
			fail_msg("message %zu", i);
	}
}

static void test_set(void **state)
{
	const struct msg_case *c = case_of("set");
	struct dyncast_addr site = addr_of("192.0.2.1");
	struct dyncast_addr instance = addr_of("10.1.0.11");
	struct dyncast_msg_reader reader = {0};
	struct dyncast_msg msg;
	const struct dyncast_set *set = &reader.set;
	uint8_t buf[DYNCAST_MSG_MAX];
	bool more;

	(void)state;
	assert_int_equal(dyncast_msg_decode(&reader, c->bytes, c->len, &msg),
			 DYNCAST_MSG_DONE);
	assert_int_equal(msg.type, DYNCAST_MSG_SET);
	assert_int_equal(msg.sequence, 9);
	assert_key(&set->service);
	assert_string_equal(set->name, "video");
	assert_int_equal(set->policy.action, DYNCAST_ACTION_SPREAD);
	assert_int_equal(set->policy.timeout_s, 60);
	assert_int_equal(set->policy.alpha, 30);
	assert_int_equal(set->policy.hold_s, 5);
	assert_int_equal(set->policy.max_network_us, 5000);
	assert_true(set->override.dry_run && set->override.pinned);
	assert_int_equal(dyncast_addr_cmp(&set->override.pin, &site), 0);
	assert_int_equal(set->override.n_caps, 2);
	assert_int_equal(set->override.caps[0].site.family, 0);
	assert_int_equal(set->override.caps[0].percent, 50);
	assert_int_equal(dyncast_addr_cmp(&set->override.caps[1].site, &site),
			 0);
	assert_int_equal(set->override.caps[1].percent, 0);
	assert_int_equal(set->candidates[0].instance.metrics.rate, 250500);
	assert_int_equal(set->n_sites, 1);
	assert_int_equal(dyncast_addr_cmp(&set->sites[0], &site), 0);
	assert_int_equal(set->n_candidates, 1);
	assert_int_equal(
		dyncast_addr_cmp(&set->candidates[0].instance.dbid, &instance),
		0);
	assert_int_equal(set->candidates[0].site.family, 0);
	assert_int_equal(
		dyncast_addr_cmp(&set->candidates[0].address, &instance), 0);
	assert_int_equal(set->candidates[0].withheld, 45875);
	assert_string_equal(set->candidates[0].instance.name, "a1");
	assert_int_equal(set->candidates[0].instance.metrics.delay_us, 4100);
	assert_int_equal(set->candidates[0].instance.metrics.age_ms, 20);

	assert_int_equal(
		dyncast_msg_encode_set(set, 9, 0, buf, sizeof(buf), &more),
		c->len);
	assert_false(more);
	assert_memory_equal(buf, c->bytes, c->len);
	assert_int_equal(
		dyncast_msg_encode_set(set, 9, 1, buf, sizeof(buf), &more),
		0); /* no such part */

	/* the set is the reader's until the next call, whatever that is */
	c = case_of("ack");
	dyncast_msg_decode(&reader, c->bytes, c->len, &msg);
	assert_null(reader.set.candidates);
	dyncast_msg_reader_fini(&reader);
}

/* the largest set there is */
static void large_fill(struct dyncast_set *set)
{
	*set = (struct dyncast_set){
		.service = {.vrf_id = 7,
			    .prefix = prefix_of("2001:db8:f::1/128")},
		.name = "1234567890123456789012345678901",
		.n_sites = 256,
		.n_candidates = DYNCAST_CANDIDATES_MAX,
		.sites = test_calloc(256, sizeof(*set->sites)),
		.candidates = test_calloc(DYNCAST_CANDIDATES_MAX,
					  sizeof(*set->candidates)),
	};
	for (unsigned int i = 0; i < 256; i++) {
		struct dyncast_candidate *c = &set->candidates[i];
		uint8_t bytes[16] = {0x20, 1, 0xd, 0xb8, [15] = (uint8_t)i};

		set->sites[i] = dyncast_addr_make(AF_INET6, bytes);
		c->site = set->sites[i];
		c->instance.dbid = set->sites[i];
		c->instance.kind = DYNCAST_KIND_SRV6;
		c->instance.metrics.has = DYNCAST_HAS_DELAY;
		c->instance.metrics.delay_us = i;
		snprintf(c->instance.name, sizeof(c->instance.name),
			 "1234567890123456789012345678%03u", i);
	}
}

static void large_free(struct dyncast_set *set)
{
	test_free(set->sites);
	test_free(set->candidates);
}

static unsigned int send_set(const struct dyncast_set *set, size_t size,
			     struct dyncast_msg_reader *reader)
{
	uint8_t buf[DYNCAST_MSG_MAX + 100];
	unsigned int part = 0;
	bool more;

	do {
		struct dyncast_msg msg;
		size_t len =
			dyncast_msg_encode_set(set, 5, part, buf, size, &more);

		if (!len)
			return 0;
		assert_true(len <= size && len <= DYNCAST_MSG_MAX);
		assert_int_equal(dyncast_msg_decode(reader, buf, len, &msg),
				 more ? DYNCAST_MSG_MORE : DYNCAST_MSG_DONE);
		part++;
	} while (more);
	return part;
}

static void test_parts(void **state)
{
	static const size_t sizes[] = {DYNCAST_MSG_MAX + 100, DYNCAST_MSG_MAX,
				       1000, 200};
	struct dyncast_msg_reader reader = {0};
	struct dyncast_set set;
	unsigned int parts = 0;

	(void)state;
	large_fill(&set);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		unsigned int n = send_set(&set, sizes[i], &reader);

		assert_true(n >= parts && n > 3);
		parts = n;
		assert_int_equal(reader.set.n_sites, 256);
		assert_int_equal(reader.set.n_candidates, 256);
		for (unsigned int j = 0; j < 256; j++) {
			const struct dyncast_candidate *got =
				&reader.set.candidates[j];

			assert_memory_equal(got, &set.candidates[j],
					    sizeof(*got));
			assert_memory_equal(&reader.set.sites[j], &set.sites[j],
					    sizeof(set.sites[j]));
		}
	}
	/* too small for one candidate: refused, not endless */
	assert_int_equal(send_set(&set, 100, &reader), 0);
	dyncast_msg_reader_fini(&reader);
	large_free(&set);
}

static void test_set_refuses(void **state)
{
	struct dyncast_set set;
	uint8_t buf[DYNCAST_MSG_MAX];
	bool more;

	(void)state;
	large_fill(&set);
	/* positive control */
	assert_int_not_equal(
		dyncast_msg_encode_set(&set, 1, 0, buf, sizeof(buf), &more), 0);
	assert_true(more);

	/* the last one is wrong: already the first part is refused */
	set.candidates[255].instance.dbid = addr_of("ff02::1");
	assert_int_equal(
		dyncast_msg_encode_set(&set, 1, 0, buf, sizeof(buf), &more), 0);
	assert_false(more);
	set.candidates[255].instance.dbid = set.sites[255];
	set.candidates[255].address.family = AF_UNIX;
	assert_int_equal(
		dyncast_msg_encode_set(&set, 1, 0, buf, sizeof(buf), &more), 0);
	set.candidates[255].address.family = 0;
	set.sites[9].family = AF_UNIX;
	assert_int_equal(
		dyncast_msg_encode_set(&set, 1, 0, buf, sizeof(buf), &more), 0);
	set.sites[9].family = 0; /* the local site */
	assert_int_not_equal(
		dyncast_msg_encode_set(&set, 1, 0, buf, sizeof(buf), &more), 0);
	set.n_candidates = 257;
	assert_int_equal(
		dyncast_msg_encode_set(&set, 1, 0, buf, sizeof(buf), &more), 0);
	set.n_candidates = 256;
	set.n_sites = 257;
	assert_int_equal(
		dyncast_msg_encode_set(&set, 1, 0, buf, sizeof(buf), &more), 0);
	set.n_sites = 256;
	set.policy.affinity = 99;
	assert_int_equal(
		dyncast_msg_encode_set(&set, 1, 0, buf, sizeof(buf), &more), 0);
	large_free(&set);
}

/* What comes between part 0 and part 1, and what becomes of part 1 then. */
static void test_interruptions(void **state)
{
	static const uint8_t part0[] = {
		MESSAGE(2, 9, PART(0, 0, 1), SET_HEAD(1, 1), SITE)};
	static const uint8_t part1[] = {
		MESSAGE(2, 9, PART(1, 1, 1), CANDIDATE)};
	const struct {
		const char *name;
		enum dyncast_msg_result after;
		const uint8_t *bytes;
		size_t len;
	} between[] = {
		{"hello", DYNCAST_MSG_DONE, BYTES(MESSAGE(1, 0, HELLO))},
		{"ack", DYNCAST_MSG_DONE, BYTES(BARE(5, 4))},
		{"part 0 again", DYNCAST_MSG_DONE,
		 BYTES(MESSAGE(2, 9, PART(0, 0, 1), SET_HEAD(1, 1), SITE))},
		{"remove", DYNCAST_MSG_BAD, BYTES(MESSAGE(3, 10, KEY))},
		{"end of sync", DYNCAST_MSG_BAD, BYTES(BARE(4, 10))},
		{"garbage", DYNCAST_MSG_BAD, BYTES(1, 2, 3)},
		{"part 0 of another sequence", DYNCAST_MSG_BAD,
		 BYTES(MESSAGE(2, 10, PART(0, 0, 1), SET_HEAD(1, 1), SITE))},
		{"part 1 of another sequence", DYNCAST_MSG_BAD,
		 BYTES(MESSAGE(2, 10, PART(1, 1, 1), CANDIDATE))},
		{"part 2", DYNCAST_MSG_BAD,
		 BYTES(MESSAGE(2, 9, PART(2, 1, 1), CANDIDATE))},
		{"part 1 of another service", DYNCAST_MSG_BAD,
		 BYTES(MESSAGE(2, 9, U16(1), 1, 0, U16(1), U32(4), 32,
			       V4(10, 255, 0, 1), CANDIDATE))},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(between); i++) {
		struct dyncast_msg_reader reader = {0};
		struct dyncast_msg msg;

		assert_int_equal(
			dyncast_msg_decode(&reader, part0, sizeof(part0), &msg),
			DYNCAST_MSG_MORE);
		dyncast_msg_decode(&reader, between[i].bytes, between[i].len,
				   &msg);
		if (dyncast_msg_decode(&reader, part1, sizeof(part1), &msg) !=
		    between[i].after)
			fail_msg("%s", between[i].name);
		if (between[i].after == DYNCAST_MSG_DONE)
			assert_int_equal(reader.set.n_candidates, 1);
		dyncast_msg_reader_fini(&reader);
	}
}

static void test_copy(void **state)
{
	struct dyncast_set set;
	struct dyncast_set copy;
	struct dyncast_set empty = {.service = {.vrf_id = 1}};

	(void)state;
	large_fill(&set);
	assert_true(dyncast_set_copy(&copy, &set));
	assert_ptr_not_equal(copy.sites, set.sites);
	assert_ptr_not_equal(copy.candidates, set.candidates);
	assert_memory_equal(copy.candidates, set.candidates,
			    256 * sizeof(*copy.candidates));
	assert_string_equal(copy.name, set.name);
	dyncast_set_fini(&copy);
	assert_null(copy.candidates);
	assert_int_equal(copy.n_candidates, 0);
	large_free(&set);

	assert_true(dyncast_set_copy(&copy, &empty));
	assert_int_equal(copy.service.vrf_id, 1);
	assert_null(copy.sites);
	dyncast_set_fini(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode_results),
		cmocka_unit_test(test_simple),
		cmocka_unit_test(test_bad_version),
		cmocka_unit_test(test_encode_refuses),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_set_refuses),
		cmocka_unit_test(test_interruptions),
		cmocka_unit_test(test_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
