/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs of the steering testbed share: the datagrams of a request
 * and its answer, time, and random numbers that are the same on every machine.
 * Each program is one process with one thread; doc/testbed.rst has the picture.
 */

#ifndef BENCH_STEERING_H
#define BENCH_STEERING_H

#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#define NS_PER_MS 1000000ll
#define NS_PER_US 1000ll
#define NS_PER_S 1000000000ll

/* Both ways the same octets: the answer is the request with the site's name.
 * All in the machine's byte order, since both ends are on it. */
struct steering_message {
	uint32_t sequence;
	uint32_t service_us; /* how long it occupies a worker */
	char site[8];
};

static inline int64_t steering_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static inline struct timespec steering_timeout(int64_t until)
{
	int64_t left = until - steering_now();

	if (left < 0)
		left = 0;
	return (struct timespec){left / NS_PER_S, left % NS_PER_S};
}

/* Wake up when due whatever else the machine does: these programs wait, and
 * what others of the same machine compute should not show in delays. */
static inline bool steering_realtime(void)
{
	struct sched_param param = {.sched_priority = 10};

	prctl(PR_SET_TIMERSLACK, 1);
	return sched_setscheduler(0, SCHED_FIFO, &param) == 0;
}

/* splitmix64 */
static inline uint64_t steering_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* above 0, below 1 */
static inline double steering_uniform(uint64_t *state)
{
	return ((double)(steering_random(state) >> 12) + 0.5) / (1ull << 52);
}

static inline int64_t steering_exponential(uint64_t *state, double mean)
{
	return (int64_t)(-mean * log(steering_uniform(state)));
}

#define STEERING_DIE(...)                                                      \
	do {                                                                   \
		fprintf(stderr, __VA_ARGS__);                                  \
		fprintf(stderr, "\n");                                         \
		exit(1);                                                       \
	} while (0)

#endif /* BENCH_STEERING_H */
