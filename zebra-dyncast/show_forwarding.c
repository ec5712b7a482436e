/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `show dyncast forwarding`: the kernel side with its counters, the
 * interfaces that steer, services and instances with their ids, SIDs and
 * locator, and the state of the conversation with bgpd_dyncast.
 */

#include <zebra.h>

#include "apply.h"
#include "clear.h"
#include "compat.h"
#include "convert.h"
#include "dataplane.h"
#include "decide.h"
#include "ingress.h"
#include "module.h"
#include "peer_bgpd.h"
#include "route.h"
#include "service.h"
#include "show.h"
#include "sid.h"
#include "startup.h"
#include "veth.h"
#include "warnings.h"
#include "../lib/addr.h"
#include "../lib/cost.h"
#include "../lib/words.h"

/* ---- text ------------------------------------------------------------- */

#define CLEARED_REASON                                                         \
	"cleared until zebra restarts or `clear dyncast forwarding restart`"

void dyncast_show_status_get(struct dyncast_dp_status *dp)
{
	if (dyncast_startup_pending() || dyncast_clear_restarting()) {
		memset(dp, 0, sizeof(*dp));
		strlcpy(dp->reason, "starting", sizeof(dp->reason));
		return;
	}
	dyncast_dp_status_get(dp);
	if (dyncast_cleared)
		strlcpy(dp->reason, CLEARED_REASON, sizeof(dp->reason));
}

static void text_status(struct vty *vty)
{
	struct dyncast_dp_status dp = {};

	dyncast_show_status_get(&dp);
	vty_out(vty, "Kernel: %s%s%s\n", dp.active ? "active" : "inactive",
		dp.reason[0] ? ", " : "", dp.reason);
	vty_out(vty, "  maps in %s, layout %u, attached by %s\n",
		dp.dir[0] ? dp.dir : "-", dp.layout_version,
		dp.attach_mode ? dp.attach_mode : "none");
	for (int i = 0; i < DYNCAST_DP_FEATURE_MAX; i++)
		if (dp.missing >> i & 1)
			vty_out(vty, "  this kernel is without %s: %s\n",
				dyncast_dp_feature_name(i),
				dyncast_dp_feature_without(i));
	vty_out(vty,
		"  flow table %u; hits %" PRIu64 ", without entry %" PRIu64
		", new %" PRIu64 ", re-pinned %" PRIu64 ", refused %" PRIu64
		", limited %" PRIu64 "\n",
		dp.flow_table_size, dp.flow_hits, dp.flow_stateless,
		dp.flow_new, dp.flow_repinned, dp.flow_refused,
		dp.flow_limited);
	vty_out(vty, "  steered %" PRIu64 " packets, %" PRIu64 " bytes\n",
		dp.packets_steered, dp.bytes_steered);
	vty_out(vty,
		"  no instance %" PRIu64 ", too big %" PRIu64
		", fragments %" PRIu64 ", errors %" PRIu64 "\n",
		dp.no_instance, dp.too_big, dp.fragments, dp.errors);
	vty_out(vty,
		"  service table %u; unpacked %" PRIu64
		" packets of other sites, dropped %" PRIu64 "\n",
		dp.service_table_size, dp.decapsulated, dp.decap_dropped);
	vty_out(vty, "  not for a service %" PRIu64 "\n", dp.passed);
	vty_out(vty,
		"  memory %.1f MB: flows %.1f, slots %.1f, instances %.1f\n",
		dp.memory.total / 1e6, dp.memory.flows / 1e6,
		dp.memory.slots / 1e6, dp.memory.instances / 1e6);
}

static void text_peer(struct vty *vty)
{
	struct dyncast_peer_status peer;

	dyncast_peer_status_get(&peer);
	vty_out(vty,
		"bgpd_dyncast: %s%s, %" PRIu64 " sets, %" PRIu64
		" removals, %" PRIu64 " bad messages\n",
		peer.alive ? "there" : "not there",
		peer.synced ? ", synchronised" : "", peer.sets, peer.removes,
		peer.bad);
	vty_out(vty, "Hold %u s", dyncast_config.hold_s);
	if (dyncast_recovered_count())
		vty_out(vty,
			"; %u service(s) of before the restart wait for bgpd",
			dyncast_recovered_count());
	vty_out(vty, "\n");
}

static const char *duty_str(uint32_t flags)
{
	return flags & DYNCAST_DP_ATTACH_STEER	  ? "steer"
	       : flags & DYNCAST_DP_ATTACH_EGRESS ? "egress"
						  : "unpack";
}

static void text_ingress(const struct dyncast_ingress *ingress, void *arg)
{
	struct vty *vty = arg;

	if (ingress->ifindex)
		vty_out(vty, "  %-16s attached (%s), ifindex %u\n",
			ingress->name, duty_str(ingress->flags),
			ingress->ifindex);
	else
		vty_out(vty, "  %-16s not attached\n", ingress->name);
}

static void text_counters(struct vty *vty, const char *indent,
			  const struct dyncast_dp_counters *c)
{
	vty_out(vty,
		"%s%" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64
		" new flows, hits %" PRIu64 ", misses %" PRIu64
		", without entry %" PRIu64 ", re-pinned %" PRIu64
		", refused %" PRIu64 "\n",
		indent, c->packets, c->bytes, c->flows_new, c->hits, c->misses,
		c->stateless, c->repinned, c->refused);
}

static void text_instance_counters(struct vty *vty,
				   const struct dyncast_backend *b)
{
	struct dyncast_dp_counters c = {};

	if (b->id && dyncast_dp_instance_counters(b->id, &c))
		text_counters(vty, "        ", &c);
}

static void text_service_counters(struct vty *vty,
				  const struct dyncast_service *s)
{
	struct dyncast_dp_counters c = {};

	if (s->dp_index >= 0 && dyncast_dp_service_counters(s->dp_index, &c))
		text_counters(vty, "    ", &c);
}

static void text_backend(struct vty *vty, const struct dyncast_backend *b)
{
	char dbid[DYNCAST_ADDR_STRLEN], hop[DYNCAST_ADDR_STRLEN];

	dyncast_addr_str(&b->data.instance.dbid, dbid, sizeof(dbid));
	vty_out(vty, "  %5u %s %s\n", b->id, dbid, b->data.instance.name);
	if (!b->programmed) {
		vty_out(vty, "        %s\n",
			b->recovered ? "as before the restart"
				     : "not programmed");
		return;
	}
	dyncast_addr_str(&b->dp.nexthop, hop, sizeof(hop));
	vty_out(vty, "        %s, %s via %s %s, %u slots\n",
		b->dp.alive ? "alive" : "dead", dyncast_kind_str(b->dp.kind),
		b->dp.nexthop.family ? hop : "the kernel's route",
		b->dp.ifindex ? dyncast_ifindex_name(b->dp.ifindex) : "",
		b->slots);
	text_instance_counters(vty, b);
}

static void text_services(struct vty *vty)
{
	const struct dyncast_service *s;
	const struct dyncast_backend *b;
	char buf[DYNCAST_SERVICE_STRLEN];

	frr_each (dyncast_services_const, &dyncast_services, s) {
		vty_out(vty, "Service %s, ",
			dyncast_service_str(s, buf, sizeof(buf)));
		if (s->dp_index >= 0)
			vty_out(vty, "index %d, table %u", s->dp_index,
				s->table_id);
		else
			vty_out(vty, "by its route only");
		vty_out(vty, ", route with %u next hop(s)\n",
			dyncast_route_nexthops(s));
		text_service_counters(vty, s);
		frr_each (dyncast_backends_const, &s->backends, b)
			text_backend(vty, b);
	}
}

static void text_sid(const struct dyncast_sid *sid, void *arg)
{
	char addr[DYNCAST_ADDR_STRLEN], instance[DYNCAST_ADDR_STRLEN];
	char alias[32] = "End.DX6";
	struct vty *vty = arg;

	if (sid->address.family == AF_INET)
		snprintfrr(alias, sizeof(alias), "End.DX4 %pI4", &sid->alias);
	vty_out(vty, "  %s %s via %s: %s\n",
		dyncast_addr_str(&sid->sid, addr, sizeof(addr)), alias,
		dyncast_addr_str(&sid->address, instance, sizeof(instance)),
		sid->failed				     ? "failed"
		: sid->sid_installed && sid->alias_installed ? "installed"
		: sid->ifindex				     ? "sent"
			       : "waits for the instance's network");
}

static void text_locator(struct vty *vty, uint8_t family)
{
	const struct dyncast_prefix *locator = dyncast_sid_locator(family);
	char buf[DYNCAST_PREFIX_STRLEN];

	if (locator->addr.family)
		vty_out(vty, "Locator: %s\n",
			dyncast_prefix_str(locator, buf, sizeof(buf)));
}

static void text_warning(const char *text, void *arg)
{
	vty_out((struct vty *)arg, "Warning: %s\n", text);
}

void dyncast_show_forwarding_text(struct vty *vty)
{
	text_status(vty);
	dyncast_warnings_each(text_warning, vty);
	text_peer(vty);
	vty_out(vty, "Interfaces%s:\n",
		dyncast_config.forwarding_kernel
			? " (forwarding kernel: services are routed to " DYNCAST_VETH_NAME
			  ")"
			: "");
	dyncast_ingress_each(text_ingress, vty);
	text_locator(vty, AF_INET6);
	text_locator(vty, AF_INET);
	dyncast_sid_each(text_sid, vty);
	text_services(vty);
}

/* ---- JSON ------------------------------------------------------------- */

static json_object *json_status(void)
{
	json_object *json = json_object_new_object();
	json_object *missing = json_object_new_array();
	struct dyncast_dp_status dp = {};

	dyncast_show_status_get(&dp);
	for (int i = 0; i < DYNCAST_DP_FEATURE_MAX; i++)
		if (dp.missing >> i & 1)
			json_object_array_add(
				missing, json_object_new_string(
						 dyncast_dp_feature_name(i)));
	json_object_boolean_add(json, "active", dp.active);
	json_object_boolean_add(json, "cleared",
				dyncast_cleared && !dyncast_clear_restarting());
	json_object_string_add(json, "reason", dp.reason);
	json_object_object_add(json, "missing", missing);
	json_object_string_add(json, "directory", dp.dir);
	json_object_string_add(json, "attachMode",
			       dp.attach_mode ? dp.attach_mode : "none");
	json_object_int_add(json, "layoutVersion", dp.layout_version);
	json_object_int_add(json, "flowTableSize", dp.flow_table_size);
	json_object_int_add(json, "serviceTableSize", dp.service_table_size);
	json_object_int_add(json, "memoryBytes", dp.memory.total);
	json_object_int_add(json, "flowTableBytes", dp.memory.flows);
	json_object_int_add(json, "slotsBytes", dp.memory.slots);
	json_object_int_add(json, "instancesBytes", dp.memory.instances);
	json_object_int_add(json, "packetsSteered", dp.packets_steered);
	json_object_int_add(json, "bytesSteered", dp.bytes_steered);
	json_object_int_add(json, "flowHits", dp.flow_hits);
	json_object_int_add(json, "flowStateless", dp.flow_stateless);
	json_object_int_add(json, "flowNew", dp.flow_new);
	json_object_int_add(json, "flowRepinned", dp.flow_repinned);
	json_object_int_add(json, "flowRefused", dp.flow_refused);
	json_object_int_add(json, "flowLimited", dp.flow_limited);
	json_object_int_add(json, "flowProbation", dp.flow_probation);
	json_object_int_add(json, "noInstance", dp.no_instance);
	json_object_int_add(json, "tooBig", dp.too_big);
	json_object_int_add(json, "fragments", dp.fragments);
	json_object_int_add(json, "errors", dp.errors);
	json_object_int_add(json, "decapsulated", dp.decapsulated);
	json_object_int_add(json, "decapDropped", dp.decap_dropped);
	json_object_int_add(json, "passed", dp.passed);
	return json;
}

static json_object *json_peer(void)
{
	json_object *json = json_object_new_object();
	struct dyncast_peer_status peer;

	dyncast_peer_status_get(&peer);
	json_object_boolean_add(json, "alive", peer.alive);
	json_object_boolean_add(json, "synchronised", peer.synced);
	json_object_string_addf(json, "epoch", "%016" PRIx64, peer.epoch);
	json_object_int_add(json, "sets", peer.sets);
	json_object_int_add(json, "removals", peer.removes);
	json_object_int_add(json, "badMessages", peer.bad);
	json_object_int_add(json, "acknowledged", peer.acknowledged);
	json_object_int_add(json, "lastHeardMs", peer.last_heard_ms);
	return json;
}

static void json_ingress(const struct dyncast_ingress *ingress, void *arg)
{
	json_object *json = json_object_new_object();

	json_object_string_add(json, "interface", ingress->name);
	json_object_boolean_add(json, "attached", ingress->ifindex != 0);
	if (ingress->ifindex) {
		json_object_int_add(json, "ifindex", ingress->ifindex);
		json_object_string_add(json, "duty", duty_str(ingress->flags));
	}
	json_object_array_add(arg, json);
}

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

static json_object *json_backend(const struct dyncast_backend *b)
{
	json_object *json = json_object_new_object();
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
	if (!b->programmed)
		return json;
	json_object_boolean_add(json, "alive", b->dp.alive);
	json_object_string_add(json, "forwarding",
			       dyncast_kind_str(b->dp.kind));
	json_object_boolean_add(json, "unpacked", b->decap);
	if (b->dp.nexthop.family)
		json_object_string_add(
			json, "nexthop",
			dyncast_addr_str(&b->dp.nexthop, buf, sizeof(buf)));
	if (b->dp.ifindex)
		json_object_string_add(json, "interface",
				       dyncast_ifindex_name(b->dp.ifindex));
	if (b->dp.encap_source.family)
		json_object_string_add(json, "encapSource",
				       dyncast_addr_str(&b->dp.encap_source,
							buf, sizeof(buf)));
	return json;
}

static json_object *json_service(const struct dyncast_service *s)
{
	json_object *json = json_object_new_object();
	json_object *instances = json_object_new_array();
	const struct dyncast_backend *b;
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
	frr_each (dyncast_backends_const, &s->backends, b)
		json_object_array_add(instances, json_backend(b));
	json_object_object_add(json, "instances", instances);
	return json;
}

static void json_sid(const struct dyncast_sid *sid, void *arg)
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
	json_object_boolean_add(json, "installed",
				sid->sid_installed && sid->alias_installed);
	json_object_boolean_add(json, "failed", sid->failed);
	json_object_array_add(arg, json);
}

static void json_locator(json_object *json, const char *key, uint8_t family)
{
	const struct dyncast_prefix *locator = dyncast_sid_locator(family);
	char buf[DYNCAST_PREFIX_STRLEN];

	if (locator->addr.family)
		json_object_string_add(
			json, key,
			dyncast_prefix_str(locator, buf, sizeof(buf)));
}

static void json_warning(const char *text, void *arg)
{
	json_object_array_add(arg, json_object_new_string(text));
}

json_object *dyncast_show_forwarding_json(void)
{
	json_object *warnings = json_object_new_array();
	json_object *json = json_object_new_object();
	json_object *ingress = json_object_new_array();
	json_object *services = json_object_new_array();
	json_object *sids = json_object_new_array();
	const struct dyncast_service *s;

	dyncast_ingress_each(json_ingress, ingress);
	dyncast_warnings_each(json_warning, warnings);
	dyncast_sid_each(json_sid, sids);
	frr_each (dyncast_services_const, &dyncast_services, s)
		json_object_array_add(services, json_service(s));
	json_object_object_add(json, "kernel", json_status());
	json_object_object_add(json, "bgpd", json_peer());
	json_object_int_add(json, "holdSeconds", dyncast_config.hold_s);
	json_object_int_add(json, "unclaimedServices",
			    dyncast_recovered_count());
	json_object_string_add(json, "forwarding",
			       dyncast_config.forwarding_kernel ? "kernel"
								: "bpf");
	json_object_object_add(json, "warnings", warnings);
	json_object_object_add(json, "ingress", ingress);
	json_locator(json, "locator", AF_INET6);
	json_locator(json, "locatorIpv4", AF_INET);
	json_object_object_add(json, "sids", sids);
	json_object_object_add(json, "services", services);
	return json;
}
