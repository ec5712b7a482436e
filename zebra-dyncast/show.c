/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `show dyncast explain`: why each candidate of a service has the weight that
 * it has, in words and numbers, from the inputs of the last decision.
 * `show dyncast forwarding` is in show_forwarding.c, flows in show_flows.c.
 */

#include <zebra.h>

#include "lib/command.h"
#include "lib/json.h"

#include "apply.h"
#include "compat.h"
#include "decide.h"
#include "ingress.h"
#include "module.h"
#include "neighbor.h"
#include "route.h"
#include "service.h"
#include "show.h"
#include "../lib/addr.h"
#include "../lib/cost.h"
#include "../lib/metrics_json.h"
#include "../lib/override.h"
#include "../lib/policy_json.h"
#include "../lib/words.h"
#include "../yang/notifications.h"

#ifndef VTYSH_EXTRACT_PL
#include "zebra-dyncast/show_clippy.c"
#endif

#define DYNCAST_STR "Compute-aware anycast\n"

static const char *site_str(const struct dyncast_addr *site, char *buf,
			    size_t size)
{
	return site->family ? dyncast_addr_str(site, buf, size) : "local";
}

static const struct dyncast_cap *cap_of(const struct dyncast_backend *b)
{
	return dyncast_override_cap(b->service->override, &b->data.site);
}

/* which of the service's `eligible` it is past: the first, as lib/cost.c */
static const char *threshold_reason(const struct dyncast_backend *b)
{
	const struct dyncast_policy *policy = &b->service->policy;
	const struct dyncast_metrics *m = &b->data.instance.metrics;

	if (policy->max_network_us &&
	    b->out.network_us > policy->max_network_us)
		return "its network cost is past `eligible network`";
	if (policy->max_utilisation && (m->has & DYNCAST_HAS_UTILISATION) &&
	    m->utilisation > policy->max_utilisation * 100u)
		return "its utilisation is past `eligible utilisation`";
	if (policy->min_score && (m->has & DYNCAST_HAS_SCORE) &&
	    m->score < policy->min_score)
		return "its score is below `eligible score`";
	return "its delay is past `eligible delay`";
}

/* who is held keeps new flows where there is nobody else */
static const char *held_reason(const struct dyncast_backend *b)
{
	if (dyncast_backend_is_local(b))
		return b->out.target
			       ? "bgpd does not name it, nor any other: new flows too, until the hold time ends"
			       : "bgpd does not name it: flows stay until the hold time ends";
	return b->out.target
		       ? "its BGP path is lost, as all others are: new flows too, until the hold time ends"
		       : "its BGP path is lost, flows stay until the hold time ends";
}

/* too little beside the others to be in the ring, now and in the end */
static bool slotless(const struct dyncast_backend *b)
{
	return b->service->weighed_ms && !b->slots &&
	       b->out.target < DYNCAST_WEIGHT_SUM / DYNCAST_RING_SLOTS;
}

/* more words than the verdict has, where we know more */
static const char *reason(const struct dyncast_backend *b, uint8_t verdict)
{
	bool local = dyncast_backend_is_local(b);

	if (verdict <= DYNCAST_VERDICT_STALE && slotless(b))
		return "its part is less than a slot of the ring: no new flows; are all capacities in one unit?";
	switch (verdict) {
	case DYNCAST_VERDICT_UNRESOLVED:
		if (!b->nht || !b->nht->answered)
			return "zebra has not answered yet whether there is a route to it";
		if (b->nht->n_nexthops)
			return "only the default route leads to its D-BID";
		return "no route to its D-BID";
	case DYNCAST_VERDICT_DOWN:
		if (b->presence == DYNCAST_GONE)
			return "removed";
		if (b->data.instance.flags & DYNCAST_INSTANCE_DOWN)
			return "its site says that it is down";
		if (b->neighbor &&
		    b->neighbor->state == DYNCAST_NEIGHBOR_FAILED)
			return "it does not answer ARP or neighbour discovery";
		return local ? "its address is not on a connected network"
			     : "down";
	case DYNCAST_VERDICT_NO_FORWARDING:
		if (b->no_source)
			return "no source address, see `dyncast encapsulation source`";
		return b->data.instance.kind == DYNCAST_KIND_ADJACENT
			       ? "adjacent at its site, not on this link, and has no SID"
			       : "this router cannot encapsulate towards it";
	case DYNCAST_VERDICT_HELD:
		return held_reason(b);
	case DYNCAST_VERDICT_DRAIN:
		return "its site drains it: no new flows, those that it has stay";
	case DYNCAST_VERDICT_NOT_BEST:
		return "the service's `select` chose another";
	case DYNCAST_VERDICT_THRESHOLD:
		return threshold_reason(b);
	case DYNCAST_VERDICT_PINNED:
		return "`pin site` of this router names another site";
	case DYNCAST_VERDICT_CAPPED:
		return "`weight-cap site` of this router leaves it nothing";
	case DYNCAST_VERDICT_NO_METRICS:
		return "no metrics: taken for an average one of its capacity";
	case DYNCAST_VERDICT_STALE:
		return "its metrics are too old: by capacity only";
	default:
		return dyncast_verdict_str(verdict);
	}
}

const char *dyncast_show_reason(const struct dyncast_backend *b)
{
	return reason(b, dyncast_backend_verdict_now(b));
}

static const char *metric_str(bool has, uint32_t value, char *buf, size_t size)
{
	if (has)
		snprintf(buf, size, "%u", value);
	else
		snprintf(buf, size, "-");
	return buf;
}

static const char *percent_str(bool has, uint16_t value, char *buf, size_t size)
{
	if (has)
		snprintf(buf, size, "%u.%u%%", value / 100, value % 100 / 10);
	else
		snprintf(buf, size, "-");
	return buf;
}

static const char *rate_str(const struct dyncast_metrics *m, char *buf,
			    size_t size)
{
	if (m->has & DYNCAST_HAS_RATE)
		snprintf(buf, size, "%u.%03u", m->rate / 1000, m->rate % 1000);
	else
		snprintf(buf, size, "-");
	return buf;
}

/* as lib/cost.c joins the two */
static void cost_text(struct vty *vty, const struct dyncast_backend *b)
{
	const struct dyncast_policy *policy = &b->service->policy;

	if (b->out.cost_us == UINT64_MAX)
		vty_out(vty, "    cost: infinite\n");
	else if (policy->cost == DYNCAST_COST_WEIGHTED)
		vty_out(vty,
			"    cost: %u%% of network %" PRIu64
			" + %u%% of delay %" PRIu64 " = %" PRIu64 " us\n",
			policy->alpha, b->out.network_us, 100 - policy->alpha,
			b->out.delay_us, b->out.cost_us);
	else
		vty_out(vty,
			"    cost: network %" PRIu64 " + delay %" PRIu64
			" = %" PRIu64 " us\n",
			b->out.network_us, b->out.delay_us, b->out.cost_us);
}

static void explain_backend(struct vty *vty, const struct dyncast_backend *b)
{
	const struct dyncast_instance *in = &b->data.instance;
	const struct dyncast_metrics *m = &in->metrics;
	struct dyncast_dp_counters counters = {};
	char dbid[DYNCAST_ADDR_STRLEN], site[DYNCAST_ADDR_STRLEN];
	char c1[24], c2[24], c3[24], c4[24];
	uint8_t verdict = dyncast_backend_verdict_now(b);

	if (b->id)
		dyncast_dp_instance_counters(b->id, &counters);
	dyncast_addr_str(&in->dbid, dbid, sizeof(dbid));
	if (dyncast_backend_is_local(b))
		snprintf(site, sizeof(site), "local");
	else
		dyncast_addr_str(&b->data.site, site, sizeof(site));

	vty_out(vty, "\n  %s  D-BID %s (%s)\n",
		in->name[0] ? in->name : "(no name)", dbid,
		dyncast_kind_str(in->kind));
	vty_out(vty, "    site %s, id %u\n", site, b->id);
	vty_out(vty, "    verdict: %s\n", reason(b, verdict));
	if (b->recovered && b->service->settling)
		vty_out(vty,
			"    waits for its route; the kernel steers as before\n");
	vty_out(vty,
		"    reported: capacity %s, utilisation %s, in flight %s, delay %s us\n",
		metric_str(m->has & DYNCAST_HAS_CAPACITY, m->capacity, c1,
			   sizeof(c1)),
		percent_str(m->has & DYNCAST_HAS_UTILISATION, m->utilisation,
			    c2, sizeof(c2)),
		metric_str(m->has & DYNCAST_HAS_IN_FLIGHT, m->in_flight, c3,
			   sizeof(c3)),
		metric_str(m->has & DYNCAST_HAS_DELAY, m->delay_us, c4,
			   sizeof(c4)));
	vty_out(vty, "              rate %s/s, score %s\n",
		rate_str(m, c1, sizeof(c1)),
		metric_str(m->has & DYNCAST_HAS_SCORE, m->score, c2,
			   sizeof(c2)));
	vty_out(vty, "              age %u ms, network metric %u\n",
		dyncast_backend_age(b), dyncast_backend_metric(b));
	cost_text(vty, b);
	if (b->data.withheld)
		vty_out(vty,
			"    its site wants %.4g%% of its part (preference, availability)\n",
			dyncast_wanted_percent(b->data.withheld));
	vty_out(vty, "    weight %u, target %u, %u of %u slots\n",
		b->out.weight, b->out.target, b->slots, DYNCAST_RING_SLOTS);
	if (cap_of(b))
		vty_out(vty, "    its site may have %u%% (`weight-cap`)\n",
			cap_of(b)->percent);
	vty_out(vty,
		"    steered: %" PRIu64 " packets, %" PRIu64 " new flows\n",
		counters.packets, counters.flows_new);
}

static void policy_text(struct vty *vty, const struct dyncast_policy *policy)
{
	vty_out(vty, "  select %s", dyncast_action_str(policy->action));
	if (policy->hysteresis)
		vty_out(vty, ", hysteresis %u%%", policy->hysteresis);
	if (policy->hold_s)
		vty_out(vty, ", hold %u s", policy->hold_s);
	vty_out(vty, "; cost %s", dyncast_cost_policy_str(policy->cost));
	if (policy->cost == DYNCAST_COST_WEIGHTED)
		vty_out(vty, " %u%% network", policy->alpha);
	vty_out(vty, ", %u us per unit of network metric\n",
		dyncast_config.network_unit_us);
	if (policy->max_utilisation)
		vty_out(vty, "  eligible up to utilisation %u%%\n",
			policy->max_utilisation);
	if (policy->max_delay_us)
		vty_out(vty, "  eligible up to delay %u us\n",
			policy->max_delay_us);
	if (policy->max_network_us)
		vty_out(vty, "  eligible up to network cost %u us\n",
			policy->max_network_us);
	if (policy->min_score)
		vty_out(vty, "  eligible from score %u\n", policy->min_score);
}

static void override_text(struct vty *vty, const struct dyncast_service *s)
{
	const struct dyncast_override *override = s->override;
	char buf[DYNCAST_ADDR_STRLEN];

	if (s->dry)
		vty_out(vty, "  DRY RUN (`%s`): nothing of this is installed\n",
			dyncast_config.dry_run ? "dyncast dry-run"
					       : "dyncast service … dry-run");
	if (override->pinned)
		vty_out(vty, "  pinned to site %s\n",
			site_str(&override->pin, buf, sizeof(buf)));
	for (unsigned int i = 0; i < override->n_caps; i++)
		vty_out(vty, "  site %s may have %u%% of new flows\n",
			site_str(&override->caps[i].site, buf, sizeof(buf)),
			override->caps[i].percent);
}

static void explain_text(struct vty *vty, const struct dyncast_service *s)
{
	const struct dyncast_backend *b;
	char buf[DYNCAST_SERVICE_STRLEN];

	vty_out(vty, "Service %s, VRF %u\n",
		dyncast_service_str(s, buf, sizeof(buf)), s->key.vrf_id);
	policy_text(vty, &s->policy);
	override_text(vty, s);
	vty_out(vty, "  route: %u next hop(s)%s\n", dyncast_route_nexthops(s),
		dyncast_config.route_none ? " (`dyncast route none`)" : "");
	if (s->dp_index < 0)
		vty_out(vty,
			"  not in the kernel's tables: its route alone steers, slots are what weights stand for\n");
	if (s->ring_left)
		vty_out(vty, "  %u slots still move\n", s->ring_left);
	if (s->settling)
		vty_out(vty,
			"  waits for routes; the kernel steers as before\n");
	if (s->stale)
		vty_out(vty,
			"  bgpd is gone or restarted; kept for %" PRId64
			" s unless sent again\n",
			MAX((int64_t)0,
			    (s->stale_ms - dyncast_now_ms()) / 1000));
	if (s->removed)
		vty_out(vty,
			"  removed; flows stay until the hold time ends\n");
	frr_each (dyncast_backends_const, &s->backends, b)
		explain_backend(vty, b);
}

static void json_metrics(json_object *json, const struct dyncast_backend *b)
{
	dyncast_metrics_json(json, &b->data.instance.metrics);
	if (b->data.instance.metrics.has & DYNCAST_HAS_MEASURED)
		json_object_int_add(json, "ageMs", dyncast_backend_age(b));
}

static json_object *json_backend(const struct dyncast_backend *b)
{
	json_object *json = json_object_new_object();
	struct dyncast_dp_counters counters = {};
	char buf[DYNCAST_ADDR_STRLEN];
	uint8_t verdict = dyncast_backend_verdict_now(b);

	if (b->id)
		dyncast_dp_instance_counters(b->id, &counters);
	json_object_string_add(json, "name", b->data.instance.name);
	json_object_string_add(
		json, "dbid",
		dyncast_addr_str(&b->data.instance.dbid, buf, sizeof(buf)));
	json_object_string_add(json, "kind",
			       dyncast_kind_str(b->data.instance.kind));
	json_object_boolean_add(json, "local", dyncast_backend_is_local(b));
	if (b->data.site.family)
		json_object_string_add(
			json, "site",
			dyncast_addr_str(&b->data.site, buf, sizeof(buf)));
	if (b->data.address.family)
		json_object_string_add(
			json, "address",
			dyncast_addr_str(&b->data.address, buf, sizeof(buf)));
	json_object_string_add(json, "verdict", dyncast_verdict_str(verdict));
	json_object_string_add(json, "reason", reason(b, verdict));
	json_metrics(json, b);
	json_object_int_add(json, "networkMetric", dyncast_backend_metric(b));
	if (b->out.cost_us != UINT64_MAX) {
		json_object_int_add(json, "networkCostUs", b->out.network_us);
		json_object_int_add(json, "delayCostUs", b->out.delay_us);
		json_object_int_add(json, "costUs", b->out.cost_us);
	}
	if (b->data.withheld)
		json_object_double_add(
			json, "wantedPercent",
			dyncast_wanted_percent(b->data.withheld));
	if (cap_of(b))
		json_object_int_add(json, "capPercent", cap_of(b)->percent);
	json_object_int_add(json, "weight", b->out.weight);
	json_object_int_add(json, "targetWeight", b->out.target);
	json_object_int_add(json, "slots", b->slots);
	json_object_int_add(json, "id", b->id);
	json_object_boolean_add(json, "recovered", b->recovered);
	json_object_int_add(json, "packets", counters.packets);
	json_object_int_add(json, "bytes", counters.bytes);
	json_object_int_add(json, "flowsNew", counters.flows_new);
	return json;
}

static void json_policy(json_object *json, const struct dyncast_policy *policy)
{
	json_object_string_add(json, "select",
			       dyncast_action_str(policy->action));
	json_object_string_add(json, "cost",
			       dyncast_cost_policy_str(policy->cost));
	dyncast_policy_json(json, policy);
}

static void json_override(json_object *json, const struct dyncast_service *s)
{
	const struct dyncast_override *override = s->override;
	json_object *caps = json_object_new_array();
	char buf[DYNCAST_ADDR_STRLEN];

	json_object_boolean_add(json, "dryRun", s->dry);
	if (override->pinned)
		json_object_string_add(
			json, "pinSite",
			site_str(&override->pin, buf, sizeof(buf)));
	for (unsigned int i = 0; i < override->n_caps; i++) {
		json_object *cap = json_object_new_object();

		json_object_string_add(
			cap, "site",
			site_str(&override->caps[i].site, buf, sizeof(buf)));
		json_object_int_add(cap, "percent", override->caps[i].percent);
		json_object_array_add(caps, cap);
	}
	json_object_object_add(json, "weightCaps", caps);
}

static json_object *json_explain(const struct dyncast_service *s)
{
	json_object *json = json_object_new_object();
	json_object *candidates = json_object_new_array();
	const struct dyncast_backend *b;
	char buf[DYNCAST_PREFIX_STRLEN];

	json_object_string_add(json, "name", s->name);
	json_object_string_add(
		json, "prefix",
		dyncast_prefix_str(&s->key.prefix, buf, sizeof(buf)));
	json_object_int_add(json, "vrfId", s->key.vrf_id);
	json_policy(json, &s->policy);
	json_override(json, s);
	json_object_int_add(json, "networkCostUnitUs",
			    dyncast_config.network_unit_us);
	json_object_int_add(json, "routeNexthops", dyncast_route_nexthops(s));
	json_object_int_add(json, "slotsLeft", s->ring_left);
	json_object_boolean_add(json, "settling", s->settling);
	json_object_boolean_add(json, "stale", s->stale);
	json_object_boolean_add(json, "removed", s->removed);
	frr_each (dyncast_backends_const, &s->backends, b)
		json_object_array_add(candidates, json_backend(b));
	json_object_object_add(json, "candidates", candidates);
	return json;
}

void dyncast_show_unknown_service(struct vty *vty, const char *text)
{
	vty_out(vty,
		"%% no candidates for service %s\n%% (a service of other sites has no name here: try its prefix)\n",
		text);
}

DEFPY(show_dyncast_explain, show_dyncast_explain_cmd,
      "show dyncast explain WORD$service [json$uj]",
      SHOW_STR DYNCAST_STR
      "Why each candidate of a service has its weight\n"
      "Service, by name or prefix\n" JSON_STR)
{
	struct dyncast_service *s = dyncast_service_find_text(service);

	if (!s) {
		if (uj)
			return vty_json(vty, json_object_new_object());
		dyncast_show_unknown_service(vty, service);
		return CMD_WARNING;
	}
	if (uj)
		return vty_json(vty, json_explain(s));
	explain_text(vty, s);
	return CMD_SUCCESS;
}

DEFPY(show_dyncast_notifications_forwarding,
      show_dyncast_notifications_forwarding_cmd,
      "show dyncast notifications forwarding [since (0-4294967295)$since] [json$uj]",
      SHOW_STR DYNCAST_STR
      "Notifications of the YANG model, the last ones\n"
      "Of the forwarding side\n"
      "Only newer ones\n"
      "Number of the last one that is known\n" JSON_STR)
{
	return dyncast_notifications_show(vty, since, !!uj);
}

void dyncast_show_init(void)
{
	install_element(VIEW_NODE, &show_dyncast_notifications_forwarding_cmd);
	install_element(VIEW_NODE, &show_dyncast_explain_cmd);
	dyncast_show_forwarding_init();
	dyncast_show_history_init();
}
