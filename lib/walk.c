// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How weights get to their targets: in bounded steps by the time that passed,
 * not at all for noise, and in the end exactly.
 *
 * A step goes elapsed / (elapsed + walk_ms) of the way, all weights by the same
 * part of theirs, and less where one would grow by more than half of itself.
 * Part of lib/cost.c; pure.
 */

#include "cost_work.h"

#include <string.h>

#define MAX DYNCAST_CANDIDATES_MAX

/* Weights at rest begin to walk when one is off by more than the first, and
 * all arrive when all are within the second: at the targets themselves, so that
 * ingresses with one view rest on one ring whichever way they came.
 * Thousandths. */
#define BAND_REST 20u
#define BAND_ARRIVE 10u
#define JOIN_DIVISOR 4u /* a candidate joins with a quarter of its target */

static bool out_of_band(uint32_t weight, uint32_t goal, uint32_t band)
{
	return distance(weight, goal) > (uint64_t)goal * band / 1000 + 1;
}

static bool any_out_of_band(const uint32_t *weights, const uint32_t *goals,
			    size_t n, uint32_t band)
{
	for (size_t i = 0; i < n; i++) {
		if (out_of_band(weights[i], goals[i], band))
			return true;
	}
	return false;
}

/*
 * Where everybody stands before the step, and where the step goes.
 *
 * One that joins (again) stands at a quarter of its target and stays there
 * for this call.  The others keep their proportions, scaled to the rest of
 * the sum; not scaled at all when the sum is right, so that nothing moves by
 * rounding.  When nobody had a weight, all begin at their targets.
 */
static void start_fill(const struct dyncast_work *w, const uint32_t *targets,
		       uint32_t *start, uint32_t *goals)
{
	uint64_t present[MAX] = {0};
	uint64_t wanted[MAX] = {0};
	uint32_t joined[MAX] = {0};
	uint64_t sum = 0;
	uint32_t rest = DYNCAST_WEIGHT_SUM;

	for (size_t i = 0; i < w->n; i++) {
		if (w->eligible[i] && w->in[i].weight) {
			present[i] = w->in[i].weight;
			wanted[i] = targets[i];
			sum += present[i];
		} else if (targets[i]) {
			joined[i] = targets[i] / JOIN_DIVISOR;
			if (!joined[i])
				joined[i] = 1;
			rest -= joined[i];
		}
	}
	if (!sum) {
		memcpy(start, targets, w->n * sizeof(*start));
		memcpy(goals, targets, w->n * sizeof(*goals));
		return;
	}
	if (rest == DYNCAST_WEIGHT_SUM)
		memcpy(goals, targets, w->n * sizeof(*goals));
	else
		dyncast_work_scale(wanted, goals, w->n, rest);
	dyncast_work_scale(present, start, w->n, rest);
	for (size_t i = 0; i < w->n; i++) {
		if (sum <= rest && rest - sum <= 2 * MAX)
			start[i] = (uint32_t)present[i];
		if (joined[i])
			start[i] = goals[i] = joined[i];
	}
}

/* Walk from start towards goals; the result is in weights. */
static void step(const uint32_t *start, const uint32_t *goals,
		 uint32_t *weights, size_t n, uint64_t part, uint64_t way)
{
	if (!any_out_of_band(start, goals, n, BAND_ARRIVE)) {
		memcpy(weights, goals, n * sizeof(*weights));
		return;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t to_go = distance(start[i], goals[i]);
		/* up by half of itself at most, and as far down by as much;
		 * by one always, or one that is all but nothing would keep
		 * everybody where they are */
		uint64_t allowed =
			goals[i] > start[i] ? start[i] / 2 : start[i] / 3;

		if (!allowed)
			allowed = 1;

		if (part * to_go > allowed * way) {
			part = allowed;
			way = to_go;
		}
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t to_go = distance(start[i], goals[i]);
		uint32_t move = (uint32_t)(to_go * part / way);

		/* one that is small and off must not round to rest */
		if (!move && out_of_band(start[i], goals[i], BAND_ARRIVE))
			move = 1;
		weights[i] =
			goals[i] > start[i] ? start[i] + move : start[i] - move;
	}
}

static bool is_walking(const struct dyncast_work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->eligible[i] && w->in[i].state.walking)
			return true;
	}
	return false;
}

bool dyncast_work_walk(const struct dyncast_work *w, const uint32_t *wanted,
		       uint32_t walk_ms)
{
	uint64_t elapsed = w->config->elapsed_ms;
	uint32_t targets[MAX];
	uint32_t start[MAX];
	uint32_t goals[MAX];
	uint32_t weights[MAX];
	bool walking;

	memcpy(targets, wanted, w->n * sizeof(*targets));
	dyncast_work_cap(w, targets);
	start_fill(w, targets, start, goals);
	walking =
		is_walking(w) || any_out_of_band(start, goals, w->n, BAND_REST);
	if (walking)
		step(start, goals, weights, w->n, elapsed, elapsed + walk_ms);
	else
		memcpy(weights, start, w->n * sizeof(*weights));
	dyncast_work_trim(weights, w->n);
	/* on the way, or one that joined has most of it before it */
	walking = (walking && any_out_of_band(weights, targets, w->n, 0)) ||
		  any_out_of_band(weights, targets, w->n, BAND_REST);
	for (size_t i = 0; i < w->n; i++) {
		w->out[i].target = targets[i];
		w->out[i].weight = weights[i];
		w->out[i].state.walking = walking && w->eligible[i];
	}
	return walking;
}
