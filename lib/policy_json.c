// SPDX-License-Identifier: GPL-2.0-or-later
/* See policy_json.h; json-c does the work. */

#include "policy_json.h"

#include <json-c/json.h>

static void json_set_add(struct json_object *json, const char *key,
			 int64_t value)
{
	if (value)
		json_object_object_add(json, key, json_object_new_int64(value));
}

void dyncast_policy_json(struct json_object *json,
			 const struct dyncast_policy *policy)
{
	if (policy->cost == DYNCAST_COST_WEIGHTED)
		json_object_object_add(json, "alpha",
				       json_object_new_int64(policy->alpha));
	json_set_add(json, "hysteresis", policy->hysteresis);
	json_set_add(json, "hold", policy->hold_s);
	json_set_add(json, "maxUtilisation", policy->max_utilisation);
	json_set_add(json, "minScore", policy->min_score);
	json_set_add(json, "maxDelayUs", policy->max_delay_us);
	json_set_add(json, "maxNetworkUs", policy->max_network_us);
}
