/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A service's place in the data plane.  It is known there by its table and
 * prefix, and by its VRF's id here: a VRF that is made anew has the same table
 * and another id.  Two services never share a place.
 *
 * Main thread; called by service.c.
 */

#include <zebra.h>

#include "apply.h"
#include "clear.h"
#include "compat.h"
#include "decap.h"
#include "ingress.h"
#include "log_bound.h"
#include "module.h"
#include "route.h"
#include "service.h"
#include "startup.h"
#include "turn.h"

/* who has the place with that index */
static struct dyncast_service *at[DYNCAST_DP_SERVICES_MAX];

static void recover_instance(uint32_t id, const struct dyncast_addr *dbid,
			     void *arg)
{
	struct dyncast_service *s = arg;
	struct dyncast_backend *b = dyncast_backend_find(s, dbid);

	if (!b)
		b = dyncast_backend_new(s, dbid);
	dyncast_backend_id_set(b, id);
	b->recovered = true;
}

static void recover(struct dyncast_service *s)
{
	char buf[DYNCAST_SERVICE_STRLEN];

	dyncast_dp_instance_each(s->dp_index, recover_instance, s);
	dyncast_turn_recover(s);
	s->grace_ms = dyncast_now_ms() + DYNCAST_GRACE_MS;
	dyncast_log_bounded(
		zlog_info, "services taken over from the kernel",
		"dyncast: service %s: %zu instance(s) taken over from the kernel",
		dyncast_service_str(s, buf, sizeof(buf)),
		dyncast_backends_count(&s->backends));
}

static void warn_once(struct dyncast_service *s, const char *why)
{
	char buf[DYNCAST_SERVICE_STRLEN];

	if (!s->no_place)
		dyncast_log_bounded(
			zlog_warn, "services steered by their route alone",
			"dyncast: service %s is steered by its route alone, without flow affinity: %s",
			dyncast_service_str(s, buf, sizeof(buf)), why);
	s->no_place = why;
}

/* Of a VRF that is gone: its flows go on under the new one. */
static void take_over(struct dyncast_service *old)
{
	struct dyncast_backend *b;

	frr_each (dyncast_backends, &old->backends, b)
		dyncast_decap_forget(b);
	dyncast_service_drop(old, false);
}

static void leave_other_table(struct dyncast_service *s)
{
	uint32_t table_id;
	int index = s->dp_index;

	if (index < 0 || !dyncast_vrf_table(s->key.vrf_id, &table_id) ||
	    table_id == s->table_id)
		return;
	dyncast_service_close(s);
	dyncast_dp_service_del(index);
}

void dyncast_service_open(struct dyncast_service *s)
{
	struct dyncast_backend *b;
	bool created = false;
	int index;

	leave_other_table(s);
	if (dyncast_cleared || s->dp_index >= 0 || !dyncast_startup_done() ||
	    !dyncast_vrf_table(s->key.vrf_id, &s->table_id))
		return;
	index = dyncast_dp_service_get(s->table_id, &s->key.prefix, &created);
	if (index < 0) {
		warn_once(
			s,
			"there is no room for another one (dyncast service-table size)");
		return;
	}
	if (at[index] && !at[index]->removed) {
		warn_once(
			s,
			"a service of another VRF with the same table has this prefix");
		return;
	}
	if (at[index])
		take_over(at[index]);
	at[index] = s;
	s->dp_index = index;
	s->no_place = NULL;
	dyncast_recovered_claim(index);
	if (!created)
		recover(s);
	frr_each (dyncast_backends, &s->backends, b)
		dyncast_backend_identify(b);
}

void dyncast_service_leave(struct dyncast_service *s, bool from_kernel)
{
	if (s->dp_index < 0)
		return;
	if (from_kernel)
		dyncast_dp_service_del(s->dp_index);
	at[s->dp_index] = NULL;
	s->dp_index = -1;
}

void dyncast_service_close(struct dyncast_service *s)
{
	struct dyncast_backend *b;

	dyncast_route_withdraw(s);
	frr_each (dyncast_backends, &s->backends, b)
		dyncast_backend_unidentify(b);
	dyncast_turn_close(s);
	dyncast_service_leave(s, false);
	s->listed = s->enabled = s->by_device = false;
	s->no_place = NULL;
}

void dyncast_service_close_all(void)
{
	struct dyncast_service *s;

	frr_each (dyncast_services, &dyncast_services, s)
		dyncast_service_close(s);
}

void dyncast_service_open_all(void)
{
	struct dyncast_service *s;

	frr_each (dyncast_services, &dyncast_services, s)
		dyncast_service_open(s);
	dyncast_service_decide_all();
}
