// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Operational data of the container `services`, and its notifications.  List
 * entries are the services and instances themselves.  bgpd's main thread.
 */

#include "advertise.h"
#include "cli.h"
#include "origin.h"
#include "yang_internal.h"
#include "../lib/words.h"
#include "../yang/metrics.h"

/* ---- lists -----------------------------------------------------------------
 */

static const void *service_next(struct nb_cb_get_next_args *args)
{
	struct dyncast_service *service = (void *)args->list_entry;

	return service ? dyncast_services_next(&dyncast_state.services, service)
		       : dyncast_services_first(&dyncast_state.services);
}

static int service_keys(struct nb_cb_get_keys_args *args)
{
	const struct dyncast_service *service = args->list_entry;

	args->keys->num = 1;
	strlcpy(args->keys->key[0], service->name, sizeof(args->keys->key[0]));
	return NB_OK;
}

static const void *service_lookup(struct nb_cb_lookup_entry_args *args)
{
	return dyncast_service_find(args->keys->key[0]);
}

static const void *local_next(struct nb_cb_get_next_args *args)
{
	struct dyncast_service *service = (void *)args->parent_list_entry;
	struct dyncast_local *local = (void *)args->list_entry;

	/* 8.4 asks for the instances of nobody, when given the path of one */
	if (!service)
		return NULL;
	return local ? dyncast_locals_next(&service->locals, local)
		     : dyncast_locals_first(&service->locals);
}

static int local_keys(struct nb_cb_get_keys_args *args)
{
	const struct dyncast_local *local = args->list_entry;

	args->keys->num = 1;
	strlcpy(args->keys->key[0], local->name, sizeof(args->keys->key[0]));
	return NB_OK;
}

static const void *local_lookup(struct nb_cb_lookup_entry_args *args)
{
	const struct dyncast_service *service = args->parent_list_entry;

	return service ? dyncast_local_find(service, args->keys->key[0]) : NULL;
}

const struct dyncast_nb_list dyncast_yang_lists[] = {
	{"service", service_next, service_keys, service_lookup},
	{"service/instance", local_next, local_keys, local_lookup},
	{},
};

/* ---- leaves ----------------------------------------------------------------
 */

#define IS(name) (!strcmp(leaf, name))

static struct yang_data *service_get(const char *leaf, const char *xpath,
				     const struct dyncast_service *service)
{
	const struct dyncast_origin *origin = service->origin;

	if (IS("status"))
		return yang_data_new_string(
			xpath, dyncast_show_service_state(service));
	if (!origin)
		return NULL;
	if (IS("updates"))
		return yang_data_new_uint64(xpath, origin->updates);
	if (IS("refreshes"))
		return yang_data_new_uint64(xpath, origin->refreshes);
	if (IS("held-back"))
		return yang_data_new_uint64(xpath, origin->held_back);
	if (IS("attribute-size"))
		return yang_data_new_uint32(xpath, origin->len);
	if (IS("left-out"))
		return yang_data_new_uint32(xpath, origin->left_out);
	return NULL;
}

static struct yang_data *local_get(const char *leaf, const char *xpath,
				   const struct dyncast_local *local)
{
	struct dyncast_metrics metrics =
		dyncast_local_metrics(local, dyncast_now_ms());
	char text[DYNCAST_ADDR_STRLEN];
	struct dyncast_addr dbid;
	bool advertised;
	uint8_t flags, kind = dyncast_local_dbid(local, &dbid);
	const char *why = dyncast_advertise_local(local, &advertised, &flags);

	if (IS("status"))
		return yang_data_new(xpath,
				     flags & DYNCAST_INSTANCE_DOWN    ? "down"
				     : flags & DYNCAST_INSTANCE_DRAIN ? "drain"
								      : "up");
	if (IS("advertised"))
		return yang_data_new_bool(xpath, advertised);
	if (IS("reason")) {
		if (!why[0])
			why = dyncast_local_reason(local);
		return why[0] ? yang_data_new_string(xpath, why) : NULL;
	}
	if (IS("by-agent"))
		return yang_data_new_bool(xpath, local->by_agent);
	if (IS("dbid"))
		return dbid.family
			       ? yang_data_new(xpath,
					       dyncast_addr_str(&dbid, text,
								sizeof(text)))
			       : NULL;
	if (IS("kind"))
		return yang_data_new(xpath, dyncast_kind_str(kind));
	if (IS("reports"))
		return yang_data_new_uint64(xpath, local->reports);
	return dyncast_nb_metric(leaf, xpath, &metrics, metrics.age_ms);
}

struct yang_data *dyncast_yang_get(const char *leaf,
				   struct nb_cb_get_elem_args *args)
{
	if (!args->list_entry)
		return NULL;
	/* no name has a bracket */
	if (strstr(args->xpath, "/instance["))
		return local_get(leaf, args->xpath, args->list_entry);
	return service_get(leaf, args->xpath, args->list_entry);
}

/* ---- notifications ---------------------------------------------------------
 */

static void notify(const struct dyncast_local *local, bool up, const char *why)
{
	dyncast_nb_notify("instance-state", "service", local->service->name,
			  "instance", local->name, "up", up ? "true" : "false",
			  "reason", why[0] ? why : NULL, NULL);
}

static void local_tick(struct dyncast_local *local)
{
	bool advertised, up;
	const char *why;
	uint8_t flags;

	why = dyncast_advertise_local(local, &advertised, &flags);
	/* zebra is asked, and answers in a moment */
	if (local->address.family && !advertised)
		return;
	up = advertised && !(flags & DYNCAST_INSTANCE_DOWN);
	if (up == local->notified_up)
		return;
	local->notified_up = up;
	if (!up && !why[0])
		why = dyncast_local_reason(local);
	notify(local, up, up ? "" : why);
}

void dyncast_yang_tick(void)
{
	struct dyncast_service *service;
	struct dyncast_local *local;

	frr_each (dyncast_services, &dyncast_state.services, service)
		frr_each (dyncast_locals, &service->locals, local)
			local_tick(local);
}

void dyncast_yang_instance_gone(const struct dyncast_local *local,
				const char *why)
{
	if (local->notified_up)
		notify(local, false, why);
}
