// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `show dyncast flow SRC DST …`: where the packets of one flow go, and why,
 * whether or not it has an entry in the flow table.  Main thread.
 */

#include <zebra.h>

#include "lib/command.h"
#include "lib/json.h"
#include "lib/vrf.h"

#include "compat.h"
#include "dataplane.h"
#include "ingress.h"
#include "module.h"
#include "service.h"
#include "show.h"
#include "../lib/addr.h"

#ifndef VTYSH_EXTRACT_PL
#include "zebra-dyncast/show_flow_clippy.c"
#endif

#define DYNCAST_STR "Compute-aware anycast\n"

static const char *const reasons[] = {
	[DYNCAST_DP_WHY_NO_SERVICE] = "not for a service",
	[DYNCAST_DP_WHY_NOBODY] = "no instance takes it: left to the route",
	[DYNCAST_DP_WHY_ENTRY] = "pinned by its entry",
	[DYNCAST_DP_WHY_PROBATION] = "seen once, its next packet follows it",
	[DYNCAST_DP_WHY_SLOT] = "by its slot, no entry",
	[DYNCAST_DP_WHY_BEFORE] = "began before its slot moved",
	[DYNCAST_DP_WHY_OTHER_SLOT] = "by another slot: its own are dead",
};

/* names that a user of `show dyncast flows` knows already */
static const char *instance_str(uint32_t id, char *buf, size_t size)
{
	const struct dyncast_backend *b = dyncast_backend_by_id(id);

	if (!id)
		return "none";
	if (!b)
		snprintf(buf, size, "id %u", id);
	else if (b->data.instance.name[0])
		return b->data.instance.name;
	else
		dyncast_addr_str(&b->data.instance.dbid, buf, size);
	return buf;
}

static const struct dyncast_service *service_by_index(int index)
{
	const struct dyncast_service *s;

	frr_each (dyncast_services_const, &dyncast_services, s)
		if (s->dp_index == index)
			return s;
	return NULL;
}

static const char *service_str(int index, char *buf, size_t size)
{
	const struct dyncast_service *s = service_by_index(index);

	if (s)
		return dyncast_service_str(s, buf, size);
	snprintf(buf, size, "index %d", index);
	return buf;
}

static void show_text(struct vty *vty, const struct dyncast_dp_lookup *q)
{
	char buf[DYNCAST_SERVICE_STRLEN], name[DYNCAST_ADDR_STRLEN];

	if (q->service < 0) {
		vty_out(vty, "%s\n", reasons[q->why]);
		return;
	}
	vty_out(vty, "Service %s\n", service_str(q->service, buf, sizeof(buf)));
	vty_out(vty, "  goes to %s: %s\n",
		instance_str(q->instance, name, sizeof(name)), reasons[q->why]);
	if (q->proto == IPPROTO_TCP && q->opening != q->instance)
		vty_out(vty, "  a new connection would go to %s\n",
			instance_str(q->opening, name, sizeof(name)));
	vty_out(vty, "  slot %u: %s", q->slot,
		instance_str(q->cur, name, sizeof(name)));
	if (q->moving)
		vty_out(vty, ", before %s",
			instance_str(q->old, name, sizeof(name)));
	if (q->changed_s)
		vty_out(vty, ", changed %u s ago", q->changed_s);
	vty_out(vty, "\n");
	if (q->has_entry || q->on_probation)
		vty_out(vty, "  %s: %s, age %u s, idle %u s%s%s\n",
			q->has_entry ? "entry" : "on probation",
			instance_str(q->entry, name, sizeof(name)),
			q->entry_age_s, q->entry_idle_s,
			q->entry_closed ? ", closed" : "",
			q->entry_valid ? "" : ", void");
}

static json_object *json_entry(const struct dyncast_dp_lookup *q)
{
	json_object *json = json_object_new_object();
	char name[DYNCAST_ADDR_STRLEN];

	json_object_boolean_add(json, "probation", q->on_probation);
	json_object_boolean_add(json, "valid", q->entry_valid);
	json_object_boolean_add(json, "closed", q->entry_closed);
	json_object_string_add(json, "instance",
			       instance_str(q->entry, name, sizeof(name)));
	json_object_int_add(json, "instanceId", q->entry);
	json_object_int_add(json, "ageSeconds", q->entry_age_s);
	json_object_int_add(json, "idleSeconds", q->entry_idle_s);
	return json;
}

static json_object *json_slot(const struct dyncast_dp_lookup *q)
{
	json_object *json = json_object_new_object();
	char name[DYNCAST_ADDR_STRLEN];

	json_object_int_add(json, "number", q->slot);
	json_object_string_add(json, "instance",
			       instance_str(q->cur, name, sizeof(name)));
	json_object_string_add(json, "before",
			       instance_str(q->old, name, sizeof(name)));
	json_object_boolean_add(json, "moving", q->moving);
	json_object_int_add(json, "changedSeconds", q->changed_s);
	return json;
}

static json_object *show_json(const struct dyncast_dp_lookup *q)
{
	json_object *json = json_object_new_object();
	char buf[DYNCAST_SERVICE_STRLEN], name[DYNCAST_ADDR_STRLEN];

	json_object_string_add(json, "reason", reasons[q->why]);
	if (q->service < 0)
		return json;
	json_object_string_add(json, "service",
			       service_str(q->service, buf, sizeof(buf)));
	json_object_string_add(json, "instance",
			       instance_str(q->instance, name, sizeof(name)));
	json_object_int_add(json, "instanceId", q->instance);
	if (q->proto == IPPROTO_TCP)
		json_object_string_add(
			json, "newConnection",
			instance_str(q->opening, name, sizeof(name)));
	json_object_object_add(json, "slot", json_slot(q));
	if (q->has_entry || q->on_probation)
		json_object_object_add(json, "entry", json_entry(q));
	return json;
}

/* the table that packets of the VRF are looked up in */
static bool find_table(struct vty *vty, const char *name, uint32_t *table)
{
	struct vrf *vrf = vrf_lookup_by_name(name ? name : VRF_DEFAULT_NAME);

	if (vrf && dyncast_vrf_table(vrf->vrf_id, table))
		return true;
	vty_out(vty, "%% no VRF %s\n", name ? name : VRF_DEFAULT_NAME);
	return false;
}

static int show_flow(struct vty *vty, struct dyncast_dp_lookup *q,
		     const char *vrf, bool json)
{
	if (q->src.family != q->dst.family) {
		vty_out(vty, "%% addresses of one family, please\n");
		return CMD_WARNING;
	}
	if (!find_table(vty, vrf, &q->table_id))
		return CMD_WARNING;
	if (!dyncast_dp_active()) {
		vty_out(vty,
			"%% no flows are steered, see `show dyncast forwarding`\n");
		return CMD_WARNING;
	}
	dyncast_dp_lookup(q);
	if (json)
		return vty_json(vty, show_json(q));
	show_text(vty, q);
	return CMD_SUCCESS;
}

DEFPY(show_dyncast_flow, show_dyncast_flow_cmd,
      "show dyncast flow <A.B.C.D|X:X::X:X>$src <A.B.C.D|X:X::X:X>$dst\
       [<tcp$tcp|udp$udp|(0-255)$number> [(0-65535)$sport (0-65535)$dport]] [vrf NAME$vrf] [json$uj]",
      SHOW_STR DYNCAST_STR
      "Where the packets of one flow go, and why\n"
      "Client\n"
      "Client\n"
      "Address of the service\n"
      "Address of the service\n"
      "TCP (the default)\n"
      "UDP\n"
      "Number of the protocol\n"
      "Port of the client\n"
      "Port of the service\n" VRF_CMD_HELP_STR JSON_STR)
{
	struct dyncast_dp_lookup q = {
		.proto = udp	      ? IPPROTO_UDP
			 : number_str ? number
				      : IPPROTO_TCP,
		.sport = sport,
		.dport = dport,
	};

	dyncast_addr_parse(src_str, &q.src);
	dyncast_addr_parse(dst_str, &q.dst);
	return show_flow(vty, &q, vrf, uj);
}

void dyncast_show_flow_init(void)
{
	install_element(VIEW_NODE, &show_dyncast_flow_cmd);
}
