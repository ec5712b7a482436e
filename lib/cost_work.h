/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What cost.c, hear.c, spread.c, spread_cost.c, walk.c, select.c, withhold.c,
 * cap.c share.  Nobody else includes this.
 */

#ifndef DYNCAST_COST_WORK_H
#define DYNCAST_COST_WORK_H

#include "cost.h"

/* added to costs before they are compared: keeps zero out of the division,
 * and microseconds of noise near zero from looking like large ratios */
#define COST_FLOOR_US 100u
/* 12 days: more than any real cost, and sums of it fit in 64 bits */
#define COST_CEILING_US (1ull << 40)

#define GAIN_ONE 1024u
#define ONE 65536u /* shares, weights, utilisation */

/* over what reports are smoothed: the longest of these (spread.c) */
#define SMOOTH_MS 500u
#define SMOOTH_SERVICES 100u
#define SMOOTH_AGES 2u

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline uint32_t distance(uint32_t a, uint32_t b)
{
	return a > b ? a - b : b - a;
}

struct dyncast_work {
	const struct dyncast_cost_config *config;
	const struct dyncast_cost_input *in;
	struct dyncast_cost_output *out;
	size_t n;
	bool eligible[DYNCAST_CANDIDATES_MAX];
	uint32_t capacity[DYNCAST_CANDIDATES_MAX]; /* never 0 */
	uint32_t share[DYNCAST_CANDIDATES_MAX]; /* of capacity, eligible ones */
	uint32_t gain[DYNCAST_CANDIDATES_MAX];	/* 0 to GAIN_ONE */
	uint64_t cost[DYNCAST_CANDIDATES_MAX];	/* joint, not faded by age */
};

static inline bool dyncast_work_has(const struct dyncast_work *w, size_t i,
				    uint8_t what)
{
	return w->in[i].metrics.has & what;
}

/* Scale to a sum of `total`, or a little less by rounding; what was not 0
 * does not become 0. */
void dyncast_work_scale(const uint64_t *from, uint32_t *to, size_t n,
			uint32_t total);
/* Lower targets to the operator's caps, and give the rest to others (cap.c).  A
 * candidate that gets nothing has a verdict that says so. */
void dyncast_work_cap(const struct dyncast_work *w, uint32_t *targets);
/* the same without verdicts: what would be made of them */
void dyncast_work_capped(const struct dyncast_work *w, uint32_t *targets);
/* Lower targets by what sites withhold, and give it to others (withhold.c). */
void dyncast_work_withhold(const struct dyncast_work *w, uint32_t *targets);
bool dyncast_work_any_withheld(const struct dyncast_work *w);
/* what is left of DYNCAST_WHOLE */
static inline uint32_t dyncast_work_left(const struct dyncast_work *w, size_t i)
{
	return DYNCAST_WHOLE - w->in[i].withheld;
}
/* Bring the sum down to DYNCAST_WEIGHT_SUM. */
void dyncast_work_trim(uint32_t *weights, size_t n);

/* Take in the reports that came since the last call; fills states.  share: of
 * capacity, what others are thought to give who gives nothing here (hear.c). */
void dyncast_work_hear(const struct dyncast_work *w, const uint32_t *share);
/* the least delay that anybody reports: about a service time; 0: unknown */
uint32_t dyncast_work_least_delay(const struct dyncast_work *w);
/* targets of spread without loads, not scaled (spread_cost.c) */
void dyncast_work_by_cost(const struct dyncast_work *w, uint64_t *raw);

/* the actions; each fills target and weight.  true: would go on moving */
bool dyncast_work_spread(const struct dyncast_work *w);
bool dyncast_work_select(const struct dyncast_work *w);
/* one step towards what is wanted, as far as the caps allow; fills target,
 * weight and state (walk.c) */
bool dyncast_work_walk(const struct dyncast_work *w, const uint32_t *wanted,
		       uint32_t walk_ms);

#endif /* DYNCAST_COST_WORK_H */
