// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `spread`: weights that use what is known of sites without herding.
 *
 * A site's delay is a bad thing to follow: it is known late, it answers a
 * weight the more steeply the fuller the site is, and all ingresses see it and
 * run together.  So no weight follows a delay here.  Each decision solves for
 * the split of the traffic as a whole instead, from figures that do not
 * depend on the weights or change slowly:
 *
 *  1. capacity c_i (cost.c): configured, or learnt at the site;
 *  2. load c_i x u_i of each site, u_i its utilisation;
 *  3. how much of that load follows our weights ("movable"), and how much is
 *     there whatever we do ("foreign"): other services, other ingresses with
 *     other weights, a queue that drains.  A site that has more load than our
 *     weight explains, compared with the one that has the least, has foreign
 *     load.  At least half of all load is taken as movable: whoever moves less
 *     than he thinks is slow, whoever moves more swings;
 *  4. network cost n_i and service time s_i.
 *
 * The movable load then goes where it adds least to everybody's delay: to
 * utilisations x_i with equal marginal cost
 *
 *   n_i + s_i x (1 + k x (1 / (1 - x_i)^2 - 1)),   c_i x_i >= foreign load
 *
 * (a queue with delay s (1 + k x / (1 - x)), and 1/k workers).  With equal n
 * and s and without foreign load that is capacity weights exactly; with little
 * load it is the nearest sites; with much load capacity weights again.
 *
 * Damping.  Utilisation and delay are smoothed over 0.5 s, 100 service times or
 * twice their age, whichever is most, and so are the weights that they are
 * compared with; foreign load below a tenth of a site's is noise; service
 * times count where they differ by more than 15 %, and not on busy sites; and
 * how much reports vary is measured: no difference counts that is within three
 * standard deviations of chance.  Weights walk to their targets with a time
 * constant of 0.15 s, at most by half of themselves in a call, to the targets
 * themselves; at rest they stay while all are within 2 %.  Influence over
 * capacity weights fades between DYNCAST_AGE_FRESH_MS and _STALE_MS of age.
 *
 * The number of ingress routers need not be known.  Those with our view have
 * our weights: then all of the load is movable and each solves for the whole,
 * though it moves its part only.  What the others do differently is foreign
 * load.
 *
 * Without utilisation there is no load to split, and delay is followed after
 * all: capacity x (mean cost / cost), within a factor of 8, slowly (2 s).
 * A score alone counts likewise, as (2 score + 1).
 */

#include "cost_work.h"

#include <string.h>

#include "fixed.h"

#define MAX DYNCAST_CANDIDATES_MAX

#define ONE 65536u

#define SMOOTH_MS 500u
#define SMOOTH_SERVICES 100u
#define SMOOTH_AGES 2u

#define LOAD_LEAST (ONE * 15 / 100) /* plan for no less, in all */
#define LOAD_MOST (ONE * 98 / 100)  /* of a site */
#define FOREIGN_NOISE 10u	    /* percent of a site's load, at least */
#define NOISE_REPORTS 32u	    /* that measure how reports vary */
#define MOVABLE_LEAST 2u	    /* a half of all */
#define GIVEN_LEAST 32u		    /* a part that says something */
#define FLOOR_DIVISOR 16u	    /* a target is no less of its capacity's */

#define BACKLOG_FROM (ONE * 90 / 100)
#define BACKLOG_HORIZONS 4u

#define SERVICE_NOISE 15u	      /* percent, at least */
#define SERVICE_BUSY (ONE * 85 / 100) /* delay says nothing from here, */
#define SERVICE_IDLE (ONE * 60 / 100) /* and is believed up to here */
#define WORKERS_DEFAULT 4u
#define WORKERS_MAX 16u
#define SOLVE_STEPS 20

#define OCTAVE 65536 /* one, with 16 fractional bits */
#define CORRECTION_MAX (3 * OCTAVE)

/* network-first: a millisecond nearer outweighs any queue but that of a site
 * which is all but full */
#define NETWORK_FIRST 256u

#define WALK_MS 150u
#define WALK_BLIND_MS 2000u

/* what the model is solved for */
struct model {
	uint32_t load[MAX];    /* of 65536, all sites' capacity */
	uint32_t foreign[MAX]; /* part of load */
	uint64_t network[MAX]; /* us, weighed as the policy says */
	uint64_t service[MAX]; /* us */
	uint32_t movable;
	uint32_t workers;
};

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint32_t distance(uint32_t a, uint32_t b)
{
	return a > b ? a - b : b - a;
}

/*
 * Square root of a number of 32 fractional bits below 1: 16 fractional bits,
 * the rest cut off.  A straight line, good to 6 %, and two steps of Newton's,
 * which come from above.
 */
static uint32_t root(uint64_t x)
{
	unsigned int shift;
	uint32_t n, y;

	if (!x)
		return 0;
	shift = (unsigned int)__builtin_clz((uint32_t)x) & ~1u;
	n = (uint32_t)x << shift;
	y = (n >> 17) + (n >> 19) + 24576;
	y = (y + n / y) / 2;
	y = (y + n / y) / 2;
	if ((uint64_t)y * y > n)
		y--;
	return y >> shift / 2;
}

/* ---- what was heard ------------------------------------------------------ */

static uint32_t towards(uint32_t from, uint32_t to, uint64_t part,
			uint64_t whole)
{
	if (to > from)
		return from + (uint32_t)((to - from) * part / whole);
	return from - (uint32_t)((from - to) * part / whole);
}

/* A report came since the last call: take it in, with the weight that stood
 * while it was measured. */
static void hear(const struct dyncast_work *w, size_t i, uint64_t smooth_ms,
		 struct dyncast_cost_state *s)
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
			given = w->share[i];
	}
	s->used_off =
		towards(s->used_off, distance(used, s->used), 1, NOISE_REPORTS);
	s->delay_off = towards(s->delay_off, distance(m->delay_us, s->delay_us),
			       1, NOISE_REPORTS);
	s->smoothed = root((part << 32) / (2 * whole));
	s->used = towards(s->used, used, part, whole);
	s->given = towards(s->given, given, part, whole);
	s->delay_us = towards(s->delay_us, m->delay_us, part, whole);
	s->since_ms = 0;
	s->given_sum = 0;
}

/* the least delay that anybody reports: about a service time; 0: unknown */
static uint32_t least_delay(const struct dyncast_work *w)
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

static void states_fill(const struct dyncast_work *w)
{
	uint64_t smooth_ms = max_u64(SMOOTH_MS, (uint64_t)SMOOTH_SERVICES *
							least_delay(w) / 1000);
	uint32_t elapsed = w->config->elapsed_ms;

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
			hear(w, i, smooth_ms, s);
		s->age_ms = m->age_ms;
	}
}

/* how far a smoothed figure may be off by chance: three times its standard
 * deviation, which is 1.25 times the mean of what reports are off */
static uint64_t doubt(const struct dyncast_cost_state *s, uint32_t off)
{
	return (uint64_t)off * s->smoothed * 15 / 4 / ONE;
}

static bool is_known(const struct dyncast_work *w, size_t i)
{
	return w->eligible[i] && w->out[i].state.heard &&
	       dyncast_work_has(w, i, DYNCAST_HAS_UTILISATION);
}

/* ---- the model ----------------------------------------------------------- */

/*
 * A queue is load too, to be worked off in good time: waiting time over a
 * horizon that is long against what it takes to hear of the effect.  Only where
 * a site is busy: elsewhere a long delay is a slow service.
 */
static uint64_t backlog(const struct dyncast_work *w, size_t i, uint64_t least)
{
	const struct dyncast_cost_state *s = &w->out[i].state;
	uint64_t horizon_us, wait;

	if (!least || s->used <= BACKLOG_FROM ||
	    !dyncast_work_has(w, i, DYNCAST_HAS_DELAY) || s->delay_us <= least)
		return 0;
	horizon_us = 1000ull * BACKLOG_HORIZONS *
		     max_u64(SMOOTH_MS,
			     (uint64_t)SMOOTH_AGES * w->in[i].metrics.age_ms);
	horizon_us =
		max_u64(horizon_us, BACKLOG_HORIZONS * SMOOTH_SERVICES * least);
	wait = min_u64((s->delay_us - least) * ONE / horizon_us, ONE);
	return wait * (s->used - BACKLOG_FROM) / (ONE - BACKLOG_FROM);
}

/* loads; who says nothing is taken as average.  false: nobody says anything */
static bool loads_fill(const struct dyncast_work *w, struct model *model)
{
	uint64_t sum = 0, shares = 0, least = least_delay(w);

	for (size_t i = 0; i < w->n; i++) {
		if (!is_known(w, i))
			continue;
		sum += (uint64_t)w->share[i] * w->out[i].state.used;
		shares += w->share[i];
	}
	if (!shares)
		return false;
	for (size_t i = 0; i < w->n; i++) {
		uint64_t used = is_known(w, i) ? w->out[i].state.used +
							 backlog(w, i, least)
					       : sum / shares;

		model->load[i] = (uint32_t)(w->share[i] * used / ONE);
	}
	return true;
}

/* the load that follows our weights, and each site's that does not */
static void foreign_fill(const struct dyncast_work *w, struct model *model)
{
	uint64_t sum = 0, least = UINT64_MAX, foreign = 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct dyncast_cost_state *s = &w->out[i].state;

		sum += model->load[i];
		if (is_known(w, i) && s->given > w->share[i] / GIVEN_LEAST)
			least = min_u64(least, (uint64_t)model->load[i] * ONE /
						       s->given);
	}
	least = min_u64(max_u64(least, sum / MOVABLE_LEAST), sum);
	for (size_t i = 0; i < w->n; i++) {
		const struct dyncast_cost_state *s = &w->out[i].state;
		uint64_t ours = least * s->given / ONE;
		uint64_t noise =
			max_u64((uint64_t)model->load[i] * FOREIGN_NOISE / 100,
				w->share[i] * doubt(s, s->used_off) / ONE);

		model->foreign[i] = 0;
		if (is_known(w, i) && model->load[i] > ours + noise)
			model->foreign[i] =
				(uint32_t)(model->load[i] - ours - noise);
		foreign += model->foreign[i];
	}
	/* plan for a little load where there is none, or what comes first
	 * would all go to one site */
	model->movable = (uint32_t)(sum > foreign ? sum - foreign : 0);
	if (model->movable < LOAD_LEAST)
		model->movable = LOAD_LEAST;
}

/* network cost as the cost policy counts it, beside a service time as is */
static uint64_t network_weighed(const struct dyncast_work *w, size_t i)
{
	uint64_t network = w->out[i].network_us;
	uint32_t alpha = w->config->policy.alpha;

	switch (w->config->policy.cost) {
	case DYNCAST_COST_NETWORK_FIRST:
		return min_u64(network * NETWORK_FIRST, COST_CEILING_US / 2);
	case DYNCAST_COST_COMPUTE_FIRST:
		return network / 16;
	case DYNCAST_COST_WEIGHTED:
		return network * alpha / (alpha < 100 ? 100 - alpha : 1);
	default:
		return network;
	}
}

/* how many requests sites serve at once: rate x service time */
static uint32_t workers_guess(const struct dyncast_work *w)
{
	uint64_t sum = 0, n = 0;

	for (size_t i = 0; i < w->n; i++) {
		if (!is_known(w, i) ||
		    !dyncast_work_has(w, i, DYNCAST_HAS_RATE) ||
		    !dyncast_work_has(w, i, DYNCAST_HAS_DELAY))
			continue;
		sum += min_u64((uint64_t)w->in[i].metrics.rate *
				       w->out[i].state.delay_us / 1000000000,
			       WORKERS_MAX);
		n++;
	}
	if (!n)
		return WORKERS_DEFAULT;
	return (uint32_t)max_u64(1, sum / n);
}

/* a delay without the queue that the model has at this utilisation */
static uint64_t unloaded(uint64_t delay, uint32_t used, uint32_t workers)
{
	uint64_t u = min_u64(used, SERVICE_BUSY);

	return delay * workers * (ONE - u) / (workers * (ONE - u) + u);
}

static void services_fill(const struct dyncast_work *w, struct model *model)
{
	uint64_t sum = 0, shares = 0, mean;

	for (size_t i = 0; i < w->n; i++) {
		model->service[i] = 0;
		if (!is_known(w, i) ||
		    !dyncast_work_has(w, i, DYNCAST_HAS_DELAY))
			continue;
		model->service[i] =
			unloaded(w->out[i].state.delay_us, w->out[i].state.used,
				 model->workers) +
			COST_FLOOR_US;
		sum += w->share[i] * model->service[i];
		shares += w->share[i];
	}
	mean = shares ? max_u64(sum / shares, 1) : 1000;
	for (size_t i = 0; i < w->n; i++) {
		const struct dyncast_cost_state *state = &w->out[i].state;
		uint64_t noise = max_u64(mean * SERVICE_NOISE / 100,
					 doubt(state, state->delay_off));
		uint32_t used = state->used, belief = ONE;
		uint64_t s = model->service[i] ? model->service[i] : mean;
		uint64_t off = s > mean ? s - mean : mean - s;

		if (used > SERVICE_IDLE)
			belief = used < SERVICE_BUSY
					 ? (SERVICE_BUSY - used) * ONE /
						   (SERVICE_BUSY - SERVICE_IDLE)
					 : 0;
		off = off > noise ? (off - noise) * belief / ONE : 0;
		model->service[i] = s > mean ? mean + off : mean - off;
	}
}

/* load that site i has when the marginal cost is `cost`, foreign included */
static uint64_t load_at(const struct dyncast_work *w, const struct model *model,
			size_t i, uint64_t cost)
{
	uint64_t queue = model->service[i] / model->workers + 1;
	uint64_t least = model->network[i] + model->service[i];
	uint64_t used;

	if (cost <= least)
		return 0;
	used = ONE - root((queue << 32) / (cost - least + queue));
	return w->share[i] * min_u64(used, LOAD_MOST) / ONE;
}

/* our part of a site's load at that cost */
static uint64_t ours_at(const struct dyncast_work *w, const struct model *model,
			size_t i, uint64_t cost)
{
	uint64_t load = w->eligible[i] ? load_at(w, model, i, cost) : 0;

	return load > model->foreign[i] ? load - model->foreign[i] : 0;
}

/* whether that is all of the movable load, or more */
static bool places_all(const struct dyncast_work *w, const struct model *model,
		       uint64_t cost)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < w->n && sum < model->movable; i++)
		sum += ours_at(w, model, i, cost);
	return sum >= model->movable;
}

/* nothing to weigh against capacity: no solution needed, and none rounded */
static bool is_plain(const struct dyncast_work *w, const struct model *model)
{
	size_t first = w->n;

	for (size_t i = 0; i < w->n; i++) {
		if (!w->eligible[i])
			continue;
		if (first == w->n)
			first = i;
		if (model->foreign[i] ||
		    model->network[i] != model->network[first] ||
		    model->service[i] != model->service[first])
			return false;
	}
	return true;
}

/* The split of the movable load.  When there is no room for all of it, by
 * what room there is. */
static void solve(const struct dyncast_work *w, const struct model *model,
		  uint64_t *ours)
{
	uint64_t low = 0, high = 0;

	for (size_t i = 0; i < w->n; i++) {
		if (w->eligible[i])
			high = max_u64(high, model->network[i] +
						     4096 * model->service[i]);
	}
	high = min_u64(high, COST_CEILING_US);
	for (unsigned int step = 0; step < 2 * SOLVE_STEPS; step++) {
		/* the answer is near the low end: halve the ratio first */
		uint64_t middle = low < high / 64 ? low + (high - low) / 16
						  : (low + high) / 2;

		if (high - low <= high / 4096 + 1)
			break;
		if (places_all(w, model, middle))
			high = middle;
		else
			low = middle;
	}
	for (size_t i = 0; i < w->n; i++)
		ours[i] = ours_at(w, model, i, high);
}

/* Mix with capacity by age, and leave everybody a little: who gets nothing
 * cannot show how he is. */
static void mix(const struct dyncast_work *w, uint64_t *raw)
{
	uint32_t solved[MAX];

	dyncast_work_scale(raw, solved, w->n, DYNCAST_WEIGHT_SUM);
	for (size_t i = 0; i < w->n; i++) {
		uint64_t weight = solved[i];

		raw[i] = 0;
		if (!w->eligible[i])
			continue;
		weight = max_u64(weight, w->share[i] / FLOOR_DIVISOR);
		raw[i] = weight * w->gain[i] +
			 (uint64_t)w->share[i] * (GAIN_ONE - w->gain[i]);
	}
}

static bool targets_by_load(const struct dyncast_work *w, uint64_t *raw)
{
	static struct model model;

	if (!loads_fill(w, &model))
		return false;
	foreign_fill(w, &model);
	model.workers = workers_guess(w);
	services_fill(w, &model);
	for (size_t i = 0; i < w->n; i++)
		model.network[i] = network_weighed(w, i);
	if (is_plain(w, &model)) {
		for (size_t i = 0; i < w->n; i++)
			raw[i] = w->eligible[i] ? w->share[i] : 0;
		return true;
	}
	solve(w, &model, raw);
	mix(w, raw);
	return true;
}

/* ---- without utilisation --------------------------------------------------
 */

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

static void targets_by_cost(const struct dyncast_work *w, uint64_t *raw)
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

bool dyncast_work_spread(const struct dyncast_work *w)
{
	uint64_t raw[MAX] = {0};
	uint32_t targets[MAX];
	uint32_t walk_ms = WALK_MS;

	states_fill(w);
	if (!targets_by_load(w, raw)) {
		targets_by_cost(w, raw);
		walk_ms = WALK_BLIND_MS;
	}
	dyncast_work_scale(raw, targets, w->n, DYNCAST_WEIGHT_SUM);
	return dyncast_work_walk(w, targets, walk_ms);
}
