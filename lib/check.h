/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes the nouns of dyncast.h valid, said once: both codecs, attribute
 * and message, refuse the same values.  Pure, any thread.
 */

#ifndef DYNCAST_CHECK_H
#define DYNCAST_CHECK_H

#include "addr.h"

/* capacity is relative and at least 1; members that are absent do not matter */
static inline bool dyncast_metrics_valid(const struct dyncast_metrics *m)
{
	if (m->has & ~DYNCAST_HAS_ALL)
		return false;
	if ((m->has & DYNCAST_HAS_CAPACITY) && m->capacity < 1)
		return false;
	if ((m->has & DYNCAST_HAS_UTILISATION) &&
	    m->utilisation > DYNCAST_UTILISATION_MAX)
		return false;
	if ((m->has & DYNCAST_HAS_RATE) && m->rate < 1)
		return false;
	return !(m->has & DYNCAST_HAS_SCORE) || m->score <= DYNCAST_SCORE_MAX;
}

/* zero what is absent, so that equal metrics are equal bytes */
static inline void dyncast_metrics_tidy(struct dyncast_metrics *m)
{
	if (!(m->has & DYNCAST_HAS_CAPACITY))
		m->capacity = 0;
	if (!(m->has & DYNCAST_HAS_UTILISATION))
		m->utilisation = 0;
	if (!(m->has & DYNCAST_HAS_IN_FLIGHT))
		m->in_flight = 0;
	if (!(m->has & DYNCAST_HAS_DELAY))
		m->delay_us = 0;
	if (!(m->has & DYNCAST_HAS_SCORE))
		m->score = 0;
	if (!(m->has & DYNCAST_HAS_RATE))
		m->rate = 0;
}

static inline bool dyncast_name_valid_or_empty(const char *name)
{
	return !name[0] || dyncast_name_valid(name);
}

/* a SID is IPv6, the end of an IP-in-IP tunnel is of either family */
static inline bool dyncast_kind_fits(uint8_t kind, uint8_t family)
{
	switch (kind) {
	case DYNCAST_KIND_NONE:
	case DYNCAST_KIND_ADJACENT:
		return true;
	case DYNCAST_KIND_SRV6:
		return family == AF_INET6;
	case DYNCAST_KIND_IPIP:
		return family == AF_INET || family == AF_INET6;
	default:
		return false;
	}
}

static inline bool
dyncast_instance_valid(const struct dyncast_instance *instance)
{
	return dyncast_addr_is_unicast(&instance->dbid) &&
	       dyncast_kind_fits(instance->kind, instance->dbid.family) &&
	       !(instance->flags &
		 ~(DYNCAST_INSTANCE_DRAIN | DYNCAST_INSTANCE_DOWN)) &&
	       dyncast_metrics_valid(&instance->metrics) &&
	       dyncast_name_valid_or_empty(instance->name);
}

/* values that this version knows; a newer one may know more */
static inline bool dyncast_policy_known(const struct dyncast_policy *policy)
{
	return policy->action <= DYNCAST_ACTION_WEIGHTED &&
	       policy->affinity <= DYNCAST_AFFINITY_NONE &&
	       policy->cost <= DYNCAST_COST_COMPUTE_FIRST;
}

static inline bool dyncast_policy_valid(const struct dyncast_policy *policy)
{
	if (!dyncast_policy_known(policy))
		return false;
	if (policy->alpha > 100 || policy->hysteresis > 100 ||
	    policy->max_utilisation > 100 ||
	    policy->min_score > DYNCAST_SCORE_MAX)
		return false;
	if (policy->alpha && policy->cost != DYNCAST_COST_WEIGHTED)
		return false;
	return policy->affinity == DYNCAST_AFFINITY_SOURCE ? policy->plen <= 128
							   : policy->plen == 0;
}

/* a prefix of a known family, not too long, without host bits */
static inline bool dyncast_prefix_valid(const struct dyncast_prefix *prefix)
{
	struct dyncast_prefix masked = *prefix;

	if (prefix->len > 8 * dyncast_family_size(prefix->addr.family))
		return false;
	dyncast_prefix_mask(&masked);
	return dyncast_family_size(prefix->addr.family) &&
	       !dyncast_prefix_cmp(&masked, prefix);
}

#endif /* DYNCAST_CHECK_H */
