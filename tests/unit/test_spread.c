// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of lib/spread.c where utilisation is known: where little and much load
 * goes, foreign load, queues, and closed loops that must come to rest.
 * tests/sim/ does the same with real queues.
 */

#include "tests/unit/between.h"
#include "tests/unit/wire.h"

#include <stdio.h>

#include "lib/cost.h"

#define SITES 3
#define ONE 65536.0

static struct dyncast_cost_config config;
static struct dyncast_cost_input in[SITES];
static struct dyncast_cost_output out[SITES];

/* all alike: capacity 100, 4 ms, half used, no network cost */
static void inputs_fill(void)
{
	config = (struct dyncast_cost_config){
		.network_unit_us = 1000,
		.policy = {.action = DYNCAST_ACTION_SPREAD},
	};
	memset(in, 0, sizeof(in));
	for (size_t i = 0; i < SITES; i++) {
		uint8_t bytes[4] = {10, 1, 0, (uint8_t)(i + 1)};

		in[i].dbid = dyncast_addr_make(AF_INET, bytes);
		in[i].metrics.has = DYNCAST_HAS_CAPACITY | DYNCAST_HAS_DELAY |
				    DYNCAST_HAS_UTILISATION;
		in[i].metrics.capacity = 100;
		in[i].metrics.delay_us = 4000;
		in[i].metrics.utilisation = 5000;
	}
}

/* a call, with new reports, `elapsed` after the one before */
static bool weigh(uint32_t elapsed)
{
	uint64_t sum = 0;
	bool more;

	config.elapsed_ms = elapsed;
	more = dyncast_cost_weights(&config, in, out, SITES);
	for (size_t i = 0; i < SITES; i++) {
		in[i].weight = out[i].weight;
		in[i].state = out[i].state;
		sum += out[i].weight;
	}
	assert_true(sum <= DYNCAST_WEIGHT_SUM);
	return more;
}

static double share(size_t i)
{
	return out[i].target / ONE;
}

static void used_by_share(double load)
{
	for (size_t i = 0; i < SITES; i++) {
		double used = load * 3 * out[i].weight / ONE;

		in[i].metrics.utilisation =
			(uint16_t)(10000 * (used < 1 ? used : 1));
	}
}

static void test_alike_is_capacity(void **state)
{
	(void)state;
	for (unsigned int used = 0; used <= 10000; used += 500) {
		inputs_fill();
		in[1].metrics.capacity = 200;
		for (size_t i = 0; i < SITES; i++)
			in[i].metrics.utilisation = (uint16_t)used;
		assert_false(weigh(0));
		assert_int_equal(out[0].target, 16384);
		assert_int_equal(out[1].target, 32768);
	}
}

/* noise of a tenth of load and of delay moves no target at all */
static void test_noise_is_no_reason(void **state)
{
	(void)state;
	inputs_fill();
	weigh(0);
	for (unsigned int round = 0; round < 200; round++) {
		for (unsigned int i = 0; i < SITES; i++) {
			unsigned int noise = (round * 31 + i * 17) % 101;

			in[i].metrics.utilisation =
				(uint16_t)(4800 + 4 * noise);
			in[i].metrics.delay_us = 3800 + 4 * noise;
		}
		assert_false(weigh(100));
		assert_int_equal(out[0].target, out[1].target);
	}
}

/* the same of reports that cover a few requests each, and are off by half */
static void test_short_reports(void **state)
{
	uint32_t random = 1;

	(void)state;
	inputs_fill();
	weigh(0);
	for (unsigned int round = 0; round < 2000; round++) {
		for (unsigned int i = 0; i < SITES; i++) {
			random = random * 1664525 + 1013904223;
			in[i].metrics.utilisation =
				(uint16_t)(1500 + (random >> 16) % 3001);
			random = random * 1664525 + 1013904223;
			in[i].metrics.delay_us = 2000 + (random >> 16) % 4001;
		}
		weigh(50);
		for (unsigned int i = 0; i < SITES && round > 100; i++)
			assert_between(out[i].weight, 65536 / 3 * 90 / 100,
				       65536 / 3 * 110 / 100);
	}
}

/* one near site: with little load nearly all goes there, with much it has
 * its capacity's part */
static void test_near_site(void **state)
{
	static const struct {
		double load;
		double least;
		double most;
	} cases[] = {
		{0.05, 0.85, 0.97},			 /* never everything */
		{0.20, 0.85, 0.97},  {0.40, 0.45, 0.52}, /* 0.47 by hand */
		{0.80, 0.335, 0.36}, /* 0.337 by hand */ {0.95, 0.333, 0.36},
	};

	(void)state;
	for (size_t c = 0; c < COUNT(cases); c++) {
		inputs_fill();
		in[1].network_metric = in[2].network_metric = 3;
		weigh(0);
		for (unsigned int i = 0; i < 200; i++) {
			used_by_share(cases[c].load);
			weigh(250);
		}
		if (share(0) < cases[c].least || share(0) > cases[c].most)
			fail_msg("load %.2f: the near site has %.3f",
				 cases[c].load, share(0));
		assert_int_equal(out[1].target, out[2].target);
		assert_true(out[1].target >= 65536 / 3 / 18);
	}
}

static void test_cost_policies(void **state)
{
	double delay, first, compute, weighted;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		double *to[] = {&delay, &first, &compute, &weighted};

		inputs_fill();
		in[1].network_metric = in[2].network_metric = 1;
		config.policy.cost =
			(uint8_t)(i == 0   ? DYNCAST_COST_DELAY
				  : i == 1 ? DYNCAST_COST_NETWORK_FIRST
				  : i == 2 ? DYNCAST_COST_COMPUTE_FIRST
					   : DYNCAST_COST_WEIGHTED);
		config.policy.alpha = i == 3 ? 50 : 0;
		for (unsigned int k = 0; k < 200; k++) {
			weigh(k ? 250 : 0);
			used_by_share(0.5);
		}
		*to[i] = share(0);
	}
	assert_true(compute < delay && delay < first);
	assert_true(weighted == delay); /* half and half is their sum */
}

/* one site is busy with what is not ours: ours goes elsewhere, and comes back
 * when that ends */
static void test_foreign_load(void **state)
{
	(void)state;
	inputs_fill();
	weigh(0);
	for (unsigned int i = 0; i < 40; i++) {
		used_by_share(0.1);
		in[0].metrics.utilisation += 9000;
		if (in[0].metrics.utilisation > 10000)
			in[0].metrics.utilisation = 10000;
		weigh(250);
	}
	assert_true(out[0].weight < 65536 / 3 / 8);
	assert_true(out[0].weight > 0);
	for (unsigned int i = 0; i < 40; i++) {
		used_by_share(0.1);
		weigh(250);
	}
	assert_between(out[0].weight, 65536 / 3 * 95 / 100,
		       65536 / 3 * 105 / 100);
}

/* other ingresses send to their own near site: what they do there is foreign
 * here, and this one's share of its own near site does not run away */
static void test_two_ingresses(void **state)
{
	struct dyncast_cost_input other_in[SITES];
	struct dyncast_cost_output other_out[SITES];

	(void)state;
	inputs_fill();
	in[1].network_metric = in[2].network_metric = 1;
	memcpy(other_in, in, sizeof(in));
	other_in[0].network_metric = 1;
	other_in[1].network_metric = 0;
	memset(other_out, 0, sizeof(other_out));
	for (unsigned int k = 0; k < 400; k++) {
		weigh(k ? 250 : 0);
		dyncast_cost_weights(&config, other_in, other_out, SITES);
		for (size_t i = 0; i < SITES; i++) {
			double used = 0.6 * 1.5 *
				      (out[i].weight + other_out[i].weight) /
				      ONE;

			other_in[i].weight = other_out[i].weight;
			other_in[i].state = other_out[i].state;
			in[i].metrics.utilisation =
				(uint16_t)(10000 * (used < 1 ? used : 1));
			other_in[i].metrics.utilisation =
				in[i].metrics.utilisation;
		}
	}
	/* each prefers its own, and no site is full */
	assert_true(share(0) > 1.05 * share(1));
	assert_true(other_out[1].target > other_out[0].target);
	for (size_t i = 0; i < SITES; i++)
		assert_between(in[i].metrics.utilisation, 3000, 8500);
}

/* a queue is worked off: a site that is full and slow gets less than it can
 * serve, and its part again afterwards */
static void test_backlog(void **state)
{
	(void)state;
	inputs_fill();
	weigh(0);
	for (unsigned int i = 0; i < 20; i++) {
		used_by_share(0.8);
		in[0].metrics.utilisation = 10000;
		in[0].metrics.delay_us = 2000000;
		weigh(250);
	}
	assert_true(out[0].weight < 65536 / 3 * 7 / 10);
	for (unsigned int i = 0; i < 40; i++) {
		used_by_share(0.8);
		in[0].metrics.delay_us = 4000;
		weigh(250);
	}
	assert_between(out[0].weight, 65536 / 3 * 95 / 100,
		       65536 / 3 * 105 / 100);
}

/*
 * A closed loop: sites at 0, 1 and 2 ms, two of them with foreign load that
 * comes and goes, reports that are `lag` calls old.  The weights must come to
 * rest each time, and no site may be nearly full then.
 */
#define LAG_MAX 20

static void loop(unsigned int lag, double load)
{
	static double used[LAG_MAX + 1][SITES];
	double low[SITES], high[SITES];

	inputs_fill();
	in[1].network_metric = 1;
	in[2].network_metric = 2;
	memset(used, 0, sizeof(used));
	for (unsigned int step = 0; step < 2000; step++) {
		double foreign = step / 500 % 2 ? 0.4 : 0;

		for (size_t i = 0; i < SITES; i++) {
			double is = used[lag][i] < 1 ? used[lag][i] : 1;

			in[i].metrics.utilisation = (uint16_t)(10000 * is);
			in[i].metrics.age_ms = 250 * lag;
		}
		weigh(step ? 250 : 0);
		memmove(used[1], used[0], lag * sizeof(used[0]));
		for (size_t i = 0; i < SITES; i++) {
			double w = out[i].weight / ONE;

			used[0][i] = load * 3 * w + (i == 0 ? foreign : 0);
			if (step % 500 == 300)
				low[i] = high[i] = w;
			if (step % 500 < 300)
				continue;
			low[i] = w < low[i] ? w : low[i];
			high[i] = w > high[i] ? w : high[i];
			if (used[0][i] > 0.95)
				fail_msg("lag %u, load %.1f: site %zu is full",
					 lag, load, i);
			if (high[i] - low[i] > 0.02)
				fail_msg(
					"lag %u, load %.1f, step %u: site %zu swings from %.3f to %.3f",
					lag, load, step, i, low[i], high[i]);
		}
	}
}

static void test_closed_loop(void **state)
{
	(void)state;
	for (unsigned int lag = 0; lag <= LAG_MAX; lag += 4) {
		loop(lag, 0.2);
		loop(lag, 0.5);
		loop(lag, 0.7);
	}
}

/* delays of sites with four workers of 4 ms each: one that was as fast with
 * more load would be a faster one */
static void queues_by_use(void)
{
	for (size_t i = 0; i < SITES; i++) {
		double used = in[i].metrics.utilisation / 10000.0;

		in[i].metrics.delay_us =
			(uint32_t)(4000 * (1 + used / 4 / (1 - used)));
	}
}

/* a site that wants 30 % of its part gets it exactly while the others are not
 * full, also when the loads of all are what comes of that */
static void test_withheld(void **state)
{
	const double loads[] = {0.02, 0.1, 0.4, 0.6};

	(void)state;
	for (size_t k = 0; k < sizeof(loads) / sizeof(loads[0]); k++) {
		inputs_fill();
		weigh(0);
		in[2].withheld = 65536 * 7 / 10;
		for (unsigned int step = 0; step < 400; step++) {
			used_by_share(loads[k]);
			queues_by_use();
			weigh(250);
		}
		for (size_t i = 0; i < SITES; i++) {
			double wanted = (i == 2 ? 30 : 100) / 230.0;

			/* weights at rest stay within 2 % */
			assert_between(out[i].target, ONE * (wanted - 0.001),
				       ONE * (wanted + 0.001));
			assert_between(out[i].weight, ONE * wanted * 0.98,
				       ONE * wanted * 1.02);
		}
	}
	/* without any load that is known */
	inputs_fill();
	for (size_t i = 0; i < SITES; i++)
		in[i].metrics.has = DYNCAST_HAS_CAPACITY;
	in[2].withheld = UINT16_MAX;
	for (unsigned int step = 0; step < 400; step++)
		weigh(250);
	assert_between(out[2].weight, 1, 2);
}

/* What is withheld does not fill others.  Nor does it swing there. */
static void test_withheld_when_full(void **state)
{
	(void)state;
	for (double load = 0.5; load < 0.96; load += 0.05) {
		double low = 1, high = 0;

		inputs_fill();
		in[1].withheld = in[2].withheld = 65536 * 9 / 10;
		for (unsigned int step = 0; step < 400; step++) {
			used_by_share(load);
			queues_by_use();
			weigh(step ? 250 : 0);
			if (step < 200)
				continue;
			low = share(0) < low ? share(0) : low;
			high = share(0) > high ? share(0) : high;
		}
		if (high - low > 0.01)
			fail_msg("load %.2f: swings from %.3f to %.3f", load,
				 low, high);
		for (size_t i = 0; i < SITES; i++) {
			double used = load * 3 * out[i].weight / ONE;

			/* 85 %, and the 2 % within which weights rest */
			if (used > (load > 0.84 ? load + 0.02 : 0.88))
				fail_msg("load %.2f: site %zu is used to %.2f",
					 load, i, used);
		}
	}
}

/* the same where one of the others says nothing of its load, where a threshold
 * is nearer than full, and where a cap gives others more */
static void test_withheld_with_others(void **state)
{
	(void)state;
	for (unsigned int kind = 0; kind < 3; kind++) {
		double low = 1, high = 0;

		inputs_fill();
		if (kind == 1)
			config.policy.max_utilisation = 80;
		if (kind == 2) {
			in[2].cap_group = 1;
			in[2].cap_percent = 10;
		}
		for (unsigned int step = 0; step < 800; step++) {
			double load = kind == 2 ? 0.45 : 0.65;

			if (step)
				used_by_share(load);
			queues_by_use();
			if (step == 50)
				in[0].withheld = 65536 * 9 / 10;
			if (kind == 0)
				in[1].metrics.has = DYNCAST_HAS_CAPACITY;
			weigh(step ? 250 : 0);
			for (size_t i = 0; step > 400 && i < SITES; i++)
				if (load * 3 * out[i].weight / ONE > 0.88)
					fail_msg("kind %u: site %zu is full",
						 kind, i);
			if (step < 400)
				continue;
			low = share(0) < low ? share(0) : low;
			high = share(0) > high ? share(0) : high;
		}
		if (high - low > 0.02)
			fail_msg("kind %u: swings from %.3f to %.3f", kind, low,
				 high);
	}
}

/*
 * Ingresses that learn of it at different times, or had another split for a
 * reason of their own, come to one split: what others withhold already is not
 * foreign load to be avoided.
 */
#define INGRESSES 4

static void test_withheld_seen_late(void **state)
{
	static struct dyncast_cost_input all_in[INGRESSES][SITES];
	static struct dyncast_cost_output all_out[INGRESSES][SITES];

	(void)state;
	inputs_fill();
	in[2].verdict = DYNCAST_VERDICT_DOWN; /* with two it is worst */
	for (size_t k = 0; k < INGRESSES; k++)
		memcpy(all_in[k], in, sizeof(in));
	memset(all_out, 0, sizeof(all_out));
	for (unsigned int step = 0; step < 800; step++) {
		for (size_t i = 0; i < SITES; i++) {
			double used = 0;

			for (size_t k = 0; k < INGRESSES; k++)
				used += 0.4 * 2 / INGRESSES *
					all_out[k][i].weight / ONE;
			in[i].metrics.utilisation = (uint16_t)(10000 * used);
		}
		queues_by_use();
		for (size_t k = 0; k < INGRESSES; k++) {
			for (size_t i = 0; i < SITES; i++)
				all_in[k][i].metrics = in[i].metrics;
			if (step == (k ? 200 : 208))
				all_in[k][0].withheld = 65536 * 7 / 10;
			all_in[0][1].pinned_away = step >= 500 && step < 560;
			config.elapsed_ms = step ? 250 : 0;
			dyncast_cost_weights(&config, all_in[k], all_out[k],
					     SITES);
			for (size_t i = 0; i < SITES; i++) {
				all_in[k][i].weight = all_out[k][i].weight;
				all_in[k][i].state = all_out[k][i].state;
			}
		}
		if (step != 490 && step != 790)
			continue;
		for (size_t k = 0; k < INGRESSES; k++)
			assert_between(all_out[k][0].weight,
				       ONE * (30 / 130.0 - 0.01),
				       ONE * (30 / 130.0 + 0.01));
	}
}

static void test_score_only(void **state)
{
	(void)state;
	inputs_fill();
	for (size_t i = 0; i < SITES; i++) {
		in[i].metrics.has = DYNCAST_HAS_SCORE;
		in[i].metrics.score = 7;
	}
	in[0].metrics.score = 2;
	weigh(0);
	/* 2 x 2 + 1 of 2 x 7 + 1 */
	assert_between(out[0].target * 3ull, out[1].target - 200,
		       out[1].target + 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alike_is_capacity),
		cmocka_unit_test(test_noise_is_no_reason),
		cmocka_unit_test(test_short_reports),
		cmocka_unit_test(test_near_site),
		cmocka_unit_test(test_cost_policies),
		cmocka_unit_test(test_foreign_load),
		cmocka_unit_test(test_two_ingresses),
		cmocka_unit_test(test_backlog),
		cmocka_unit_test(test_closed_loop),
		cmocka_unit_test(test_withheld),
		cmocka_unit_test(test_withheld_when_full),
		cmocka_unit_test(test_withheld_with_others),
		cmocka_unit_test(test_withheld_seen_late),
		cmocka_unit_test(test_score_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
