// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bgpd_dyncast's half of `show dyncast summary`, the first look when something
 * is wrong: a few totals that fit on a screen however many services there are,
 * and a sentence for each thing that wants attention.  zebra's half is
 * zebra-dyncast/summary.c.
 *
 * bgpd's main thread; reads state, changes nothing.
 */

#include "admit.h"
#include "advertise.h"
#include "agent_socket.h"
#include "candidates.h"
#include "cli.h"
#include "peer_zebra.h"
#include "profile.h"
#include "receive.h"

#ifndef VTYSH_EXTRACT_PL
#include "bgpd-dyncast/summary_clippy.c"
#endif

#define WARNINGS_MAX 20 /* the rest is counted */

struct counts {
	unsigned int up, drain, down;
};

struct summary {
	struct vty *vty;	   /* where warnings go, .. */
	struct json_object *array; /* .. or here; neither: only counted */
	unsigned int warnings;
	unsigned int configured, advertised, learnt;
	struct counts local, remote;
	unsigned int not_advertised;
	struct dyncast_peer_status zebra;
	struct dyncast_agent_status agents;
};

static void warn(struct summary *sum, const char *format, ...) PRINTFRR(2, 3);

static void warn(struct summary *sum, const char *format, ...)
{
	char text[256];
	va_list ap;

	if (++sum->warnings > WARNINGS_MAX)
		return;
	va_start(ap, format);
	vsnprintfrr(text, sizeof(text), format, ap);
	va_end(ap);
	if (sum->array)
		json_object_array_add(sum->array, json_object_new_string(text));
	else if (sum->vty)
		vty_out(sum->vty, "  ! %s\n", text);
}

static void count(struct counts *counts, uint8_t flags)
{
	if (flags & DYNCAST_INSTANCE_DOWN)
		counts->down++;
	else if (flags & DYNCAST_INSTANCE_DRAIN)
		counts->drain++;
	else
		counts->up++;
}

static void look_at_zebra(struct summary *sum)
{
	if (!sum->zebra.connected)
		warn(sum, "no connection to zebra: is it running?");
	else if (sum->zebra.mismatch)
		warn(sum,
		     "zebra_dyncast speaks version %u, bgpd_dyncast version %u: systemctl restart frr",
		     sum->zebra.peer_version, sum->zebra.version);
	else if (!sum->zebra.up)
		warn(sum,
		     "zebra_dyncast is silent: is it loaded in zebra (show modules)?");
	else if (!sum->zebra.synced)
		warn(sum, "zebra has not been told everything yet");
	if (!sum->agents.path[0])
		warn(sum, "there is no socket for agents, see bgpd's log");
	if (dyncast_admit_full())
		warn(sum,
		     "more prefixes with metrics than services have room (%u): the others are plain anycast routes",
		     DYNCAST_SERVICES_MAX);
	if (dyncast_state.drain)
		warn(sum, "the whole router is being drained (dyncast drain)");
}

static void look_at_local(struct summary *sum,
			  const struct dyncast_local *local)
{
	bool advertised;
	uint8_t flags;
	const char *why = dyncast_advertise_local(local, &advertised, &flags);
	const char *state = dyncast_local_reason(local);

	count(&sum->local, flags);
	if (!advertised)
		sum->not_advertised++;
	if (!advertised || (flags & DYNCAST_INSTANCE_DOWN))
		warn(sum, "instance %s of %s is %s: %s", local->name,
		     local->service->name,
		     advertised ? "down" : "not advertised",
		     why[0]	? why
		     : state[0] ? state
				: "its agent says so");
	else if (why[0])
		warn(sum, "instance %s of %s: %s", local->name,
		     local->service->name, why);
}

static void look_at_service(struct summary *sum,
			    const struct dyncast_service *service)
{
	const char *state = dyncast_show_service_state(service);
	struct dyncast_local *local;
	bool present = service->origin && service->origin->present;

	sum->configured++;
	if (present)
		sum->advertised++;
	else if (dyncast_locals_count(&service->locals) ||
		 !service->prefix.addr.family)
		warn(sum, "service %s is not advertised: %s", service->name,
		     state);
	if (service->origin && service->origin->left_out)
		warn(sum,
		     "%u instances of %s do not fit into the attribute (dyncast attribute size)",
		     service->origin->left_out, service->name);
	frr_each (dyncast_locals,
		  (struct dyncast_locals_head *)&service->locals, local)
		look_at_local(sum, local);
}

static void look_at_path(struct summary *sum, const struct dyncast_track *track,
			 const struct dyncast_path *path)
{
	char prefix[DYNCAST_PREFIX_STRLEN], peer[DYNCAST_ADDR_STRLEN];
	const char *what = NULL;

	if (path->state == DYNCAST_PATH_MALFORMED)
		what = "has malformed metrics (show dyncast bgp)";
	else if (path->state == DYNCAST_PATH_UNTRUSTED)
		what = "has metrics of a neighbor that is not trusted (dyncast neighbor .. accept)";
	else if (path->state == DYNCAST_PATH_OK && !path->valid)
		what = "has a next hop that cannot be reached";
	else if (path->n_filtered)
		what = "has D-BIDs outside of dyncast dbid-prefix";
	if (what)
		warn(sum, "a path for %s from %s %s",
		     dyncast_prefix_str(&track->key.prefix, prefix,
					sizeof(prefix)),
		     dyncast_addr_str(&path->peer, peer, sizeof(peer)), what);
}

static void look_at_track(struct summary *sum,
			  const struct dyncast_track *track)
{
	const struct dyncast_set *set = &track->sent;
	const struct dyncast_path *path;
	struct dyncast_set built;
	char text[DYNCAST_PREFIX_STRLEN];
	unsigned int left_out;

	for (path = track->paths; path; path = path->next)
		look_at_path(sum, track, path);
	if (track->left_out)
		warn(sum,
		     "%s: %u instances of other sites are more than a service can have here",
		     dyncast_prefix_str(&track->key.prefix, text, sizeof(text)),
		     track->left_out);
	/* what zebra was told a moment ago is as good, and there already */
	if (!track->sent_valid) {
		if (!dyncast_candidates_build(track, &built, &left_out))
			return;
		set = &built;
	}
	if (!dyncast_service_find_key(&track->key))
		sum->learnt++;
	for (unsigned int i = 0; i < set->n_candidates; i++)
		if (set->candidates[i].site.family)
			count(&sum->remote, set->candidates[i].instance.flags);
	if (set == &built)
		dyncast_set_fini(&built);
}

/* warnings go to *vty or *array as they are found */
static void summary_make(struct summary *sum, struct vty *vty,
			 struct json_object *array)
{
	struct dyncast_service *service;
	struct dyncast_track *track;

	memset(sum, 0, sizeof(*sum));
	sum->vty = vty;
	sum->array = array;
	dyncast_peer_status_get(&sum->zebra);
	dyncast_agent_status_get(&sum->agents);
	look_at_zebra(sum);
	frr_each (dyncast_services, &dyncast_state.services, service)
		look_at_service(sum, service);
	frr_each (dyncast_tracks, &dyncast_tracks, track)
		look_at_track(sum, track);
}

static uint64_t malformed(void)
{
	uint64_t sum = 0;

	for (unsigned int i = DYNCAST_ATTR_EMPTY; i <= DYNCAST_ATTR_TOO_MANY;
	     i++)
		sum += dyncast_receive_counters.malformed[i];
	return sum;
}

static void summary_text(struct vty *vty)
{
	struct summary sum, again;

	summary_make(&sum, NULL, NULL);
	vty_out(vty, "Services and instances (bgpd)\n");
	vty_out(vty,
		"  services      %u configured, %u advertised, %u of other sites\n",
		sum.configured, sum.advertised, sum.learnt);
	vty_out(vty,
		"  at this site  %u up, %u drained, %u down; %u not advertised\n",
		sum.local.up, sum.local.drain, sum.local.down,
		sum.not_advertised);
	vty_out(vty, "  elsewhere     %u up, %u drained, %u down\n",
		sum.remote.up, sum.remote.drain, sum.remote.down);
	vty_out(vty, "  zebra         %s\n",
		!sum.zebra.connected ? "not connected"
		: sum.zebra.mismatch ? "of another version"
		: !sum.zebra.up	     ? "silent"
		: sum.zebra.synced   ? "up, knows everything"
				     : "up, is being told");
	vty_out(vty, "  agents        %u connected\n", sum.agents.clients);
	vty_out(vty,
		"  attributes    %" PRIu64 " read, %" PRIu64
		" malformed, %" PRIu64 " not trusted\n",
		dyncast_receive_counters.decoded, malformed(),
		dyncast_receive_counters.untrusted);
	if (!sum.warnings) {
		vty_out(vty, "  nothing to warn of\n");
		return;
	}
	summary_make(&again, vty, NULL);
	if (again.warnings > WARNINGS_MAX)
		vty_out(vty, "  ! .. and %u more, see show dyncast instance\n",
			again.warnings - WARNINGS_MAX);
}

static struct json_object *counts_json(const struct counts *counts)
{
	struct json_object *json = json_object_new_object();

	json_object_int_add(json, "up", counts->up);
	json_object_int_add(json, "drain", counts->drain);
	json_object_int_add(json, "down", counts->down);
	return json;
}

static struct json_object *summary_json(void)
{
	struct json_object *json = json_object_new_object();
	struct json_object *services = json_object_new_object();
	struct json_object *warnings = json_object_new_array();
	struct json_object *local;
	struct summary sum;

	summary_make(&sum, NULL, warnings);
	json_object_int_add(services, "configured", sum.configured);
	json_object_int_add(services, "advertised", sum.advertised);
	json_object_int_add(services, "learnt", sum.learnt);
	json_object_object_add(json, "services", services);
	local = counts_json(&sum.local);
	json_object_int_add(local, "notAdvertised", sum.not_advertised);
	json_object_object_add(json, "localInstances", local);
	json_object_object_add(json, "learntInstances",
			       counts_json(&sum.remote));
	json_object_boolean_add(json, "zebraUp",
				sum.zebra.connected && sum.zebra.up);
	json_object_boolean_add(json, "zebraSynced", sum.zebra.synced);
	json_object_int_add(json, "agents", sum.agents.clients);
	json_object_int_add(json, "attributes",
			    dyncast_receive_counters.decoded);
	json_object_int_add(json, "malformed", malformed());
	json_object_int_add(json, "untrusted",
			    dyncast_receive_counters.untrusted);
	json_object_object_add(json, "warnings", warnings);
	json_object_int_add(json, "warningsInAll", sum.warnings);
	return json;
}

DEFPY(show_dyncast_summary, show_dyncast_summary_cmd,
      "show dyncast summary [json$uj]",
      SHOW_STR
      "Compute-aware anycast\n"
      "Totals, and what wants attention\n" JSON_STR)
{
	if (uj)
		return vty_json(vty, summary_json());
	summary_text(vty);
	return CMD_SUCCESS;
}

void dyncast_summary_init(void)
{
	install_element(VIEW_NODE, &show_dyncast_summary_cmd);
}
