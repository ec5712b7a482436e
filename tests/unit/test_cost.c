// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of lib/cost.c, and of lib/spread.c without utilisation: targets from
 * capacity, delay, network and age; verdicts, thresholds; the bounded walk.
 */

#include "tests/unit/between.h"
#include "tests/unit/wire.h"

#include <stdio.h>

#include "lib/cost.h"

#define MAX 256
#define STEPS_MAX 100

static const struct dyncast_cost_config spread = {
	.network_unit_us = DYNCAST_NETWORK_UNIT_DEFAULT,
	.elapsed_ms = 250,
	.policy = {.action = DYNCAST_ACTION_SPREAD},
};
static struct dyncast_cost_input in[MAX];
static struct dyncast_cost_output out[MAX];

/* n candidates, all alike: capacity 100, 4 ms, fresh, metric 10 (1 ms) */
static void inputs_fill(size_t n)
{
	memset(in, 0, sizeof(in));
	memset(out, 0xff, sizeof(out));
	for (size_t i = 0; i < n; i++) {
		uint8_t bytes[4] = {10, 1, (uint8_t)(i >> 8), (uint8_t)i};

		in[i].dbid = dyncast_addr_make(AF_INET, bytes);
		in[i].network_metric = 10;
		in[i].metrics.has = DYNCAST_HAS_CAPACITY | DYNCAST_HAS_DELAY;
		in[i].metrics.capacity = 100;
		in[i].metrics.delay_us = 4000;
	}
}

static bool weigh(const struct dyncast_cost_config *config, size_t n)
{
	bool more = dyncast_cost_weights(config, in, out, n);
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += out[i].weight;
	assert_true(sum <= DYNCAST_WEIGHT_SUM);
	return more;
}

static void feed_back(size_t n)
{
	for (size_t i = 0; i < n; i++)
		in[i].weight = out[i].weight;
	for (size_t i = 0; i < n; i++)
		in[i].state = out[i].state;
}

/* walk to the end; returns the number of calls that moved something */
static unsigned int settle(size_t n)
{
	for (unsigned int step = 0; step < STEPS_MAX; step++) {
		bool more = weigh(&spread, n);

		feed_back(n);
		if (!more)
			return step;
	}
	fail_msg("still moving after %d calls", STEPS_MAX);
	return 0;
}

/* the walk ends within the dead band of 2 % */
static void assert_arrived(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double ratio = (double)out[i].weight / out[i].target;

		if (ratio < 0.965 || ratio > 1.035)
			fail_msg("candidate %zu rests at %u of %u", i,
				 out[i].weight, out[i].target);
	}
}

/* a is `percent` of b, give or take half a percent */
static void assert_ratio(uint32_t a, uint32_t b, unsigned int percent)
{
	double ratio = 100.0 * a / b;

	if (ratio < percent * 0.995 || ratio > percent * 1.005)
		fail_msg("%u is %.2f %% of %u, not %u %%", a, ratio, b,
			 percent);
}

static void test_capacity(void **state)
{
	(void)state;
	inputs_fill(2);
	in[0].metrics.capacity = 300;
	assert_false(weigh(&spread, 2));
	assert_int_equal(out[0].target, 49152);
	assert_int_equal(out[1].target, 16384);
	/* at once, as nobody had a weight before */
	assert_int_equal(out[0].weight, 49152);
	assert_int_equal(out[1].weight, 16384);
	assert_int_equal(out[0].verdict, DYNCAST_VERDICT_OK);
	assert_int_equal(out[0].network_us, 1000);
	assert_int_equal(out[0].delay_us, 4000);
	assert_int_equal(out[0].cost_us, 5000);

	/* who does not say has the mean of the others, here 200 */
	inputs_fill(3);
	in[0].metrics.capacity = 300;
	in[2].metrics.has = DYNCAST_HAS_DELAY;
	weigh(&spread, 3);
	assert_ratio(out[2].target, out[1].target, 200);

	/* and 1 when nobody says */
	inputs_fill(2);
	in[0].metrics.has = in[1].metrics.has = DYNCAST_HAS_DELAY;
	weigh(&spread, 2);
	assert_int_equal(out[0].target, 32768);
	assert_int_equal(out[1].target, 32768);

	/* the extremes of the type */
	inputs_fill(2);
	in[0].metrics.capacity = UINT32_MAX;
	in[1].metrics.capacity = 1;
	weigh(&spread, 2);
	assert_int_equal(out[1].weight, 1); /* eligible: never nothing */
	assert_int_equal(out[0].weight, 65535);
}

static void test_joint_cost(void **state)
{
	(void)state;
	/* costs (with the floor of 100 us) of 1100 + 3900 and 1100 + 8900:
	 * twice the cost, half the weight */
	inputs_fill(2);
	in[0].metrics.delay_us = 3900;
	in[1].metrics.delay_us = 8900;
	weigh(&spread, 2);
	assert_ratio(out[1].target, out[0].target, 50);

	/* the same from the network alone: 40 x 100 us and 90 x 100 us */
	inputs_fill(2);
	in[0].metrics.delay_us = in[1].metrics.delay_us = 900;
	in[0].network_metric = 40;
	in[1].network_metric = 90;
	weigh(&spread, 2);
	assert_ratio(out[1].target, out[0].target, 50);

	/* a cost of zero and a terrible one: 8 and 1/8 are the bounds */
	inputs_fill(2);
	in[0].network_metric = 0;
	in[0].metrics.delay_us = 0;
	in[1].metrics.delay_us = UINT32_MAX;
	in[1].network_metric = UINT32_MAX;
	weigh(&spread, 2);
	assert_true(out[0].target > 50000 && out[1].target > 500);
}

static void test_age(void **state)
{
	static const struct {
		uint32_t age_ms;
		uint8_t verdict;
		unsigned int percent; /* of the other's weight */
	} cases[] = {
		{0, DYNCAST_VERDICT_OK, 50},
		{DYNCAST_AGE_FRESH_MS, DYNCAST_VERDICT_OK, 50},
		/* halfway, the square root: 0.5 ^ 0.5 */
		{(DYNCAST_AGE_FRESH_MS + DYNCAST_AGE_STALE_MS) / 2,
		 DYNCAST_VERDICT_OK, 71},
		{DYNCAST_AGE_STALE_MS, DYNCAST_VERDICT_STALE, 100},
		{UINT32_MAX, DYNCAST_VERDICT_STALE, 100},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		inputs_fill(2);
		in[0].metrics.delay_us = 3900;
		in[1].metrics.delay_us = 8900;
		in[0].metrics.age_ms = in[1].metrics.age_ms = cases[i].age_ms;
		weigh(&spread, 2);
		assert_int_equal(out[1].verdict, cases[i].verdict);
		assert_ratio(out[1].target, out[0].target, cases[i].percent);
	}

	/* one stale, among fresh ones: by capacity, its delay is not counted */
	inputs_fill(3);
	in[2].metrics.capacity = 200;
	in[2].metrics.delay_us = 1000000;
	in[2].metrics.age_ms = DYNCAST_AGE_STALE_MS;
	weigh(&spread, 3);
	assert_ratio(out[2].target, out[0].target, 200);
	assert_int_equal(out[2].delay_us, 4000);
	assert_int_equal(out[2].verdict, DYNCAST_VERDICT_STALE);
}

static void test_no_metrics(void **state)
{
	(void)state;
	inputs_fill(3);
	in[0].metrics.has = 0;
	in[1].metrics.delay_us = 2000;
	in[2].metrics.has = DYNCAST_HAS_CAPACITY; /* is no measurement */
	weigh(&spread, 3);
	assert_int_equal(out[0].verdict, DYNCAST_VERDICT_NO_METRICS);
	assert_int_equal(out[1].verdict, DYNCAST_VERDICT_OK);
	assert_int_equal(out[2].verdict, DYNCAST_VERDICT_NO_METRICS);
	assert_int_equal(out[0].delay_us, 2000); /* the mean of the known */
	assert_int_equal(out[0].cost_us, 3000);
	assert_ratio(out[0].target, out[1].target, 100);
}

/* what is configured and what was learnt, in one unit */
static void test_learnt_capacity(void **state)
{
	(void)state;
	/* nothing configured: by rate */
	inputs_fill(3);
	for (size_t i = 0; i < 3; i++) {
		in[i].metrics.has |= DYNCAST_HAS_RATE;
		in[i].metrics.has &= (uint8_t)~DYNCAST_HAS_CAPACITY;
	}
	in[0].metrics.rate = 4000000;
	in[1].metrics.rate = 2000000;
	in[2].metrics.rate = 1000000;
	weigh(&spread, 3);
	assert_ratio(out[0].target, out[1].target, 200);
	assert_ratio(out[2].target, out[1].target, 50);

	/* one configured and learnt connects the units of the others */
	in[0].metrics.has |= DYNCAST_HAS_CAPACITY;
	in[0].metrics.capacity = 100; /* so 1000 per second are 25 */
	in[1].metrics.has = DYNCAST_HAS_CAPACITY | DYNCAST_HAS_DELAY;
	in[1].metrics.capacity = 50;
	weigh(&spread, 3);
	assert_ratio(out[0].target, out[1].target, 200);
	assert_ratio(out[2].target, out[1].target, 50);

	/* nothing connects them: who only learnt has the mean */
	in[0].metrics.has = DYNCAST_HAS_CAPACITY | DYNCAST_HAS_DELAY;
	weigh(&spread, 3);
	assert_ratio(out[2].target, out[0].target, 75);
	assert_ratio(out[2].target, out[1].target, 150);
}

/* what was learnt overrules what is configured only where it is far off */
static void test_capacity_contradicted(void **state)
{
	static const struct {
		uint32_t rate; /* of the third, configured like the others */
		unsigned int percent;
	} cases[] = {
		{1000000, 100}, {930000, 100}, {1080000, 100},
		{500000, 50},	{700000, 70},  {2000000, 200},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		inputs_fill(3);
		for (size_t j = 0; j < 3; j++) {
			in[j].metrics.has |= DYNCAST_HAS_RATE;
			in[j].metrics.rate = 1000000;
		}
		in[2].metrics.rate = cases[i].rate;
		weigh(&spread, 3);
		assert_ratio(out[2].target, out[0].target, cases[i].percent);
	}
	/* extremes do not overflow */
	inputs_fill(2);
	in[0].metrics.has |= DYNCAST_HAS_RATE;
	in[1].metrics.has |= DYNCAST_HAS_RATE;
	in[0].metrics.capacity = in[0].metrics.rate = UINT32_MAX;
	in[1].metrics.capacity = in[1].metrics.rate = 1;
	weigh(&spread, 2);
	assert_int_equal(out[1].weight, 1);
	assert_int_equal(out[0].weight, 65535);
	in[0].metrics.rate = 1;
	in[1].metrics.rate = UINT32_MAX;
	weigh(&spread, 2);
}

static void test_thresholds(void **state)
{
	struct dyncast_cost_config config = spread;

	(void)state;
	inputs_fill(3);
	in[0].metrics.has = DYNCAST_HAS_ALL & ~DYNCAST_HAS_RATE;
	in[0].metrics.utilisation = 9100;
	in[0].metrics.score = 2;
	in[0].metrics.delay_us = 6000;
	in[0].network_metric = 60;
	for (unsigned int i = 0; i < 4; i++) {
		config.policy = (struct dyncast_policy){
			.max_utilisation = i == 0 ? 90 : 0,
			.min_score = i == 1 ? 3 : 0,
			.max_delay_us = i == 2 ? 5000 : 0,
			.max_network_us = i == 3 ? 5000 : 0,
		};
		weigh(&config, 3);
		assert_true(dyncast_cost_past_threshold(&config, &in[0]));
		assert_false(dyncast_cost_past_threshold(&config, &in[1]));
		assert_int_equal(out[0].verdict, DYNCAST_VERDICT_THRESHOLD);
		assert_int_equal(out[0].weight, 0);
		assert_int_equal(out[1].verdict, DYNCAST_VERDICT_OK);
		assert_int_equal(out[1].weight, 32768);
	}
	/* at it is not past it */
	config.policy = (struct dyncast_policy){.max_utilisation = 91,
						.min_score = 2,
						.max_delay_us = 6000,
						.max_network_us = 6000};
	weigh(&config, 3);
	assert_int_equal(out[0].verdict, DYNCAST_VERDICT_OK);
	/* old metrics are past nothing */
	config.policy.max_utilisation = 90;
	in[0].metrics.age_ms = DYNCAST_AGE_STALE_MS;
	weigh(&config, 3);
	assert_int_equal(out[0].verdict, DYNCAST_VERDICT_STALE);
	assert_false(dyncast_cost_past_threshold(&config, &in[0]));
	/* and when all are past it, it does not count */
	config.policy = (struct dyncast_policy){.max_delay_us = 1000};
	in[0].metrics.age_ms = 0;
	weigh(&config, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(out[i].weight > 0);
}

static void test_verdicts(void **state)
{
	static const uint8_t verdicts[] = {
		DYNCAST_VERDICT_DOWN,	       DYNCAST_VERDICT_DRAIN,
		DYNCAST_VERDICT_UNRESOLVED,    DYNCAST_VERDICT_HELD,
		DYNCAST_VERDICT_NO_FORWARDING,
	};

	(void)state;
	for (size_t i = 0; i < COUNT(verdicts); i++) {
		inputs_fill(3);
		in[1].verdict = verdicts[i];
		in[0].weight = in[1].weight = in[2].weight = 20000;
		weigh(&spread, 3);
		assert_int_equal(out[1].verdict, verdicts[i]);
		assert_int_equal(out[1].weight, 0);
		assert_int_equal(out[1].target, 0);
		assert_int_equal(out[0].weight, out[2].weight);
		assert_true(out[0].weight > 0);
		assert_true(out[1].cost_us ==
			    (verdicts[i] == DYNCAST_VERDICT_UNRESOLVED
				     ? UINT64_MAX
				     : 5000));
		/* and the same for all of them: nobody is left, but held ones
		 */
		for (size_t j = 0; j < 3; j++) {
			in[j].verdict = verdicts[i];
			in[j].weight = (uint32_t)(10000 * (j + 1));
		}
		assert_false(weigh(&spread, 3));
		for (size_t j = 0; j < 3; j++)
			assert_int_equal(out[j].weight,
					 verdicts[i] == DYNCAST_VERDICT_HELD
						 ? in[j].weight
						 : 0);
	}
}

static void test_all_held(void **state)
{
	(void)state;
	/* those that are out do not matter */
	inputs_fill(4);
	in[0].verdict = in[1].verdict = DYNCAST_VERDICT_HELD;
	in[2].verdict = DYNCAST_VERDICT_UNRESOLVED;
	in[3].verdict = DYNCAST_VERDICT_DRAIN;
	in[0].weight = 30000;
	in[1].weight = 0; /* it was held before the other */
	in[2].weight = 9999;
	in[3].weight = 9999;
	assert_false(weigh(&spread, 4));
	assert_int_equal(out[0].weight, 30000);
	assert_int_equal(out[1].weight, 0);
	assert_int_equal(out[2].weight, 0);
	assert_int_equal(out[3].weight, 0);
	assert_int_equal(out[0].verdict, DYNCAST_VERDICT_HELD);

	/* nobody had a weight: by capacity, delay not counted */
	in[0].weight = 0;
	in[0].metrics.capacity = 300;
	in[0].metrics.delay_us = 99999;
	assert_false(weigh(&spread, 4));
	assert_int_equal(out[0].weight, 49152);
	assert_int_equal(out[1].weight, 16384);

	/* one that is well, and the held ones get nothing more */
	in[3].verdict = DYNCAST_VERDICT_OK;
	weigh(&spread, 4);
	assert_int_equal(out[0].weight, 0);
	assert_int_equal(out[3].weight, DYNCAST_WEIGHT_SUM);
}

/* no weight may grow or shrink by more than the factor, until all arrive */
static void test_bounded_steps(void **state)
{
	unsigned int steps = 0;
	bool more;

	(void)state;
	inputs_fill(3);
	weigh(&spread, 3);
	feed_back(3);
	in[1].metrics.delay_us = 40000;
	in[2].metrics.delay_us = 400;
	do {
		more = weigh(&spread, 3);
		for (size_t i = 0; i < 3; i++) {
			double factor = (double)out[i].weight / in[i].weight;

			if (factor > 1.501 || factor < 1 / 1.501)
				fail_msg("step %u: candidate %zu moved by %.3f",
					 steps, i, factor);
		}
		feed_back(3);
		assert_true(++steps < STEPS_MAX);
	} while (more);
	assert_true(steps >= 4);
	assert_arrived(3);

	/* a far goal: a ninth of the way would be forty times the weight */
	inputs_fill(2);
	in[0].weight = 100;
	in[1].weight = 65436;
	assert_true(weigh(&spread, 2));
	assert_int_equal(out[0].target, 32768);
	assert_int_equal(out[0].weight, 150);

	/* also from the smallest weight there is */
	inputs_fill(3);
	in[1].metrics.delay_us = 40000;
	in[0].weight = 1;
	in[1].weight = 1;
	in[2].weight = 65534;
	in[1].metrics.delay_us = in[2].metrics.delay_us = 4000;
	settle(3);
	assert_arrived(3);

	/* and among many small ones, where rounding could stop the walk */
	inputs_fill(MAX);
	for (size_t i = 0; i < MAX; i++) {
		in[i].metrics.capacity = i < 250 ? 1 : 1000;
		in[i].weight = i < 250 ? 250 : 3;
	}
	settle(MAX);
	for (size_t i = 0; i < 250; i++)
		assert_between(out[i].weight, out[i].target - 1,
			       out[i].target + 1);
}

static void test_noise_moves_nothing(void **state)
{
	(void)state;
	inputs_fill(3);
	in[1].metrics.capacity = 170;
	weigh(&spread, 3);
	feed_back(3);
	for (unsigned int round = 0; round < 50; round++) {
		for (unsigned int i = 0; i < 3; i++)
			in[i].metrics.delay_us = 3950 + 97 * i * round % 100;
		assert_false(weigh(&spread, 3));
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(out[i].weight, in[i].weight);
	}
	/* positive control: 10 % is no noise */
	in[0].metrics.delay_us = 4600;
	weigh(&spread, 3);
	assert_true(out[0].weight < in[0].weight);
}

static void test_join(void **state)
{
	(void)state;
	inputs_fill(3);
	in[2].verdict = DYNCAST_VERDICT_DRAIN;
	weigh(&spread, 3);
	assert_int_equal(out[0].weight, 32768);
	feed_back(3);

	/* back from drain: a quarter of its third, then it grows */
	in[2].verdict = DYNCAST_VERDICT_OK;
	assert_true(weigh(&spread, 3));
	assert_ratio(out[2].weight, out[2].target, 25);
	assert_int_equal(out[0].weight, out[1].weight);
	feed_back(3);
	assert_true(settle(3) >= 2);
	assert_arrived(3);

	/* one leaves: at once, and the proportion of the others stays */
	in[0].weight = 30000;
	in[1].weight = 10000;
	in[2].weight = 25536;
	in[0].metrics.capacity = 300;
	in[2].verdict = DYNCAST_VERDICT_DOWN;
	assert_false(weigh(&spread, 3));
	assert_int_equal(out[2].weight, 0);
	assert_ratio(out[0].weight, out[1].weight, 300);
}

/* no order of candidates, no history: equal inputs, equal weights */
static void test_order_does_not_matter(void **state)
{
	uint32_t weights[MAX];

	(void)state;
	inputs_fill(MAX);
	for (unsigned int i = 0; i < MAX; i++) {
		in[i].metrics.capacity = 1 + i * 7 % 50;
		in[i].metrics.delay_us = 1000 + i * 7919 % 9000;
	}
	weigh(&spread, MAX);
	for (size_t i = 0; i < MAX; i++)
		weights[i] = out[i].weight;
	for (size_t i = 0; i < MAX / 2; i++) {
		struct dyncast_cost_input swap = in[i];

		in[i] = in[MAX - 1 - i];
		in[MAX - 1 - i] = swap;
	}
	weigh(&spread, MAX);
	for (size_t i = 0; i < MAX; i++) {
		int diff = (int)out[i].weight - (int)weights[MAX - 1 - i];

		/* the excess of rounding is cut from the largest */
		assert_true(diff >= -MAX && diff <= MAX);
	}
}

static void test_none_and_many(void **state)
{
	(void)state;
	inputs_fill(0);
	assert_false(weigh(&spread, 0));
	inputs_fill(1);
	assert_false(weigh(&spread, 1));
	assert_int_equal(out[0].weight, DYNCAST_WEIGHT_SUM);
	inputs_fill(MAX);
	for (size_t i = 0; i < MAX; i++)
		in[i].metrics.capacity = i ? 1 : UINT32_MAX;
	assert_false(weigh(&spread, MAX));
	for (size_t i = 0; i < MAX; i++)
		assert_true(out[i].weight >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capacity),
		cmocka_unit_test(test_joint_cost),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_no_metrics),
		cmocka_unit_test(test_learnt_capacity),
		cmocka_unit_test(test_capacity_contradicted),
		cmocka_unit_test(test_thresholds),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_all_held),
		cmocka_unit_test(test_bounded_steps),
		cmocka_unit_test(test_noise_moves_nothing),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_none_and_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
