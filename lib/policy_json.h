/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A policy in the JSON of the show commands: the same keys and units in both
 * modules (doc/json.rst).  Any thread.
 */

#ifndef DYNCAST_POLICY_JSON_H
#define DYNCAST_POLICY_JSON_H

#include "dyncast.h"

struct json_object;

/* Add to `json`, which the caller owns, what the policy sets of: alpha,
 * hysteresis (percent), hold (seconds), maxUtilisation (percent), minScore,
 * maxDelayUs, maxNetworkUs.  Action and cost are the caller's: whether a
 * default is named as such differs. */
void dyncast_policy_json(struct json_object *json,
			 const struct dyncast_policy *policy);

#endif /* DYNCAST_POLICY_JSON_H */
