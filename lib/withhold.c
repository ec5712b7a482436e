// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What sites withhold of themselves (draft-ietf-idr-5g-edge-service-metadata,
 * site preference and availability index) taken off their targets.
 *
 * For actions that look at nothing else, and for spread where it knows no
 * loads; where it does it solves for what is left (spread.c).
 *
 * Part of lib/cost.c; pure.
 */

#include "cost_work.h"

bool dyncast_work_any_withheld(const struct dyncast_work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->eligible[i] && w->in[i].withheld)
			return true;
	}
	return false;
}

void dyncast_work_withhold(const struct dyncast_work *w, uint32_t *targets)
{
	uint64_t raw[DYNCAST_CANDIDATES_MAX];
	bool any = false;

	for (size_t i = 0; i < w->n; i++) {
		raw[i] = (uint64_t)targets[i] * dyncast_work_left(w, i);
		any |= targets[i] && w->in[i].withheld;
	}
	/* not scaled for nothing, so that nothing moves by rounding */
	if (any)
		dyncast_work_scale(raw, targets, w->n, DYNCAST_WEIGHT_SUM);
}
