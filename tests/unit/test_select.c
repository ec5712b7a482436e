// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of lib/select.c: each action of requirement E2, and `best` with its
 * hysteresis and hold.
 */

#include "tests/unit/between.h"
#include "tests/unit/candidates.h"

#include "lib/words.h"

/* all alike: capacity 100, network 1 ms, delay 4 ms, score 5, half used */
static void inputs_fill(enum dyncast_action action)
{
	candidates_fill(action);
	for (size_t i = 0; i < N; i++)
		in[i].metrics = (struct dyncast_metrics){
			.has = DYNCAST_HAS_ALL & ~DYNCAST_HAS_RATE,
			.capacity = 100,
			.delay_us = 4000,
			.score = 5,
			.utilisation = 5000,
		};
}

static bool weigh(void)
{
	bool more = dyncast_cost_weights(&config, in, out, N);

	for (size_t i = 0; i < N; i++) {
		in[i].weight = out[i].weight;
		in[i].state = out[i].state;
	}
	return more;
}

static void assert_winner(size_t winner)
{
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(out[i].weight,
				 i == winner ? DYNCAST_WEIGHT_SUM : 0);
		assert_int_equal(out[i].verdict,
				 i == winner ? DYNCAST_VERDICT_OK
					     : DYNCAST_VERDICT_NOT_BEST);
	}
}

static void test_best(void **state)
{
	(void)state;
	inputs_fill(DYNCAST_ACTION_BEST);
	in[1].metrics.delay_us = 3000;
	assert_false(weigh());
	assert_winner(1);

	/* cheaper by 9 % of 4100 (with the floor) is not enough, 12 % is, but
	 * not before the hold */
	in[2].metrics.delay_us = 3000 - 369;
	weigh();
	assert_winner(1);
	in[1].state.chosen_ms = 0;
	in[2].metrics.delay_us = 3000 - 492;
	assert_true(weigh());
	assert_winner(1);
	assert_false(weigh());
	assert_winner(2);
	/* and then the other one is held */
	in[1].metrics.delay_us = 500;
	assert_true(weigh());
	assert_winner(2);

	/* the holder fails: hysteresis and hold go with it */
	in[2].verdict = DYNCAST_VERDICT_UNRESOLVED;
	weigh();
	assert_int_equal(out[1].weight, DYNCAST_WEIGHT_SUM);

	/* as configured */
	inputs_fill(DYNCAST_ACTION_BEST);
	config.policy.hysteresis = 50;
	config.policy.hold_s = 10;
	weigh();
	assert_winner(0);
	in[1].metrics.delay_us = 2000;
	for (unsigned int i = 0; i < 30; i++)
		assert_false(weigh());
	assert_winner(0);
	config.policy.hysteresis = 5;
	weigh();
	assert_winner(1);

	/* all alike: the smallest D-BID, in whatever order they come */
	inputs_fill(DYNCAST_ACTION_BEST);
	in[0].dbid = addr_of("10.1.0.9");
	weigh();
	assert_winner(1);
}

static void test_min_and_max(void **state)
{
	(void)state;
	inputs_fill(DYNCAST_ACTION_MIN);
	in[2].metrics.delay_us = 3990;
	assert_false(weigh());
	assert_winner(2);
	in[1].metrics.delay_us = 3980; /* no hysteresis, no hold */
	weigh();
	assert_winner(1);

	inputs_fill(DYNCAST_ACTION_MAX);
	in[3].metrics.score = 6;
	weigh();
	assert_winner(3);
	/* one without a score: spare capacity of all */
	in[0].metrics.has &= (uint8_t)~DYNCAST_HAS_SCORE;
	in[1].metrics.utilisation = 4000;
	weigh();
	assert_winner(1);
	in[2].metrics.capacity = 200;
	weigh();
	assert_winner(2);
}

static void test_min_then(void **state)
{
	(void)state;
	inputs_fill(DYNCAST_ACTION_MIN_RANDOM);
	in[0].metrics.delay_us = 9000;
	in[1].metrics.delay_us = 4300; /* within 10 % of the cheapest */
	weigh();
	assert_int_equal(out[0].weight, 0);
	assert_int_equal(out[0].verdict, DYNCAST_VERDICT_NOT_BEST);
	for (size_t i = 1; i < N; i++)
		assert_between(out[i].weight, 21844, 21846);
	config.policy.hysteresis = 1;
	weigh();
	assert_int_equal(out[1].weight, 0);
	assert_int_equal(out[2].weight, 32768);

	inputs_fill(DYNCAST_ACTION_MIN_FIRST);
	in[0].metrics.delay_us = 9000;
	in[1].metrics.delay_us = 4300;
	weigh();
	assert_winner(1);
	config.policy.hysteresis = 1;
	weigh();
	assert_winner(2);
}

static void test_weighted(void **state)
{
	(void)state;
	inputs_fill(DYNCAST_ACTION_WEIGHTED);
	in[0].metrics.capacity = 200;
	in[1].metrics.delay_us = 99999; /* is not looked at */
	weigh();
	assert_between(out[0].weight, 26213, 26215);
	assert_between(out[1].weight, 13106, 13108);
	in[0].metrics.capacity = 100; /* at once */
	weigh();
	assert_int_equal(out[0].weight, 16384);
}

static void test_cost_policies(void **state)
{
	static const struct {
		enum dyncast_cost_policy cost;
		uint8_t alpha;
		size_t winner;
	} cases[] = {
		{DYNCAST_COST_DELAY, 0, 2},
		{DYNCAST_COST_NETWORK_FIRST, 0, 1},
		{DYNCAST_COST_COMPUTE_FIRST, 0, 3},
		{DYNCAST_COST_WEIGHTED, 50, 2},
		{DYNCAST_COST_WEIGHTED, 100, 0},
		{DYNCAST_COST_WEIGHTED, 0, 3},
	};

	(void)state;
	for (size_t c = 0; c < COUNT(cases); c++) {
		inputs_fill(DYNCAST_ACTION_MIN);
		config.policy.cost = (uint8_t)cases[c].cost;
		config.policy.alpha = cases[c].alpha;
		/* nearest, and among those 1 is quicker */
		in[0].network_metric = in[1].network_metric = 5;
		in[0].metrics.delay_us = 5000;
		in[1].metrics.delay_us = 4900;
		in[2].metrics.delay_us = 4000; /* 1000 + 4000: least in sum */
		in[3].metrics.delay_us = 3000; /* 3000 + 3000 */
		in[3].network_metric = 30;
		weigh();
		assert_winner(cases[c].winner);
	}
	assert_int_equal(out[3].cost_us, 3000);
}

/* what is withheld counts where the action gives to several */
static void test_withheld(void **state)
{
	(void)state;
	inputs_fill(DYNCAST_ACTION_WEIGHTED);
	in[1].withheld = 65536 / 2;
	weigh();
	assert_between(out[1].weight, DYNCAST_WEIGHT_SUM / 7 - 2,
		       DYNCAST_WEIGHT_SUM / 7 + 2);
	assert_int_equal(out[0].weight, out[3].weight);
	config.policy.action = DYNCAST_ACTION_MIN_RANDOM;
	weigh();
	assert_between(out[1].weight, DYNCAST_WEIGHT_SUM / 7 - 2,
		       DYNCAST_WEIGHT_SUM / 7 + 2);
	config.policy.action = DYNCAST_ACTION_MIN;
	in[1].metrics.delay_us = 3000;
	weigh();
	assert_winner(1);
	/* most spare capacity: half of it is withheld */
	inputs_fill(DYNCAST_ACTION_MAX);
	in[1].metrics.has &= (uint8_t)~DYNCAST_HAS_SCORE;
	in[1].metrics.utilisation = 1000;
	weigh();
	assert_winner(1);
	in[1].withheld = 65536 / 2;
	weigh();
	assert_winner(0);
}

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(dyncast_action_str(DYNCAST_ACTION_MIN_RANDOM),
			    "min-then-random");
	assert_string_equal(dyncast_action_str(DYNCAST_ACTION_WEIGHTED),
			    "weighted-round-robin");
	assert_string_equal(dyncast_action_str(99), "unknown");
	/* what is not set is what is in force */
	assert_string_equal(dyncast_action_str(DYNCAST_ACTION_DEFAULT),
			    "spread");
	assert_string_equal(dyncast_cost_policy_str(DYNCAST_COST_DEFAULT),
			    "delay");
	assert_string_equal(dyncast_affinity_str(DYNCAST_AFFINITY_DEFAULT),
			    "flow");
	assert_string_equal(dyncast_cost_policy_str(DYNCAST_COST_COMPUTE_FIRST),
			    "compute-first");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_best),
		cmocka_unit_test(test_min_and_max),
		cmocka_unit_test(test_min_then),
		cmocka_unit_test(test_weighted),
		cmocka_unit_test(test_cost_policies),
		cmocka_unit_test(test_withheld),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
