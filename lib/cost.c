// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Joint cost and weights of a service's candidates: who is eligible, what is
 * each one's capacity and cost.  What is made of it is in spread.c and
 * select.c.
 *
 * Deterministic: integers only, no clock, no allocation, so that all routers
 * with the same inputs come to the same weights.  Run by zebra_dyncast on its
 * main thread, by tests and by the simulator; not reentrant.
 *
 * draft-li-dyncast-architecture-00 section 3 (both metrics together), and
 * draft-liu-dyncast-reqs-00 section 3.6 (metrics that change fast must not
 * make traffic oscillate).
 *
 * Capacity is what is configured.  A site that has learnt its own (rate, in
 * requests per second) and that has none configured gets one in the unit of
 * the others: by the middle ratio of capacity to rate among those that have
 * both.  Where both are there and disagree, against that middle, by more than
 * 10 %, the learnt one takes over, entirely from 30 % on: a site that lost
 * half of its workers has half its capacity, whatever was written down.
 */

#include "cost.h"

#include <string.h>

#include "cost_work.h"

#define CANDIDATES_MAX DYNCAST_CANDIDATES_MAX

/* a difference between what is configured and learnt, in 1024ths */
#define TRUST_FULL (1024 * 10 / 100)
#define TRUST_NONE (1024 * 30 / 100)

const char *dyncast_verdict_str(enum dyncast_verdict verdict)
{
	switch (verdict) {
	case DYNCAST_VERDICT_OK:
		return "ok";
	case DYNCAST_VERDICT_NO_METRICS:
		return "no metrics";
	case DYNCAST_VERDICT_STALE:
		return "stale";
	case DYNCAST_VERDICT_DOWN:
		return "down";
	case DYNCAST_VERDICT_DRAIN:
		return "drain";
	case DYNCAST_VERDICT_UNRESOLVED:
		return "unresolved";
	case DYNCAST_VERDICT_HELD:
		return "held";
	case DYNCAST_VERDICT_NO_FORWARDING:
		return "no forwarding";
	case DYNCAST_VERDICT_NOT_BEST:
		return "not best";
	case DYNCAST_VERDICT_THRESHOLD:
		return "past threshold";
	case DYNCAST_VERDICT_PINNED:
		return "pinned elsewhere";
	case DYNCAST_VERDICT_CAPPED:
		return "capped";
	}
	return "unknown";
}

static bool has_delay(const struct dyncast_metrics *m)
{
	return m->has & DYNCAST_HAS_DELAY;
}

static bool is_measured(const struct dyncast_metrics *m)
{
	return m->has & DYNCAST_HAS_MEASURED;
}

static uint32_t age_gain(uint32_t age_ms)
{
	if (age_ms <= DYNCAST_AGE_FRESH_MS)
		return GAIN_ONE;
	if (age_ms >= DYNCAST_AGE_STALE_MS)
		return 0;
	return (uint32_t)((uint64_t)GAIN_ONE * (DYNCAST_AGE_STALE_MS - age_ms) /
			  (DYNCAST_AGE_STALE_MS - DYNCAST_AGE_FRESH_MS));
}

/* Bring the sum down to DYNCAST_WEIGHT_SUM, by cutting the largest: it is the
 * excess of rounding, never more than one each. */
void dyncast_work_trim(uint32_t *weights, size_t n)
{
	uint64_t sum = 0;
	size_t largest = 0;

	for (size_t i = 0; i < n; i++) {
		sum += weights[i];
		if (weights[i] > weights[largest])
			largest = i;
	}
	if (sum > DYNCAST_WEIGHT_SUM)
		weights[largest] -= (uint32_t)(sum - DYNCAST_WEIGHT_SUM);
}

void dyncast_work_scale(const uint64_t *from, uint32_t *to, size_t n,
			uint32_t total)
{
	uint64_t sum = 0;
	unsigned int shift = 0;

	for (size_t i = 0; i < n; i++)
		sum += from[i];
	while (sum >> shift >> 47)
		shift++;
	sum >>= shift;
	for (size_t i = 0; i < n; i++) {
		to[i] = sum ? (uint32_t)((from[i] >> shift) * total / sum) : 0;
		if (!to[i] && from[i])
			to[i] = 1;
	}
	dyncast_work_trim(to, n);
}

static uint32_t configured(const struct dyncast_work *w, size_t i)
{
	return dyncast_work_has(w, i, DYNCAST_HAS_CAPACITY)
		       ? w->in[i].metrics.capacity
		       : 0;
}

static uint32_t learnt(const struct dyncast_work *w, size_t i)
{
	return dyncast_work_has(w, i, DYNCAST_HAS_RATE) ? w->in[i].metrics.rate
							: 0;
}

/* a's capacity is more for its rate than b's */
static bool ratio_more(const struct dyncast_work *w, size_t a, size_t b)
{
	return (uint64_t)configured(w, a) * learnt(w, b) >
	       (uint64_t)configured(w, b) * learnt(w, a);
}

/* Of those that have both capacity and rate, the one in the middle by their
 * ratio, each counting by its rate; n when there is none. */
static size_t middle_find(const struct dyncast_work *w)
{
	size_t order[CANDIDATES_MAX], n = 0;
	uint64_t sum = 0, below = 0;

	for (size_t i = 0; i < w->n; i++) {
		size_t at = n;

		if (!w->eligible[i] || !configured(w, i) || !learnt(w, i))
			continue;
		for (; at && ratio_more(w, order[at - 1], i); at--)
			order[at] = order[at - 1];
		order[at] = i;
		n++;
		sum += learnt(w, i);
	}
	for (size_t at = 0; at < n; at++) {
		below += learnt(w, order[at]);
		if (below * 2 >= sum)
			return order[at];
	}
	return w->n;
}

/* what is configured, as far as what is learnt does not contradict it */
static uint64_t reconciled(uint64_t is, uint64_t found)
{
	uint64_t off = (is > found ? is - found : found - is) * 1024 /
		       (is > found ? is : found);

	if (off <= TRUST_FULL)
		return is;
	if (off >= TRUST_NONE)
		return found;
	off = (off - TRUST_FULL) * 1024 / (TRUST_NONE - TRUST_FULL);
	return (is * (1024 - off) + found * off) / 1024;
}

/* Capacities in one unit, scaled so that they keep precision. */
static void capacities_join(struct dyncast_work *w, uint64_t *raw)
{
	size_t middle = middle_find(w);
	uint32_t capacity = middle < w->n ? configured(w, middle) : 1;
	uint32_t rate = middle < w->n ? learnt(w, middle) : 1;
	bool any_configured = false;

	for (size_t i = 0; i < w->n; i++)
		any_configured |= configured(w, i) != 0;
	for (size_t i = 0; i < w->n; i++) {
		/* 2^32 x 2^32 / 1, divided first where it would not fit */
		uint64_t is = (uint64_t)configured(w, i) << 12;
		uint64_t found = learnt(w, i);

		if (middle < w->n)
			found = found * capacity / rate << 12 |
				((found * capacity % rate) << 12) / rate;
		else if (any_configured)
			found = 0; /* units that nothing connects */
		if (!found || !is)
			raw[i] = is | found;
		else
			raw[i] = reconciled(is, found);
		if (!raw[i] && (is || learnt(w, i)) && middle < w->n)
			raw[i] = 1;
	}
}

/* capacity for those that do not say: the mean of those that do, or 1 */
static void capacities_fill(struct dyncast_work *w)
{
	uint64_t raw[CANDIDATES_MAX] = {0};
	uint64_t sum = 0, most = 1;
	uint32_t known = 0;
	unsigned int shift = 0;

	capacities_join(w, raw);
	for (size_t i = 0; i < w->n; i++) {
		if (raw[i] > most)
			most = raw[i];
	}
	while (most >> shift >> 32)
		shift++;
	for (size_t i = 0; i < w->n; i++) {
		w->capacity[i] = (uint32_t)(raw[i] >> shift);
		if (raw[i] && !w->capacity[i])
			w->capacity[i] = 1;
		if (w->capacity[i]) {
			sum += w->capacity[i];
			known++;
		}
	}
	for (size_t i = 0; i < w->n; i++) {
		if (!w->capacity[i])
			w->capacity[i] = known ? (uint32_t)(sum / known) : 1;
		if (!w->capacity[i])
			w->capacity[i] = 1;
	}
}

/* Scale the capacities of the chosen to DYNCAST_WEIGHT_SUM. */
static void shares_fill(const struct dyncast_work *w, const bool *chosen,
			uint32_t *shares)
{
	uint64_t raw[CANDIDATES_MAX] = {0};

	for (size_t i = 0; i < w->n; i++)
		raw[i] = chosen[i] ? w->capacity[i] : 0;
	dyncast_work_scale(raw, shares, w->n, DYNCAST_WEIGHT_SUM);
}

static void verdicts_fill(struct dyncast_work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct dyncast_metrics *m = &w->in[i].metrics;
		uint8_t verdict = w->in[i].verdict;

		w->eligible[i] = verdict == DYNCAST_VERDICT_OK;
		w->gain[i] = is_measured(m) ? age_gain(m->age_ms) : 0;
		if (w->eligible[i] && !is_measured(m))
			verdict = DYNCAST_VERDICT_NO_METRICS;
		else if (w->eligible[i] && !w->gain[i])
			verdict = DYNCAST_VERDICT_STALE;
		w->out[i].verdict = verdict;
	}
}

/* mean of the known delays, each counting by its capacity and its gain */
static uint64_t mean_delay(const struct dyncast_work *w)
{
	uint64_t sum = 0;
	uint64_t weights = 0;

	for (size_t i = 0; i < w->n; i++) {
		uint64_t weight = (uint64_t)w->share[i] * w->gain[i];

		if (!w->eligible[i] || !has_delay(&w->in[i].metrics))
			continue;
		/* 2^26 x 2^32; the shares sum to at most 2^16 */
		sum += weight * w->in[i].metrics.delay_us;
		weights += weight;
	}
	return weights ? sum / weights : 0;
}

/* one figure for both, as the cost policy weighs them */
static uint64_t joint(const struct dyncast_work *w, uint64_t network,
		      uint64_t delay)
{
	uint32_t alpha = w->config->policy.alpha;

	if (w->config->policy.cost == DYNCAST_COST_WEIGHTED)
		return min_u64((network * alpha + delay * (100 - alpha)) / 100,
			       COST_CEILING_US);
	return min_u64(network + delay, COST_CEILING_US);
}

static uint64_t network_cost(const struct dyncast_cost_config *config,
			     const struct dyncast_cost_input *in)
{
	return min_u64((uint64_t)in->network_metric * config->network_unit_us,
		       COST_CEILING_US);
}

/* Network, delay and joint cost of all, for the reader of `explain` also of
 * those that are not eligible. */
static void costs_fill(struct dyncast_work *w)
{
	uint64_t mean = mean_delay(w);

	for (size_t i = 0; i < w->n; i++) {
		const struct dyncast_metrics *m = &w->in[i].metrics;
		struct dyncast_cost_output *out = &w->out[i];
		uint64_t delay =
			has_delay(m) && w->gain[i] ? m->delay_us : mean;

		if (out->verdict == DYNCAST_VERDICT_UNRESOLVED) {
			out->delay_us = delay;
			out->cost_us = UINT64_MAX;
			continue;
		}
		out->network_us = network_cost(w->config, &w->in[i]);
		w->cost[i] = joint(w, out->network_us, delay);
		/* an old delay is an average one */
		out->delay_us =
			(delay * w->gain[i] + mean * (GAIN_ONE - w->gain[i])) /
			GAIN_ONE;
		out->cost_us = joint(w, out->network_us, out->delay_us);
	}
}

bool dyncast_cost_past_threshold(const struct dyncast_cost_config *config,
				 const struct dyncast_cost_input *in)
{
	const struct dyncast_policy *policy = &config->policy;
	const struct dyncast_metrics *m = &in->metrics;

	if (policy->max_network_us &&
	    network_cost(config, in) > policy->max_network_us)
		return true;
	if (!age_gain(m->age_ms)) /* stale: says nothing */
		return false;
	if (policy->max_utilisation && (m->has & DYNCAST_HAS_UTILISATION) &&
	    m->utilisation > policy->max_utilisation * 100u)
		return true;
	if (policy->min_score && (m->has & DYNCAST_HAS_SCORE) &&
	    m->score < policy->min_score)
		return true;
	return policy->max_delay_us && has_delay(m) &&
	       m->delay_us > policy->max_delay_us;
}

static bool past_threshold(const struct dyncast_work *w, size_t i)
{
	return dyncast_cost_past_threshold(w->config, &w->in[i]);
}

static bool pinned_away(const struct dyncast_work *w, size_t i)
{
	return w->in[i].pinned_away;
}

/* Those that are so are out, unless all are: what stops the service would be
 * worse than nothing. */
static void exclude(struct dyncast_work *w,
		    bool (*is_so)(const struct dyncast_work *, size_t),
		    enum dyncast_verdict verdict)
{
	bool out[CANDIDATES_MAX] = {false};
	bool someone = false;

	for (size_t i = 0; i < w->n; i++) {
		out[i] = w->eligible[i] && is_so(w, i);
		someone |= w->eligible[i] && !out[i];
	}
	for (size_t i = 0; someone && i < w->n; i++) {
		if (!out[i])
			continue;
		w->eligible[i] = false;
		w->out[i].verdict = verdict;
	}
}

/* an action that has no steps to its targets: what is withheld, caps, and there
 * they are */
static bool select_now(struct dyncast_work *w)
{
	uint32_t targets[CANDIDATES_MAX];
	bool more = dyncast_work_select(w);

	for (size_t i = 0; i < w->n; i++)
		targets[i] = w->out[i].target;
	dyncast_work_withhold(w, targets);
	dyncast_work_cap(w, targets);
	for (size_t i = 0; i < w->n; i++)
		w->out[i].weight = w->out[i].target = targets[i];
	return more;
}

/* Nobody is eligible.  Those that are held keep what they have: their paths
 * are gone, but they may be as well as ever. */
static void hold(const struct dyncast_work *w)
{
	bool held[CANDIDATES_MAX] = {false};
	uint64_t present[CANDIDATES_MAX] = {0};
	uint32_t weights[CANDIDATES_MAX] = {0};
	uint64_t sum = 0;

	for (size_t i = 0; i < w->n; i++) {
		held[i] = w->in[i].verdict == DYNCAST_VERDICT_HELD;
		present[i] = held[i] ? w->in[i].weight : 0;
		weights[i] = (uint32_t)present[i];
		sum += present[i];
	}
	if (!sum)
		shares_fill(w, held, weights);
	else if (sum > DYNCAST_WEIGHT_SUM)
		dyncast_work_scale(present, weights, w->n, DYNCAST_WEIGHT_SUM);
	for (size_t i = 0; i < w->n; i++)
		w->out[i].weight = w->out[i].target = weights[i];
}

static bool any(const bool *flags, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (flags[i])
			return true;
	}
	return false;
}

bool dyncast_cost_weights(const struct dyncast_cost_config *config,
			  const struct dyncast_cost_input *in,
			  struct dyncast_cost_output *out, size_t n)
{
	struct dyncast_work w = {.config = config, .in = in, .out = out};

	memset(out, 0, n * sizeof(*out));
	/* the caller's limit; not more than it */
	w.n = n < CANDIDATES_MAX ? n : CANDIDATES_MAX;
	verdicts_fill(&w);
	capacities_fill(&w);
	shares_fill(&w, w.eligible, w.share);
	costs_fill(&w);
	exclude(&w, pinned_away, DYNCAST_VERDICT_PINNED);
	exclude(&w, past_threshold, DYNCAST_VERDICT_THRESHOLD);
	if (!any(w.eligible, w.n)) {
		hold(&w);
		return false;
	}
	shares_fill(&w, w.eligible, w.share);
	if (config->policy.action == DYNCAST_ACTION_DEFAULT ||
	    config->policy.action == DYNCAST_ACTION_SPREAD)
		return dyncast_work_spread(&w);
	return select_now(&w);
}
