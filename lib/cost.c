// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Joint cost and weights of a service's candidates.
 *
 * Pure and deterministic: integers only, no clock, no allocation, so that all
 * routers with the same inputs come to the same weights.  Run by
 * zebra_dyncast on its main thread, by tests and by the simulator.
 *
 * draft-li-dyncast-architecture-00 section 3 (both metrics together), and
 * draft-liu-dyncast-reqs-00 section 3.6 (metrics that change fast must not
 * make traffic oscillate).
 *
 * spread, for the eligible candidates i:
 *
 *   cost_i    = network metric x unit + predicted delay
 *   gain_i    = 1 up to DYNCAST_AGE_FRESH_MS, falling linearly to 0 at
 *               DYNCAST_AGE_STALE_MS; 0 without metrics
 *   correct_i = clamp(log2(mean cost / cost_i), -3, 3) x gain_i
 *               - hot_i x gain_i                        (in octaves)
 *   target_i ~ capacity_i x 2^correct_i
 *
 * with hot_i = 0 up to 95 % utilisation, rising linearly to 1 at 100 %: an
 * instance without room gets up to half of what its delay alone would give,
 * because a delay measured before the queue grew is too good.
 *
 * Weights then walk from where they are towards their targets, one step a
 * call: an eighth of the way, all by the same fraction of it, and less where
 * one would grow by more than half of itself.  So none moves by more than a
 * factor of 1.5.  Nothing moves while every weight is within 3 % of its target.
 *
 * Why so slowly: the delay of a queue answers a weight the more steeply the
 * fuller it is (by a factor of 1 + u / (1 - u) and more), and the answer comes
 * some calls late.  The whole way at once swings for ever at 70 % load even
 * without lateness; an eighth comes to rest there with measurements four
 * calls late.  tests/unit/test_cost.c closes that loop.
 */

#include "cost.h"

#include <string.h>

#include "addr.h"
#include "fixed.h"

#define CANDIDATES_MAX DYNCAST_CANDIDATES_MAX

/* added to costs before they are compared: keeps zero out of the division,
 * and microseconds of noise near zero from looking like large ratios */
#define COST_FLOOR_US 100u
/* 12 days: more than any real cost, and sums of it fit in 64 bits */
#define COST_CEILING_US (1ull << 40)

#define GAIN_ONE 1024u
#define OCTAVE 65536 /* one, with 16 fractional bits */
#define CORRECTION_MAX (3 * OCTAVE)

#define HOT_FROM 9500u /* hundredths of a percent */

#define DEAD_BAND_PERCENT 3u
#define STEP_DIVISOR 8u
#define JOIN_DIVISOR 4u /* a candidate joins with a quarter of its target */

#define HYSTERESIS_PERCENT 10u

struct work {
	const struct dyncast_cost_config *config;
	const struct dyncast_cost_input *in;
	struct dyncast_cost_output *out;
	size_t n;
	bool eligible[CANDIDATES_MAX];
	uint32_t capacity[CANDIDATES_MAX]; /* never 0 */
	uint32_t share[CANDIDATES_MAX];	   /* of capacity, eligible ones */
	uint32_t gain[CANDIDATES_MAX];	   /* 0 to GAIN_ONE */
	uint64_t cost[CANDIDATES_MAX];	   /* joint, not faded by age */
};

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
	}
	return "unknown";
}

static bool has_delay(const struct dyncast_metrics *m)
{
	return m->has & DYNCAST_HAS_DELAY;
}

/* capacity is configuration rather than a measurement */
static bool is_measured(const struct dyncast_metrics *m)
{
	return m->has & ~DYNCAST_HAS_CAPACITY;
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

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Bring the sum down to DYNCAST_WEIGHT_SUM, by cutting the largest: it is the
 * excess of rounding, never more than one each. */
static void trim(uint32_t *weights, size_t n)
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

/* Scale to a sum of `total`, or a little less by rounding; what was not 0
 * does not become 0. */
static void scale(const uint64_t *from, uint32_t *to, size_t n, uint32_t total)
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
	trim(to, n);
}

/* capacity for those that do not say: the mean of those that do, or 1 */
static void capacities_fill(struct work *w)
{
	uint64_t sum = 0;
	uint32_t known = 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct dyncast_metrics *m = &w->in[i].metrics;

		w->capacity[i] =
			m->has & DYNCAST_HAS_CAPACITY ? m->capacity : 0;
		if (w->capacity[i]) {
			sum += w->capacity[i];
			known++;
		}
	}
	for (size_t i = 0; i < w->n; i++) {
		if (!w->capacity[i])
			w->capacity[i] = known ? (uint32_t)(sum / known) : 1;
	}
}

/* Scale the capacities of the chosen to DYNCAST_WEIGHT_SUM. */
static void shares_fill(const struct work *w, const bool *chosen,
			uint32_t *shares)
{
	uint64_t raw[CANDIDATES_MAX] = {0};

	for (size_t i = 0; i < w->n; i++)
		raw[i] = chosen[i] ? w->capacity[i] : 0;
	scale(raw, shares, w->n, DYNCAST_WEIGHT_SUM);
}

static void verdicts_fill(struct work *w)
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
static uint64_t mean_delay(const struct work *w)
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

/* Network, delay and joint cost of all, for the reader of `explain` also of
 * those that are not eligible. */
static void costs_fill(struct work *w)
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
		out->network_us = min_u64((uint64_t)w->in[i].network_metric *
						  w->config->network_unit_us,
					  COST_CEILING_US);
		w->cost[i] = min_u64(out->network_us + delay, COST_CEILING_US);
		/* an old delay is an average one */
		out->delay_us =
			(delay * w->gain[i] + mean * (GAIN_ONE - w->gain[i])) /
			GAIN_ONE;
		out->cost_us = out->network_us + out->delay_us;
	}
}

static uint64_t mean_cost(const struct work *w)
{
	uint64_t sum = 0;
	uint64_t weights = 0;

	for (size_t i = 0; i < w->n; i++) {
		if (!w->eligible[i])
			continue;
		sum += (uint64_t)w->share[i] * w->cost[i];
		weights += w->share[i];
	}
	return weights ? sum / weights : 0;
}

/* octaves by which a candidate's target differs from its capacity share */
static int32_t correction(const struct work *w, size_t i, uint64_t mean)
{
	const struct dyncast_metrics *m = &w->in[i].metrics;
	uint64_t mean_log = dyncast_log2_q32(mean + COST_FLOOR_US) >> 16;
	uint64_t cost_log = dyncast_log2_q32(w->cost[i] + COST_FLOOR_US) >> 16;
	int32_t octaves = (int32_t)((int64_t)mean_log - (int64_t)cost_log);

	if (octaves > CORRECTION_MAX)
		octaves = CORRECTION_MAX;
	if (octaves < -CORRECTION_MAX)
		octaves = -CORRECTION_MAX;
	if ((m->has & DYNCAST_HAS_UTILISATION) && m->utilisation > HOT_FROM) {
		uint32_t over = m->utilisation < DYNCAST_UTILISATION_MAX
					? m->utilisation - HOT_FROM
					: DYNCAST_UTILISATION_MAX - HOT_FROM;

		octaves -= (int32_t)(over * OCTAVE /
				     (DYNCAST_UTILISATION_MAX - HOT_FROM));
	}
	return (int32_t)((int64_t)octaves * w->gain[i] / (int32_t)GAIN_ONE);
}

static void targets_fill(const struct work *w, uint32_t *targets)
{
	uint64_t mean = mean_cost(w);
	uint64_t raw[CANDIDATES_MAX] = {0};

	for (size_t i = 0; i < w->n; i++) {
		/* at most 2^32 x 2^19, 256 times */
		if (w->eligible[i])
			raw[i] = w->capacity[i] *
				 dyncast_exp2_q16(correction(w, i, mean));
	}
	scale(raw, targets, w->n, DYNCAST_WEIGHT_SUM);
}

static uint32_t distance(uint32_t a, uint32_t b)
{
	return a > b ? a - b : b - a;
}

static bool out_of_band(uint32_t weight, uint32_t goal)
{
	return distance(weight, goal) > goal * DEAD_BAND_PERCENT / 100 + 1;
}

static bool any_out_of_band(const uint32_t *weights, const uint32_t *goals,
			    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (out_of_band(weights[i], goals[i]))
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
static void start_fill(const struct work *w, const uint32_t *targets,
		       uint32_t *start, uint32_t *goals)
{
	uint64_t present[CANDIDATES_MAX] = {0};
	uint64_t wanted[CANDIDATES_MAX] = {0};
	uint32_t joined[CANDIDATES_MAX] = {0};
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
		scale(wanted, goals, w->n, rest);
	scale(present, start, w->n, rest);
	for (size_t i = 0; i < w->n; i++) {
		if (sum <= rest && rest - sum <= 2 * CANDIDATES_MAX)
			start[i] = (uint32_t)present[i];
		if (joined[i])
			start[i] = goals[i] = joined[i];
	}
}

/* Walk from start towards goals; the result is in weights. */
static void step(const uint32_t *start, const uint32_t *goals,
		 uint32_t *weights, size_t n)
{
	/* the fraction of the way that all go, as part / way */
	uint64_t part = 1;
	uint64_t way = STEP_DIVISOR;

	memcpy(weights, start, n * sizeof(*weights));
	if (!any_out_of_band(start, goals, n))
		return;
	for (size_t i = 0; i < n; i++) {
		uint64_t to_go = distance(start[i], goals[i]);
		uint64_t allowed = start[i] / 2;

		if (goals[i] <= start[i])
			continue; /* an eighth down is less than the bound */
		if (part * to_go > allowed * way) {
			part = allowed;
			way = to_go;
		}
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t to_go = distance(start[i], goals[i]);
		uint32_t move = (uint32_t)(to_go * part / way);

		/* one that is small and off must not round to rest */
		if (!move && out_of_band(start[i], goals[i]))
			move = 1;
		weights[i] =
			goals[i] > start[i] ? start[i] + move : start[i] - move;
	}
}

static bool spread(const struct work *w)
{
	uint32_t targets[CANDIDATES_MAX];
	uint32_t start[CANDIDATES_MAX];
	uint32_t goals[CANDIDATES_MAX];
	uint32_t weights[CANDIDATES_MAX];

	targets_fill(w, targets);
	start_fill(w, targets, start, goals);
	step(start, goals, weights, w->n);
	trim(weights, w->n);
	for (size_t i = 0; i < w->n; i++) {
		w->out[i].target = targets[i];
		w->out[i].weight = weights[i];
	}
	return any_out_of_band(weights, targets, w->n);
}

/* a is cheaper than b; D-BIDs break ties */
static bool is_cheaper(const struct work *w, size_t a, size_t b)
{
	if (w->out[a].cost_us != w->out[b].cost_us)
		return w->out[a].cost_us < w->out[b].cost_us;
	return dyncast_addr_cmp(&w->in[a].dbid, &w->in[b].dbid) < 0;
}

static void best(const struct work *w)
{
	size_t cheapest = w->n;
	size_t holder = w->n; /* the eligible one with most weight now */
	size_t winner;

	for (size_t i = 0; i < w->n; i++) {
		if (!w->eligible[i])
			continue;
		if (cheapest == w->n || is_cheaper(w, i, cheapest))
			cheapest = i;
		if (w->in[i].weight &&
		    (holder == w->n || w->in[i].weight > w->in[holder].weight))
			holder = i;
	}
	winner = cheapest;
	if (holder < w->n && (w->out[cheapest].cost_us + COST_FLOOR_US) * 100 >=
				     (w->out[holder].cost_us + COST_FLOOR_US) *
					     (100 - HYSTERESIS_PERCENT))
		winner = holder;

	for (size_t i = 0; i < w->n; i++) {
		if (i == winner)
			w->out[i].target = DYNCAST_WEIGHT_SUM;
		else if (w->eligible[i])
			w->out[i].verdict = DYNCAST_VERDICT_NOT_BEST;
		w->out[i].weight = w->out[i].target;
	}
}

/* Nobody is eligible.  Those that are held keep what they have: their paths
 * are gone, but they may be as well as ever. */
static void hold(const struct work *w)
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
		scale(present, weights, w->n, DYNCAST_WEIGHT_SUM);
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
	struct work w = {.config = config, .in = in, .out = out, .n = n};

	memset(out, 0, n * sizeof(*out));
	if (n > CANDIDATES_MAX) /* the caller's limit; not more than it */
		w.n = CANDIDATES_MAX;
	verdicts_fill(&w);
	capacities_fill(&w);
	shares_fill(&w, w.eligible, w.share);
	costs_fill(&w);
	if (!any(w.eligible, w.n)) {
		hold(&w);
		return false;
	}
	if (config->action != DYNCAST_ACTION_BEST)
		return spread(&w);
	best(&w);
	return false;
}
