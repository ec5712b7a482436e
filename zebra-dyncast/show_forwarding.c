/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `show dyncast forwarding`: its head (show_status.c), SIDs, services and
 * instances with their ids and counters.
 *
 * There may be tens of thousands, so it goes step by step (vty_stream.c), an
 * instance at a time.  They come and go between steps: where it is, is told by
 * keys, and what comes behind them is next.  Main thread.
 */

#include <zebra.h>

#include "lib/command.h"
#include "lib/json.h"

#include "compat.h"
#include "convert.h"
#include "dataplane.h"
#include "decap.h"
#include "decide.h"
#include "ingress.h"
#include "module.h"
#include "route.h"
#include "service.h"
#include "show.h"
#include "sid.h"
#include "tunnel.h"
#include "vty_stream.h"
#include "../lib/addr.h"
#include "../lib/cost.h"
#include "../lib/words.h"

#ifndef VTYSH_EXTRACT_PL
#include "zebra-dyncast/show_forwarding_clippy.c"
#endif

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_SHOW, "Dyncast forwarding listing");

/* SIDs, services and instances in a step: a third of a millisecond */
#define SHOW_BATCH 8

struct listing {
	enum { STATUS, SIDS, SERVICES, INSTANCES } at;
	bool json;
	unsigned int said; /* elements of the present JSON array */
	unsigned int services;
	struct dyncast_show_status status;
	/* the last ones that were shown; family 0: none yet */
	struct dyncast_addr sid, dbid;
	struct dyncast_service_key service;
};

static void listing_free(void *arg)
{
	struct listing *list = arg;

	XFREE(MTYPE_DYNCAST_SHOW, list);
}

/* ---- text ------------------------------------------------------------- */

static void text_counters(struct dyncast_stream *out, const char *indent,
			  const struct dyncast_dp_counters *c)
{
	dyncast_stream_printf(out,
			      "%s%" PRIu64 " packets, %" PRIu64
			      " bytes; flows: new %" PRIu64
			      ", re-pinned %" PRIu64 ", refused %" PRIu64 "\n",
			      indent, c->packets, c->bytes, c->flows_new,
			      c->repinned, c->refused);
	dyncast_stream_printf(out,
			      "%shits %" PRIu64 ", misses %" PRIu64
			      ", without entry %" PRIu64 "\n",
			      indent, c->hits, c->misses, c->stateless);
}

static void text_instance_counters(struct dyncast_stream *out,
				   const struct dyncast_backend *b)
{
	struct dyncast_dp_counters c = {};

	if (b->id && dyncast_dp_instance_counters(b->id, &c))
		text_counters(out, "        ", &c);
}

static void text_service_counters(struct dyncast_stream *out,
				  const struct dyncast_service *s)
{
	struct dyncast_dp_counters c = {};

	if (s->dp_index >= 0 && dyncast_dp_service_counters(s->dp_index, &c))
		text_counters(out, "    ", &c);
}

static void text_tunnel(struct dyncast_stream *out,
			const struct dyncast_backend *b)
{
	struct dyncast_tunnel_status status;

	if (!dyncast_tunnel_status(b, &status))
		return;
	dyncast_stream_printf(out, "        tunnel device %s", status.device);
	if (status.state == DYNCAST_TUNNEL_MADE)
		dyncast_stream_printf(out, "\n");
	else if (status.problem[0])
		dyncast_stream_printf(
			out, " is not there: %s; made again in %u s\n",
			status.problem, (status.retry_ms + 999) / 1000);
	else
		dyncast_stream_printf(out, " is about to be made\n");
}

static void text_backend(struct dyncast_stream *out,
			 const struct dyncast_backend *b)
{
	char dbid[DYNCAST_ADDR_STRLEN], hop[DYNCAST_ADDR_STRLEN];
	struct dyncast_dp_instance dp;

	dyncast_addr_str(&b->data.instance.dbid, dbid, sizeof(dbid));
	dyncast_stream_printf(out, "  %5u %s %s\n", b->id, dbid,
			      b->data.instance.name);
	text_tunnel(out, b);
	if (!b->programmed) {
		dyncast_stream_printf(out, "        %s\n",
				      b->recovered ? "as before the restart"
						   : "not programmed");
		return;
	}
	dyncast_dp_instance_read(b->id, &dp);
	dyncast_addr_str(&dp.nexthop, hop, sizeof(hop));
	dyncast_stream_printf(
		out, "        %s, %s via %s %s, %u slots\n",
		dp.alive ? "alive" : "dead", dyncast_kind_str(dp.kind),
		dp.nexthop.family ? hop : "the kernel's route",
		dp.ifindex ? dyncast_ifindex_name(dp.ifindex) : "", b->slots);
	text_instance_counters(out, b);
}

static void text_service(struct dyncast_stream *out,
			 const struct dyncast_service *s)
{
	char buf[DYNCAST_SERVICE_STRLEN];

	dyncast_stream_printf(out, "Service %s, ",
			      dyncast_service_str(s, buf, sizeof(buf)));
	if (s->dp_index >= 0)
		dyncast_stream_printf(out, "index %d, table %u", s->dp_index,
				      s->table_id);
	else
		dyncast_stream_printf(out, "by its route only");
	dyncast_stream_printf(out, ", route with %u next hop(s)\n",
			      dyncast_route_nexthops(s));
	text_service_counters(out, s);
}

static void text_sid(struct dyncast_stream *out, const struct dyncast_sid *sid)
{
	char addr[DYNCAST_ADDR_STRLEN], instance[DYNCAST_ADDR_STRLEN];
	char alias[32] = "End.DX6";

	if (sid->address.family == AF_INET)
		snprintfrr(alias, sizeof(alias), "End.DX4 %pI4", &sid->alias);
	dyncast_stream_printf(
		out, "  %s %s via %s: %s\n",
		dyncast_addr_str(&sid->sid, addr, sizeof(addr)), alias,
		dyncast_addr_str(&sid->address, instance, sizeof(instance)),
		dyncast_sid_failed(sid)	     ? "failed"
		: dyncast_sid_installed(sid) ? "installed"
		: sid->ifindex		     ? "sent"
			       : "waits for the instance's network");
}

/* ---- JSON ------------------------------------------------------------- */

static void json_counters(json_object *json,
			  const struct dyncast_dp_counters *c)
{
	json_object_int_add(json, "packets", c->packets);
	json_object_int_add(json, "bytes", c->bytes);
	json_object_int_add(json, "flowsNew", c->flows_new);
	json_object_int_add(json, "hits", c->hits);
	json_object_int_add(json, "misses", c->misses);
	json_object_int_add(json, "stateless", c->stateless);
	json_object_int_add(json, "repinned", c->repinned);
	json_object_int_add(json, "refused", c->refused);
}

static void json_instance_counters(json_object *json,
				   const struct dyncast_backend *b)
{
	struct dyncast_dp_counters c = {};

	if (b->id && dyncast_dp_instance_counters(b->id, &c))
		json_counters(json, &c);
}

static void json_service_counters(json_object *json,
				  const struct dyncast_service *s)
{
	struct dyncast_dp_counters c = {};

	if (s->dp_index >= 0 && dyncast_dp_service_counters(s->dp_index, &c))
		json_counters(json, &c);
}

static void json_tunnel(json_object *json, const struct dyncast_backend *b)
{
	static const char *const states[] = {"none", "coming", "made",
					     "failed"};
	json_object *tunnel;
	struct dyncast_tunnel_status status;

	if (!dyncast_tunnel_status(b, &status))
		return;
	tunnel = json_object_new_object();
	json_object_string_add(tunnel, "device", status.device);
	json_object_string_add(tunnel, "state", states[status.state]);
	if (status.problem[0]) {
		json_object_string_add(tunnel, "problem", status.problem);
		json_object_int_add(tunnel, "retryMs", status.retry_ms);
	}
	json_object_int_add(tunnel, "remade", status.remade);
	json_object_object_add(json, "tunnel", tunnel);
}

static json_object *json_backend(const struct dyncast_backend *b)
{
	json_object *json = json_object_new_object();
	struct dyncast_dp_instance dp;
	char buf[DYNCAST_ADDR_STRLEN];

	json_object_int_add(json, "id", b->id);
	json_object_string_add(json, "name", b->data.instance.name);
	json_object_string_add(
		json, "dbid",
		dyncast_addr_str(&b->data.instance.dbid, buf, sizeof(buf)));
	json_object_boolean_add(json, "programmed", b->programmed);
	json_object_int_add(json, "slots", b->slots);
	json_object_boolean_add(
		json, "eligible",
		dyncast_verdict_eligible(dyncast_backend_verdict_now(b)));
	if (b->out.cost_us != UINT64_MAX)
		json_object_int_add(json, "costUs", b->out.cost_us);
	json_instance_counters(json, b);
	if (b->decap)
		json_object_string_add(json, "unpackedBy",
				       dyncast_decap_str(b));
	json_tunnel(json, b);
	if (!b->programmed)
		return json;
	dyncast_dp_instance_read(b->id, &dp);
	json_object_boolean_add(json, "alive", dp.alive);
	json_object_string_add(json, "forwarding", dyncast_kind_str(dp.kind));
	json_object_boolean_add(json, "unpacked", b->decap != 0);
	if (dp.nexthop.family)
		json_object_string_add(
			json, "nexthop",
			dyncast_addr_str(&dp.nexthop, buf, sizeof(buf)));
	if (dp.ifindex)
		json_object_string_add(json, "interface",
				       dyncast_ifindex_name(dp.ifindex));
	if (dp.encap_source.family)
		json_object_string_add(
			json, "encapSource",
			dyncast_addr_str(&dp.encap_source, buf, sizeof(buf)));
	return json;
}

static json_object *json_service(const struct dyncast_service *s)
{
	json_object *json = json_object_new_object();
	char buf[DYNCAST_PREFIX_STRLEN];

	json_object_string_add(json, "name", s->name);
	json_object_string_add(
		json, "prefix",
		dyncast_prefix_str(&s->key.prefix, buf, sizeof(buf)));
	json_object_int_add(json, "vrfId", s->key.vrf_id);
	json_object_int_add(json, "index", s->dp_index);
	json_object_int_add(json, "tableId", s->table_id);
	json_object_boolean_add(json, "enabled", s->enabled);
	json_object_int_add(json, "routeNexthops", dyncast_route_nexthops(s));
	json_service_counters(json, s);
	return json;
}

static json_object *json_sid(const struct dyncast_sid *sid)
{
	json_object *json = json_object_new_object();
	char buf[DYNCAST_ADDR_STRLEN];

	json_object_string_add(json, "sid",
			       dyncast_addr_str(&sid->sid, buf, sizeof(buf)));
	if (sid->address.family == AF_INET)
		json_object_string_addf(json, "alias", "%pI4", &sid->alias);
	json_object_string_add(
		json, "address",
		dyncast_addr_str(&sid->address, buf, sizeof(buf)));
	json_object_boolean_add(json, "installed", dyncast_sid_installed(sid));
	json_object_boolean_add(json, "failed", dyncast_sid_failed(sid));
	return json;
}

/* takes json; the next element of an array */
static void put_element(struct dyncast_stream *out, struct listing *list,
			json_object *json)
{
	dyncast_stream_printf(out, "%s\n", list->said++ ? "," : "");
	dyncast_show_json(out, json, false);
}

/* the object's last member is an array, which follows */
static void put_open(struct dyncast_stream *out, struct listing *list,
		     json_object *json, const char *array)
{
	dyncast_show_json(out, json, true);
	dyncast_stream_printf(out, ",\"%s\":[", array);
	list->said = 0;
}

/* ---- step by step ------------------------------------------------------- */

static void begin_sids(struct dyncast_stream *out, struct listing *list)
{
	if (list->json)
		put_open(out, list, dyncast_show_head_json(&list->status),
			 "sids");
	else
		dyncast_show_head_text(out, &list->status);
	list->at = SIDS;
}

static void begin_services(struct dyncast_stream *out, struct listing *list)
{
	if (list->json)
		dyncast_stream_printf(out, "\n],\"services\":[");
	list->said = 0;
	list->at = SERVICES;
}

static void show_sid(struct dyncast_stream *out, struct listing *list)
{
	const struct dyncast_sid *sid = dyncast_sid_next(&list->sid);

	if (!sid) {
		begin_services(out, list);
		return;
	}
	list->sid = sid->sid;
	if (list->json)
		put_element(out, list, json_sid(sid));
	else
		text_sid(out, sid);
}

static bool show_service(struct dyncast_stream *out, struct listing *list)
{
	const struct dyncast_service *s = dyncast_service_next(&list->service);

	if (!s)
		return false;
	list->service = s->key;
	memset(&list->dbid, 0, sizeof(list->dbid));
	list->at = INSTANCES;
	if (!list->json) {
		text_service(out, s);
		return true;
	}
	dyncast_stream_printf(out, "%s\n", list->services++ ? "," : "");
	put_open(out, list, json_service(s), "instances");
	return true;
}

static void show_instance(struct dyncast_stream *out, struct listing *list)
{
	struct dyncast_service *s = dyncast_service_find(&list->service);
	const struct dyncast_backend *b =
		s ? dyncast_backend_next(s, &list->dbid) : NULL;

	if (!b) {
		if (list->json)
			dyncast_stream_printf(out, "]}");
		list->at = SERVICES;
		return;
	}
	list->dbid = b->data.instance.dbid;
	if (list->json)
		put_element(out, list, json_backend(b));
	else
		text_backend(out, b);
}

/* false when there is nothing more */
static bool show_one(struct dyncast_stream *out, struct listing *list)
{
	switch (list->at) {
	case STATUS:
		if (!dyncast_show_status_step(&list->status))
			begin_sids(out, list);
		return true;
	case SIDS:
		show_sid(out, list);
		return true;
	case SERVICES:
		return show_service(out, list);
	case INSTANCES:
		show_instance(out, list);
		return true;
	}
	return false;
}

/* says what is said as a rule when there is more, and how it took */
static void show_tail(struct dyncast_stream *out, struct listing *list,
		      bool more)
{
	unsigned int took = dyncast_stream_elapsed_ms(out);
	unsigned int longest = dyncast_stream_longest_us(out);

	if (!list->json) {
		if (more)
			dyncast_stream_printf(
				out,
				"there is more than fits in one answer: vtysh shows all\n");
		return;
	}
	if (list->at == SIDS)
		begin_services(out, list);
	if (list->at == INSTANCES)
		dyncast_stream_printf(out, "]}");
	dyncast_stream_printf(
		out,
		"\n],\"more\":%s,\"durationMs\":%u,\"longestStepUs\":%u,\"longestStepCpuUs\":%u}\n",
		more ? "true" : "false", took, longest,
		dyncast_stream_longest_cpu_us(out));
}

static bool show_step(struct dyncast_stream *out, void *arg)
{
	struct listing *list = arg;
	bool more = true;

	/* sums of a part would be wrong: those are made in any case */
	while (dyncast_stream_cut(out) && list->at == STATUS)
		show_one(out, list);
	for (int i = 0; i < SHOW_BATCH && more && !dyncast_stream_cut(out); i++)
		more = show_one(out, list);
	if (more && !dyncast_stream_cut(out))
		return true;
	show_tail(out, list, more);
	return false;
}

DEFPY(show_dyncast_forwarding, show_dyncast_forwarding_cmd,
      "show dyncast forwarding [json$uj]",
      SHOW_STR
      "Compute-aware anycast\n"
      "Kernel side: status, counters, interfaces, instances, SIDs\n" JSON_STR)
{
	struct listing *list = XCALLOC(MTYPE_DYNCAST_SHOW, sizeof(*list));

	list->json = uj;
	return dyncast_stream_start(vty, show_step, listing_free, list);
}

void dyncast_show_forwarding_init(void)
{
	install_element(VIEW_NODE, &show_dyncast_forwarding_cmd);
}
