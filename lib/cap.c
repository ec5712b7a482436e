// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The operator's caps on targets: what a site may not have goes to the others
 * in proportion to their targets.
 *
 * All flows have to go somewhere.  Where the action gives the others nothing
 * (best), they get the rest by capacity; where nobody without a full cap is
 * left, the caps are exceeded, each by the same part of itself.
 * Part of lib/cost.c; pure.
 */

#include "cost_work.h"

#include <string.h>

#define MAX DYNCAST_CANDIDATES_MAX
#define GROUPS (DYNCAST_CAPS_MAX + 1)

struct caps {
	const struct dyncast_work *w;
	uint32_t limit[GROUPS]; /* of DYNCAST_WEIGHT_SUM */
	bool used[GROUPS];	/* has an eligible candidate */
	bool full[GROUPS];	/* is at its limit */
};

static bool caps_find(struct caps *c)
{
	bool any = false;

	for (size_t i = 0; i < c->w->n; i++) {
		uint8_t group = c->w->in[i].cap_group;

		if (!group || group >= GROUPS || !c->w->eligible[i])
			continue;
		c->used[group] = any = true;
		c->limit[group] =
			DYNCAST_WEIGHT_SUM * c->w->in[i].cap_percent / 100;
	}
	return any;
}

static bool is_full(const struct caps *c, size_t i)
{
	return c->full[c->w->in[i].cap_group];
}

/* by capacity, less what its site withholds */
static uint64_t left_of(const struct caps *c, size_t i)
{
	return (uint64_t)c->w->share[i] * dyncast_work_left(c->w, i);
}

/* what the candidates share among themselves that are not at a limit: by their
 * targets, or where the action gave none of them any, by capacity */
static bool rest_fill(const struct caps *c, const uint32_t *targets,
		      uint64_t *raw)
{
	bool by_target = false, any = false;

	for (size_t i = 0; i < c->w->n; i++)
		by_target |= c->w->eligible[i] && !is_full(c, i) && targets[i];
	for (size_t i = 0; i < c->w->n; i++) {
		raw[i] = 0;
		if (!c->w->eligible[i] || is_full(c, i))
			continue;
		raw[i] = by_target ? targets[i] : left_of(c, i);
		any |= raw[i] != 0;
	}
	return any;
}

/* one group's candidates share its part by their targets, or by capacity */
static void group_fill(const struct caps *c, uint8_t group, uint32_t part,
		       const uint32_t *targets, uint32_t *out)
{
	uint64_t raw[MAX] = {0}, sum = 0;
	uint32_t scaled[MAX];

	for (size_t i = 0; i < c->w->n; i++) {
		if (c->w->eligible[i] && c->w->in[i].cap_group == group)
			raw[i] = targets[i];
		sum += raw[i];
	}
	for (size_t i = 0; !sum && i < c->w->n; i++)
		if (c->w->eligible[i] && c->w->in[i].cap_group == group)
			raw[i] = left_of(c, i);
	memset(scaled, 0, sizeof(scaled));
	if (part)
		dyncast_work_scale(raw, scaled, c->w->n, part);
	for (size_t i = 0; i < c->w->n; i++)
		if (c->w->in[i].cap_group == group)
			out[i] = scaled[i];
}

/* the groups at their limits have just that, the others the rest */
static void parts_fill(const struct caps *c, const uint32_t *targets,
		       uint32_t *out)
{
	uint32_t rest = DYNCAST_WEIGHT_SUM;
	uint64_t raw[MAX];

	for (uint8_t g = 1; g < GROUPS; g++)
		rest -= c->full[g] ? c->limit[g] : 0;
	memset(out, 0, c->w->n * sizeof(*out));
	if (rest_fill(c, targets, raw))
		dyncast_work_scale(raw, out, c->w->n, rest);
	for (uint8_t g = 1; g < GROUPS; g++)
		if (c->full[g])
			group_fill(c, g, c->limit[g], targets, out);
}

/* a group that has more than its limit is full from now on; false: none is */
static bool fill_one(struct caps *c, const uint32_t *targets)
{
	uint64_t sums[GROUPS] = {0};
	bool any = false;

	for (size_t i = 0; i < c->w->n; i++)
		sums[c->w->in[i].cap_group] += targets[i];
	for (uint8_t g = 1; g < GROUPS; g++) {
		/* rounding is not worth a change */
		uint32_t slack = c->limit[g] ? MAX : 0;

		if (!c->used[g] || c->full[g] || sums[g] <= c->limit[g] + slack)
			continue;
		c->full[g] = any = true;
	}
	return any;
}

/* everybody is capped, and the caps are less than the whole */
static bool exceed(struct caps *c, const uint32_t *targets, uint32_t *out)
{
	uint64_t raw[GROUPS] = {0};
	uint32_t parts[GROUPS] = {0}, sum = 0;

	for (size_t i = 0; i < c->w->n; i++)
		if (c->w->eligible[i] && !is_full(c, i))
			return false;
	for (uint8_t g = 1; g < GROUPS; g++) {
		raw[g] = c->used[g] ? c->limit[g] : 0;
		sum += c->used[g] ? c->limit[g] : 0;
	}
	memset(out, 0, c->w->n * sizeof(*out));
	if (sum) {
		dyncast_work_scale(raw, parts, GROUPS, DYNCAST_WEIGHT_SUM);
		for (uint8_t g = 1; g < GROUPS; g++)
			if (c->used[g])
				group_fill(c, g, parts[g], targets, out);
	} else {
		memcpy(out, targets, c->w->n * sizeof(*out));
	}
	return true;
}

/* who has nothing because of a cap, and who has something in spite of the
 * action */
static void verdicts_mend(const struct caps *c, const uint32_t *targets,
			  const uint32_t *out)
{
	for (size_t i = 0; i < c->w->n; i++) {
		uint8_t *verdict = &c->w->out[i].verdict;

		if (c->w->eligible[i] && targets[i] && !out[i])
			*verdict = DYNCAST_VERDICT_CAPPED;
		else if (out[i] && *verdict == DYNCAST_VERDICT_NOT_BEST)
			*verdict = DYNCAST_VERDICT_OK;
	}
}

/* false: the caps change nothing */
static bool caps_apply(struct caps *c, const uint32_t *targets, uint32_t *out)
{
	if (!caps_find(c) || !fill_one(c, targets))
		return false;
	do {
		if (exceed(c, targets, out))
			break;
		parts_fill(c, targets, out);
	} while (fill_one(c, out));
	dyncast_work_trim(out, c->w->n);
	return true;
}

void dyncast_work_cap(const struct dyncast_work *w, uint32_t *targets)
{
	struct caps c = {.w = w};
	uint32_t out[MAX];

	if (!caps_apply(&c, targets, out))
		return;
	verdicts_mend(&c, targets, out);
	memcpy(targets, out, w->n * sizeof(*out));
}

void dyncast_work_capped(const struct dyncast_work *w, uint32_t *targets)
{
	struct caps c = {.w = w};
	uint32_t out[MAX];

	if (caps_apply(&c, targets, out))
		memcpy(targets, out, w->n * sizeof(*out));
}
