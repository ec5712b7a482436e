// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of lib/override.c and of what the decision makes of it (lib/cap.c): a
 * pin to a site, and caps, with each action.
 */

#include "tests/unit/between.h"
#include "tests/unit/candidates.h"

#include "lib/override.h"

/* all alike, and 0 a little cheaper */
static void inputs_fill(enum dyncast_action action)
{
	candidates_fill(action);
	for (size_t i = 1; i < N; i++)
		in[i].network_metric = 30;
}

/* until nothing moves */
static void settle(void)
{
	for (unsigned int calls = 0; calls < 100; calls++) {
		bool more = dyncast_cost_weights(&config, in, out, N);

		for (size_t i = 0; i < N; i++) {
			in[i].weight = out[i].weight;
			in[i].state = out[i].state;
		}
		if (!more && calls > 3)
			return;
	}
	fail_msg("the weights do not come to rest");
}

static unsigned int percent(size_t i)
{
	return (out[i].weight * 100 + DYNCAST_WEIGHT_SUM / 2) /
	       DYNCAST_WEIGHT_SUM;
}

static void assert_percents(unsigned int a, unsigned int b, unsigned int c,
			    unsigned int d)
{
	const unsigned int expected[N] = {a, b, c, d};

	for (size_t i = 0; i < N; i++)
		assert_between(percent(i) + 1, expected[i], expected[i] + 2);
}

static void cap(size_t i, uint8_t group, uint8_t value)
{
	in[i].cap_group = group;
	in[i].cap_percent = value;
}

static void test_pin(void **state)
{
	(void)state;
	for (int action = 0; action <= DYNCAST_ACTION_WEIGHTED; action++) {
		inputs_fill((enum dyncast_action)action);
		in[0].pinned_away = in[1].pinned_away = in[2].pinned_away =
			true;
		settle();
		assert_percents(0, 0, 0, 100);
		assert_int_equal(out[0].verdict, DYNCAST_VERDICT_PINNED);
		/* without the site the others serve as if nothing was said */
		in[3].verdict = DYNCAST_VERDICT_DOWN;
		settle();
		assert_int_equal(out[3].weight, 0);
		assert_true(out[0].weight > 0);
		assert_int_not_equal(out[0].verdict, DYNCAST_VERDICT_PINNED);
	}
}

static void test_cap(void **state)
{
	(void)state;
	inputs_fill(DYNCAST_ACTION_WEIGHTED);
	/* one site has two of the four */
	cap(0, 1, 20);
	cap(1, 1, 20);
	settle();
	assert_percents(10, 10, 40, 40);
	/* a cap above what it would get changes nothing */
	cap(0, 1, 60);
	cap(1, 1, 60);
	settle();
	assert_percents(25, 25, 25, 25);
	/* two caps; what the first gives up brings the second to its limit */
	cap(0, 1, 10);
	cap(1, 2, 28);
	settle();
	assert_percents(10, 28, 31, 31);
	cap(0, 1, 0);
	cap(1, 0, 0);
	settle();
	assert_percents(0, 33, 33, 33);
	assert_int_equal(out[0].weight, 0);
	assert_int_equal(out[0].verdict, DYNCAST_VERDICT_CAPPED);
}

static void test_cap_of_spread(void **state)
{
	uint32_t before;

	(void)state;
	inputs_fill(DYNCAST_ACTION_SPREAD);
	for (size_t i = 0; i < N; i++)
		in[i].network_metric = 10;
	settle();
	assert_percents(25, 25, 25, 25);
	before = out[0].weight;
	cap(0, 1, 5);
	config.elapsed_ms = 50;
	dyncast_cost_weights(&config, in, out, N);
	/* in bounded steps */
	assert_between(out[0].weight, before / 2, before - 1);
	config.elapsed_ms = 1000;
	settle();
	assert_percents(5, 32, 32, 32);
}

/* the rest of one that takes all goes to the others, and he stays chosen */
/* who has all but nothing keeps nobody from where they belong */
static void test_cap_of_a_crumb(void **state)
{
	(void)state;
	inputs_fill(DYNCAST_ACTION_SPREAD);
	for (size_t i = 0; i < N; i++)
		in[i].network_metric = 10;
	settle();
	in[0].weight = 1;
	in[1].weight = 40000;
	in[2].weight = 20000;
	in[3].weight = 5535;
	cap(0, 1, 0);
	config.elapsed_ms = 250;
	settle();
	assert_int_equal(out[0].weight, 0);
	assert_percents(0, 33, 33, 33);
}

static void test_cap_of_best(void **state)
{
	(void)state;
	inputs_fill(DYNCAST_ACTION_BEST);
	cap(0, 1, 40);
	settle();
	assert_percents(40, 20, 20, 20);
	assert_int_equal(out[1].verdict, DYNCAST_VERDICT_OK);
	for (unsigned int i = 0; i < 10; i++) {
		settle();
		assert_percents(40, 20, 20, 20);
	}
	cap(0, 1, 10);
	settle();
	assert_percents(10, 30, 30, 30);
}

/* all flows have to go somewhere */
/* a cap does not bring those back who are not there */
static void test_cap_of_the_last(void **state)
{
	(void)state;
	for (int action = 0; action <= DYNCAST_ACTION_WEIGHTED; action++) {
		inputs_fill((enum dyncast_action)action);
		settle();
		in[1].verdict = in[2].verdict = DYNCAST_VERDICT_UNRESOLVED;
		in[3].pinned_away = true;
		cap(0, 1, 50);
		settle();
		assert_percents(100, 0, 0, 0);
		for (size_t i = 1; i < N; i++)
			assert_int_equal(out[i].weight, 0);
	}
}

static void test_caps_of_all(void **state)
{
	(void)state;
	inputs_fill(DYNCAST_ACTION_WEIGHTED);
	for (size_t i = 0; i < N; i++)
		cap(i, (uint8_t)(i + 1), i ? 20 : 10);
	settle();
	assert_percents(14, 29, 29, 29);
	for (size_t i = 0; i < N; i++)
		cap(i, (uint8_t)(i + 1), 0);
	settle();
	assert_percents(25, 25, 25, 25);
	/* one that may have nothing serves when there is nobody else */
	for (size_t i = 1; i < N; i++)
		in[i].verdict = DYNCAST_VERDICT_DRAIN;
	settle();
	assert_percents(100, 0, 0, 0);
}

static struct dyncast_addr site(uint8_t n)
{
	uint8_t bytes[4] = {10, 0, 0, n};

	return dyncast_addr_make(AF_INET, bytes);
}

static void test_sites(void **state)
{
	struct dyncast_override o = {0};
	struct dyncast_addr here = {0}, a = site(1), b = site(2);

	(void)state;
	assert_true(dyncast_override_empty(&o));
	assert_true(dyncast_override_valid(&o));
	assert_false(dyncast_override_away(&o, &a));
	o.pinned = true;
	assert_true(dyncast_override_away(&o, &a));
	assert_false(dyncast_override_away(&o, &here));
	o.pin = a;
	assert_true(dyncast_override_away(&o, &here));
	assert_false(dyncast_override_away(&o, &a));
	assert_true(dyncast_override_valid(&o));

	for (uint8_t n = 8; n; n--) {
		struct dyncast_addr of = site((uint8_t)(n * 10));

		assert_true(dyncast_override_cap_set(&o, &of, n));
	}
	assert_int_equal(o.n_caps, 8);
	assert_true(dyncast_override_valid(&o));
	assert_false(dyncast_override_cap_set(&o, &b, 5));
	a = site(30);
	assert_true(dyncast_override_cap_set(&o, &a, 99));
	assert_int_equal(dyncast_override_cap(&o, &a)->percent, 99);
	assert_null(dyncast_override_cap(&o, &b));
	dyncast_override_cap_remove(&o, &b);
	assert_int_equal(o.n_caps, 8);
	dyncast_override_cap_remove(&o, &a);
	assert_int_equal(o.n_caps, 7);
	assert_null(dyncast_override_cap(&o, &a));
	assert_true(dyncast_override_cap_set(&o, &here, 0));
	assert_int_equal(dyncast_override_cap(&o, &here)->percent, 0);
	assert_true(dyncast_override_valid(&o));
	o.caps[3].percent = 101;
	assert_false(dyncast_override_valid(&o));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pin),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_cap_of_spread),
		cmocka_unit_test(test_cap_of_a_crumb),
		cmocka_unit_test(test_cap_of_best),
		cmocka_unit_test(test_cap_of_the_last),
		cmocka_unit_test(test_caps_of_all),
		cmocka_unit_test(test_sites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
