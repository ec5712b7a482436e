// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of lib/attr_update.c (an UPDATE before bgpd parses it) and of
 * lib/attr_fit.c (what is given up when an attribute is too long), and whether
 * a value names an instance.
 */

#include "tests/unit/wire.h"

#include <stdio.h>

#include "lib/addr.h"
#include "lib/attr.h"
#include "lib/attr_update.h"

#define ORIGIN 0x40, 1, 1, 0
#define NEXT_HOP 0x40, 3, 4, 10, 0, 0, 1
/* 10.9.0.1/32 */
#define NLRI 32, 10, 9, 0, 1

/* an UPDATE without withdrawn routes, whose attributes take `size` bytes */
#define UPDATE(size, ...) U16(0), U16(size), __VA_ARGS__, NLRI

struct update_case {
	const char *name;
	uint8_t flags; /* of the profile */
	enum dyncast_update_result result;
	unsigned int repeated;
	const uint8_t *before;
	const uint8_t *after;
	size_t len;
};

#define CASE(before, after) before, after, sizeof(before)


static const uint8_t none[] = {UPDATE(11, ORIGIN, NEXT_HOP)};
static const uint8_t good[] = {UPDATE(15, ORIGIN, NEXT_HOP, 0xc0, 250, 1, 7)};
static const uint8_t partial[] = {
	UPDATE(15, ORIGIN, NEXT_HOP, 0xe0, 250, 1, 7)};
static const uint8_t low_bits[] = {
	UPDATE(15, ORIGIN, NEXT_HOP, 0xcf, 250, 1, 7)};
static const uint8_t extended[] = {
	UPDATE(16, ORIGIN, NEXT_HOP, 0xd3, 250, 0, 1, 7)};
static const uint8_t extended_clean[] = {
	UPDATE(16, ORIGIN, NEXT_HOP, 0xd0, 250, 0, 1, 7)};
static const uint8_t dropped[] = {
	UPDATE(15, ORIGIN, NEXT_HOP, 0x80, 250, 1, 7)};
static const uint8_t well_known[] = {
	UPDATE(15, ORIGIN, NEXT_HOP, 0x40, 250, 1, 7)};
static const uint8_t twice[] = {
	UPDATE(19, ORIGIN, NEXT_HOP, 0xc0, 250, 1, 7, 0xc0, 250, 1, 8)};
static const uint8_t twice_clean[] = {
	UPDATE(19, ORIGIN, NEXT_HOP, 0xc0, 250, 1, 7, 0x80, 254, 1, 8)};
static const uint8_t past_the_end[] = {
	UPDATE(15, ORIGIN, NEXT_HOP, 0xcf, 250, 9, 7)};
static const uint8_t too_short[] = {U16(0), U16(99), ORIGIN};
static const uint8_t withdrawn[] = {U16(5), NLRI, U16(4), 0xcf, 250, 1, 7};
static const uint8_t withdrawn_clean[] = {U16(5), NLRI, U16(4), 0xc0,
					  250,	  1,	7};

static const struct update_case update_cases[] = {
	{"without", 0xc0, DYNCAST_UPDATE_NONE, 0, CASE(none, none)},
	{"right", 0xc0, DYNCAST_UPDATE_KEPT, 0, CASE(good, good)},
	{"partial", 0xc0, DYNCAST_UPDATE_KEPT, 0, CASE(partial, partial)},
	{"low bits", 0xc0, DYNCAST_UPDATE_KEPT, 0, CASE(low_bits, good)},
	{"extended length", 0xc0, DYNCAST_UPDATE_KEPT, 0,
	 CASE(extended, extended_clean)},
	{"not transitive", 0xc0, DYNCAST_UPDATE_BAD_FLAGS, 0,
	 CASE(dropped, dropped)},
	{"well-known", 0xc0, DYNCAST_UPDATE_BAD_FLAGS, 0,
	 CASE(well_known, dropped)},
	{"non-transitive profile", 0x80, DYNCAST_UPDATE_KEPT, 0,
	 CASE(dropped, good)},
	{"transitive in that profile", 0x80, DYNCAST_UPDATE_BAD_FLAGS, 0,
	 CASE(good, dropped)},
	{"partial in that profile", 0x80, DYNCAST_UPDATE_BAD_FLAGS, 0,
	 CASE(partial, dropped)},
	{"twice", 0xc0, DYNCAST_UPDATE_KEPT, 1, CASE(twice, twice_clean)},
	{"with withdrawn routes", 0xc0, DYNCAST_UPDATE_KEPT, 0,
	 CASE(withdrawn, withdrawn_clean)},
	{"past the end: bgpd's to judge", 0xc0, DYNCAST_UPDATE_NONE, 0,
	 CASE(past_the_end, past_the_end)},
	{"attributes past the end", 0xc0, DYNCAST_UPDATE_NONE, 0,
	 CASE(too_short, too_short)},
	{"empty", 0xc0, DYNCAST_UPDATE_NONE, 0, none, none, 0},
};

static void test_prepare(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(update_cases) / sizeof(*update_cases);
	     i++) {
		const struct update_case *c = &update_cases[i];
		uint8_t body[64];
		unsigned int repeated;

		print_message("%s\n", c->name);
		memcpy(body, c->before, c->len);
		assert_int_equal(dyncast_update_prepare(body, c->len, 250,
							c->flags, &repeated),
				 c->result);
		assert_int_equal(repeated, c->repeated);
		assert_memory_equal(body, c->after, c->len);
	}
}

static void test_reflag(void **state)
{
	uint8_t buf[] = {0xe0, 99, 1, 1, 0xf0, 42, 0, 2, 5, 6, 0xe0, 42};
	const uint8_t want[] = {0xe0, 99, 1, 1, 0x90, 42, 0, 2, 5, 6, 0xe0, 42};

	(void)state;
	assert_int_equal(dyncast_attr_reflag(buf, sizeof(buf), 42, 0x80), 1);
	assert_memory_equal(buf, want, sizeof(buf)); /* what is cut off stays */
	assert_int_equal(dyncast_attr_reflag(buf, sizeof(buf), 42, 0x80), 0);
}

/* n instances with names of 31 characters; capacity is 100 + number */
static void attr_of(struct dyncast_attr *attr, unsigned int n)
{
	memset(attr, 0, sizeof(*attr));
	attr->site.has = DYNCAST_SITE_HAS_CAPABILITY;
	attr->site.capability = 1234;
	attr->n_instances = (uint16_t)n;
	for (unsigned int i = 0; i < n; i++) {
		struct dyncast_instance *in = &attr->instances[i];

		assert_true(dyncast_addr_parse("2001:db8::", &in->dbid));
		in->dbid.bytes[15] = (uint8_t)(1 + i);
		in->kind = DYNCAST_KIND_SRV6;
		in->metrics.has = DYNCAST_HAS_CAPACITY;
		in->metrics.capacity = 100 + i;
		snprintf(in->name, sizeof(in->name), "%031u", i);
	}
}

/* back: what comes out of it */
static void fit(struct dyncast_attr *attr, const struct dyncast_attr *before,
		struct dyncast_attr *back)
{
	static uint8_t buf[DYNCAST_ATTR_SIZE_MAX];
	size_t len = dyncast_attr_fit(attr, before, buf, 1020);

	assert_true(len && len <= 1020 && len > 1020 - 60);
	assert_int_equal(dyncast_attr_decode(buf, len, back), DYNCAST_ATTR_OK);
	assert_true(back->n_instances > 20 && back->n_instances < 30);
}

/* is instance `number` of attr_of() in it? */
static bool says_number(const struct dyncast_attr *attr, unsigned int number)
{
	for (unsigned int i = 0; i < attr->n_instances; i++) {
		if (attr->instances[i].dbid.bytes[15] == 1 + number)
			return true;
	}
	return false;
}

/* Who is told of stays, whatever the others have; one that is down does not. */
static void test_fit_keeps(void **state)
{
	static struct dyncast_attr attr, before, after, none;
	unsigned int told;

	(void)state;
	attr_of(&attr, 40);
	for (unsigned int i = 0; i < 40; i++)
		attr.instances[i].metrics.capacity = 100;
	fit(&attr, &none, &before);
	told = before.n_instances;
	assert_true(says_number(&before, told - 1) &&
		    !says_number(&before, told));

	attr_of(&attr, 40); /* the others have more */
	attr.instances[3].flags = DYNCAST_INSTANCE_DRAIN;
	fit(&attr, &before, &after);
	assert_int_equal(after.n_instances, told);
	for (unsigned int i = 0; i < told; i++)
		assert_true(says_number(&after, i));

	attr_of(&attr, 40);
	attr.instances[3].flags = DYNCAST_INSTANCE_DOWN;
	fit(&attr, &before, &after);
	assert_int_equal(after.n_instances, told);
	assert_true(!says_number(&after, 3) && says_number(&after, 39));
}

static void test_fit(void **state)
{
	static struct dyncast_attr attr, back, none;
	static uint8_t buf[DYNCAST_ATTR_SIZE_MAX];
	size_t len;

	(void)state;
	/* all of it */
	attr_of(&attr, 10);
	len = dyncast_attr_fit(&attr, &none, buf, 1020);
	assert_true(len && attr.n_instances == 10 && attr.instances[9].name[0]);
	/* without names */
	attr_of(&attr, 20);
	len = dyncast_attr_fit(&attr, &none, buf, 1020);
	assert_true(len && attr.n_instances == 20 &&
		    !attr.instances[0].name[0]);
	/* as many as fit: those of most capacity, and no one that is down */
	attr_of(&attr, 64);
	attr.instances[63].flags = DYNCAST_INSTANCE_DOWN;
	attr.instances[62].flags = DYNCAST_INSTANCE_DRAIN;
	fit(&attr, &none, &back);
	assert_int_equal(back.site.capability, 1234);
	for (unsigned int i = 0; i < back.n_instances; i++)
		assert_int_equal(back.instances[i].metrics.capacity,
				 163 - back.n_instances + i);
	/* the largest bound holds all */
	attr_of(&attr, 64);
	assert_true(dyncast_attr_fit(&attr, &none, buf, sizeof(buf) - 4));
	assert_int_equal(attr.n_instances, 64);
	/* not even the site */
	attr_of(&attr, 1);
	assert_int_equal(dyncast_attr_fit(&attr, &none, buf, 5), 0);
}

static void test_names_instance(void **state)
{
	static const uint8_t others[] = {U16(1), 2, 0xff, 0x00, U16(2), 0};
	static const uint8_t second[] = {U16(1), 1, 9, U16(65280), 1, 7};
	static const uint8_t cut_off[] = {U16(1), 9, 9, U16(65280), 1, 7};

	(void)state;
	assert_false(dyncast_attr_names_instance(NULL, 0));
	assert_false(dyncast_attr_names_instance(others, sizeof(others)));
	assert_true(dyncast_attr_names_instance(second, sizeof(second)));
	assert_false(dyncast_attr_names_instance(cut_off, sizeof(cut_off)));
	/* the type's first byte alone */
	assert_false(dyncast_attr_names_instance(second + 4, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_instance),
		cmocka_unit_test(test_prepare),
		cmocka_unit_test(test_reflag),
		cmocka_unit_test(test_fit),
		cmocka_unit_test(test_fit_keeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
