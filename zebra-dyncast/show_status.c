/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The head of `show dyncast forwarding`: the kernel side with its counters, the
 * interfaces that steer, the locators, and the state of the conversation with
 * bgpd_dyncast.
 *
 * Sums over all instances take their time, so they are made in steps.
 * Main thread.
 */

#include <zebra.h>

#include "apply.h"
#include "clear.h"
#include "compat.h"
#include "dataplane.h"
#include "ingress.h"
#include "peer_bgpd.h"
#include "service.h"
#include "show.h"
#include "sid.h"
#include "startup.h"
#include "veth.h"
#include "warnings.h"
#include "../lib/addr.h"

#define CLEARED_REASON                                                         \
	"cleared until zebra restarts or `clear dyncast forwarding restart`"

/* instances whose counters are read in a step: a millisecond's */
#define STATUS_BATCH 128

bool dyncast_show_status_step(struct dyncast_show_status *status)
{
	struct dyncast_dp_status *dp = &status->dp;

	if (dyncast_startup_pending() || dyncast_clear_restarting()) {
		memset(dp, 0, sizeof(*dp));
		strlcpy(dp->reason, "starting", sizeof(dp->reason));
		return false;
	}
	if (dyncast_dp_status_step(dp, &status->next, STATUS_BATCH))
		return true;
	if (dyncast_cleared)
		strlcpy(dp->reason, CLEARED_REASON, sizeof(dp->reason));
	return false;
}

/* ---- text ------------------------------------------------------------- */

static void text_kernel(struct dyncast_stream *out,
			const struct dyncast_dp_status *dp)
{
	dyncast_stream_printf(out, "Kernel: %s%s%s\n",
			      dp->active ? "active" : "inactive",
			      dp->reason[0] ? ", " : "", dp->reason);
	dyncast_stream_printf(out, "  maps in %s, layout %u, attached by %s\n",
			      dp->dir[0] ? dp->dir : "-", dp->layout_version,
			      dp->attach_mode ? dp->attach_mode : "none");
	for (int i = 0; i < DYNCAST_DP_FEATURE_MAX; i++)
		if (dp->missing >> i & 1)
			dyncast_stream_printf(
				out, "  this kernel is without %s: %s\n",
				dyncast_dp_feature_name(i),
				dyncast_dp_feature_without(i));
	dyncast_stream_printf(out,
			      "  flow table %u; hits %" PRIu64
			      ", without entry %" PRIu64 ", new %" PRIu64 "\n",
			      dp->flow_table_size, dp->flow_hits,
			      dp->flow_stateless, dp->flow_new);
	dyncast_stream_printf(out,
			      "  flows re-pinned %" PRIu64 ", refused %" PRIu64
			      ", limited %" PRIu64 "\n",
			      dp->flow_repinned, dp->flow_refused,
			      dp->flow_limited);
	dyncast_stream_printf(
		out, "  steered %" PRIu64 " packets, %" PRIu64 " bytes\n",
		dp->packets_steered, dp->bytes_steered);
	dyncast_stream_printf(out,
			      "  no instance %" PRIu64 ", too big %" PRIu64
			      ", fragments %" PRIu64 ", errors %" PRIu64 "\n",
			      dp->no_instance, dp->too_big, dp->fragments,
			      dp->errors);
	dyncast_stream_printf(out,
			      "  service table %u; unpacked %" PRIu64
			      " packets of other sites, dropped %" PRIu64 "\n",
			      dp->service_table_size, dp->decapsulated,
			      dp->decap_dropped);
	dyncast_stream_printf(out, "  not for a service %" PRIu64 "\n",
			      dp->passed);
	dyncast_stream_printf(
		out,
		"  memory %.1f MB: flows %.1f, slots %.1f, instances %.1f\n",
		dp->memory.total / 1e6, dp->memory.flows / 1e6,
		dp->memory.slots / 1e6, dp->memory.instances / 1e6);
}

static void text_peer(struct dyncast_stream *out)
{
	struct dyncast_peer_status peer;

	dyncast_peer_status_get(&peer);
	dyncast_stream_printf(out,
			      "bgpd_dyncast: %s%s, %" PRIu64 " sets, %" PRIu64
			      " removals, %" PRIu64 " bad messages\n",
			      peer.alive ? "there" : "not there",
			      peer.synced ? ", synchronised" : "", peer.sets,
			      peer.removes, peer.bad);
	dyncast_stream_printf(out, "Hold %u s", dyncast_config.hold_s);
	if (dyncast_recovered_count())
		dyncast_stream_printf(
			out,
			"; %u service(s) of before the restart wait for bgpd",
			dyncast_recovered_count());
	dyncast_stream_printf(out, "\n");
}

static const char *duty_str(uint32_t flags)
{
	return flags & DYNCAST_DP_ATTACH_STEER	  ? "steer"
	       : flags & DYNCAST_DP_ATTACH_EGRESS ? "egress"
						  : "unpack";
}

static void text_ingress(const struct dyncast_ingress *ingress, void *arg)
{
	struct dyncast_stream *out = arg;

	if (ingress->ifindex)
		dyncast_stream_printf(out,
				      "  %-16s attached (%s), ifindex %u\n",
				      ingress->name, duty_str(ingress->flags),
				      ingress->ifindex);
	else
		dyncast_stream_printf(out, "  %-16s not attached\n",
				      ingress->name);
}

static void text_locator(struct dyncast_stream *out, uint8_t family)
{
	const struct dyncast_prefix *locator = dyncast_sid_locator(family);
	char buf[DYNCAST_PREFIX_STRLEN];

	if (locator->addr.family)
		dyncast_stream_printf(
			out, "Locator: %s\n",
			dyncast_prefix_str(locator, buf, sizeof(buf)));
}

static void text_warning(const char *text, void *arg)
{
	dyncast_stream_printf(arg, "Warning: %s\n", text);
}

void dyncast_show_head_text(struct dyncast_stream *out,
			    const struct dyncast_show_status *status)
{
	text_kernel(out, &status->dp);
	dyncast_warnings_each(text_warning, out);
	text_peer(out);
	dyncast_stream_printf(
		out, "Interfaces%s:\n",
		dyncast_config.forwarding_kernel
			? " (forwarding kernel: services are routed to " DYNCAST_VETH_NAME
			  ")"
			: "");
	dyncast_ingress_each(text_ingress, out);
	text_locator(out, AF_INET6);
	text_locator(out, AF_INET);
}

/* ---- JSON ------------------------------------------------------------- */

static json_object *json_kernel(const struct dyncast_dp_status *dp)
{
	json_object *json = json_object_new_object();
	json_object *missing = json_object_new_array();

	for (int i = 0; i < DYNCAST_DP_FEATURE_MAX; i++)
		if (dp->missing >> i & 1)
			json_object_array_add(
				missing, json_object_new_string(
						 dyncast_dp_feature_name(i)));
	json_object_boolean_add(json, "active", dp->active);
	json_object_boolean_add(json, "cleared",
				dyncast_cleared && !dyncast_clear_restarting());
	json_object_string_add(json, "reason", dp->reason);
	json_object_object_add(json, "missing", missing);
	json_object_string_add(json, "directory", dp->dir);
	json_object_string_add(json, "attachMode",
			       dp->attach_mode ? dp->attach_mode : "none");
	json_object_int_add(json, "layoutVersion", dp->layout_version);
	json_object_int_add(json, "flowTableSize", dp->flow_table_size);
	json_object_int_add(json, "serviceTableSize", dp->service_table_size);
	json_object_int_add(json, "memoryBytes", dp->memory.total);
	json_object_int_add(json, "flowTableBytes", dp->memory.flows);
	json_object_int_add(json, "slotsBytes", dp->memory.slots);
	json_object_int_add(json, "instancesBytes", dp->memory.instances);
	json_object_int_add(json, "packetsSteered", dp->packets_steered);
	json_object_int_add(json, "bytesSteered", dp->bytes_steered);
	json_object_int_add(json, "flowHits", dp->flow_hits);
	json_object_int_add(json, "flowStateless", dp->flow_stateless);
	json_object_int_add(json, "flowNew", dp->flow_new);
	json_object_int_add(json, "flowRepinned", dp->flow_repinned);
	json_object_int_add(json, "flowRefused", dp->flow_refused);
	json_object_int_add(json, "flowLimited", dp->flow_limited);
	json_object_int_add(json, "flowProbation", dp->flow_probation);
	json_object_int_add(json, "noInstance", dp->no_instance);
	json_object_int_add(json, "tooBig", dp->too_big);
	json_object_int_add(json, "fragments", dp->fragments);
	json_object_int_add(json, "errors", dp->errors);
	json_object_int_add(json, "decapsulated", dp->decapsulated);
	json_object_int_add(json, "decapDropped", dp->decap_dropped);
	json_object_int_add(json, "passed", dp->passed);
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

json_object *dyncast_show_head_json(const struct dyncast_show_status *status)
{
	json_object *warnings = json_object_new_array();
	json_object *ingress = json_object_new_array();
	json_object *json = json_object_new_object();

	dyncast_ingress_each(json_ingress, ingress);
	dyncast_warnings_each(json_warning, warnings);
	json_object_object_add(json, "kernel", json_kernel(&status->dp));
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
	return json;
}

void dyncast_show_json(struct dyncast_stream *out, json_object *json, bool open)
{
	const char *text = json_object_to_json_string_ext(
		json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	dyncast_stream_put(out, text, strlen(text) - (open ? 1 : 0));
	json_object_free(json);
}
