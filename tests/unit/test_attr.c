// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of lib/attr_decode.c and lib/attr_encode.c: every sub-TLV from bytes
 * written out here, every way for it to be wrong, and back again.
 */

#include "tests/unit/wire.h"

#include "lib/attr.h"

/* an adjacent instance at 10.1.0.11 with all metrics, without a name */
#define INSTANCE_FIELDS(kind, flags, has, utilisation, score, name_len)        \
	kind, 4 /* IPv4 */, flags, has, U16(utilisation),                      \
		U16(25) /* age 2.5 s */, U32(100) /* capacity */,              \
		U32(7) /* in flight */, U32(4100) /* delay */, score, name_len
#define INSTANCE_AT(d)                                                         \
	SUBTLV(65280, INSTANCE_FIELDS(1, 0, 0x3f, 3750, 8, 0), 10, 1, 0, d,    \
	       U32(250500) /* rate */)
#define INSTANCE INSTANCE_AT(11)

/* sub-TLVs of the site, one of each type */
#define PREFERENCE SUBTLV(1, 0 /* reserved */, U32(77))
#define AVAILABILITY SUBTLV(2, 0x80 /* I */, U16(300) /* site */, U16(95))
#define DELAY_MS SUBTLV(3, 0 /* F=0 L=0 */, U32(12))
#define DELAY_NTP SUBTLV(3, 0x40 /* F=0 L=1 */, U64(1ull << 31))
#define RAW                                                                    \
	SUBTLV(4, 0 /* reserved */,                                            \
	       SUBTLV(1, 0 /* B */, U32(10) /* s */, U32(2000), U32(1000)))
#define CAPABILITY SUBTLV(5, 0 /* MT 0 */, U32(50))
#define RESOURCE SUBTLV(6, 0x80 /* P, MT 0 */, U32(60))
#define AS_SCOPE SUBTLV(7, 0 /* reserved */, U32(65001))
#define POLICY                                                                 \
	SUBTLV(65281, 2 /* best */, 2 /* source */, 2 /* weighted */, 24,      \
	       U16(90) /* timeout */, 30 /* alpha */, 15 /* hysteresis */,     \
	       90 /* max utilisation */, 3 /* min score */, U16(5) /* hold */, \
	       U32(20000) /* max delay */, U32(5000) /* max network */)
#define POLICY_SHORT SUBTLV(65281, 2, 2, 1, 24, U16(90))

struct decode_case {
	const char *name;
	enum dyncast_attr_result result;
	const uint8_t *bytes;
	size_t len;
};

static const struct decode_case decode_cases[] = {
	/* positive controls: what the wrong ones below are made from */
	{"instance", DYNCAST_ATTR_OK, BYTES(INSTANCE)},
	{"two instances", DYNCAST_ATTR_OK,
	 BYTES(INSTANCE_AT(11), INSTANCE_AT(12))},
	{"preference", DYNCAST_ATTR_OK, BYTES(PREFERENCE)},
	{"availability", DYNCAST_ATTR_OK, BYTES(AVAILABILITY)},
	{"delay, ms", DYNCAST_ATTR_OK, BYTES(DELAY_MS)},
	{"delay, NTP", DYNCAST_ATTR_OK, BYTES(DELAY_NTP)},
	{"delay index", DYNCAST_ATTR_OK, BYTES(SUBTLV(3, 0x80, U32(100)))},
	{"raw", DYNCAST_ATTR_OK, BYTES(RAW)},
	{"raw, inner types of one byte", DYNCAST_ATTR_OK,
	 BYTES(SUBTLV(4, 0, 1, 13, 0, U32(10), U32(2000), U32(1000)))},
	{"capability", DYNCAST_ATTR_OK, BYTES(CAPABILITY)},
	{"resource", DYNCAST_ATTR_OK, BYTES(RESOURCE)},
	{"AS scope", DYNCAST_ATTR_OK, BYTES(AS_SCOPE)},
	{"AS scope without the reserved byte", DYNCAST_ATTR_OK,
	 BYTES(SUBTLV(7, U32(65001)))},
	{"policy", DYNCAST_ATTR_OK, BYTES(POLICY)},
	{"policy, short", DYNCAST_ATTR_OK, BYTES(POLICY_SHORT)},
	{"policy of a later version, longer", DYNCAST_ATTR_OK,
	 BYTES(SUBTLV(65281, 2, 2, 1, 24, U16(90), U32(0), U16(0), U32(0),
		      U32(0), 1, 2, 3))},
	{"unknown", DYNCAST_ATTR_OK, BYTES(SUBTLV(4711, 1, 2, 3))},
	{"unknown and empty", DYNCAST_ATTR_OK, BYTES(U16(4711), 0)},

	{"truncated type", DYNCAST_ATTR_TRUNCATED, BYTES(0)},
	{"no length", DYNCAST_ATTR_TRUNCATED, BYTES(U16(1))},
	{"length past the end", DYNCAST_ATTR_TRUNCATED,
	 BYTES(U16(1), 5, 0, U16(0))},
	{"unknown past the end", DYNCAST_ATTR_TRUNCATED,
	 BYTES(U16(4711), 255, 0)},
	{"good, then truncated", DYNCAST_ATTR_TRUNCATED,
	 BYTES(INSTANCE, U16(1), 5)},

	{"short preference", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(SUBTLV(1, 0, U16(0), 1))},
	{"long preference", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(SUBTLV(1, 0, U32(1), 0))},
	{"empty preference", DYNCAST_ATTR_BAD_LENGTH, BYTES(U16(1), 0)},
	{"short availability", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(SUBTLV(2, 0, U16(1), 50))},
	{"delay of 6 bytes", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(SUBTLV(3, 0, U32(1), 0))},
	{"delay index of 8 bytes", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(SUBTLV(3, 0x80, U64(1)))},
	{"empty raw", DYNCAST_ATTR_BAD_LENGTH, BYTES(U16(4), 0)},
	{"raw that ends nowhere", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(SUBTLV(4, 0, U16(1), 13, 0, U32(1)))},
	{"short capability", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(SUBTLV(5, 0, U16(1)))},
	{"long resource", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(SUBTLV(6, 0, U32(1), 0))},
	{"AS scope of 3 bytes", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(SUBTLV(7, 0, U16(1)))},
	{"short policy", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(SUBTLV(65281, 2, 2, 1, 24, 0))},
	{"policy with half of its second part", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(SUBTLV(65281, 2, 2, 1, 24, U16(90), 0, 0, 0))},
	{"instance without the rate that it has", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(SUBTLV(65280, INSTANCE_FIELDS(1, 0, 0x3f, 3750, 8, 0), 10, 1, 0,
		      11, U16(1)))},
	{"empty instance", DYNCAST_ATTR_BAD_LENGTH, BYTES(U16(65280), 0)},
	{"instance without its D-BID's end", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(SUBTLV(65280, INSTANCE_FIELDS(1, 0, 0x1f, 3750, 8, 0), 10, 1,
		      0))},
	{"instance with a name past its end", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(SUBTLV(65280, INSTANCE_FIELDS(1, 0, 0x1f, 3750, 8, 3), 10, 1, 0,
		      11, 'a', '1'))},

	{"delay index 101", DYNCAST_ATTR_BAD_VALUE,
	 BYTES(SUBTLV(3, 0x80, U32(101)))},
	{"resource 101 %", DYNCAST_ATTR_BAD_VALUE,
	 BYTES(SUBTLV(6, 0x80, U32(101)))},
	{"policy with a length and no source", DYNCAST_ATTR_BAD_VALUE,
	 BYTES(SUBTLV(65281, 1, 1, 1, 24, U16(90)))},
	{"policy with a source of 129 bits", DYNCAST_ATTR_BAD_VALUE,
	 BYTES(SUBTLV(65281, 1, 2, 1, 129, U16(90)))},
	{"policy with alpha, but not weighted", DYNCAST_ATTR_BAD_VALUE,
	 BYTES(SUBTLV(65281, 1, 1, 1, 0, U16(90), 30, 0, 0, 0, U16(0), U32(0),
		      U32(0)))},
	{"rate 0", DYNCAST_ATTR_BAD_VALUE,
	 BYTES(SUBTLV(65280, INSTANCE_FIELDS(1, 0, 0x3f, 3750, 8, 0), 10, 1, 0,
		      11, U32(0)))},
	{"utilisation 100.01 %", DYNCAST_ATTR_BAD_VALUE,
	 BYTES(SUBTLV(65280, INSTANCE_FIELDS(1, 0, 0x1f, 10001, 8, 0), 10, 1, 0,
		      11))},
	{"score 11", DYNCAST_ATTR_BAD_VALUE,
	 BYTES(SUBTLV(65280, INSTANCE_FIELDS(1, 0, 0x1f, 3750, 11, 0), 10, 1, 0,
		      11))},
	{"capacity 0", DYNCAST_ATTR_BAD_VALUE,
	 BYTES(SUBTLV(65280, 1, 4, 0, 0x01, U16(0), U16(0), U32(0), U32(0),
		      U32(0), 0, 0, 10, 1, 0, 11))},
	{"multicast D-BID", DYNCAST_ATTR_BAD_VALUE,
	 BYTES(SUBTLV(65280, INSTANCE_FIELDS(1, 0, 0x1f, 3750, 8, 0), 224, 0, 0,
		      1))},
	{"SRv6 with an IPv4 D-BID", DYNCAST_ATTR_BAD_VALUE,
	 BYTES(SUBTLV(65280, INSTANCE_FIELDS(2, 0, 0x1f, 3750, 8, 0), 10, 1, 0,
		      11))},
	{"name with a space", DYNCAST_ATTR_BAD_VALUE,
	 BYTES(SUBTLV(65280, INSTANCE_FIELDS(1, 0, 0x1f, 3750, 8, 2), 10, 1, 0,
		      11, 'a', ' '))},
	{"name with a zero byte", DYNCAST_ATTR_BAD_VALUE,
	 BYTES(SUBTLV(65280, INSTANCE_FIELDS(1, 0, 0x1f, 3750, 8, 2), 10, 1, 0,
		      11, 'a', 0))},
	{"name of 32 characters", DYNCAST_ATTR_BAD_VALUE,
	 BYTES(SUBTLV(65280, INSTANCE_FIELDS(1, 0, 0x1f, 3750, 8, 32), 10, 1, 0,
		      11, U64(0x6161616161616161), U64(0x6161616161616161),
		      U64(0x6161616161616161), U64(0x6161616161616161)))},

	{"one D-BID twice", DYNCAST_ATTR_DUPLICATE,
	 BYTES(INSTANCE_AT(11), INSTANCE_AT(12), INSTANCE_AT(11))},
	{"wrong even when repeated", DYNCAST_ATTR_BAD_LENGTH,
	 BYTES(PREFERENCE, SUBTLV(1, 0, U16(1)))},
};

static void test_decode_results(void **state)
{
	static const struct dyncast_attr zero;
	struct dyncast_attr attr;

	(void)state;
	for (size_t i = 0; i < COUNT(decode_cases); i++) {
		const struct decode_case *c = &decode_cases[i];
		enum dyncast_attr_result result =
			dyncast_attr_decode(c->bytes, c->len, &attr);

		if (result != c->result)
			fail_msg("%s: %s, not %s", c->name,
				 dyncast_attr_result_str(result),
				 dyncast_attr_result_str(c->result));
		if (result != DYNCAST_ATTR_OK)
			assert_memory_equal(&attr, &zero, sizeof(attr));
	}
	assert_int_equal(dyncast_attr_decode(NULL, 0, &attr),
			 DYNCAST_ATTR_EMPTY);
}

/* every prefix of a good attribute is good or cleanly refused */
static void test_truncation(void **state)
{
	static const uint8_t whole[] = {PREFERENCE, RAW, POLICY, INSTANCE};
	struct dyncast_attr attr;
	size_t good = 0;

	(void)state;
	for (size_t len = 1; len <= sizeof(whole); len++) {
		/* an own copy, so that the sanitizer sees the end */
		uint8_t *copy = test_malloc(len);

		memcpy(copy, whole, len);
		switch (dyncast_attr_decode(copy, len, &attr)) {
		case DYNCAST_ATTR_OK:
			good++;
			break;
		case DYNCAST_ATTR_TRUNCATED:
			break;
		default:
			fail_msg("length %zu", len);
		}
		test_free(copy);
	}
	assert_int_equal(good, 4); /* after each whole sub-TLV */
}

static const uint8_t full_bytes[] = {PREFERENCE, AVAILABILITY, DELAY_NTP,
				     RAW,	 CAPABILITY,   RESOURCE,
				     AS_SCOPE,	 POLICY,       INSTANCE};

static void full_fill(struct dyncast_attr *attr)
{
	*attr = (struct dyncast_attr){
		.site = {.has = 0xff,
			 .preference = 77,
			 .availability_ties_site = true,
			 .availability_site = 300,
			 .availability = 95,
			 .delay_form = DYNCAST_DELAY_NTP,
			 .delay = 1ull << 31,
			 .raw_period = 10,
			 .raw_to = 2000,
			 .raw_from = 1000,
			 .capability = 50,
			 .resource_percent = true,
			 .resource = 60,
			 .as_scope = 65001},
		.policy = {.action = DYNCAST_ACTION_BEST,
			   .affinity = DYNCAST_AFFINITY_SOURCE,
			   .cost = DYNCAST_COST_WEIGHTED,
			   .plen = 24,
			   .alpha = 30,
			   .hysteresis = 15,
			   .max_utilisation = 90,
			   .min_score = 3,
			   .timeout_s = 90,
			   .hold_s = 5,
			   .max_delay_us = 20000,
			   .max_network_us = 5000},
		.n_instances = 1,
		.instances = {{.dbid = addr_of("10.1.0.11"),
			       .kind = DYNCAST_KIND_ADJACENT,
			       .metrics = {.has = DYNCAST_HAS_ALL,
					   .score = 8,
					   .utilisation = 3750,
					   .capacity = 100,
					   .in_flight = 7,
					   .delay_us = 4100,
					   .age_ms = 2500,
					   .rate = 250500}}},
	};
}

static void assert_attr_equal(const struct dyncast_attr *a,
			      const struct dyncast_attr *b)
{
	uint8_t bytes_a[8192];
	uint8_t bytes_b[8192];
	size_t len_a = dyncast_attr_encode(a, bytes_a, sizeof(bytes_a));
	size_t len_b = dyncast_attr_encode(b, bytes_b, sizeof(bytes_b));

	assert_int_not_equal(len_a, 0);
	assert_int_equal(len_a, len_b);
	assert_memory_equal(bytes_a, bytes_b, len_a);
}

static void test_full(void **state)
{
	struct dyncast_attr expected;
	struct dyncast_attr attr;
	uint8_t buf[sizeof(full_bytes) + 8];

	(void)state;
	full_fill(&expected);

	/* bytes written by hand are what the encoder writes … */
	assert_int_equal(dyncast_attr_encode(&expected, buf, sizeof(buf)),
			 sizeof(full_bytes));
	assert_memory_equal(buf, full_bytes, sizeof(full_bytes));

	/* … and what the decoder reads, member by member */
	assert_int_equal(
		dyncast_attr_decode(full_bytes, sizeof(full_bytes), &attr),
		DYNCAST_ATTR_OK);
	assert_int_equal(attr.site.has, expected.site.has);
	assert_int_equal(attr.site.preference, 77);
	assert_true(attr.site.availability_ties_site);
	assert_int_equal(attr.site.availability_site, 300);
	assert_int_equal(attr.site.availability, 95);
	assert_int_equal(attr.site.delay_form, DYNCAST_DELAY_NTP);
	assert_true(attr.site.delay == 1ull << 31);
	assert_int_equal(attr.site.raw_period, 10);
	assert_int_equal(attr.site.raw_to, 2000);
	assert_int_equal(attr.site.raw_from, 1000);
	assert_int_equal(attr.site.capability, 50);
	assert_true(attr.site.resource_percent);
	assert_int_equal(attr.site.resource, 60);
	assert_int_equal(attr.site.as_scope, 65001);
	assert_int_equal(attr.policy.plen, 24);
	assert_int_equal(attr.policy.timeout_s, 90);
	assert_int_equal(attr.policy.alpha, 30);
	assert_int_equal(attr.policy.hold_s, 5);
	assert_int_equal(attr.policy.max_network_us, 5000);
	assert_int_equal(attr.n_instances, 1);
	assert_int_equal(attr.instances[0].metrics.age_ms, 2500);
	assert_int_equal(attr.instances[0].metrics.delay_us, 4100);
	assert_int_equal(attr.instances[0].metrics.rate, 250500);
	assert_int_equal(attr.n_unknown, 0);
	assert_attr_equal(&attr, &expected);

	/* never in part: one byte too few is nothing */
	assert_int_equal(
		dyncast_attr_encode(&expected, buf, sizeof(full_bytes) - 1), 0);
	assert_int_equal(dyncast_attr_encode(&expected, buf, 0), 0);
}

static void test_instance_forms(void **state)
{
	static const uint8_t bytes[] = {
		SUBTLV(65280, 2 /* SRv6 */, 6 /* IPv6 */,
		       0xf3 /* down, drain, and flags of the future */,
		       0xc2 /* utilisation, and metrics of the future */,
		       U16(10000), U16(65535), U32(9) /* absent capacity */,
		       U32(9), U32(9), 9, 2 /* name */, U32(0x20010db8), U32(1),
		       U32(0x110000), U32(0), 'b', '2', 0xff /* future */),
		/* a kind and a family of the future */
		SUBTLV(65280, INSTANCE_FIELDS(9, 0, 0, 0, 0, 0), 10, 1, 0, 12),
		SUBTLV(65280, 1, 7, 0, 0),
	};
	struct dyncast_addr dbid = addr_of("2001:db8:0:1:11::");
	struct dyncast_attr attr;
	const struct dyncast_instance *instance = &attr.instances[0];

	(void)state;
	assert_int_equal(dyncast_attr_decode(bytes, sizeof(bytes), &attr),
			 DYNCAST_ATTR_OK);
	assert_int_equal(attr.n_instances, 1);
	assert_int_equal(attr.n_unknown, 2);
	assert_int_equal(dyncast_addr_cmp(&instance->dbid, &dbid), 0);
	assert_int_equal(instance->kind, DYNCAST_KIND_SRV6);
	assert_int_equal(instance->flags,
			 DYNCAST_INSTANCE_DOWN | DYNCAST_INSTANCE_DRAIN);
	assert_string_equal(instance->name, "b2");
	assert_int_equal(instance->metrics.has, DYNCAST_HAS_UTILISATION);
	assert_int_equal(instance->metrics.utilisation, 10000);
	assert_int_equal(instance->metrics.age_ms, 6553500);
	assert_int_equal(instance->metrics.capacity, 0);
	assert_int_equal(instance->metrics.score, 0);
}

static void test_ignored(void **state)
{
	static const uint8_t bytes[] = {
		SUBTLV(2, 0, U16(1), U16(101)), /* > 100 %: as if absent */
		SUBTLV(5, 3 /* MT 3 */, U32(1)),
		CAPABILITY,
		SUBTLV(5, 0, U32(51)), /* the first wins */
		SUBTLV(65281, 9 /* action of the future */, 1, 1, 0, U16(0)),
		SUBTLV(4, 0, SUBTLV(9, 1, 2)), /* another raw measurement */
	};
	struct dyncast_attr attr;

	(void)state;
	assert_int_equal(dyncast_attr_decode(bytes, sizeof(bytes), &attr),
			 DYNCAST_ATTR_OK);
	assert_int_equal(attr.site.has, DYNCAST_SITE_HAS_CAPABILITY);
	assert_int_equal(attr.site.capability, 50);
	assert_int_equal(attr.n_unknown, 4);
}

static void test_too_many(void **state)
{
	uint8_t one[] = {INSTANCE};
	uint8_t bytes[(DYNCAST_ATTR_INSTANCES_MAX + 1) * sizeof(one)];
	struct dyncast_attr attr;

	(void)state;
	for (size_t i = 0; i <= DYNCAST_ATTR_INSTANCES_MAX; i++) {
		one[sizeof(one) - 5] = (uint8_t)(i + 1); /* D-BID */
		memcpy(bytes + i * sizeof(one), one, sizeof(one));
	}
	assert_int_equal(
		dyncast_attr_decode(bytes, sizeof(bytes) - sizeof(one), &attr),
		DYNCAST_ATTR_OK);
	assert_int_equal(attr.n_instances, DYNCAST_ATTR_INSTANCES_MAX);
	assert_int_equal(dyncast_attr_decode(bytes, sizeof(bytes), &attr),
			 DYNCAST_ATTR_TOO_MANY);
}

/* each case spoils one member of an attribute that is otherwise encodable */
static void spoil_availability(struct dyncast_attr *attr)
{
	attr->site.availability = 101;
}
static void spoil_delay_index(struct dyncast_attr *attr)
{
	attr->site.delay_form = DYNCAST_DELAY_INDEX;
	attr->site.delay = 101;
}
static void spoil_delay_ms(struct dyncast_attr *attr)
{
	attr->site.delay_form = DYNCAST_DELAY_MS;
	attr->site.delay = 1ull << 32;
}
static void spoil_delay_form(struct dyncast_attr *attr)
{
	attr->site.delay_form = 3;
}
static void spoil_resource(struct dyncast_attr *attr)
{
	attr->site.resource = 101;
}
static void spoil_policy(struct dyncast_attr *attr)
{
	attr->policy.action = DYNCAST_ACTION_WEIGHTED + 1;
}
static void spoil_kind(struct dyncast_attr *attr)
{
	attr->instances[0].kind = DYNCAST_KIND_NONE;
}
static void spoil_flags(struct dyncast_attr *attr)
{
	attr->instances[0].flags = 4;
}
static void spoil_dbid(struct dyncast_attr *attr)
{
	attr->instances[0].dbid = addr_of("127.0.0.1");
}
static void spoil_dbid_none(struct dyncast_attr *attr)
{
	memset(&attr->instances[0].dbid, 0, sizeof(attr->instances[0].dbid));
}
static void spoil_utilisation(struct dyncast_attr *attr)
{
	attr->instances[0].metrics.utilisation = 10001;
}
static void spoil_name(struct dyncast_attr *attr)
{
	memset(attr->instances[0].name, 'a', DYNCAST_NAME_SIZE);
}
static void spoil_duplicate(struct dyncast_attr *attr)
{
	attr->n_instances = 2;
	attr->instances[1] = attr->instances[0];
}
static void spoil_count(struct dyncast_attr *attr)
{
	attr->n_instances = DYNCAST_ATTR_INSTANCES_MAX + 1;
}

static void test_encode_refuses(void **state)
{
	static void (*const spoilers[])(struct dyncast_attr *) = {
		spoil_availability, spoil_delay_index, spoil_delay_ms,
		spoil_delay_form,   spoil_resource,    spoil_policy,
		spoil_kind,	    spoil_flags,       spoil_dbid,
		spoil_dbid_none,    spoil_utilisation, spoil_name,
		spoil_duplicate,    spoil_count,
	};
	struct dyncast_attr attr;
	uint8_t buf[1024];

	(void)state;
	full_fill(&attr);
	assert_int_not_equal(dyncast_attr_encode(&attr, buf, sizeof(buf)), 0);
	for (size_t i = 0; i < COUNT(spoilers); i++) {
		full_fill(&attr);
		spoilers[i](&attr);
		if (dyncast_attr_encode(&attr, buf, sizeof(buf)))
			fail_msg("spoiler %zu", i);
	}
	memset(&attr, 0, sizeof(attr));
	assert_int_equal(dyncast_attr_encode(&attr, buf, sizeof(buf)), 0);
}

/* what is absent does not show in the bytes: no UPDATE without a change */
static void test_encode_tidies(void **state)
{
	struct dyncast_attr attr;
	uint8_t before[1024];
	uint8_t after[1024];
	size_t len;

	(void)state;
	full_fill(&attr);
	attr.instances[0].metrics.has = DYNCAST_HAS_DELAY;
	len = dyncast_attr_encode(&attr, before, sizeof(before));
	attr.instances[0].metrics.capacity = 1;
	attr.instances[0].metrics.utilisation = 65535;
	attr.instances[0].metrics.age_ms += 99; /* below the unit */
	assert_int_equal(dyncast_attr_encode(&attr, after, sizeof(after)), len);
	assert_memory_equal(before, after, len);
	attr.instances[0].metrics.delay_us++;
	assert_int_equal(dyncast_attr_encode(&attr, after, sizeof(after)), len);
	assert_memory_not_equal(before, after, len);
}

static void test_age_saturates(void **state)
{
	struct dyncast_attr attr;
	struct dyncast_attr back;
	uint8_t buf[1024];
	size_t len;

	(void)state;
	full_fill(&attr);
	attr.instances[0].metrics.age_ms = UINT32_MAX;
	len = dyncast_attr_encode(&attr, buf, sizeof(buf));
	assert_int_equal(dyncast_attr_decode(buf, len, &back), DYNCAST_ATTR_OK);
	assert_int_equal(back.instances[0].metrics.age_ms, 6553500);
}

static void test_find(void **state)
{
	static const uint8_t buf[] = {
		0xc0, 8,   4,	   1, 2, 3, 4, /* another, 4 bytes */
		0xd0, 32,  U16(3), 1, 2, 3,    /* extended length */
		0xe0, 250, 2,	   9, 8,       /* ours, Partial set */
		0x80, 42,  0,		       /* empty */
		0xc0, 251, 5,	   1,	       /* broken: runs past the end */
	};
	const uint8_t *value;
	size_t len;

	(void)state;
	value = dyncast_attr_find(buf, sizeof(buf), 250, &len);
	assert_non_null(value);
	assert_int_equal(len, 2);
	assert_int_equal(value[0], 9);
	assert_int_equal(value[1], 8);
	value = dyncast_attr_find(buf, sizeof(buf), 32, &len);
	assert_non_null(value);
	assert_int_equal(len, 3);
	assert_non_null(dyncast_attr_find(buf, sizeof(buf), 42, &len));
	assert_int_equal(len, 0);
	assert_null(dyncast_attr_find(buf, sizeof(buf), 251, &len));
	assert_null(dyncast_attr_find(buf, sizeof(buf), 7, &len));
	assert_null(dyncast_attr_find(NULL, 0, 250, &len));
	for (size_t n = 0; n < sizeof(buf); n++) {
		uint8_t *copy = test_malloc(n + 1);

		memcpy(copy, buf, n);
		dyncast_attr_find(copy, n, 251, &len);
		test_free(copy);
	}
}

static void test_wrap(void **state)
{
	static const size_t lengths[] = {0, 1, 255, 256, 4000};
	uint8_t value[4000];
	uint8_t buf[4100];
	size_t found_len;

	(void)state;
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (uint8_t)i;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		size_t header = lengths[i] > 255 ? 4 : 3;
		size_t len = dyncast_attr_wrap(0xc0, 250, value, lengths[i],
					       buf, sizeof(buf));
		const uint8_t *found;

		assert_int_equal(len, header + lengths[i]);
		assert_int_equal(buf[0], lengths[i] > 255 ? 0xd0 : 0xc0);
		found = dyncast_attr_find(buf, len, 250, &found_len);
		assert_non_null(found);
		assert_int_equal(found_len, lengths[i]);
		assert_memory_equal(found, value, lengths[i]);
		assert_int_equal(dyncast_attr_wrap(0xc0, 250, value, lengths[i],
						   buf, len - 1),
				 0);
	}
	assert_int_equal(
		dyncast_attr_wrap(0xc0, 250, value, 65536, buf, sizeof(buf)),
		0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode_results),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_instance_forms),
		cmocka_unit_test(test_ignored),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_encode_refuses),
		cmocka_unit_test(test_encode_tidies),
		cmocka_unit_test(test_age_saturates),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
