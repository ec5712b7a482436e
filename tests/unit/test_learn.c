// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of lib/learn.c: what is learnt, how exactly, how soon half a site is
 * missed, and what says nothing.
 */

#include "tests/unit/between.h"
#include "tests/unit/wire.h"

#include <math.h>

#include "lib/learn.h"

static uint64_t seed;

static double unit(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return ((double)((z ^ z >> 31) >> 11) + 0.5) / 9007199254740992.0;
}

/* `n` requests of a site that can do `rate` a second, service times
 * exponential, half used, in intervals of `each` requests */
static void serve(struct dyncast_learn *learn, unsigned int n,
		  unsigned int each, double rate)
{
	for (unsigned int done = 0; done < n; done += each) {
		double busy = 0;

		for (unsigned int i = 0; i < each; i++)
			busy += -log(unit()) / rate;
		dyncast_learn_add(learn, 2 * busy, each, 0.5);
	}
}

static double learnt(const struct dyncast_learn *learn)
{
	return dyncast_learn_rate(learn) / 1000.0;
}

static void test_learns(void **state)
{
	struct dyncast_learn learn = {0};

	(void)state;
	seed = 1;
	assert_int_equal(dyncast_learn_rate(&learn), 0);
	serve(&learn, 8, 8, 400);
	assert_int_equal(dyncast_learn_rate(&learn), 0); /* too few */
	serve(&learn, 40000, 8, 400);
	assert_true(fabs(learnt(&learn) / 400 - 1) < 0.03);
	/* slow services too: one request in ten seconds */
	memset(&learn, 0, sizeof(learn));
	serve(&learn, 40000, 8, 0.1);
	assert_true(fabs(learnt(&learn) / 0.1 - 1) < 0.03);
}

/* of 2000 estimates without a change, next to none is far off */
static void test_stays(void **state)
{
	struct dyncast_learn learn = {0};
	unsigned int off = 0;

	(void)state;
	seed = 2;
	serve(&learn, 40000, 8, 400);
	for (unsigned int i = 0; i < 2000; i++) {
		serve(&learn, 1000, 50, 400);
		off += fabs(learnt(&learn) / 400 - 1) > 0.04;
	}
	assert_between(off, 0, 40);
}

static void test_notices(void **state)
{
	static const double factors[] = {0.5, 2};
	static const unsigned int each[] = {8, 100, 2000};

	(void)state;
	for (size_t f = 0; f < COUNT(factors); f++) {
		for (size_t e = 0; e < COUNT(each); e++) {
			struct dyncast_learn learn = {0};
			unsigned int served = 0;

			seed = 3 + f;
			serve(&learn, 40000, each[e], 400);
			do {
				serve(&learn, each[e], each[e],
				      400 * factors[f]);
				served += each[e];
			} while (fabs(learnt(&learn) / 400 / factors[f] - 1) >
					 0.25 &&
				 served < 100000);
			assert_between(served, 1,
				       each[e] < 100 ? 300 : 6 * each[e]);
		}
	}
}

/* no load says nothing, and is no surprise */
static void test_idle(void **state)
{
	struct dyncast_learn learn = {0};
	double was;

	(void)state;
	seed = 5;
	serve(&learn, 40000, 8, 400);
	was = learnt(&learn);
	for (unsigned int i = 0; i < 100000; i++)
		dyncast_learn_add(&learn, 1, 0, 0);
	assert_true(learnt(&learn) == was);
	serve(&learn, 1000, 8, 400);
	assert_true(fabs(learnt(&learn) / was - 1) < 0.02);
}

static void test_nonsense(void **state)
{
	struct dyncast_learn learn = {0};
	double was;

	(void)state;
	seed = 6;
	serve(&learn, 40000, 8, 400);
	was = learnt(&learn);
	dyncast_learn_add(&learn, -1, 100, 0.5);
	dyncast_learn_add(&learn, 0, 100, 0.5);
	dyncast_learn_add(&learn, NAN, 100, 0.5);
	dyncast_learn_add(&learn, 1, -5, 0.5);
	dyncast_learn_add(&learn, 1, NAN, 0.5);
	dyncast_learn_add(&learn, 1, INFINITY, 0.5);
	dyncast_learn_add(&learn, 1, 100, -1);
	dyncast_learn_add(&learn, 1, 100, NAN);
	assert_true(learnt(&learn) == was);
	/* requests without any utilisation: no rate, and no division by 0 */
	memset(&learn, 0, sizeof(learn));
	for (unsigned int i = 0; i < 100; i++)
		dyncast_learn_add(&learn, 1, 100, 0);
	assert_int_equal(dyncast_learn_rate(&learn), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learns),	 cmocka_unit_test(test_stays),
		cmocka_unit_test(test_notices),	 cmocka_unit_test(test_idle),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
