// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What sites withhold of themselves (draft-ietf-idr-5g-edge-service-metadata,
 * site preference and availability index) taken off their targets.
 *
 * Off the targets and not off the capacities from which those come: a site that
 * wants a third of its traffic is as large as before, and a model of its
 * load that took it for smaller would see load of somebody else on all others.
 * Targets are of what each site has when nobody withholds anything, so
 * weights that follow them do not feed back into them.
 * Part of lib/cost.c; pure.
 */

#include "cost_work.h"

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
