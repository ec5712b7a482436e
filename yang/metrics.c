// SPDX-License-Identifier: GPL-2.0-or-later
/* See metrics.h. */

#include <zebra.h>

#include "lib/northbound.h"

#include "metrics.h"
#include "../lib/dyncast.h"

#define IS(name) (!strcmp(leaf, name))

struct yang_data *dyncast_nb_metric(const char *leaf, const char *xpath,
				    const struct dyncast_metrics *m,
				    uint32_t age_ms)
{
	char text[32];

	if (IS("capacity") && m->has & DYNCAST_HAS_CAPACITY)
		return yang_data_new_uint32(xpath, m->capacity);
	if (IS("utilisation") && m->has & DYNCAST_HAS_UTILISATION) {
		snprintf(text, sizeof(text), "%u.%02u", m->utilisation / 100,
			 m->utilisation % 100);
		return yang_data_new(xpath, text);
	}
	if (IS("in-flight") && m->has & DYNCAST_HAS_IN_FLIGHT)
		return yang_data_new_uint32(xpath, m->in_flight);
	if (IS("delay") && m->has & DYNCAST_HAS_DELAY)
		return yang_data_new_uint32(xpath, m->delay_us);
	if (IS("score") && m->has & DYNCAST_HAS_SCORE)
		return yang_data_new_uint8(xpath, m->score);
	if (IS("rate") && m->has & DYNCAST_HAS_RATE) {
		snprintf(text, sizeof(text), "%u.%03u", m->rate / 1000,
			 m->rate % 1000);
		return yang_data_new(xpath, text);
	}
	if (IS("age") && m->has & DYNCAST_HAS_MEASURED)
		return yang_data_new_uint32(xpath, age_ms);
	return NULL;
}
