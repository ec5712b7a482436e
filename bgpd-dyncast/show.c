// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bgpd_dyncast's part of the show commands: services, instances and the
 * module's own state.  Each has a JSON form whose keys are stable.
 *
 * bgpd's main thread; reads state, changes nothing.
 */

#include "advertise.h"
#include "candidates.h"
#include "cli.h"
#include "peer_zebra.h"
#include "../lib/metrics_json.h"
#include "../lib/words.h"
#include "../lib/policy_json.h"
#include "../yang/notifications.h"

#ifndef VTYSH_EXTRACT_PL
#include "bgpd-dyncast/show_clippy.c"
#endif

#define DYNCAST_STR "Compute-aware anycast\n"

static const char *path_state_str(uint8_t state)
{
	switch (state) {
	case DYNCAST_PATH_OK:
		return "metrics";
	case DYNCAST_PATH_MALFORMED:
		return "malformed";
	case DYNCAST_PATH_UNTRUSTED:
		return "untrusted";
	case DYNCAST_PATH_SCOPE:
		return "out of scope";
	default:
		return "plain";
	}
}

static void json_addr(struct json_object *json, const char *key,
		      const struct dyncast_addr *addr)
{
	char text[DYNCAST_ADDR_STRLEN];

	if (addr->family)
		json_object_string_add(
			json, key, dyncast_addr_str(addr, text, sizeof(text)));
}

static void json_metrics(struct json_object *json,
			 const struct dyncast_metrics *m)
{
	dyncast_metrics_json(json, m);
	if (m->has & DYNCAST_HAS_MEASURED)
		json_object_int_add(json, "ageMs", m->age_ms);
}

static void json_flags(struct json_object *json, uint8_t flags)
{
	json_object_boolean_add(json, "drain", flags & DYNCAST_INSTANCE_DRAIN);
	json_object_boolean_add(json, "down", flags & DYNCAST_INSTANCE_DOWN);
}

static struct json_object *json_candidate(const struct dyncast_candidate *c)
{
	struct json_object *json = json_object_new_object();

	json_addr(json, "dbid", &c->instance.dbid);
	json_object_string_add(json, "name", c->instance.name);
	json_object_string_add(json, "kind",
			       dyncast_kind_str(c->instance.kind));
	json_object_boolean_add(json, "local", !c->site.family);
	json_addr(json, "site", &c->site);
	json_addr(json, "address", &c->address);
	json_flags(json, c->instance.flags);
	json_metrics(json, &c->instance.metrics);
	if (c->withheld)
		json_object_double_add(json, "wantedPercent",
				       dyncast_wanted_percent(c->withheld));
	return json;
}

static struct json_object *json_path(const struct dyncast_path *path)
{
	struct json_object *json = json_object_new_object();

	json_addr(json, "neighbor", &path->peer);
	json_addr(json, "nextHop", &path->nexthop);
	json_object_int_add(json, "addPathId", path->addpath_id);
	json_object_boolean_add(json, "valid", path->valid);
	json_object_string_add(json, "state", path_state_str(path->state));
	json_object_int_add(json, "instances", path->n_instances);
	json_object_int_add(json, "filtered", path->n_filtered);
	json_object_boolean_add(json, "feed", path->feed);
	if (path->site.has)
		json_object_object_add(json, "site",
				       dyncast_show_site_json(&path->site));
	return json;
}

const char *dyncast_show_service_state(const struct dyncast_service *service)
{
	struct dyncast_service_key key;

	if (!service)
		return "learnt";
	if (!service->prefix.addr.family)
		return "waiting for its prefix";
	if (!dyncast_service_key(service, &key))
		return "waiting for its VRF";
	if (service->origin && service->origin->present)
		return "advertised";
	if (!dyncast_bgp_find(service->vrf))
		return "waiting for BGP";
	if (dyncast_service_waits(service))
		return "waiting for its agents, or for instances that speak BGP";
	if (!dyncast_locals_count(&service->locals))
		return "used here";
	return "no instance is ready";
}

static void json_service_config(struct json_object *json,
				const struct dyncast_service *service)
{
	const struct dyncast_origin *origin = service->origin;

	json_object_int_add(json, "interval",
			    service->interval_ms ? service->interval_ms
						 : DYNCAST_INTERVAL_DEFAULT);
	json_object_int_add(json, "threshold", service->threshold);
	json_object_int_add(json, "overload",
			    service->overload ? service->overload
					      : DYNCAST_OVERLOAD_DEFAULT);
	json_object_string_add(json, "level",
			       service->level == DYNCAST_LEVEL_SCORE ? "score"
								     : "raw");
	json_object_string_add(json, "scope",
			       service->scope == DYNCAST_SCOPE_INTERNAL
				       ? "internal"
				       : "external");
	json_object_int_add(json, "updates", origin ? origin->updates : 0);
	json_object_int_add(json, "refreshes", origin ? origin->refreshes : 0);
	json_object_int_add(json, "heldBack", origin ? origin->held_back : 0);
	json_object_int_add(json, "attributeBytes", origin ? origin->len : 0);
	json_object_int_add(json, "leftOut", origin ? origin->left_out : 0);
}

static void json_policy(struct json_object *json,
			const struct dyncast_policy *policy)
{
	json_object_string_add(json, "cost",
			       dyncast_cost_policy_str(policy->cost));
	dyncast_policy_json(json, policy);
}

static struct json_object *json_service(const struct dyncast_service *service,
					const struct dyncast_track *track,
					const struct dyncast_set *set)
{
	struct json_object *json = json_object_new_object();
	const struct dyncast_policy *policy =
		set ? &set->policy : &service->policy;
	char text[DYNCAST_PREFIX_STRLEN];
	struct dyncast_service_key key;
	struct json_object *array;
	const struct dyncast_path *path;
	unsigned int i;

	json_object_string_add(json, "name", service ? service->name : "");
	json_object_string_add(json, "prefix",
			       dyncast_prefix_str(track ? &track->key.prefix
							: &service->prefix,
						  text, sizeof(text)));
	if (service && service->vrf[0])
		json_object_string_add(json, "vrf", service->vrf);
	if (track)
		key = track->key;
	if (track || dyncast_service_key(service, &key))
		json_object_int_add(json, "vrfId", key.vrf_id);
	json_object_boolean_add(json, "configured", service != NULL);
	json_object_string_add(json, "state",
			       dyncast_show_service_state(service));
	json_object_string_add(json, "select",
			       dyncast_action_str(policy->action));
	json_object_string_add(json, "affinity",
			       dyncast_affinity_str(policy->affinity));
	if (policy->affinity == DYNCAST_AFFINITY_SOURCE && policy->plen)
		json_object_int_add(json, "prefixLength", policy->plen);
	json_object_int_add(json, "timeout",
			    policy->timeout_s ? policy->timeout_s
					      : DYNCAST_FLOW_TIMEOUT_DEFAULT);
	json_policy(json, policy);
	if (service)
		json_service_config(json, service);
	array = json_object_new_array();
	for (i = 0; set && i < set->n_sites; i++)
		json_object_array_add(
			array, json_object_new_string(dyncast_addr_str(
				       &set->sites[i], text, sizeof(text))));
	json_object_object_add(json, "sites", array);
	array = json_object_new_array();
	for (i = 0; set && i < set->n_candidates; i++)
		json_object_array_add(array,
				      json_candidate(&set->candidates[i]));
	json_object_object_add(json, "candidates", array);
	json_object_int_add(json, "candidatesLeftOut",
			    track ? track->left_out : 0);
	array = json_object_new_array();
	for (path = track ? track->paths : NULL; path; path = path->next)
		json_object_array_add(array, json_path(path));
	json_object_object_add(json, "paths", array);
	return json;
}

static void metrics_columns(struct vty *vty, const struct dyncast_metrics *m)
{
	if (m->has & DYNCAST_HAS_CAPACITY)
		vty_out(vty, " %10u", m->capacity);
	else
		vty_out(vty, " %10s", "-");
	if (m->has & DYNCAST_HAS_UTILISATION)
		vty_out(vty, " %5.1f%%", m->utilisation / 100.0);
	else
		vty_out(vty, " %6s", "-");
	if (m->has & DYNCAST_HAS_DELAY)
		vty_out(vty, " %9.1f", m->delay_us / 1000.0);
	else
		vty_out(vty, " %9s", "-");
	if (m->has & DYNCAST_HAS_MEASURED)
		vty_out(vty, " %7.1f", m->age_ms / 1000.0);
	else
		vty_out(vty, " %7s", "-");
}

static const char *flags_str(uint8_t flags)
{
	if (flags & DYNCAST_INSTANCE_DOWN)
		return "down";
	return flags & DYNCAST_INSTANCE_DRAIN ? "drain" : "up";
}

/* at most 80 columns, whatever the name and the figures */
static void columns_header(struct vty *vty)
{
	vty_out(vty, "  %-31s %-5s %10s %6s %9s %7s\n", "Instance", "State",
		"Capacity", "Util", "Delay ms", "Age s");
}

#define WIDTH 80u /* of a terminal */

/* site NULL: local */
static void instance_lines(struct vty *vty, const char *name, uint8_t flags,
			   const struct dyncast_metrics *metrics,
			   const struct dyncast_addr *dbid,
			   const struct dyncast_addr *site)
{
	char sid[DYNCAST_ADDR_STRLEN] = "-", at[DYNCAST_ADDR_STRLEN] = "";

	vty_out(vty, "  %-31s %-5s", name[0] ? name : "-", flags_str(flags));
	metrics_columns(vty, metrics);
	if (dbid->family)
		dyncast_addr_str(dbid, sid, sizeof(sid));
	if (site)
		dyncast_addr_str(site, at, sizeof(at));
	/* two long addresses have a line each */
	vty_out(vty, "\n    D-BID %s,%s%s%s\n", sid,
		strlen(sid) + strlen(at) > WIDTH - strlen("    D-BID , site ")
			? "\n   "
			: "",
		site ? " site " : " local", at);
}

static void candidate_line(struct vty *vty, const struct dyncast_candidate *c)
{
	instance_lines(vty, c->instance.name, c->instance.flags,
		       &c->instance.metrics, &c->instance.dbid,
		       c->site.family ? &c->site : NULL);
}

/* an instance that speaks BGP need say no more than that it is there */
static bool path_tells(const struct dyncast_path *path)
{
	return path->feed ? path->state > DYNCAST_PATH_OK
			  : path->state != DYNCAST_PATH_OK;
}

static void service_text(struct vty *vty, const struct dyncast_service *service,
			 const struct dyncast_track *track,
			 const struct dyncast_set *set)
{
	const struct dyncast_policy *policy =
		set ? &set->policy : &service->policy;
	char text[DYNCAST_PREFIX_STRLEN];
	const struct dyncast_path *path;
	unsigned int i;

	if (service)
		vty_out(vty, "Service %s: %s\n", service->name,
			dyncast_show_service_state(service));
	else
		vty_out(vty, "Service of other sites: learnt\n");
	vty_out(vty, "  prefix %s",
		dyncast_prefix_str(track ? &track->key.prefix
					 : &service->prefix,
				   text, sizeof(text)));
	if (service && service->vrf[0])
		vty_out(vty, ", VRF %s", service->vrf);
	vty_out(vty,
		"\n  select %s, cost %s\n  affinity %s, flow timeout %u s\n",
		dyncast_action_str(policy->action),
		dyncast_cost_policy_str(policy->cost),
		dyncast_affinity_str(policy->affinity),
		policy->timeout_s ? policy->timeout_s
				  : DYNCAST_FLOW_TIMEOUT_DEFAULT);
	if (service && service->origin)
		vty_out(vty,
			"  %zu bytes of attribute, %" PRIu64
			" updates (%" PRIu64 " for age), %" PRIu64
			" held back\n",
			service->origin->len, service->origin->updates,
			service->origin->refreshes, service->origin->held_back);
	for (path = track ? track->paths : NULL; path; path = path->next)
		if (!path->valid || path_tells(path))
			vty_out(vty, "  path of %s: %s%s\n",
				dyncast_addr_str(&path->peer, text,
						 sizeof(text)),
				path_state_str(path->state),
				path->valid ? ""
					    : ", its next hop is unreachable");
	if (set && set->n_candidates)
		columns_header(vty);
	for (i = 0; set && i < set->n_candidates; i++)
		candidate_line(vty, &set->candidates[i]);
	vty_out(vty, "\n");
}

/* as withdrawn, but people want to know why */
static bool out_of_scope(const struct dyncast_track *track)
{
	const struct dyncast_path *path;

	for (path = track->paths; path; path = path->next)
		if (path->state == DYNCAST_PATH_SCOPE)
			return true;
	return false;
}

/* false when there is nothing to show: a learnt prefix on its way out */
static bool service_show(struct vty *vty, struct json_object *array,
			 const struct dyncast_service *service,
			 const struct dyncast_track *track)
{
	unsigned int left_out;
	struct dyncast_set set;
	bool known = track && dyncast_candidates_build(track, &set, &left_out);

	if (!service && !known && track && out_of_scope(track))
		known = dyncast_candidates_none(track, &set);
	if (!service && !known)
		return false;
	if (array)
		json_object_array_add(array, json_service(service, track,
							  known ? &set : NULL));
	else
		service_text(vty, service, track, known ? &set : NULL);
	if (known)
		dyncast_set_fini(&set);
	return true;
}

DEFPY(show_dyncast_service, show_dyncast_service_cmd,
      "show dyncast service [WORD$name] [json$uj]",
      SHOW_STR DYNCAST_STR
      "Services and their candidates\n"
      "Name of a configured service, or a prefix\n" JSON_STR)
{
	struct json_object *json = uj ? json_object_new_object() : NULL;
	struct json_object *array = uj ? json_object_new_array() : NULL;
	char text[DYNCAST_PREFIX_STRLEN];
	struct dyncast_service_key key;
	struct dyncast_service *service;
	struct dyncast_track *track;
	unsigned int shown = 0;

	frr_each (dyncast_services, &dyncast_state.services, service) {
		dyncast_prefix_str(&service->prefix, text, sizeof(text));
		if (name && strcmp(name, service->name) && strcmp(name, text))
			continue;
		track = dyncast_service_key(service, &key)
				? dyncast_track_find(&key)
				: NULL;
		shown += service_show(vty, array, service, track);
	}
	frr_each (dyncast_tracks, &dyncast_tracks, track) {
		dyncast_prefix_str(&track->key.prefix, text, sizeof(text));
		if ((name && strcmp(name, text)) ||
		    dyncast_service_find_key(&track->key))
			continue;
		shown += service_show(vty, array, NULL, track);
	}
	if (uj) {
		json_object_object_add(json, "services", array);
		return vty_json(vty, json);
	}
	if (name && !shown)
		vty_out(vty, "%% There is no service %s\n", name);
	return CMD_SUCCESS;
}

static struct json_object *json_local(const struct dyncast_local *local)
{
	struct json_object *json = json_object_new_object();
	struct dyncast_metrics metrics =
		dyncast_local_metrics(local, dyncast_now_ms());
	struct dyncast_addr dbid;
	bool advertised;
	const char *why;
	uint8_t flags, kind = dyncast_local_dbid(local, &dbid);

	why = dyncast_advertise_local(local, &advertised, &flags);
	json_object_string_add(json, "service", local->service->name);
	json_object_string_add(json, "name", local->name);
	json_object_boolean_add(json, "local", true);
	json_addr(json, "address", &local->address);
	json_addr(json, "dbid", &dbid);
	json_object_string_add(json, "kind", dyncast_kind_str(kind));
	if (local->sid)
		json_object_int_add(json, "sid", local->sid);
	json_object_boolean_add(json, "advertised", advertised);
	json_object_string_add(json, "reason", why);
	json_flags(json, flags);
	json_object_string_add(json, "agentReason", local->reason);
	json_object_string_add(json, "stateReason",
			       dyncast_local_reason(local));
	json_object_boolean_add(json, "byAgent", local->by_agent);
	json_object_boolean_add(json, "feed", local->feed);
	json_object_int_add(json, "reports", local->reports);
	json_metrics(json, &metrics);
	return json;
}

static void local_line(struct vty *vty, const struct dyncast_local *local)
{
	struct dyncast_metrics metrics =
		dyncast_local_metrics(local, dyncast_now_ms());
	struct dyncast_addr dbid;
	bool advertised;
	const char *why;
	uint8_t flags;

	why = dyncast_advertise_local(local, &advertised, &flags);
	dyncast_local_dbid(local, &dbid);
	instance_lines(vty, local->name, flags, &metrics, &dbid, NULL);
	if (why[0])
		vty_out(vty, "    %s: %s\n",
			!advertised			? "not advertised"
			: flags & DYNCAST_INSTANCE_DOWN ? "advertised as down"
							: "advertised",
			why);
	why = dyncast_local_reason(local);
	if (why[0])
		vty_out(vty, "    %s%s\n",
			why == local->reason ? "agent: " : "", why);
}

static void instances_local(struct vty *vty, struct json_object *array,
			    const struct dyncast_service *service)
{
	struct dyncast_local *local;

	if (!array && dyncast_locals_count(&service->locals))
		vty_out(vty, "Service %s, this site\n", service->name);
	frr_each (dyncast_locals,
		  (struct dyncast_locals_head *)&service->locals, local) {
		if (array)
			json_object_array_add(array, json_local(local));
		else
			local_line(vty, local);
	}
}

static void instances_learnt(struct vty *vty, struct json_object *array,
			     const struct dyncast_track *track)
{
	char prefix[DYNCAST_PREFIX_STRLEN];
	struct json_object *json;
	unsigned int i, left_out;
	struct dyncast_set set;
	bool first = true;

	if (!dyncast_candidates_build(track, &set, &left_out))
		return;
	dyncast_prefix_str(&track->key.prefix, prefix, sizeof(prefix));
	for (i = 0; i < set.n_candidates; i++) {
		if (!set.candidates[i].site.family)
			continue;
		if (array) {
			json = json_candidate(&set.candidates[i]);
			json_object_string_add(json, "service", set.name);
			json_object_string_add(json, "prefix", prefix);
			json_object_array_add(array, json);
			continue;
		}
		if (first)
			vty_out(vty, "Service %s, other sites\n",
				set.name[0] ? set.name : prefix);
		first = false;
		candidate_line(vty, &set.candidates[i]);
	}
	dyncast_set_fini(&set);
}

DEFPY(show_dyncast_instance, show_dyncast_instance_cmd,
      "show dyncast instance [local$own] [json$uj]",
      SHOW_STR DYNCAST_STR
      "Instances at this site and learnt ones\nOnly those at this site\n" JSON_STR)
{
	struct json_object *json = uj ? json_object_new_object() : NULL;
	struct json_object *array = uj ? json_object_new_array() : NULL;
	struct dyncast_service *service;
	struct dyncast_track *track;

	if (!uj)
		columns_header(vty);
	frr_each (dyncast_services, &dyncast_state.services, service)
		instances_local(vty, array, service);
	if (!own)
		frr_each (dyncast_tracks, &dyncast_tracks, track)
			instances_learnt(vty, array, track);
	if (!uj)
		return CMD_SUCCESS;
	json_object_object_add(json, "instances", array);
	return vty_json(vty, json);
}

DEFPY(show_dyncast_bgp, show_dyncast_bgp_cmd, "show dyncast bgp [json$uj]",
      SHOW_STR DYNCAST_STR "State of the BGP side\n" JSON_STR)
{
	struct json_object *json;

	if (!uj) {
		dyncast_show_state_text(vty);
		return CMD_SUCCESS;
	}
	json = dyncast_show_state_json();
	return vty_json(vty, json);
}

DEFPY(show_dyncast_notifications_services,
      show_dyncast_notifications_services_cmd,
      "show dyncast notifications services [since (0-4294967295)$since] [json$uj]",
      SHOW_STR DYNCAST_STR
      "Notifications of the YANG model, the last ones\n"
      "Of services and their instances at this site\n"
      "Only newer ones\n"
      "Number of the last one that is known\n" JSON_STR)
{
	return dyncast_notifications_show(vty, since, !!uj);
}

void dyncast_show_init(void)
{
	install_element(VIEW_NODE, &show_dyncast_notifications_services_cmd);
	install_element(VIEW_NODE, &show_dyncast_service_cmd);
	install_element(VIEW_NODE, &show_dyncast_instance_cmd);
	install_element(VIEW_NODE, &show_dyncast_bgp_cmd);
}
