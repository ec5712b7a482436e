// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long zebra's module takes to decide anew about everything: 10,000
 * services of 8 candidates, each with a new report; weights for all, and a new
 * ring where a weight moved.  Prints
 *
 *   {"recompute10kMs": …, "recomputeSteadyMs": …, "steadyRings": …, "ringUs":
 * …}
 *
 * recompute10kMs is with every weight moved, as when an IGP changes under all
 * services at once, so that every ring is built.  recomputeSteadyMs is of a
 * network in service: reports differ by the noise of real ones, and so many
 * rings move.  The middle of 5 runs each.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/cost.h"
#include "lib/ring.h"

#define SERVICES 10000
#define CANDIDATES 8
#define RUNS 5

struct service {
	struct dyncast_cost_input in[CANDIDATES];
	struct dyncast_cost_output out[CANDIDATES];
	uint32_t ring[DYNCAST_RING_SLOTS];
};

static struct service *services;
static uint32_t target[DYNCAST_RING_SLOTS];

static double now_ms(void)
{
	struct timespec t;

	/* its own time: on a busy machine the other's is no figure */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void report(struct service *s)
{
	for (size_t i = 0; i < CANDIDATES; i++) {
		struct dyncast_metrics *m = &s->in[i].metrics;

		/* as its weight, and noise of 2 % */
		m->utilisation =
			(uint16_t)(6000ull * CANDIDATES * s->out[i].weight /
					   DYNCAST_WEIGHT_SUM +
				   (unsigned int)rand() % 120);
		m->delay_us = 4000 + (uint32_t)rand() % 200;
		m->age_ms = 20;
		s->in[i].weight = s->out[i].weight;
		s->in[i].state = s->out[i].state;
	}
}

static void fill(void)
{
	for (size_t k = 0; k < SERVICES; k++) {
		for (size_t i = 0; i < CANDIDATES; i++) {
			struct dyncast_cost_input *in = &services[k].in[i];
			uint8_t bytes[4] = {10, (uint8_t)(k >> 8), (uint8_t)k,
					    (uint8_t)(i + 1)};

			in->dbid.family = AF_INET;
			memcpy(in->dbid.bytes, bytes, sizeof(bytes));
			in->network_metric = 5 + 3 * (uint32_t)i;
			in->metrics.has = DYNCAST_HAS_CAPACITY |
					  DYNCAST_HAS_UTILISATION |
					  DYNCAST_HAS_DELAY;
			in->metrics.capacity = 100;
		}
	}
}

/* returns how many rings it built */
static unsigned int recompute(void)
{
	const struct dyncast_cost_config config = {.network_unit_us = 100,
						   .elapsed_ms = 250};
	struct dyncast_ring_member members[CANDIDATES] = {0};
	unsigned int rings = 0;

	for (size_t k = 0; k < SERVICES; k++) {
		struct service *s = &services[k];
		bool moved = false;

		dyncast_cost_weights(&config, s->in, s->out, CANDIDATES);
		for (size_t i = 0; i < CANDIDATES; i++) {
			moved |= s->out[i].weight != s->in[i].weight;
			members[i].dbid = s->in[i].dbid;
			members[i].weight = s->out[i].weight;
			members[i].id = i + 1;
		}
		if (!moved)
			continue;
		rings++;
		dyncast_ring_build((uint32_t)k, members, CANDIDATES, target);
		dyncast_ring_step(s->ring, target, members, CANDIDATES, 64);
	}
	return rings;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int main(void)
{
	double steady[RUNS], all[RUNS], began;
	unsigned int rings = 0;

	services = calloc(SERVICES, sizeof(*services));
	if (!services)
		return 1;
	fill();
	for (unsigned int i = 0; i < 20; i++) {
		for (size_t k = 0; k < SERVICES; k++)
			report(&services[k]);
		recompute();
	}
	for (size_t run = 0; run < RUNS; run++) {
		for (size_t k = 0; k < SERVICES; k++)
			report(&services[k]);
		began = now_ms();
		rings = recompute();
		steady[run] = now_ms() - began;
	}
	for (size_t run = 0; run < RUNS; run++) {
		for (size_t k = 0; k < SERVICES; k++) {
			report(&services[k]);
			services[k].in[run].network_metric += 100;
		}
		began = now_ms();
		recompute();
		all[run] = now_ms() - began;
	}
	qsort(steady, RUNS, sizeof(*steady), compare);
	qsort(all, RUNS, sizeof(*all), compare);
	printf("{\"recompute10kMs\": %.1f, \"recomputeSteadyMs\": %.1f, "
	       "\"steadyRings\": %u, \"ringUs\": %.1f}\n",
	       all[RUNS / 2], steady[RUNS / 2], rings,
	       (all[RUNS / 2] - steady[RUNS / 2]) * 1000 / SERVICES);
	free(services);
	return 0;
}
