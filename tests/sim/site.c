// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A site: one queue, first come first served, and some workers; and what an
 * agent would measure of it.  See sim.h.
 */

#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE_FIRST 64

void sim_site_init(struct sim_site *site, unsigned int workers)
{
	memset(site, 0, sizeof(*site));
	site->workers = workers;
	site->queue_size = QUEUE_FIRST;
	site->queue = malloc(QUEUE_FIRST * sizeof(*site->queue));
	site->last_delay_us = (uint32_t)SIM_SERVICE_US;
	if (!site->queue)
		abort();
}

void sim_site_fini(struct sim_site *site)
{
	free(site->queue);
	site->queue = NULL;
}

static void busy_count(struct sim_site *site, double now)
{
	unsigned int busy =
		site->busy < site->workers ? site->busy : site->workers;

	if (site->workers)
		site->busy_integral +=
			(now - site->busy_since) * (double)busy / site->workers;
	site->busy_since = now;
}

static void serve(struct sim_site *site, double now, const struct sim_job *job)
{
	unsigned int i = site->busy++;
	double end = now + job->length;

	while (i && site->serving[(i - 1) / 2].end > end) {
		site->serving[i] = site->serving[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	site->serving[i].end = end;
	site->serving[i].arrived = job->arrived;
	site->serving[i].network = job->network;
}

static void enqueue(struct sim_site *site, const struct sim_job *job)
{
	if (site->queue_len == site->queue_size) {
		size_t size = site->queue_size * 2;
		struct sim_job *queue = malloc(size * sizeof(*queue));

		if (!queue)
			abort();
		for (size_t i = 0; i < site->queue_len; i++)
			queue[i] = site->queue[(site->queue_head + i) &
					       (site->queue_size - 1)];
		free(site->queue);
		site->queue = queue;
		site->queue_size = size;
		site->queue_head = 0;
	}
	site->queue[(site->queue_head + site->queue_len++) &
		    (site->queue_size - 1)] = *job;
}

static void fill(struct sim_site *site, double now)
{
	while (site->queue_len && site->busy < site->workers) {
		serve(site, now, &site->queue[site->queue_head]);
		site->queue_head =
			(site->queue_head + 1) & (site->queue_size - 1);
		site->queue_len--;
	}
}

void sim_site_arrive(struct sim_site *site, double now,
		     const struct sim_job *job)
{
	busy_count(site, now);
	if (site->busy < site->workers && !site->queue_len)
		serve(site, now, job);
	else
		enqueue(site, job);
}

void sim_site_finish(struct sim_site *site, struct sim_job *job)
{
	double now = site->serving[0].end;
	unsigned int last = site->busy - 1, i = 0, child;

	busy_count(site, now);
	job->arrived = site->serving[0].arrived;
	job->network = site->serving[0].network;
	site->busy--;
	while ((child = 2 * i + 1) < last) {
		if (child + 1 < last &&
		    site->serving[child + 1].end < site->serving[child].end)
			child++;
		if (site->serving[child].end >= site->serving[last].end)
			break;
		site->serving[i] = site->serving[child];
		i = child;
	}
	site->serving[i] = site->serving[last];
	site->finished++;
	site->finished_ever++;
	site->delay_sum += now - job->arrived;
	fill(site, now);
}

void sim_site_workers_set(struct sim_site *site, double now,
			  unsigned int workers)
{
	busy_count(site, now);
	site->workers = workers; /* those above it end what they serve */
	fill(site, now);
}

size_t sim_site_fail(struct sim_site *site, double now)
{
	size_t lost = sim_site_in_flight(site);

	busy_count(site, now);
	site->down = true;
	site->busy = 0;
	site->queue_len = 0;
	site->workers = 0;
	return lost;
}

static uint32_t to_u32(double x)
{
	return x < UINT32_MAX ? (uint32_t)(x + 0.5) : UINT32_MAX;
}

struct dyncast_metrics sim_site_measure(struct sim_site *site, double now)
{
	struct dyncast_metrics m = {0};
	double elapsed = now - site->report_from, used;

	busy_count(site, now);
	used = elapsed > 0 ? site->busy_integral / elapsed : 0;
	if (used > 1)
		used = 1;
	dyncast_learn_add(&site->learn, elapsed / 1e6, (double)site->finished,
			  used);
	if (site->finished)
		site->last_delay_us =
			to_u32(site->delay_sum / (double)site->finished);
	m.has = DYNCAST_HAS_UTILISATION | DYNCAST_HAS_IN_FLIGHT |
		DYNCAST_HAS_DELAY;
	m.utilisation = (uint16_t)(used * DYNCAST_UTILISATION_MAX + 0.5);
	m.in_flight = to_u32((double)sim_site_in_flight(site));
	m.delay_us = site->last_delay_us;
	m.rate = dyncast_learn_rate(&site->learn);
	if (m.rate)
		m.has |= DYNCAST_HAS_RATE;
	site->report_from = now;
	site->busy_integral = 0;
	site->delay_sum = 0;
	site->finished = 0;
	return m;
}
