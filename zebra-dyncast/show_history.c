/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `show dyncast history`: how the weights of a service came to be, newest
 * change first, each with its cause (history.c).  Main thread; changes nothing.
 */

#include <zebra.h>

#include "lib/command.h"
#include "lib/json.h"

#include "compat.h"
#include "history.h"
#include "service.h"
#include "show.h"
#include "../lib/addr.h"
#include "../lib/cost.h"

#ifndef VTYSH_EXTRACT_PL
#include "zebra-dyncast/show_history_clippy.c"
#endif

#define DYNCAST_STR "Compute-aware anycast\n"

/* of all new flows, in tenths of a percent */
static unsigned int permille(uint32_t weight)
{
	return ((uint64_t)weight * 1000 + DYNCAST_WEIGHT_SUM / 2) /
	       DYNCAST_WEIGHT_SUM;
}

/* old and new value as people read them; false: the cause has none */
static bool values_str(const struct dyncast_history *h, char *buf, size_t size)
{
	switch (h->cause) {
	case DYNCAST_CAUSE_VERDICT:
		snprintf(buf, size, "%s -> %s",
			 dyncast_verdict_str(h->old_value),
			 dyncast_verdict_str(h->new_value));
		return true;
	case DYNCAST_CAUSE_LOAD:
		snprintf(buf, size, "%u.%u%% -> %u.%u%%", h->old_value / 100,
			 h->old_value % 100 / 10, h->new_value / 100,
			 h->new_value % 100 / 10);
		return true;
	case DYNCAST_CAUSE_SITE:
		snprintf(buf, size, "%.4g%% -> %.4g%%",
			 dyncast_wanted_percent(h->old_value),
			 dyncast_wanted_percent(h->new_value));
		return true;
	case DYNCAST_CAUSE_DELAY:
		snprintf(buf, size, "%u us -> %u us", h->old_value,
			 h->new_value);
		return true;
	case DYNCAST_CAUSE_RATE:
		snprintf(buf, size, "%.10g/s -> %.10g/s", h->old_value / 1000.0,
			 h->new_value / 1000.0);
		return true;
	case DYNCAST_CAUSE_CAPACITY:
	case DYNCAST_CAUSE_NETWORK:
	case DYNCAST_CAUSE_SCORE:
		snprintf(buf, size, "%u -> %u", h->old_value, h->new_value);
		return true;
	default:
		return false;
	}
}

/* in UTC, as notifications have theirs */
static void time_str(const struct dyncast_history *h, char *buf, size_t size)
{
	struct timeval now;
	struct tm tm;
	int64_t ms;
	time_t at;

	gettimeofday(&now, NULL);
	ms = (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000 -
	     (dyncast_now_ms() - h->at_ms);
	at = ms / 1000;
	gmtime_r(&at, &tm);
	strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + strlen(buf), size - strlen(buf), ".%03dZ",
		 (int)(ms % 1000));
}

static void entry_text(struct vty *vty, const struct dyncast_history *h)
{
	char time[40], dbid[DYNCAST_ADDR_STRLEN], values[64];
	unsigned int from = permille(h->from), to = permille(h->to);

	time_str(h, time, sizeof(time));
	vty_out(vty, "  %s  %s: %u.%u%% -> %u.%u%%, %s", time,
		h->name[0] ? h->name
			   : dyncast_addr_str(&h->dbid, dbid, sizeof(dbid)),
		from / 10, from % 10, to / 10, to % 10,
		dyncast_cause_str(h->cause));
	if (values_str(h, values, sizeof(values)))
		vty_out(vty, " %s", values);
	vty_out(vty, "\n");
}

static json_object *json_entry(const struct dyncast_history *h)
{
	json_object *json = json_object_new_object();
	char time[40], dbid[DYNCAST_ADDR_STRLEN], values[64];

	time_str(h, time, sizeof(time));
	json_object_string_add(json, "time", time);
	json_object_int_add(json, "ageMs", dyncast_now_ms() - h->at_ms);
	json_object_string_add(json, "name", h->name);
	json_object_string_add(json, "dbid",
			       dyncast_addr_str(&h->dbid, dbid, sizeof(dbid)));
	json_object_int_add(json, "oldWeight", h->from);
	json_object_int_add(json, "newWeight", h->to);
	json_object_string_add(json, "cause", dyncast_cause_str(h->cause));
	if (values_str(h, values, sizeof(values)))
		json_object_string_add(json, "change", values);
	return json;
}

static int history_json(struct vty *vty, struct dyncast_service *s)
{
	json_object *json = json_object_new_object();
	json_object *changes = json_object_new_array();
	struct dyncast_history *h;
	char buf[DYNCAST_PREFIX_STRLEN];

	if (!s) {
		json_object_put(changes);
		return vty_json(vty, json);
	}
	json_object_string_add(json, "name", s->name);
	json_object_string_add(
		json, "prefix",
		dyncast_prefix_str(&s->key.prefix, buf, sizeof(buf)));
	frr_rev_each (dyncast_histories, &s->histories, h)
		json_object_array_add(changes, json_entry(h));
	json_object_object_add(json, "changes", changes);
	return vty_json(vty, json);
}

DEFPY(show_dyncast_history, show_dyncast_history_cmd,
      "show dyncast history WORD$service [json$uj]",
      SHOW_STR DYNCAST_STR
      "Changes of weight of a service's candidates, and what caused them\n"
      "Service, by name or prefix\n" JSON_STR)
{
	struct dyncast_service *s = dyncast_service_find_text(service);
	char buf[DYNCAST_SERVICE_STRLEN];
	struct dyncast_history *h;

	if (uj)
		return history_json(vty, s);
	if (!s) {
		dyncast_show_unknown_service(vty, service);
		return CMD_WARNING;
	}
	vty_out(vty, "Service %s: target weights, the newest change first\n",
		dyncast_service_str(s, buf, sizeof(buf)));
	frr_rev_each (dyncast_histories, &s->histories, h)
		entry_text(vty, h);
	return CMD_SUCCESS;
}

void dyncast_show_history_init(void)
{
	install_element(VIEW_NODE, &show_dyncast_history_cmd);
}
