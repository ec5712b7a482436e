// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a path says of its site (types 1 to 7 of
 * draft-ietf-idr-5g-edge-service-metadata section 4), as JSON.
 *
 * bgpd's main thread; called by show.c.
 */

#include "cli.h"
#include "service.h"

static void json_delay(struct json_object *json,
		       const struct dyncast_site *site)
{
	switch (site->delay_form) {
	case DYNCAST_DELAY_INDEX:
		json_object_int_add(json, "delayIndex", site->delay);
		break;
	case DYNCAST_DELAY_MS:
		json_object_int_add(json, "delayMs", site->delay);
		break;
	default:
		/* seconds in the upper half */
		json_object_double_add(json, "delayMs",
				       site->delay * 1000.0 / 4294967296.0);
	}
}

static void json_availability(struct json_object *json,
			      const struct dyncast_site *site)
{
	json_object_int_add(json, "siteId", site->availability_site);
	/* with I=1 it only names the site */
	if (!site->availability_ties_site)
		json_object_int_add(json, "availability", site->availability);
}

static void json_raw(struct json_object *json, const struct dyncast_site *site)
{
	struct json_object *raw = json_object_new_object();

	json_object_int_add(raw, "period", site->raw_period);
	json_object_int_add(raw, "packetsTo", site->raw_to);
	json_object_int_add(raw, "packetsFrom", site->raw_from);
	json_object_object_add(json, "raw", raw);
}

struct json_object *dyncast_show_site_json(const struct dyncast_site *site)
{
	struct json_object *json = json_object_new_object();

	if (site->has & DYNCAST_SITE_HAS_PREFERENCE)
		json_object_int_add(json, "preference", site->preference);
	if (site->has & DYNCAST_SITE_HAS_AVAILABILITY)
		json_availability(json, site);
	if (site->has & DYNCAST_SITE_HAS_DELAY)
		json_delay(json, site);
	if (site->has & DYNCAST_SITE_HAS_RAW)
		json_raw(json, site);
	if (site->has & DYNCAST_SITE_HAS_CAPABILITY)
		json_object_int_add(json, "capability", site->capability);
	if (site->has & DYNCAST_SITE_HAS_RESOURCE)
		json_object_int_add(json,
				    site->resource_percent ? "resourcePercent"
							   : "resource",
				    site->resource);
	if (site->has & DYNCAST_SITE_HAS_AS_SCOPE)
		json_object_int_add(json, "asScope", site->as_scope);
	return json;
}
