/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A policy on the wire, the same in the attribute and in a SET message:
 *
 *   +---------------+---------------+---------------+---------------+
 *   | action        | affinity      | cost          | plen          |
 *   +---------------+---------------+---------------+---------------+
 *   | flow timeout, s               |
 *   +---------------+---------------+---------------+---------------+
 *   | alpha, %      | hysteresis, % | max util., %  | min score     |
 *   +---------------+---------------+---------------+---------------+
 *   | hold, s                       | max delay, us ...
 *   +-------------------------------+-------------------------------+
 *   ... max delay                   | max network cost, us ...
 *   +-------------------------------+-------------------------------+
 *   ... max network                 |
 *   +-------------------------------+
 *
 * The attribute leaves out the second part when it is all zero.  Nobody but
 * the two codecs includes this; they check what is valid.
 */

#ifndef DYNCAST_POLICY_WIRE_H
#define DYNCAST_POLICY_WIRE_H

#include "cursor.h"
#include "dyncast.h"

#define POLICY_SIZE 6 /* of the first part */
#define POLICY_SIZE_LONG 20

static inline bool dyncast_policy_is_long(const struct dyncast_policy *policy)
{
	return policy->alpha || policy->hysteresis || policy->max_utilisation ||
	       policy->min_score || policy->hold_s || policy->max_delay_us ||
	       policy->max_network_us;
}

static inline void dyncast_put_policy_short(struct dyncast_writer *w,
					    const struct dyncast_policy *policy)
{
	dyncast_put_u8(w, policy->action);
	dyncast_put_u8(w, policy->affinity);
	dyncast_put_u8(w, policy->cost);
	dyncast_put_u8(w, policy->plen);
	dyncast_put_u16(w, policy->timeout_s);
}

static inline void dyncast_put_policy_rest(struct dyncast_writer *w,
					   const struct dyncast_policy *policy)
{
	dyncast_put_u8(w, policy->alpha);
	dyncast_put_u8(w, policy->hysteresis);
	dyncast_put_u8(w, policy->max_utilisation);
	dyncast_put_u8(w, policy->min_score);
	dyncast_put_u16(w, policy->hold_s);
	dyncast_put_u32(w, policy->max_delay_us);
	dyncast_put_u32(w, policy->max_network_us);
}

static inline void dyncast_get_policy_short(struct dyncast_reader *r,
					    struct dyncast_policy *policy)
{
	policy->action = dyncast_get_u8(r);
	policy->affinity = dyncast_get_u8(r);
	policy->cost = dyncast_get_u8(r);
	policy->plen = dyncast_get_u8(r);
	policy->timeout_s = dyncast_get_u16(r);
}

static inline void dyncast_get_policy_rest(struct dyncast_reader *r,
					   struct dyncast_policy *policy)
{
	policy->alpha = dyncast_get_u8(r);
	policy->hysteresis = dyncast_get_u8(r);
	policy->max_utilisation = dyncast_get_u8(r);
	policy->min_score = dyncast_get_u8(r);
	policy->hold_s = dyncast_get_u16(r);
	policy->max_delay_us = dyncast_get_u32(r);
	policy->max_network_us = dyncast_get_u32(r);
}

#endif /* DYNCAST_POLICY_WIRE_H */
