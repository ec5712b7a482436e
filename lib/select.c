// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The actions other than spread (requirement E2 of
 * draft-liu-dyncast-reqs-00):
 *
 *   best              all to the cheapest; another must be cheaper by the
 *                     hysteresis, and the present one have been it for the hold
 *   min               all to the cheapest, always
 *   max               all to the highest score, or without scores to the most
 *                     spare capacity that its site does not withhold
 *   min-then-random   evenly to those that are within the hysteresis of the
 *                     cheapest; flows choose by their hash
 *   min-then-first    all to the first of those, the smallest D-BID
 *   weighted          by capacity
 *
 * All but the last run towards whoever looks best on old metrics: for few heavy
 * flows, or where the metric does not answer to traffic.  spread is for the
 * rest.
 */

#include "cost_work.h"

#include <string.h>

#include "addr.h"

/* what is compared: first, then where that is equal */
struct key {
	uint64_t first;
	uint64_t then;
};

static struct key key_of(const struct dyncast_work *w, size_t i)
{
	const struct dyncast_cost_output *out = &w->out[i];

	switch (w->config->policy.cost) {
	case DYNCAST_COST_NETWORK_FIRST:
		return (struct key){out->network_us, out->delay_us};
	case DYNCAST_COST_COMPUTE_FIRST:
		return (struct key){out->delay_us, out->network_us};
	default:
		return (struct key){out->cost_us, 0};
	}
}

/* a is cheaper than b; D-BIDs break ties */
static bool is_cheaper(const struct dyncast_work *w, size_t a, size_t b)
{
	struct key x = key_of(w, a), y = key_of(w, b);

	if (x.first != y.first)
		return x.first < y.first;
	if (x.then != y.then)
		return x.then < y.then;
	return dyncast_addr_cmp(&w->in[a].dbid, &w->in[b].dbid) < 0;
}

static uint64_t hysteresis(const struct dyncast_work *w)
{
	return w->config->policy.hysteresis ? w->config->policy.hysteresis
					    : DYNCAST_HYSTERESIS_DEFAULT;
}

/* cost is no more than least, or more by less than the hysteresis */
static bool near(const struct dyncast_work *w, uint64_t cost, uint64_t least)
{
	return (least + COST_FLOOR_US) * 100 >=
	       (cost + COST_FLOOR_US) * (100 - hysteresis(w));
}

static bool near_cheapest(const struct dyncast_work *w, size_t i,
			  size_t cheapest)
{
	struct key a = key_of(w, i), b = key_of(w, cheapest);

	return near(w, a.first, b.first) && near(w, a.then, b.then);
}

static size_t cheapest_find(const struct dyncast_work *w)
{
	size_t cheapest = w->n;

	for (size_t i = 0; i < w->n; i++) {
		if (w->eligible[i] &&
		    (cheapest == w->n || is_cheaper(w, i, cheapest)))
			cheapest = i;
	}
	return cheapest;
}

/* the eligible one that was chosen last, or where nothing is known of that (a
 * restart, another action before) the one with most weight now */
static size_t holder_find(const struct dyncast_work *w)
{
	size_t holder = w->n;

	for (size_t i = 0; i < w->n; i++) {
		if (w->eligible[i] && w->in[i].state.chosen)
			return i;
		if (w->eligible[i] && w->in[i].weight &&
		    (holder == w->n || w->in[i].weight > w->in[holder].weight))
			holder = i;
	}
	return holder;
}

static void winner_set(const struct dyncast_work *w, size_t winner)
{
	for (size_t i = 0; i < w->n; i++) {
		if (i == winner)
			w->out[i].target = DYNCAST_WEIGHT_SUM;
		else if (w->eligible[i])
			w->out[i].verdict = DYNCAST_VERDICT_NOT_BEST;
		w->out[i].weight = w->out[i].target;
		w->out[i].state.chosen = i == winner;
	}
}

/* true while the hold keeps one that is not the cheapest */
static bool best(const struct dyncast_work *w)
{
	uint32_t hold_ms =
		1000u * (w->config->policy.hold_s ? w->config->policy.hold_s
						  : DYNCAST_HOLD_DEFAULT_S);
	size_t winner = cheapest_find(w), holder = holder_find(w);
	bool waits = false;

	if (holder < w->n && holder != winner) {
		struct dyncast_cost_state *s = &w->out[holder].state;
		uint32_t chosen = w->in[holder].state.chosen_ms;

		chosen = w->config->elapsed_ms > UINT32_MAX - chosen
				 ? UINT32_MAX
				 : chosen + w->config->elapsed_ms;
		s->chosen_ms = chosen;
		waits = chosen < hold_ms && !near_cheapest(w, holder, winner);
		if (waits || near_cheapest(w, holder, winner))
			winner = holder;
		else
			s->chosen_ms = 0;
	} else if (holder < w->n) {
		uint32_t chosen = w->in[holder].state.chosen_ms;

		w->out[holder].state.chosen_ms =
			w->config->elapsed_ms > UINT32_MAX - chosen
				? UINT32_MAX
				: chosen + w->config->elapsed_ms;
	}
	winner_set(w, winner);
	return waits;
}

static void min_random(const struct dyncast_work *w)
{
	size_t cheapest = cheapest_find(w);
	uint64_t raw[DYNCAST_CANDIDATES_MAX] = {0};
	uint32_t weights[DYNCAST_CANDIDATES_MAX];

	for (size_t i = 0; i < w->n; i++)
		raw[i] = w->eligible[i] && near_cheapest(w, i, cheapest);
	dyncast_work_scale(raw, weights, w->n, DYNCAST_WEIGHT_SUM);
	for (size_t i = 0; i < w->n; i++) {
		if (w->eligible[i] && !raw[i])
			w->out[i].verdict = DYNCAST_VERDICT_NOT_BEST;
		w->out[i].weight = w->out[i].target = weights[i];
	}
}

static void min_first(const struct dyncast_work *w)
{
	size_t cheapest = cheapest_find(w), first = cheapest;

	for (size_t i = 0; i < w->n; i++) {
		if (w->eligible[i] && near_cheapest(w, i, cheapest) &&
		    dyncast_addr_cmp(&w->in[i].dbid, &w->in[first].dbid) < 0)
			first = i;
	}
	winner_set(w, first);
}

/* what max compares: scores if all have one, else spare capacity */
static uint64_t worth(const struct dyncast_work *w, size_t i, bool scores)
{
	uint32_t used = dyncast_work_has(w, i, DYNCAST_HAS_UTILISATION)
				? w->in[i].metrics.utilisation
				: 0;

	return scores ? w->in[i].metrics.score
		      : (uint64_t)w->share[i] *
				(DYNCAST_UTILISATION_MAX - used) *
				dyncast_work_left(w, i);
}

static void max(const struct dyncast_work *w)
{
	size_t winner = w->n;
	bool scores = true;

	for (size_t i = 0; i < w->n; i++) {
		if (w->eligible[i] &&
		    !dyncast_work_has(w, i, DYNCAST_HAS_SCORE))
			scores = false;
	}
	for (size_t i = 0; i < w->n; i++) {
		uint64_t a, b;

		if (!w->eligible[i])
			continue;
		a = worth(w, i, scores);
		b = winner < w->n ? worth(w, winner, scores) : 0;
		if (winner == w->n || a > b ||
		    (a == b &&
		     dyncast_addr_cmp(&w->in[i].dbid, &w->in[winner].dbid) < 0))
			winner = i;
	}
	winner_set(w, winner);
}

bool dyncast_work_select(const struct dyncast_work *w)
{
	switch (w->config->policy.action) {
	case DYNCAST_ACTION_BEST:
		return best(w);
	case DYNCAST_ACTION_MIN:
		winner_set(w, cheapest_find(w));
		break;
	case DYNCAST_ACTION_MAX:
		max(w);
		break;
	case DYNCAST_ACTION_MIN_RANDOM:
		min_random(w);
		break;
	case DYNCAST_ACTION_MIN_FIRST:
		min_first(w);
		break;
	default: /* DYNCAST_ACTION_WEIGHTED */
		for (size_t i = 0; i < w->n; i++)
			w->out[i].weight = w->out[i].target =
				w->eligible[i] ? w->share[i] : 0;
		break;
	}
	return false;
}
