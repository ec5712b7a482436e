// SPDX-License-Identifier: GPL-2.0-or-later
/* See metrics_json.h; json-c does the work. */

#include "metrics_json.h"

#include <json-c/json.h>

void dyncast_metrics_json(struct json_object *json,
			  const struct dyncast_metrics *metrics)
{
	if (metrics->has & DYNCAST_HAS_CAPACITY)
		json_object_object_add(
			json, "capacity",
			json_object_new_int64(metrics->capacity));
	if (metrics->has & DYNCAST_HAS_UTILISATION)
		json_object_object_add(
			json, "utilisation",
			json_object_new_double(metrics->utilisation / 100.0));
	if (metrics->has & DYNCAST_HAS_IN_FLIGHT)
		json_object_object_add(
			json, "inFlight",
			json_object_new_int64(metrics->in_flight));
	if (metrics->has & DYNCAST_HAS_DELAY)
		json_object_object_add(
			json, "delayUs",
			json_object_new_int64(metrics->delay_us));
	if (metrics->has & DYNCAST_HAS_SCORE)
		json_object_object_add(json, "score",
				       json_object_new_int64(metrics->score));
	if (metrics->has & DYNCAST_HAS_RATE)
		json_object_object_add(
			json, "ratePerSecond",
			json_object_new_double(metrics->rate / 1000.0));
}
