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
 * A site that withholds a part of itself (its preference, its availability) is
 * solved for as if its capacity was so much less and that of the others more,
 * with the load that it has: all ingresses want the same split of the whole
 * then, however each came to its own.  As far as it makes no site fuller
 * than FULL_PERCENT: beyond, less is withheld, of all by the same part.
 *
 * Damping.  Utilisation and delay are smoothed over 0.5 s, 100 service times or
 * twice their age, whichever is most (three times as long where a site
 * withholds a part: near FULL_PERCENT weights follow the load itself), and so
 * are the weights that they are compared with; foreign load below a tenth of a
 * site's is noise; service times count where they differ by more than 15 %, and
 * not on busy sites; and how much reports vary is measured: no difference
 * counts that is within three standard deviations of chance.  Weights walk to
 * their targets with a time constant of 0.15 s, at most by half of themselves
 * in a call, to the targets themselves; at rest they stay while all are within
 * 2 %.  Influence over capacity weights fades between DYNCAST_AGE_FRESH_MS and
 * _STALE_MS of age.
 *
 * The number of ingress routers need not be known.  Those with our view have
 * our weights: then all of the load is movable and each solves for the whole,
 * though it moves its part only.  What the others do differently is foreign
 * load.
 *
 * Without utilisation there is no load to split, and delay is followed after
 * all, slowly (2 s; spread_cost.c).
 */

#include "cost_work.h"

#include <string.h>

#include "fixed.h"

#define MAX DYNCAST_CANDIDATES_MAX

#define LOAD_LEAST (ONE * 15 / 100) /* plan for no less, in all */
#define LOAD_MOST (ONE * 98 / 100)  /* of a site */
#define FOREIGN_NOISE 10u	    /* percent of a site's load, at least */
#define MOVABLE_LEAST 2u	    /* a half of all */
#define GIVEN_LEAST 32u		    /* a part that says something */
#define FLOOR_DIVISOR 16u	    /* a target is no less of its capacity's */
#define FULL_PERCENT 85u	    /* what is withheld fills nobody more, */
#define FULL_MARGIN 5u /* nor so near to where the policy takes him out */
#define RELAX_STEPS 10
#define RELAX_SLACK 128u

#define BACKLOG_FROM (ONE * 90 / 100)
#define BACKLOG_HORIZONS 4u

#define SERVICE_NOISE 15u	      /* percent, at least */
#define SERVICE_BUSY (ONE * 85 / 100) /* delay says nothing from here, */
#define SERVICE_IDLE (ONE * 60 / 100) /* and is believed up to here */
#define WORKERS_DEFAULT 4u
#define WORKERS_MAX 16u
#define SOLVE_STEPS 20

/* network-first: a millisecond nearer outweighs any queue but that of a site
 * which is all but full */
#define NETWORK_FIRST 256u

#define WALK_MS 150u
#define WALK_BLIND_MS 2000u

/* what the model is solved for */
struct model {
	uint32_t share[MAX];   /* of capacity, less what is withheld */
	uint32_t load[MAX];    /* of 65536, all sites' capacity */
	uint32_t foreign[MAX]; /* part of load */
	uint32_t rest[MAX];    /* the same, with what may be noise */
	uint64_t network[MAX]; /* us, weighed as the policy says */
	uint64_t service[MAX]; /* us */
	uint32_t movable;
	uint32_t workers;
};

/* Shares of capacity less what is withheld, of that the part that `relax`
 * leaves (of 65536: 0 all, 65536 nothing). */
static void shares_want(const struct dyncast_work *w, uint32_t relax,
			uint32_t *share)
{
	uint64_t raw[MAX];

	if (!dyncast_work_any_withheld(w)) {
		memcpy(share, w->share, w->n * sizeof(*share));
		return;
	}
	for (size_t i = 0; i < w->n; i++)
		raw[i] = w->share[i] * (ONE - (uint64_t)w->in[i].withheld *
						      (ONE - relax) / ONE);
	dyncast_work_scale(raw, share, w->n, DYNCAST_WEIGHT_SUM);
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

/* loads; who says nothing is taken as average, or where shares are not to be
 * filled alike as one that has what we give.  false: nobody says anything */
static bool loads_fill(const struct dyncast_work *w, struct model *model)
{
	uint64_t sum = 0, shares = 0, given = 0;
	uint64_t least = dyncast_work_least_delay(w);
	bool by_weight = dyncast_work_any_withheld(w);

	for (size_t i = 0; i < w->n; i++) {
		if (!is_known(w, i))
			continue;
		sum += (uint64_t)w->share[i] * w->out[i].state.used;
		shares += w->share[i];
		given += w->out[i].state.given;
	}
	if (!shares)
		return false;
	for (size_t i = 0; i < w->n; i++) {
		uint64_t used = is_known(w, i) ? w->out[i].state.used +
							 backlog(w, i, least)
					       : sum / shares;

		model->load[i] = (uint32_t)(w->share[i] * used / ONE);
		if (by_weight && given && !is_known(w, i))
			model->load[i] = (uint32_t)min_u64(
				sum / ONE * w->in[i].weight / given,
				w->eligible[i] ? w->share[i] : 0);
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
		model->rest[i] = is_known(w, i) && model->load[i] > ours
					 ? (uint32_t)(model->load[i] - ours)
					 : 0;
		if (is_known(w, i) && model->load[i] > ours + noise)
			model->foreign[i] =
				(uint32_t)(model->load[i] - ours - noise);
		foreign += model->foreign[i];
	}
	/* plan for a little load where there is none, or what comes first
	 * would all go to one site */
	model->movable = (uint32_t)max_u64(sum > foreign ? sum - foreign : 0,
					   LOAD_LEAST);
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
	used = ONE - dyncast_root_q32((queue << 32) / (cost - least + queue));
	return model->share[i] * min_u64(used, LOAD_MOST) / ONE;
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
	uint64_t low = 0, high = 0, fine = COST_CEILING_US;

	for (size_t i = 0; i < w->n; i++) {
		if (!w->eligible[i])
			continue;
		high = max_u64(high,
			       model->network[i] + 4096 * model->service[i]);
		/* where networks are much longer than services */
		fine = min_u64(fine, model->service[i] / 32);
	}
	high = min_u64(high, COST_CEILING_US);
	for (unsigned int step = 0; step < 2 * SOLVE_STEPS; step++) {
		/* the answer is near the low end: halve the ratio first */
		uint64_t middle = low < high / 64 ? low + (high - low) / 16
						  : (low + high) / 2;

		if (high - low <= min_u64(high / 4096, fine) + 1)
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
static void mix(const struct dyncast_work *w, const struct model *model,
		uint64_t *raw)
{
	uint32_t solved[MAX];

	dyncast_work_scale(raw, solved, w->n, DYNCAST_WEIGHT_SUM);
	for (size_t i = 0; i < w->n; i++) {
		uint64_t weight = solved[i];

		raw[i] = 0;
		if (!w->eligible[i])
			continue;
		weight = max_u64(weight, model->share[i] / FLOOR_DIVISOR);
		raw[i] = weight * w->gain[i] +
			 (uint64_t)model->share[i] * (GAIN_ONE - w->gain[i]);
	}
}

/* Our part of each site's load when only `relax` (of 65536) of what is withheld
 * is given after all; not scaled. */
static void place(const struct dyncast_work *w, struct model *model, bool plain,
		  uint32_t relax, uint64_t *raw)
{
	shares_want(w, relax, model->share);
	if (!plain) {
		solve(w, model, raw);
		mix(w, model, raw);
		return;
	}
	for (size_t i = 0; i < w->n; i++)
		raw[i] = w->eligible[i] ? model->share[i] : 0;
}

/* what loads will be by these targets, of 65536, all sites' capacity */
static void loads_plan(const struct dyncast_work *w, const struct model *model,
		       const uint64_t *raw, uint64_t *loads)
{
	uint32_t targets[MAX];
	uint64_t moving = 0;

	dyncast_work_scale(raw, targets, w->n, DYNCAST_WEIGHT_SUM);
	dyncast_work_capped(w, targets);
	for (size_t i = 0; i < w->n; i++)
		moving += model->load[i] - model->rest[i];
	for (size_t i = 0; i < w->n; i++)
		loads[i] = model->rest[i] + moving * targets[i] / ONE;
}

/* is it more for somebody, not counting what rounding makes? */
static bool exceeds(const struct dyncast_work *w, const uint64_t *loads,
		    const uint64_t *limits)
{
	for (size_t i = 0; i < w->n; i++) {
		if (loads[i] > limits[i] + w->share[i] / RELAX_SLACK)
			return true;
	}
	return false;
}

/* To be filled a little less than where the policy takes a site out: a swing
 * over that edge would be ours. */
static uint64_t full(const struct dyncast_work *w)
{
	uint32_t most = w->config->policy.max_utilisation;

	if (!most || most >= FULL_PERCENT + FULL_MARGIN)
		return ONE * FULL_PERCENT / 100;
	return most > FULL_MARGIN ? ONE * (most - FULL_MARGIN) / 100 : 0;
}

/*
 * The least that has to be given of what is withheld, so that nobody is filled
 * who would be less full if nothing was withheld.  It hangs on the loads, which
 * it does not change: nothing that could swing.
 */
static void relax(const struct dyncast_work *w, struct model *model, bool plain,
		  uint64_t *raw)
{
	uint64_t loads[MAX], limits[MAX];
	uint32_t low = 0, high = ONE;

	if (!dyncast_work_any_withheld(w))
		return;
	place(w, model, plain, ONE, raw);
	loads_plan(w, model, raw, limits);
	for (size_t i = 0; i < w->n; i++)
		limits[i] = max_u64(limits[i], w->share[i] * full(w) / ONE);
	place(w, model, plain, 0, raw);
	loads_plan(w, model, raw, loads);
	if (!exceeds(w, loads, limits))
		return;
	for (unsigned int step = 0; step < RELAX_STEPS; step++) {
		uint32_t middle = (low + high) / 2;

		place(w, model, plain, middle, raw);
		loads_plan(w, model, raw, loads);
		if (exceeds(w, loads, limits))
			low = middle;
		else
			high = middle;
	}
	place(w, model, plain, high, raw);
}

static bool targets_by_load(const struct dyncast_work *w, struct model *model,
			    uint64_t *raw)
{
	bool plain;

	if (!loads_fill(w, model))
		return false;
	foreign_fill(w, model);
	model->workers = workers_guess(w);
	services_fill(w, model);
	for (size_t i = 0; i < w->n; i++)
		model->network[i] = network_weighed(w, i);
	plain = is_plain(w, model);
	place(w, model, plain, 0, raw);
	relax(w, model, plain, raw);
	return true;
}

bool dyncast_work_spread(const struct dyncast_work *w)
{
	static struct model model;
	uint64_t raw[MAX] = {0};
	uint32_t targets[MAX];
	uint32_t walk_ms = WALK_MS;
	bool by_load;

	shares_want(w, 0, model.share);
	dyncast_work_hear(w, model.share);
	by_load = targets_by_load(w, &model, raw);
	if (!by_load) {
		dyncast_work_by_cost(w, raw);
		walk_ms = WALK_BLIND_MS;
	}
	dyncast_work_scale(raw, targets, w->n, DYNCAST_WEIGHT_SUM);
	if (!by_load)
		dyncast_work_withhold(w, targets);
	return dyncast_work_walk(w, targets, walk_ms);
}
