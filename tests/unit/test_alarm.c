// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of lib/alarm.c: what rings, in which order, not too early, and that
 * alarms may do anything with alarms.
 */

#include <poll.h>
#include <time.h>

#include "tests/unit/wire.h"

#include "lib/alarm.h"

#define N 500
#define FOREVER INT64_MAX
#define WAIT_MS 5000

static struct dyncast_alarms alarms = DYNCAST_ALARMS_INIT;
static struct dyncast_alarm many[N];
static unsigned int rung[N], n_rung;

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void note(void *arg)
{
	struct dyncast_alarm *alarm = arg;

	assert_false(alarm->set);
	assert_true(now_us() >= alarm->due_us);
	rung[n_rung++] = (unsigned int)(alarm - many);
}

static void wait_readable(void)
{
	struct pollfd fd = {.fd = alarms.fd, .events = POLLIN};

	assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
}

static int setup(void **state)
{
	(void)state;
	memset(many, 0, sizeof(many));
	n_rung = 0;
	return dyncast_alarms_open(&alarms) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	dyncast_alarms_close(&alarms);
	return 0;
}

static void set(unsigned int i, unsigned int ms)
{
	dyncast_alarm_set(&alarms, &many[i], note, &many[i], ms);
}

static void run_until(unsigned int n)
{
	while (n_rung < n) {
		wait_readable();
		dyncast_alarms_run(&alarms, FOREVER);
	}
}

/* in any order, some moved, some cancelled */
static void test_order(void **state)
{
	unsigned int left = 0;

	(void)state;
	for (unsigned int i = 0; i < N; i++)
		set(i, (i * 7919) % 40);
	for (unsigned int i = 0; i < N; i += 3)
		set(i, (i * 31) % 60);
	for (unsigned int i = 0; i < N; i += 5)
		dyncast_alarm_cancel(&alarms, &many[i]);
	for (unsigned int i = 0; i < N; i++)
		left += many[i].set;
	assert_int_equal(left, N - N / 5);
	run_until(left);
	assert_int_equal(n_rung, left);
	assert_null(alarms.first);
	for (unsigned int i = 1; i < n_rung; i++)
		assert_true(many[rung[i - 1]].due_us <= many[rung[i]].due_us);
}

/* a nearer one is not kept waiting by a farther one that was there before */
static void test_nearer(void **state)
{
	(void)state;
	set(0, 60000);
	set(1, 5);
	run_until(1);
	assert_int_equal(rung[0], 1);
	assert_true(many[0].set);
}

static void test_before_open(void **state)
{
	(void)state;
	dyncast_alarms_close(&alarms);
	set(0, 1);
	assert_true(dyncast_alarms_open(&alarms));
	run_until(1);
}

static void again(void *arg)
{
	unsigned int *left = arg;

	dyncast_alarm_cancel(&alarms, &many[1]);
	if (--*left)
		dyncast_alarm_set(&alarms, &many[0], again, left, 0);
	else
		set(2, 1);
}

/* one that sets itself again does not keep others from their turn */
static void test_again(void **state)
{
	unsigned int left = 3;

	(void)state;
	dyncast_alarm_set(&alarms, &many[0], again, &left, 0);
	set(1, 1);
	run_until(1);
	assert_int_equal(left, 0);
	assert_int_equal(rung[0], 2);
}

static void slow(void *arg)
{
	int64_t end = now_us() + 2000;

	while (now_us() < end)
		;
	note(arg);
}

static void test_budget(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 10; i++)
		dyncast_alarm_set(&alarms, &many[i], slow, &many[i], 0);
	wait_readable();
	dyncast_alarms_run(&alarms, 1000);
	assert_int_equal(n_rung, 1);
	run_until(10);
}

/* without a file descriptor somebody looks from time to time */
static void test_closed(void **state)
{
	(void)state;
	dyncast_alarms_close(&alarms);
	set(0, 0);
	dyncast_alarms_run(&alarms, FOREVER);
	assert_int_equal(n_rung, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nearer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_before_open, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
