/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why weights are what they are by now: one entry for each candidate whose
 * target weight changed, with that one of its inputs which changed most since
 * its last entry.  Targets, not weights: these walk to them in many steps.
 *
 * Entries are this file's, in two lists: of their service, and of all, so that
 * both what one service takes and what ten thousand take is bounded; the oldest
 * makes room.  Main thread; called by decide.c and service.c.
 */

#include <zebra.h>

#include "compat.h"
#include "decide.h"
#include "history.h"
#include "module.h"
#include "service.h"

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_HISTORY, "Dyncast change of weight");
DECLARE_DLIST(dyncast_history_all, struct dyncast_history, all_item);

static struct dyncast_history_all_head all;

/* what is not worth a line: 3 %, and less than a slot */
#define NOISE_DIVISOR 33
#define SLOT_WEIGHT (DYNCAST_WEIGHT_SUM / DYNCAST_RING_SLOTS)
/* utilisation is compared as such, not relative to itself */
#define NOISE_UTILISATION (DYNCAST_UTILISATION_MAX / 33)

const char *dyncast_cause_str(uint8_t cause)
{
	switch (cause) {
	case DYNCAST_CAUSE_JOINED:
		return "joined";
	case DYNCAST_CAUSE_REMOVED:
		return "removed";
	case DYNCAST_CAUSE_VERDICT:
		return "verdict";
	case DYNCAST_CAUSE_CONFIG:
		return "configuration";
	case DYNCAST_CAUSE_SITE:
		return "preference or availability";
	case DYNCAST_CAUSE_CAPACITY:
		return "capacity";
	case DYNCAST_CAUSE_NETWORK:
		return "network";
	case DYNCAST_CAUSE_RATE:
		return "rate";
	case DYNCAST_CAUSE_LOAD:
		return "utilisation";
	case DYNCAST_CAUSE_DELAY:
		return "delay";
	case DYNCAST_CAUSE_SCORE:
		return "score";
	default:
		return "others";
	}
}

static uint32_t distance(uint32_t a, uint32_t b)
{
	return a > b ? a - b : b - a;
}

static bool moved(uint32_t old, uint32_t new)
{
	if (!old != !new)
		return true;
	return distance(old, new) > MAX(old, new) / NOISE_DIVISOR;
}

static bool target_moved(uint32_t old, uint32_t new)
{
	if (!old != !new)
		return true;
	return moved(old, new) && distance(old, new) >= SLOT_WEIGHT;
}

/* its weight is of metrics, whatever their age */
static bool takes_flows(uint8_t verdict)
{
	return verdict == DYNCAST_VERDICT_OK ||
	       verdict == DYNCAST_VERDICT_NO_METRICS ||
	       verdict == DYNCAST_VERDICT_STALE;
}

static bool verdict_is_cause(uint8_t old, uint8_t new)
{
	if (old == new)
		return false;
	/* metrics came for the first time: those say more */
	if (takes_flows(old) && takes_flows(new))
		return old == DYNCAST_VERDICT_STALE ||
		       new == DYNCAST_VERDICT_STALE;
	/* it is not the best for a reason of its own, or of another one's */
	return !(takes_flows(old) && new == DYNCAST_VERDICT_NOT_BEST) &&
	       !(old == DYNCAST_VERDICT_NOT_BEST && takes_flows(new));
}

static struct dyncast_history_mark mark_of(const struct dyncast_backend *b)
{
	/* what was decided with just now */
	const struct dyncast_metrics *m = &b->data.instance.metrics;

	return (struct dyncast_history_mark){
		.known = true,
		.noted = true,
		.presence = b->presence,
		.verdict = b->out.verdict,
		.verdict_now = b->out.verdict,
		.score = m->score,
		.utilisation = m->utilisation,
		.withheld = b->data.withheld,
		.target = b->out.target,
		.capacity = m->capacity,
		.rate = m->rate,
		.delay_us = m->delay_us,
		.network = dyncast_backend_metric(b),
	};
}

static void because(struct dyncast_history *h, enum dyncast_cause cause,
		    uint32_t old, uint32_t new)
{
	h->cause = cause;
	h->old_value = old;
	h->new_value = new;
}

/* What a site withholds is relative to the others that there are: it is a cause
 * only where these are the same as at the last note. */
static bool others_changed(const struct dyncast_service *s)
{
	const struct dyncast_backend *b;

	frr_each (dyncast_backends_const, &s->backends, b) {
		if (!b->mark.noted || b->presence != b->mark.presence ||
		    dyncast_verdict_eligible(b->out.verdict) !=
			    dyncast_verdict_eligible(b->mark.verdict_now))
			return true;
	}
	return false;
}

static bool wanted_moved(const struct dyncast_history_mark *old,
			 const struct dyncast_history_mark *new)
{
	return moved(DYNCAST_WHOLE - old->withheld,
		     DYNCAST_WHOLE - new->withheld);
}

static void metric_cause(struct dyncast_history *h,
			 const struct dyncast_history_mark *old,
			 const struct dyncast_history_mark *new, bool others)
{
	if (wanted_moved(old, new) && !others)
		because(h, DYNCAST_CAUSE_SITE, old->withheld, new->withheld);
	else if (moved(old->capacity, new->capacity))
		because(h, DYNCAST_CAUSE_CAPACITY, old->capacity,
			new->capacity);
	else if (old->network != new->network)
		because(h, DYNCAST_CAUSE_NETWORK, old->network, new->network);
	else if (moved(old->rate, new->rate))
		because(h, DYNCAST_CAUSE_RATE, old->rate, new->rate);
	else if (distance(old->utilisation, new->utilisation) >
		 NOISE_UTILISATION)
		because(h, DYNCAST_CAUSE_LOAD, old->utilisation,
			new->utilisation);
	else if (old->score != new->score)
		because(h, DYNCAST_CAUSE_SCORE, old->score, new->score);
	else if (moved(old->delay_us, new->delay_us))
		because(h, DYNCAST_CAUSE_DELAY, old->delay_us, new->delay_us);
	else
		because(h, DYNCAST_CAUSE_OTHERS, 0, 0);
}

static void entry_free(struct dyncast_history *h)
{
	dyncast_histories_del(&h->service->histories, h);
	dyncast_history_all_del(&all, h);
	XFREE(MTYPE_DYNCAST_HISTORY, h);
}

static struct dyncast_history *entry_new(struct dyncast_service *s)
{
	struct dyncast_history *h;

	if (dyncast_histories_count(&s->histories) >= DYNCAST_HISTORY_MAX)
		entry_free(dyncast_histories_first(&s->histories));
	if (dyncast_history_all_count(&all) >= DYNCAST_HISTORY_ALL_MAX)
		entry_free(dyncast_history_all_first(&all));
	h = XCALLOC(MTYPE_DYNCAST_HISTORY, sizeof(*h));
	h->service = s;
	h->at_ms = dyncast_now_ms();
	dyncast_histories_add_tail(&s->histories, h);
	dyncast_history_all_add_tail(&all, h);
	return h;
}

static void backend_note(struct dyncast_service *s, struct dyncast_backend *b,
			 bool others)
{
	struct dyncast_history_mark now = mark_of(b), *mark = &b->mark;
	struct dyncast_history *h;

	mark->presence = b->presence;
	mark->verdict_now = b->out.verdict;
	mark->noted = true;
	if (!target_moved(mark->target, now.target))
		return;
	h = entry_new(s);
	h->dbid = b->data.instance.dbid;
	strlcpy(h->name, b->data.instance.name, sizeof(h->name));
	h->from = mark->target;
	h->to = now.target;
	if (b->presence == DYNCAST_GONE)
		because(h, DYNCAST_CAUSE_REMOVED, 0, 0);
	else if (!mark->known)
		because(h, DYNCAST_CAUSE_JOINED, 0, 0);
	else if (verdict_is_cause(mark->verdict, now.verdict))
		because(h, DYNCAST_CAUSE_VERDICT, mark->verdict, now.verdict);
	else if (s->policy_changed)
		because(h, DYNCAST_CAUSE_CONFIG, 0, 0);
	else
		metric_cause(h, mark, &now, others);
	*mark = now;
}

void dyncast_history_note(struct dyncast_service *service)
{
	bool others = others_changed(service);
	struct dyncast_backend *b;

	frr_each (dyncast_backends, &service->backends, b)
		backend_note(service, b, others);
	service->policy_changed = false;
}

void dyncast_history_forget(struct dyncast_service *service)
{
	struct dyncast_history *h;

	while ((h = dyncast_histories_first(&service->histories)))
		entry_free(h);
}

void dyncast_history_init(void)
{
	dyncast_history_all_init(&all);
}

void dyncast_history_fini(void)
{
	dyncast_history_all_fini(&all);
}
