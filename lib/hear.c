// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What spread remembers of sites: what they reported, smoothed, and the weights
 * that stood while that was measured, smoothed likewise, since only figures of
 * the same time can be compared.
 * Part of lib/cost.c; pure.
 */

#include "cost_work.h"

#include <string.h>

#include "fixed.h"

#define NOISE_REPORTS 32u  /* that measure how reports vary */
#define SMOOTH_WITHHELD 3u /* near full weights follow the load itself */

static uint32_t towards(uint32_t from, uint32_t to, uint64_t part,
			uint64_t whole)
{
	if (to > from)
		return from + (uint32_t)((to - from) * part / whole);
	return from - (uint32_t)((from - to) * part / whole);
}

/* A report came since the last call: take it in, with the weight that stood
 * while it was measured. */
static void hear(const struct dyncast_work *w, size_t i, uint32_t share,
		 uint64_t smooth_ms, struct dyncast_cost_state *s)
{
	const struct dyncast_metrics *m = &w->in[i].metrics;
	uint32_t used =
		(uint32_t)m->utilisation * ONE / DYNCAST_UTILISATION_MAX;
	uint32_t given = s->since_ms ? (uint32_t)(s->given_sum / s->since_ms)
				     : w->in[i].weight;
	uint64_t part = s->since_ms, whole;

	whole = max_u64(smooth_ms, (uint64_t)SMOOTH_AGES * m->age_ms) + part;
	if (!s->heard) {
		part = whole = 1;
		s->heard = true;
		s->used = used;
		s->delay_us = m->delay_us;
		if (!given) /* new here, not to those who load it */
			given = share;
	}
	s->used_off =
		towards(s->used_off, distance(used, s->used), 1, NOISE_REPORTS);
	s->delay_off = towards(s->delay_off, distance(m->delay_us, s->delay_us),
			       1, NOISE_REPORTS);
	s->smoothed = dyncast_root_q32((part << 32) / (2 * whole));
	s->used = towards(s->used, used, part, whole);
	s->given = towards(s->given, given, part, whole);
	s->delay_us = towards(s->delay_us, m->delay_us, part, whole);
	s->since_ms = 0;
	s->given_sum = 0;
}

/* the least delay that anybody reports: about a service time; 0: unknown */
uint32_t dyncast_work_least_delay(const struct dyncast_work *w)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < w->n; i++) {
		if (w->eligible[i] && w->gain[i] &&
		    dyncast_work_has(w, i, DYNCAST_HAS_DELAY) &&
		    w->in[i].metrics.delay_us < least)
			least = w->in[i].metrics.delay_us;
	}
	return least < UINT32_MAX ? least : 0;
}

void dyncast_work_hear(const struct dyncast_work *w, const uint32_t *share)
{
	uint64_t smooth_ms =
		max_u64(SMOOTH_MS, (uint64_t)SMOOTH_SERVICES *
					   dyncast_work_least_delay(w) / 1000);
	uint32_t elapsed = w->config->elapsed_ms;

	if (dyncast_work_any_withheld(w))
		smooth_ms *= SMOOTH_WITHHELD;
	for (size_t i = 0; i < w->n; i++) {
		const struct dyncast_metrics *m = &w->in[i].metrics;
		struct dyncast_cost_state *s = &w->out[i].state;

		*s = w->in[i].state;
		if (!w->eligible[i] || !w->gain[i]) {
			memset(s, 0, sizeof(*s));
			continue;
		}
		if (elapsed > UINT32_MAX - s->since_ms)
			s->since_ms = 0;
		s->since_ms += elapsed;
		s->given_sum += (uint64_t)w->in[i].weight * elapsed;
		/* it would be older if nothing had come */
		if (!s->heard || m->age_ms < s->age_ms + elapsed / 2)
			hear(w, i, share[i], smooth_ms, s);
		s->age_ms = m->age_ms;
	}
}
