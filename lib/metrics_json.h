/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Metrics in the JSON of the show commands: the same keys and units in both
 * modules (doc/commands.rst).  Any thread.
 */

#ifndef DYNCAST_METRICS_JSON_H
#define DYNCAST_METRICS_JSON_H

#include "dyncast.h"

struct json_object;

/* Add what `metrics` has, but for its age, to `json`, which the caller owns:
 * capacity, utilisation (percent), inFlight, delayUs, score. */
void dyncast_metrics_json(struct json_object *json,
			  const struct dyncast_metrics *metrics);

#endif /* DYNCAST_METRICS_JSON_H */
