// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What "show dyncast bgp" prints: the module's own state, that is the
 * conversation with zebra, the agents, and what was received and refused.
 *
 * bgpd's main thread; reads state, changes nothing.
 */

#include "agent_socket.h"
#include "cli.h"
#include "peer_zebra.h"
#include "profile.h"
#include "receive.h"

static struct json_object *json_zebra(const struct dyncast_peer_status *peer)
{
	struct json_object *json = json_object_new_object();

	json_object_boolean_add(json, "connected", peer->connected);
	json_object_boolean_add(json, "up", peer->up);
	json_object_boolean_add(json, "synced", peer->synced);
	json_object_string_addf(json, "epoch", "%016" PRIx64, peer->epoch);
	json_object_string_addf(json, "peerEpoch", "%016" PRIx64,
				peer->peer_epoch);
	json_object_int_add(json, "peerFeatures", peer->peer_features);
	json_object_int_add(json, "version", peer->version);
	json_object_int_add(json, "peerVersion", peer->peer_version);
	json_object_int_add(json, "window", DYNCAST_MSG_WINDOW);
	json_object_int_add(json, "inFlight", peer->in_flight);
	json_object_int_add(json, "queued", peer->queued);
	json_object_int_add(json, "sets", peer->sets);
	json_object_int_add(json, "removes", peer->removes);
	json_object_int_add(json, "syncs", peer->syncs);
	json_object_int_add(json, "stalls", peer->stalls);
	json_object_int_add(json, "acks", peer->acks);
	json_object_int_add(json, "feedbacks", peer->feedbacks);
	json_object_int_add(json, "malformed", peer->bad);
	json_object_int_add(json, "unencodable", peer->unencodable);
	return json;
}

static struct json_object *json_agents(const struct dyncast_agent_status *agent)
{
	struct json_object *json = json_object_new_object();

	json_object_string_add(json, "socket", agent->path);
	json_object_int_add(json, "clients", agent->clients);
	json_object_int_add(json, "lines", agent->lines);
	json_object_int_add(json, "badLines", agent->bad_lines);
	json_object_int_add(json, "overlongLines", agent->overlong);
	json_object_int_add(json, "halfLines", agent->half_lines);
	json_object_int_add(json, "refusedClients", agent->refused);
	return json;
}

static const char *profile_str(void)
{
	return dyncast_state.ietf ? "ietf" : "transitive";
}

static const char *const malformed_keys[] = {
	[DYNCAST_ATTR_EMPTY] = "empty",
	[DYNCAST_ATTR_TRUNCATED] = "truncated",
	[DYNCAST_ATTR_BAD_LENGTH] = "badLength",
	[DYNCAST_ATTR_BAD_VALUE] = "badValue",
	[DYNCAST_ATTR_DUPLICATE] = "duplicateDbid",
	[DYNCAST_ATTR_TOO_MANY] = "tooManyInstances",
};

static struct json_object *json_received(void)
{
	const struct dyncast_receive_counters *c = &dyncast_receive_counters;
	struct json_object *json = json_object_new_object();
	struct json_object *malformed = json_object_new_object();
	unsigned int i;

	for (i = DYNCAST_ATTR_EMPTY; i <= DYNCAST_ATTR_TOO_MANY; i++)
		json_object_int_add(malformed, malformed_keys[i],
				    c->malformed[i]);
	json_object_int_add(json, "decoded", c->decoded);
	json_object_object_add(json, "malformed", malformed);
	json_object_int_add(json, "updates", dyncast_profile_counters.updates);
	json_object_int_add(json, "badFlags",
			    dyncast_profile_counters.bad_flags);
	json_object_int_add(json, "repeated",
			    dyncast_profile_counters.repeated);
	json_object_int_add(json, "restored",
			    dyncast_profile_counters.restored);
	json_object_int_add(json, "untrusted", c->untrusted);
	json_object_int_add(json, "outOfScope", c->out_of_scope);
	json_object_int_add(json, "filtered", c->filtered);
	json_object_int_add(json, "unknownSubTlvs", c->unknown_subtlvs);
	json_object_int_add(json, "noRoom", c->no_room);
	return json;
}

/* standalone updates: what sites say of all their routes */
static struct json_object *json_sites(void)
{
	struct json_object *array = json_object_new_array(), *json;
	char text[DYNCAST_ADDR_STRLEN];
	struct dyncast_track *track;

	frr_each (dyncast_tracks, &dyncast_tracks, track) {
		if (!track->site_said)
			continue;
		json = json_object_new_object();
		json_object_string_add(json, "nextHop",
				       dyncast_addr_str(&track->key.prefix.addr,
							text, sizeof(text)));
		json_object_int_add(json, "siteId", track->site_id);
		json_object_int_add(json, "availability",
				    track->site_availability);
		json_object_array_add(array, json);
	}
	return array;
}

static void text_sites(struct vty *vty)
{
	char text[DYNCAST_ADDR_STRLEN];
	struct dyncast_track *track;

	frr_each (dyncast_tracks, &dyncast_tracks, track)
		if (track->site_said)
			vty_out(vty,
				"Site %u with next hop %s: %u %% available\n",
				track->site_id,
				dyncast_addr_str(&track->key.prefix.addr, text,
						 sizeof(text)),
				track->site_availability);
}

struct json_object *dyncast_show_state_json(void)
{
	struct json_object *json = json_object_new_object();
	char text[DYNCAST_PREFIX_STRLEN];
	struct dyncast_agent_status agent;
	struct dyncast_peer_status peer;

	dyncast_peer_status_get(&peer);
	dyncast_agent_status_get(&agent);
	json_object_string_add(json, "profile", profile_str());
	json_object_int_add(json, "attributeCode", dyncast_attr_code());
	json_object_int_add(json, "attributeSize", dyncast_state.attr_size);
	json_object_boolean_add(json, "fast", dyncast_state.fast);
	json_object_boolean_add(json, "drain", dyncast_state.drain);
	json_object_string_add(
		json, "locator",
		dyncast_state.locator.addr.family
			? dyncast_prefix_str(&dyncast_state.locator, text,
					     sizeof(text))
			: "");
	json_object_string_add(
		json, "locatorIpv4",
		dyncast_state.locator4.addr.family
			? dyncast_prefix_str(&dyncast_state.locator4, text,
					     sizeof(text))
			: "");
	json_object_boolean_add(
		json, "debug",
		DEBUG_MODE_CHECK(&dyncast_state.debug, DEBUG_MODE_ALL));
	json_object_int_add(json, "prefixes",
			    dyncast_tracks_count(&dyncast_tracks));
	json_object_object_add(json, "zebra", json_zebra(&peer));
	json_object_object_add(json, "agents", json_agents(&agent));
	json_object_object_add(json, "received", json_received());
	json_object_object_add(json, "sites", json_sites());
	return json;
}

void dyncast_show_state_text(struct vty *vty)
{
	struct dyncast_agent_status agent;
	struct dyncast_peer_status peer;
	const struct dyncast_receive_counters *c = &dyncast_receive_counters;
	char text[DYNCAST_PREFIX_STRLEN];
	unsigned int i;

	dyncast_peer_status_get(&peer);
	dyncast_agent_status_get(&agent);
	vty_out(vty, "Attribute code %u (profile %s), locator %s\n",
		dyncast_attr_code(), profile_str(),
		dyncast_state.locator.addr.family
			? dyncast_prefix_str(&dyncast_state.locator, text,
					     sizeof(text))
			: "none");
	if (dyncast_state.locator4.addr.family)
		vty_out(vty, "IPv4 locator %s\n",
			dyncast_prefix_str(&dyncast_state.locator4, text,
					   sizeof(text)));
	if (dyncast_state.fast)
		vty_out(vty, "Changes are advertised fast\n");
	if (dyncast_state.drain)
		vty_out(vty, "The whole router is being drained\n");
	if (DEBUG_MODE_CHECK(&dyncast_state.debug, DEBUG_MODE_ALL))
		vty_out(vty, "Debugging is on\n");
	vty_out(vty, "zebra_dyncast: %s%s\n",
		!peer.connected ? "no connection to zebra"
		: peer.up	? "up"
		: peer.mismatch ? "of another version: restart frr"
				: "silent: is it loaded in zebra?",
		peer.up && !peer.synced ? ", synchronising" : "");
	vty_out(vty,
		"  %" PRIu64 " sets, %" PRIu64 " removes, %" PRIu64
		" syncs, %" PRIu64 " stalls; %u of %u in flight, %u queued\n",
		peer.sets, peer.removes, peer.syncs, peer.stalls,
		peer.in_flight, DYNCAST_MSG_WINDOW, peer.queued);
	vty_out(vty, "  epoch %016" PRIx64 ", zebra's %016" PRIx64 "\n",
		peer.epoch, peer.peer_epoch);
	vty_out(vty, "Agents: %u at %s\n", agent.clients,
		agent.path[0] ? agent.path : "no socket, see the log");
	vty_out(vty,
		"  %" PRIu64 " lines, %" PRIu64 " bad, %" PRIu64
		" overlong, %" PRIu64 " cut off\n",
		agent.lines, agent.bad_lines, agent.overlong, agent.half_lines);
	vty_out(vty,
		"Received: %" PRIu64 " attributes, %" PRIu64
		" not trusted, %" PRIu64 " D-BIDs filtered\n",
		c->decoded, c->untrusted, c->filtered);
	vty_out(vty,
		"  %" PRIu64 " out of scope, %" PRIu64
		" with wrong flags, %" PRIu64 " repeated\n",
		c->out_of_scope, dyncast_profile_counters.bad_flags,
		dyncast_profile_counters.repeated);
	if (c->no_room)
		vty_out(vty, "  %" PRIu64 " times no room for a service\n",
			c->no_room);
	for (i = DYNCAST_ATTR_EMPTY; i <= DYNCAST_ATTR_TOO_MANY; i++)
		if (c->malformed[i])
			vty_out(vty, "  malformed, %s: %" PRIu64 "\n",
				dyncast_attr_result_str(i), c->malformed[i]);
	text_sites(vty);
}
