// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is said; see content.h.
 *
 * Metrics are quantised before they are compared or sent, so that noise makes
 * no UPDATE.  With level "score" (requirement C2) nothing but a score leaves
 * the site.
 */

#include "advertise.h"
#include "content.h"
#include "site.h"

/* an instance is no longer overloaded this far below the threshold */
#define OVERLOAD_HYSTERESIS 1000 /* hundredths of a percent */

/* at most `most` steps of a power of ten: 100 are two significant digits */
static uint32_t quantise(uint32_t value, uint32_t most)
{
	uint32_t step = 1;

	while (value / step >= most)
		step *= 10;
	if (value > UINT32_MAX - step)
		return value / step * step;
	return (value + step / 2) / step * step;
}

static void metrics_quantise(struct dyncast_metrics *m)
{
	m->utilisation =
		MIN((m->utilisation + 50) / 100 * 100, DYNCAST_UTILISATION_MAX);
	m->delay_us = quantise(m->delay_us, 100);
	m->in_flight = quantise(m->in_flight, 100);
	m->rate = quantise(m->rate, 1000);
}

/* The site's figures for those who do not know our instance sub-TLV. */
static void site_build(struct dyncast_attr *attr)
{
	uint64_t capacity = 0, n_used = 0, n_delay = 0, share;
	/* an agent's capacity times its delay may be more than 64 bits hold */
	double used = 0, delay = 0;
	const struct dyncast_instance *in;
	unsigned int i;

	for (i = 0; i < attr->n_instances; i++) {
		in = &attr->instances[i];
		if (in->flags)
			continue; /* takes no new flows: no capacity */
		share = in->metrics.has & DYNCAST_HAS_CAPACITY
				? in->metrics.capacity
				: 1;
		capacity += share;
		if (in->metrics.has & DYNCAST_HAS_UTILISATION) {
			used += (double)share * in->metrics.utilisation;
			n_used += share;
		}
		if (in->metrics.has & DYNCAST_HAS_DELAY) {
			delay += (double)share * in->metrics.delay_us;
			n_delay += share;
		}
	}
	attr->site.has |= DYNCAST_SITE_HAS_CAPABILITY;
	attr->site.capability = MIN(capacity, UINT32_MAX);
	if (n_used) {
		attr->site.has |= DYNCAST_SITE_HAS_RESOURCE;
		attr->site.resource_percent = true;
		attr->site.resource = 100 - (uint32_t)(used / n_used / 100);
	}
	if (n_delay) {
		attr->site.has |= DYNCAST_SITE_HAS_DELAY;
		attr->site.delay_form = DYNCAST_DELAY_MS;
		attr->site.delay = ((uint64_t)(delay / n_delay) + 999) / 1000;
	}
}

/* An instance as a number of 0 to 10: the agent's, or the room that is left. */
static void score_only(struct dyncast_metrics *m)
{
	uint8_t score = DYNCAST_SCORE_MAX;

	if (m->has & DYNCAST_HAS_SCORE)
		score = m->score;
	else if (m->has & DYNCAST_HAS_UTILISATION)
		score = DYNCAST_SCORE_MAX - (m->utilisation + 500) / 1000;
	*m = (struct dyncast_metrics){
		.has = DYNCAST_HAS_SCORE, .score = score, .age_ms = m->age_ms};
}

static void instance_build(const struct dyncast_local *local, uint8_t flags,
			   int64_t now, struct dyncast_instance *in)
{
	in->kind = dyncast_local_dbid(local, &in->dbid);
	in->flags = flags;
	in->metrics = dyncast_local_metrics(local, now);
	metrics_quantise(&in->metrics);
	if (local->service->level == DYNCAST_LEVEL_SCORE)
		score_only(&in->metrics);
	strlcpy(in->name, local->name, sizeof(in->name));
}

void dyncast_content_build(const struct dyncast_service *service,
			   struct dyncast_attr *attr)
{
	static const struct dyncast_policy none;
	struct dyncast_local *local;
	int64_t now = dyncast_now_ms();
	uint8_t flags;
	bool advertise;

	memset(attr, 0, sizeof(*attr));
	frr_each (dyncast_locals,
		  (struct dyncast_locals_head *)&service->locals, local) {
		dyncast_advertise_local(local, &advertise, &flags);
		if (advertise && attr->n_instances < DYNCAST_ATTR_INSTANCES_MAX)
			instance_build(local, flags, now,
				       &attr->instances[attr->n_instances++]);
	}
	dyncast_site_fill(&attr->site, service->vrf[0]);
	if (service->level == DYNCAST_LEVEL_RAW)
		site_build(attr);
	if (service->as_scope) {
		attr->site.has |= DYNCAST_SITE_HAS_AS_SCOPE;
		attr->site.as_scope = service->as_scope;
	}
	if (memcmp(&service->policy, &none, sizeof(none))) {
		attr->site.has |= DYNCAST_SITE_HAS_POLICY;
		attr->policy = service->policy;
	}
}

static bool moved(uint32_t from, uint32_t to, uint32_t floor,
		  unsigned int percent)
{
	uint64_t difference = from > to ? from - to : to - from;

	return difference * 100 > (uint64_t)MAX(from, floor) * percent;
}

/* A learnt rate is smooth, a capacity does not move by itself, and weights are
 * made of them: they count sooner. */
#define RATE_PERCENT 2u

/* The floors keep small figures from counting as large relative moves. */
static bool metrics_moved(const struct dyncast_metrics *a,
			  const struct dyncast_metrics *b, unsigned int percent)
{
	return a->has != b->has ||
	       moved(a->capacity, b->capacity, 1, MIN(percent, RATE_PERCENT)) ||
	       a->score != b->score ||
	       moved(a->utilisation, b->utilisation, 1000, percent) ||
	       moved(a->delay_us, b->delay_us, 100, percent) ||
	       moved(a->in_flight, b->in_flight, 10, percent) ||
	       moved(a->rate, b->rate, 10, MIN(percent, RATE_PERCENT));
}

/* a score that stands for utilisation (score_only()) says it in tenths */
static unsigned int load_of(const struct dyncast_metrics *m)
{
	if (m->has & DYNCAST_HAS_UTILISATION)
		return m->utilisation;
	return m->has & DYNCAST_HAS_SCORE
		       ? (DYNCAST_SCORE_MAX - m->score) * 1000u
		       : 0;
}

/* Did it become overloaded, or end to be?  Not for every step around the
 * threshold. */
static bool overload_changed(const struct dyncast_service *service,
			     const struct dyncast_metrics *said,
			     const struct dyncast_metrics *want)
{
	unsigned int threshold =
		100 * (service->overload ? service->overload
					 : DYNCAST_OVERLOAD_DEFAULT);
	unsigned int from = load_of(said), to = load_of(want);

	if (from < threshold)
		return to >= threshold;
	return to + OVERLOAD_HYSTERESIS < threshold;
}

static enum dyncast_change
instance_compare(const struct dyncast_service *service,
		 const struct dyncast_instance *a,
		 const struct dyncast_instance *b)
{
	if (a->kind != b->kind || a->flags != b->flags ||
	    strcmp(a->name, b->name) || dyncast_addr_cmp(&a->dbid, &b->dbid) ||
	    overload_changed(service, &a->metrics, &b->metrics))
		return DYNCAST_CHANGE_URGENT;
	return metrics_moved(&a->metrics, &b->metrics, service->threshold)
		       ? DYNCAST_CHANGE_MOVED
		       : DYNCAST_CHANGE_NONE;
}

enum dyncast_change
dyncast_content_compare(const struct dyncast_service *service,
			const struct dyncast_attr *said,
			const struct dyncast_attr *want)
{
	enum dyncast_change change = DYNCAST_CHANGE_NONE, one;
	unsigned int i;

	if (said->n_instances != want->n_instances ||
	    (said->site.has & DYNCAST_SITE_HAS_POLICY) !=
		    (want->site.has & DYNCAST_SITE_HAS_POLICY) ||
	    memcmp(&said->policy, &want->policy, sizeof(said->policy)) ||
	    said->site.as_scope != want->site.as_scope)
		return DYNCAST_CHANGE_URGENT;
	for (i = 0; i < said->n_instances; i++) {
		one = instance_compare(service, &said->instances[i],
				       &want->instances[i]);
		change = MAX(change, one);
	}
	return change;
}
