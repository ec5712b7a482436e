// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `spread` where nobody reports utilisation: there is no load to split, and
 * cost is followed: capacity x (mean cost / cost), within a factor of 8.  A
 * score alone counts likewise, as (2 score + 1).
 *
 * Part of lib/cost.c; pure.
 */

#include "cost_work.h"

#include "fixed.h"

#define OCTAVE 65536 /* one, with 16 fractional bits */
#define CORRECTION_MAX (3 * OCTAVE)

static uint64_t mean_cost(const struct dyncast_work *w)
{
	uint64_t sum = 0, weights = 0;

	for (size_t i = 0; i < w->n; i++) {
		if (!w->eligible[i])
			continue;
		sum += (uint64_t)w->share[i] * w->cost[i];
		weights += w->share[i];
	}
	return weights ? sum / weights : 0;
}

static bool only_score(const struct dyncast_work *w, size_t i)
{
	return dyncast_work_has(w, i, DYNCAST_HAS_SCORE) &&
	       !dyncast_work_has(w, i, DYNCAST_HAS_DELAY);
}

/* octaves by which a candidate's target differs from its capacity share */
static int32_t correction(const struct dyncast_work *w, size_t i,
			  uint64_t mean_log)
{
	uint64_t cost_log = dyncast_log2_q32(w->cost[i] + COST_FLOOR_US) >> 16;
	int32_t octaves = (int32_t)((int64_t)mean_log - (int64_t)cost_log);

	/* 5 is the middle: 11 */
	if (only_score(w, i))
		octaves += (int32_t)(((int64_t)dyncast_log2_q32(
					      2u * w->in[i].metrics.score + 1) -
				      (int64_t)dyncast_log2_q32(11)) >>
				     16);
	if (octaves > CORRECTION_MAX)
		octaves = CORRECTION_MAX;
	if (octaves < -CORRECTION_MAX)
		octaves = -CORRECTION_MAX;
	return (int32_t)((int64_t)octaves * w->gain[i] / (int32_t)GAIN_ONE);
}

void dyncast_work_by_cost(const struct dyncast_work *w, uint64_t *raw)
{
	uint64_t mean_log =
		dyncast_log2_q32(mean_cost(w) + COST_FLOOR_US) >> 16;

	for (size_t i = 0; i < w->n; i++) {
		/* at most 2^32 x 2^19, 256 times */
		raw[i] = w->eligible[i]
				 ? w->capacity[i] * dyncast_exp2_q16(correction(
							    w, i, mean_log))
				 : 0;
	}
}
