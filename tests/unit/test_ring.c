// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of lib/ring.c: shares, minimal movement, determinism, bounded steps.
 * All numbers follow from the definition of the race; none is taken from the
 * code, but for the golden ring that pins the arithmetic between releases.
 */

#include "tests/unit/between.h"
#include "tests/unit/wire.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/ring.h"

#define SLOTS DYNCAST_RING_SLOTS

/* test_golden() */
#define GOLDEN_SEED 0x5b32d34d
#define GOLDEN_SUM 0x437a6e66

static void members_fill(struct dyncast_ring_member *members, size_t n,
			 uint32_t weight)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t bytes[4] = {10, 1, (uint8_t)(i / 200),
				    (uint8_t)(1 + i % 200)};

		members[i].dbid = dyncast_addr_make(AF_INET, bytes);
		members[i].weight = weight;
		members[i].id = (uint32_t)(i + 1);
	}
}

static unsigned int slots_of(const uint32_t *ring, uint32_t id)
{
	unsigned int n = 0;

	for (size_t i = 0; i < SLOTS; i++)
		n += ring[i] == id;
	return n;
}

static unsigned int differing(const uint32_t *a, const uint32_t *b)
{
	unsigned int n = 0;

	for (size_t i = 0; i < SLOTS; i++)
		n += a[i] != b[i];
	return n;
}

/* slots that may change between others, for the sake of exact shares */
#define OTHERS_MAX (SLOTS * 3 / 100)

static void test_shares(void **state)
{
	static const struct {
		const char *name;
		size_t n;
		uint32_t weights[4];
	} cases[] = {
		{"alone", 1, {5}},
		{"equal", 2, {100, 100}},
		{"3:1", 2, {49152, 16384}},
		{"large weights", 2, {3000000000u, 1000000000u}},
		{"small weights", 3, {1, 2, 3}},
		{"one without", 3, {10, 0, 30}},
		{"steep", 4, {60000, 3000, 2000, 536}},
	};

	(void)state;
	for (size_t c = 0; c < COUNT(cases); c++) {
		struct dyncast_ring_member members[4];
		uint32_t ring[SLOTS];
		double sum = 0;

		members_fill(members, cases[c].n, 0);
		for (size_t i = 0; i < cases[c].n; i++) {
			members[i].weight = cases[c].weights[i];
			sum += members[i].weight;
		}
		dyncast_ring_build(7, members, cases[c].n, ring);
		for (size_t i = 0; i < cases[c].n; i++) {
			double p = members[i].weight / sum;
			double got = slots_of(ring, members[i].id);

			/* exact: what it is, rounded */
			if (fabs(got - p * SLOTS) >= 1)
				fail_msg(
					"%s: member %zu has %.0f slots, not "
					"%.0f",
					cases[c].name, i, got, p * SLOTS);
		}
	}
}

/* any number of members, any weights: everybody has his part, rounded */
static void test_always_exact(void **state)
{
	struct dyncast_ring_member members[256];
	uint32_t ring[SLOTS];

	(void)state;
	srand(3);
	for (uint32_t seed = 0; seed < 100; seed++) {
		size_t n = 1 + (size_t)rand() % 256;
		double sum = 0;

		members_fill(members, n, 0);
		for (size_t i = 0; i < n; i++) {
			members[i].weight = 1 + (uint32_t)(rand() % 1000);
			sum += members[i].weight;
		}
		dyncast_ring_build(seed, members, n, ring);
		for (size_t i = 0; i < n; i++) {
			double part = members[i].weight / sum * SLOTS;

			assert_true(fabs(slots_of(ring, members[i].id) - part) <
				    1);
		}
	}
}

static void test_empty(void **state)
{
	struct dyncast_ring_member members[2];
	uint32_t ring[SLOTS];

	(void)state;
	members_fill(members, 2, 0);
	dyncast_ring_build(1, members, 2, ring);
	assert_int_equal(slots_of(ring, 0), SLOTS);
	dyncast_ring_build(1, NULL, 0, ring);
	assert_int_equal(slots_of(ring, 0), SLOTS);
}

static void test_order_does_not_matter(void **state)
{
	struct dyncast_ring_member members[256];
	uint32_t ring[SLOTS];
	uint32_t other[SLOTS];

	(void)state;
	members_fill(members, 256, 100);
	dyncast_ring_build(1, members, 256, ring);
	srand(1);
	for (size_t i = 255; i > 0; i--) {
		size_t j = (size_t)rand() % (i + 1);
		struct dyncast_ring_member member = members[i];

		members[i] = members[j];
		members[j] = member;
	}
	dyncast_ring_build(1, members, 256, other);
	assert_int_equal(differing(ring, other), 0);
	/* nor does the scale of the weights */
	for (size_t i = 0; i < 256; i++)
		members[i].weight *= 7;
	dyncast_ring_build(1, members, 256, other);
	assert_int_equal(differing(ring, other), 0);
	/* positive control: the seed does */
	dyncast_ring_build(2, members, 256, other);
	assert_true(differing(ring, other) > SLOTS / 2);
}

/* small ids are each router's own; the D-BID decides */
static void test_ids_are_labels(void **state)
{
	struct dyncast_ring_member members[4];
	uint32_t ring[SLOTS];
	uint32_t other[SLOTS];

	(void)state;
	members_fill(members, 4, 100);
	dyncast_ring_build(1, members, 4, ring);
	for (size_t i = 0; i < 4; i++)
		members[i].id = (uint32_t)(members[i].id + 1000);
	dyncast_ring_build(1, members, 4, other);
	for (size_t i = 0; i < SLOTS; i++)
		assert_int_equal(other[i], ring[i] + 1000);
}

static void test_leaving_moves_own_slots(void **state)
{
	struct dyncast_ring_member members[6];
	uint32_t before[SLOTS];
	uint32_t after[SLOTS];
	unsigned int others = 0;

	(void)state;
	members_fill(members, 6, 100);
	dyncast_ring_build(1, members, 6, before);
	members[2].weight = 0;
	dyncast_ring_build(1, members, 6, after);
	for (size_t i = 0; i < SLOTS; i++) {
		if (before[i] == members[2].id)
			assert_int_not_equal(after[i], members[2].id);
		else
			others += after[i] != before[i];
	}
	assert_between(others, 0, OTHERS_MAX);
	/* and the freed ones go to all others */
	for (size_t i = 0; i < 6; i++) {
		if (i != 2)
			assert_true(slots_of(after, members[i].id) >
				    slots_of(before, members[i].id));
	}
}

/* a weight that grows takes slots for its member and moves few others */
static void test_growing_moves_the_least(void **state)
{
	struct dyncast_ring_member members[4];
	uint32_t before[SLOTS];
	uint32_t after[SLOTS];
	unsigned int moved = 0;
	unsigned int others = 0;

	(void)state;
	members_fill(members, 4, 100);
	dyncast_ring_build(1, members, 4, before);
	members[0].weight = 150;
	dyncast_ring_build(1, members, 4, after);
	for (size_t i = 0; i < SLOTS; i++) {
		if (before[i] == after[i])
			continue;
		if (after[i] == members[0].id)
			moved++;
		else
			others++;
	}
	/* from a quarter to a third */
	assert_between(moved, SLOTS / 12, SLOTS / 12 + 3);
	assert_between(others, 0, OTHERS_MAX);

	/* a weight that moves by a percent or two moves about as much */
	for (uint32_t seed = 0; seed < 50; seed++) {
		members[0].weight = 1000;
		for (size_t i = 1; i < 4; i++)
			members[i].weight = 1000;
		dyncast_ring_build(seed, members, 4, before);
		members[0].weight = 1020;
		dyncast_ring_build(seed, members, 4, after);
		assert_between(differing(before, after), 1, 16);
	}
}

/*
 * Draws come from one table, and no two members may read much of it alike: for
 * those slots they would change places together.  Two per cent of a weight are
 * five slots of 1024 here, and up to 32 more where one stretch of the table is
 * the same, as it is for one pair in a thousand.
 */
static void test_draws_are_not_shared(void **state)
{
	struct dyncast_ring_member members[2];
	uint32_t before[SLOTS];
	uint32_t after[SLOTS];

	(void)state;
	members_fill(members, 2, 1000);
	for (uint32_t seed = 0; seed < 40000; seed++) {
		dyncast_ring_build(seed, members, 2, before);
		members[1].weight = 1020;
		dyncast_ring_build(seed, members, 2, after);
		members[1].weight = 1000;
		assert_between(differing(before, after), 1, 40);
	}
}

static void test_seed(void **state)
{
	struct dyncast_prefix a = prefix_of("10.255.0.1/32");
	struct dyncast_prefix b = prefix_of("10.255.0.2/32");
	struct dyncast_prefix c = prefix_of("10.255.0.0/24");
	struct dyncast_prefix d = prefix_of("10.255.0.0/25");
	struct dyncast_prefix v4 = prefix_of("0.0.0.0/0");
	struct dyncast_prefix v6 = prefix_of("::/0");

	(void)state;
	assert_int_equal(dyncast_ring_seed(&a), dyncast_ring_seed(&a));
	assert_int_not_equal(dyncast_ring_seed(&a), dyncast_ring_seed(&b));
	assert_int_not_equal(dyncast_ring_seed(&c), dyncast_ring_seed(&d));
	assert_int_not_equal(dyncast_ring_seed(&v4), dyncast_ring_seed(&v6));
}

/* The arithmetic itself: routers of two releases must build one ring.  When
 * this fails, the change needs a migration, not a new number here. */
static void test_golden(void **state)
{
	struct dyncast_prefix prefix = prefix_of("10.255.0.1/32");
	struct dyncast_ring_member members[3];
	uint32_t ring[SLOTS];
	uint32_t sum = 0;

	(void)state;
	members_fill(members, 3, 1000);
	members[1].weight = 2000;
	members[2].dbid = addr_of("2001:db8::1");
	dyncast_ring_build(dyncast_ring_seed(&prefix), members, 3, ring);
	for (size_t i = 0; i < SLOTS; i++)
		sum = sum * 31 + ring[i];
	assert_int_equal(dyncast_ring_seed(&prefix), GOLDEN_SEED);
	assert_int_equal(sum, GOLDEN_SUM);
}

static void test_step(void **state)
{
	struct dyncast_ring_member members[4];
	uint32_t ring[SLOTS];
	uint32_t target[SLOTS];
	uint32_t before[SLOTS];
	unsigned int left;
	unsigned int total;

	(void)state;
	members_fill(members, 4, 100);
	dyncast_ring_build(1, members, 4, ring);
	members[0].weight = 300;
	dyncast_ring_build(1, members, 4, target);
	total = differing(ring, target);
	assert_true(total > 100);

	/* nothing without a limit, then in bounded steps to the end */
	memcpy(before, ring, sizeof(ring));
	assert_int_equal(dyncast_ring_step(ring, target, members, 4, 0), total);
	assert_int_equal(differing(before, ring), 0);
	for (left = total; left;) {
		unsigned int step = left < 32 ? left : 32;

		memcpy(before, ring, sizeof(ring));
		left -= step;
		assert_int_equal(
			dyncast_ring_step(ring, target, members, 4, 32), left);
		assert_int_equal(differing(before, ring), step);
		assert_int_equal(differing(target, ring), left);
	}
	assert_int_equal(differing(ring, target), 0);
}

static void test_step_dead_first(void **state)
{
	struct dyncast_ring_member members[4];
	uint32_t ring[SLOTS];
	uint32_t target[SLOTS];
	uint32_t before[SLOTS];
	unsigned int other = 0;

	(void)state;
	members_fill(members, 4, 100);
	dyncast_ring_build(1, members, 4, ring);
	ring[5] = 0;	 /* nobody's */
	ring[6] = 60000; /* of one that is not known any more */
	memcpy(before, ring, sizeof(ring));
	members[1].weight = 0;
	members[0].weight = 300;
	dyncast_ring_build(1, members, 4, target);
	for (size_t i = 0; i < SLOTS; i++)
		other += before[i] != target[i] && before[i] != 0 &&
			 before[i] != 60000 && before[i] != members[1].id;
	assert_true(other > 10);

	/* the dead ones are outside the limit */
	assert_int_equal(dyncast_ring_step(ring, target, members, 4, 10),
			 other - 10);
	assert_int_equal(slots_of(ring, members[1].id), 0);
	assert_int_equal(slots_of(ring, 0), 0);
	assert_int_equal(slots_of(ring, 60000), 0);

	/* and all can die */
	for (size_t i = 0; i < 4; i++)
		members[i].weight = 0;
	dyncast_ring_build(1, members, 4, target);
	assert_int_equal(dyncast_ring_step(ring, target, members, 4, 0), 0);
	assert_int_equal(slots_of(ring, 0), SLOTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_always_exact),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_ids_are_labels),
		cmocka_unit_test(test_leaving_moves_own_slots),
		cmocka_unit_test(test_growing_moves_the_least),
		cmocka_unit_test(test_draws_are_not_shared),
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_step_dead_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
