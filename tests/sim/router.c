// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An ingress router: what it has heard of the sites, and which it chooses.
 *
 * spread is what zebra_dyncast does in decide.c: weights at a pace of
 * DYNCAST_COST_PACE_MS, the ring from the weights, a bounded step towards it.
 * The other policies are as in the literature.
 */

#include "sim.h"

#include <math.h>
#include <string.h>

#define STEP_SLOTS 64

const char *const sim_policy_names[SIM_POLICIES] = {
	"spread", "best", "random", "capacity", "nearest", "p2c", "oracle",
};

void sim_router_init(struct sim_router *router, const struct sim_config *config,
		     unsigned int index)
{
	memset(router, 0, sizeof(*router));
	router->config = config;
	router->index = index;
	router->random.state = config->seed * 1000003 + 17 * index + 5;
	router->weighed = -1e300;
	for (unsigned int i = 0; i < config->sites; i++) {
		struct dyncast_cost_input *in = &router->in[i];
		uint8_t bytes[4] = {10, (uint8_t)(config->seed >> 8),
				    (uint8_t)config->seed, (uint8_t)(i + 1)};

		/* other addresses, other rings */
		in->dbid.family = AF_INET;
		memcpy(in->dbid.bytes, bytes, sizeof(bytes));
		in->network_metric = config->network_us[index][i];
	}
}

void sim_router_hear(struct sim_router *router, unsigned int site,
		     const struct dyncast_metrics *metrics, bool down,
		     double measured)
{
	struct sim_view *view = &router->views[site];

	view->metrics = *metrics;
	view->measured = measured;
	view->heard = true;
	view->down = down;
}

static void weigh(struct sim_router *router, double now)
{
	const struct sim_config *config = router->config;
	struct dyncast_cost_config cost = {
		.network_unit_us = 1,
		.policy = {.action = DYNCAST_ACTION_SPREAD},
		.elapsed_ms =
			router->weighed < 0
				? 0
				: (uint32_t)((now - router->weighed) / 1000),
	};

	for (unsigned int i = 0; i < config->sites; i++) {
		struct dyncast_cost_input *in = &router->in[i];
		const struct sim_view *view = &router->views[i];

		in->metrics = view->metrics;
		in->metrics.age_ms = (uint32_t)((now - view->measured) / 1000);
		if (config->known) {
			in->metrics.has |= DYNCAST_HAS_CAPACITY;
			in->metrics.capacity = config->workers[i];
		}
		in->verdict =
			view->down ? DYNCAST_VERDICT_DOWN : DYNCAST_VERDICT_OK;
		in->withheld = config->withheld[i];
		in->state = router->out[i].state;
		in->weight = router->out[i].weight;
	}
	dyncast_cost_weights(&cost, router->in, router->out, config->sites);
	router->weighed = now;
}

static void turn(struct sim_router *router, bool changed)
{
	const struct sim_config *config = router->config;
	struct dyncast_ring_member members[SIM_SITES_MAX] = {0};

	if (!changed && !router->ring_left)
		return;
	for (unsigned int i = 0; i < config->sites; i++) {
		members[i].dbid = router->in[i].dbid;
		members[i].weight = router->out[i].weight;
		members[i].id = i + 1;
	}
	if (changed)
		dyncast_ring_build((uint32_t)config->seed, members,
				   config->sites, router->target);
	router->ring_left =
		dyncast_ring_step(router->ring, router->target, members,
				  config->sites, STEP_SLOTS);
	memset(router->slots, 0, sizeof(router->slots));
	for (unsigned int i = 0; i < DYNCAST_RING_SLOTS; i++) {
		if (router->ring[i])
			router->slots[router->ring[i] - 1]++;
	}
}

void sim_router_decide(struct sim_router *router, double now)
{
	struct dyncast_cost_output before[SIM_SITES_MAX];
	bool changed = false;

	if (router->config->policy != SIM_SPREAD ||
	    now - router->weighed < DYNCAST_COST_PACE_MS * 1000.0)
		return;
	memcpy(before, router->out, sizeof(before));
	weigh(router, now);
	for (unsigned int i = 0; i < router->config->sites; i++) {
		if (router->out[i].weight != before[i].weight)
			changed = true;
	}
	turn(router, changed);
}

void sim_router_sample(struct sim_router *router)
{
	for (unsigned int i = 0; i < router->config->sites; i++) {
		double share = (double)router->slots[i] / DYNCAST_RING_SLOTS;

		router->slot_sum[i] += share;
		router->slot_square[i] += share * share;
	}
	router->samples++;
}

/* ---- the policies ------------------------------------------------------- */

static unsigned int pick(struct sim_router *router, unsigned int n)
{
	/* proportional: equal shares of different sums are equal choices */
	return (unsigned int)((sim_random_next(&router->random) >> 32) * n >>
			      32);
}

/* by weights; those that are known to be down do not count */
static unsigned int pick_weighted(struct sim_router *router,
				  const struct sim_site *sites, bool capacity)
{
	unsigned int weight[SIM_SITES_MAX], sum = 0, at;

	for (unsigned int i = 0; i < router->config->sites; i++) {
		weight[i] = router->views[i].down ? 0
			    : capacity		  ? sites[i].workers
						  : 1;
		sum += weight[i];
	}
	at = pick(router, sum ? sum : 1);
	for (unsigned int i = 0; i < router->config->sites; i++) {
		if (at < weight[i])
			return i;
		at -= weight[i];
	}
	return 0;
}

/* requests for each worker, when last heard */
static double heard_load(const struct sim_router *router, unsigned int site)
{
	if (router->views[site].down)
		return 1e300;
	return (double)router->views[site].metrics.in_flight /
	       router->config->workers[site];
}

static unsigned int pick_best(struct sim_router *router)
{
	unsigned int best = 0;

	for (unsigned int i = 1; i < router->config->sites; i++) {
		if (heard_load(router, i) < heard_load(router, best))
			best = i;
	}
	return best;
}

static unsigned int pick_of_two(struct sim_router *router)
{
	unsigned int n = router->config->sites;
	unsigned int a = pick(router, n);
	unsigned int b = (a + 1 + pick(router, n - 1)) % n;

	return heard_load(router, b) < heard_load(router, a) ? b : a;
}

/*
 * What exact knowledge of a certain age can do with a choice by chance: sites
 * with fewer requests than the mean are chosen more often, by `gain` of the
 * difference in each service time.
 */
static unsigned int pick_feedback(struct sim_router *router)
{
	const struct sim_config *config = router->config;
	double arrivals = 0, mean = 0, sum = 0, at, part[SIM_SITES_MAX];

	for (unsigned int i = 0; i < config->sites; i++) {
		arrivals += config->load * config->workers[i];
		mean += router->views[i].metrics.in_flight;
	}
	mean /= config->sites;
	for (unsigned int i = 0; i < config->sites; i++) {
		double off = mean - router->views[i].metrics.in_flight;

		part[i] = fmax(0, 1.0 / config->sites +
					  config->gain * off / arrivals);
		sum += part[i];
	}
	at = sim_random_unit(&router->random) * sum;
	for (unsigned int i = 0; i < config->sites; i++) {
		if (at < part[i])
			return i;
		at -= part[i];
	}
	return 0;
}

static unsigned int pick_nearest(struct sim_router *router)
{
	const uint32_t *cost = router->config->network_us[router->index];
	unsigned int best = SIM_SITES_MAX;

	for (unsigned int i = 0; i < router->config->sites; i++) {
		if (!router->views[i].down &&
		    (best == SIM_SITES_MAX || cost[i] < cost[best]))
			best = i;
	}
	return best == SIM_SITES_MAX ? 0 : best;
}

/* sees everything as it is now; network cost counts as if it were work */
static unsigned int pick_oracle(struct sim_router *router,
				const struct sim_site *sites)
{
	const uint32_t *cost = router->config->network_us[router->index];
	unsigned int best = 0, ties = 0;
	double least = 1e300;

	for (unsigned int i = 0; i < router->config->sites; i++) {
		double in_flight = (double)sim_site_in_flight(&sites[i]);
		double wait, total;

		if (sites[i].down || !sites[i].workers)
			continue;
		/* what a job would wait, and for ties the emptier one */
		wait = in_flight < sites[i].workers
			       ? 0
			       : in_flight - sites[i].workers + 1;
		total = cost[i] + SIM_SERVICE_US * wait / sites[i].workers +
			1e-3 * in_flight / sites[i].workers;
		ties = total == least ? ties + 1 : total < least ? 1 : ties;
		if (total < least ||
		    (total == least && pick(router, ties) == 0)) {
			least = total;
			best = i;
		}
	}
	return best;
}

/* A flow's hash is as good as a random number, so slots can be numbered in any
 * order: by site, so that equal shares make the choices of pick_weighted(). */
static unsigned int pick_slot(struct sim_router *router)
{
	unsigned int at = pick(router, DYNCAST_RING_SLOTS);

	for (unsigned int i = 0; i < router->config->sites; i++) {
		if (at < router->slots[i])
			return i;
		at -= router->slots[i];
	}
	return 0;
}

unsigned int sim_router_choose(struct sim_router *router,
			       const struct sim_site *sites)
{
	switch (router->config->policy) {
	case SIM_BEST:
		return pick_best(router);
	case SIM_RANDOM:
		return pick_weighted(router, sites, false);
	case SIM_CAPACITY:
		return pick_weighted(router, sites, true);
	case SIM_NEAREST:
		return pick_nearest(router);
	case SIM_P2C:
		return pick_of_two(router);
	case SIM_ORACLE:
		return pick_oracle(router, sites);
	case SIM_FEEDBACK:
		return pick_feedback(router);
	case SIM_TURNS:
		return router->turn++ % router->config->sites;
	default:
		return pick_slot(router);
	}
}
