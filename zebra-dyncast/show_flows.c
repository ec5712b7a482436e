/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `show dyncast flows` and `clear dyncast flows`.
 *
 * The table is read in batches of a bounded number in all: a million flows
 * must not hold up zebra's event loop, nor fill its memory with text.
 */

#include <zebra.h>

#include "lib/command.h"
#include "lib/json.h"

#include "compat.h"
#include "dataplane.h"
#include "module.h"
#include "service.h"
#include "../lib/addr.h"

#ifndef VTYSH_EXTRACT_PL
#include "zebra-dyncast/show_flows_clippy.c"
#endif

#define DYNCAST_STR "Compute-aware anycast\n"

#define BATCH 512
/* most flows that one command shows */
#define SHOWN_MAX 50000
/* most batches that it looks at */
#define BATCHES_MAX 4096
#define DURATION_MAX_MS 200

struct listing {
	struct vty *vty;
	json_object *json; /* array, or NULL for text */
	const struct dyncast_service *only;
	unsigned int shown;
	bool more;
};

static const char *proto_str(uint8_t proto, char *buf, size_t size)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	default:
		snprintf(buf, size, "%u", proto);
		return buf;
	}
}

static const char *instance_str(const struct dyncast_backend *b, char *buf,
				size_t size)
{
	if (!b)
		return "-";
	if (b->data.instance.name[0])
		return b->data.instance.name;
	return dyncast_addr_str(&b->data.instance.dbid, buf, size);
}

static void one_flow(const struct dyncast_dp_flow *flow, void *arg)
{
	struct listing *list = arg;
	const struct dyncast_backend *b = dyncast_backend_by_id(flow->instance);
	char src[DYNCAST_ADDR_STRLEN], dst[DYNCAST_ADDR_STRLEN];
	char name[DYNCAST_ADDR_STRLEN], proto[8];
	json_object *json;

	/* by its instance: prefixes of services may lie in one another */
	if (list->only && (!b || b->service != list->only))
		return;
	if (list->shown >= SHOWN_MAX) {
		list->more = true;
		return;
	}
	list->shown++;
	dyncast_addr_str(&flow->src, src, sizeof(src));
	dyncast_addr_str(&flow->dst, dst, sizeof(dst));
	if (!list->json) {
		vty_out(list->vty,
			"%-4s %15s:%-5u %15s:%-5u %-14.31s %5u %5u%s\n",
			proto_str(flow->proto, proto, sizeof(proto)), src,
			flow->sport, dst, flow->dport,
			instance_str(b, name, sizeof(name)), flow->age_s,
			flow->idle_s, flow->valid ? "" : " void");
		return;
	}
	json = json_object_new_object();
	json_object_string_add(json, "protocol",
			       proto_str(flow->proto, proto, sizeof(proto)));
	json_object_string_add(json, "source", src);
	json_object_int_add(json, "sourcePort", flow->sport);
	json_object_string_add(json, "destination", dst);
	json_object_int_add(json, "destinationPort", flow->dport);
	json_object_int_add(json, "tableId", flow->table_id);
	json_object_string_add(json, "instance",
			       instance_str(b, name, sizeof(name)));
	json_object_int_add(json, "instanceId", flow->instance);
	json_object_boolean_add(json, "valid", flow->valid);
	json_object_int_add(json, "ageSeconds", flow->age_s);
	json_object_int_add(json, "idleSeconds", flow->idle_s);
	json_object_array_add(list->json, json);
}

static void walk(struct listing *list)
{
	struct dyncast_dp_walk *cursor = NULL;
	int64_t until = dyncast_now_ms() + DURATION_MAX_MS;
	unsigned int batches = 0;

	while (dyncast_dp_flow_walk(&cursor, BATCH, one_flow, list)) {
		if (list->more || ++batches >= BATCHES_MAX ||
		    dyncast_now_ms() > until) {
			list->more = true;
			break;
		}
	}
	dyncast_dp_flow_walk_end(&cursor);
}

/* false, and a message, when a service is named that is not there */
static bool named_service(struct vty *vty, const char *text,
			  struct dyncast_service **s)
{
	*s = text ? dyncast_service_find_text(text) : NULL;
	if (text && !*s) {
		vty_out(vty, "%% no service %s\n", text);
		return false;
	}
	return true;
}

DEFPY(show_dyncast_flows, show_dyncast_flows_cmd,
      "show dyncast flows [service WORD$service] [json$uj]",
      SHOW_STR DYNCAST_STR
      "Pinned flows\n"
      "Of one service\n"
      "Service, by name or prefix\n" JSON_STR)
{
	struct listing list = {.vty = vty};
	struct dyncast_service *s;
	json_object *json;

	if (!named_service(vty, service, &s))
		return CMD_WARNING;
	list.only = s;
	if (!uj) {
		vty_out(vty, "%-4s %21s %21s %-14s %5s %5s\n", "", "client",
			"service", "instance", "age", "idle");
		walk(&list);
		vty_out(vty, "%u flow(s)%s\n", list.shown,
			list.more ? " shown, there are more" : "");
		return CMD_SUCCESS;
	}
	json = json_object_new_object();
	list.json = json_object_new_array();
	walk(&list);
	json_object_object_add(json, "flows", list.json);
	json_object_int_add(json, "count", list.shown);
	json_object_boolean_add(json, "more", list.more);
	return vty_json_no_pretty(vty, json);
}

/*
 * A million flows take a second to clear: what does not fit into the time of
 * one command goes on in small steps between other events.
 */
#define CLEAR_BATCH 4096
#define CLEAR_COMMAND_MS 50
#define CLEAR_PAUSE_MS 5

static struct {
	struct dyncast_dp_walk *cursor;
	int index;
	unsigned int cleared;
	struct event *t_step;
} clearing;

/* true while there is more to clear */
static bool clear_some(int64_t until)
{
	bool more;

	do
		more = dyncast_dp_flow_clear_walk(&clearing.cursor, CLEAR_BATCH,
						  clearing.index,
						  &clearing.cleared);
	while (more && dyncast_now_ms() < until);
	if (!more)
		dyncast_dp_flow_walk_end(&clearing.cursor);
	return more;
}

static void clear_step(struct event *e)
{
	(void)e;
	if (clear_some(0))
		event_add_timer_msec(dyncast_loop, clear_step, NULL,
				     CLEAR_PAUSE_MS, &clearing.t_step);
	else
		zlog_info("dyncast: %u flow(s) cleared", clearing.cleared);
}

DEFPY(clear_dyncast_flows, clear_dyncast_flows_cmd,
      "clear dyncast flows [service WORD$service]",
      CLEAR_STR DYNCAST_STR
      "Forget pinned flows: their next packets choose an instance anew\n"
      "Of one service\n"
      "Service, by name or prefix\n")
{
	struct dyncast_service *s;
	bool more = false;

	if (!named_service(vty, service, &s))
		return CMD_WARNING;
	if (clearing.t_step) {
		vty_out(vty,
			"%% the last `clear` still goes on: try again in a second\n");
		return CMD_WARNING;
	}
	clearing.index = s ? s->dp_index : -1;
	clearing.cleared = 0;
	if (!s || s->dp_index >= 0)
		more = clear_some(dyncast_now_ms() + CLEAR_COMMAND_MS);
	vty_out(vty, "%u flow(s) cleared%s\n", clearing.cleared,
		more ? ", the others follow" : "");
	if (more)
		event_add_timer_msec(dyncast_loop, clear_step, NULL,
				     CLEAR_PAUSE_MS, &clearing.t_step);
	return CMD_SUCCESS;
}

void dyncast_show_flows_fini(void)
{
	dyncast_event_off(&clearing.t_step);
	dyncast_dp_flow_walk_end(&clearing.cursor);
}

void dyncast_show_flows_init(void)
{
	install_element(VIEW_NODE, &show_dyncast_flows_cmd);
	install_element(ENABLE_NODE, &clear_dyncast_flows_cmd);
}
