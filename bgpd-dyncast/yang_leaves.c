// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which member of which structure each configuration leaf of the container
 * `services` is, and what the absence of a leaf means.  bgpd's main thread.
 */

#include "yang_internal.h"
#include "../lib/override.h"

static const char *const profile_names[] = {"transitive", "ietf", NULL};
static const char *const consent_names[] = {"", "accept", "refuse", NULL};
static const char *const affinity_names[] = {"", "flow", "source",
					     "", "none", NULL};
static const char *const action_names[] = {
	"",    "spread",	  "best",	    "min",
	"max", "min-then-random", "min-then-first", "weighted-round-robin",
	NULL};
static const char *const cost_names[] = {
	"", "delay", "weighted", "network-first", "compute-first", NULL};
static const char *const level_names[] = {"raw", "score", NULL};
static const char *const scope_names[] = {"internal", "external", NULL};
static const char *const encapsulation_names[] = {"", "", "srv6", "ipip", NULL};

static bool code_present(const void *object)
{
	const struct dyncast_state *state = object;

	return state->attr_code != DYNCAST_ATTR_CODE_DEFAULT;
}

static bool size_present(const void *object)
{
	const struct dyncast_state *state = object;

	return state->attr_size != DYNCAST_ATTR_SIZE_DEFAULT;
}

static bool loopback_present(const void *object)
{
	const struct dyncast_state *state = object;

	return state->site.loopback.family;
}

static bool weight_present(const void *object)
{
	const struct dyncast_service *service = object;

	return service->policy.cost == DYNCAST_COST_WEIGHTED;
}

static bool threshold_present(const void *object)
{
	const struct dyncast_service *service = object;

	return service->interval_ms;
}

static bool max_present(const void *object)
{
	const struct dyncast_service *service = object;

	return service->agent_within.addr.family &&
	       service->agent_max != DYNCAST_AGENT_MAX_DEFAULT;
}

#define LEAF(path, type, object, member, ...)                                  \
	{                                                                      \
		path, DYNCAST_LEAF_##type, offsetof(struct object, member),    \
			sizeof(((struct object *)0)->member), __VA_ARGS__      \
	}
#define END                                                                    \
	{                                                                      \
		0                                                              \
	}

const struct dyncast_leaf dyncast_router_leaves[] = {
	LEAF("attribute/profile", ENUM, dyncast_state, ietf,
	     .names = profile_names),
	LEAF("attribute/code", U8, dyncast_state, attr_code,
	     .present = code_present),
	LEAF("attribute/size", U16, dyncast_state, attr_size,
	     .present = size_present),
	LEAF("locator/ipv6", PREFIX, dyncast_state, locator, ),
	LEAF("locator/ipv4", PREFIX, dyncast_state, locator4, ),
	LEAF("site/preference", U32, dyncast_state, site.preference, ),
	LEAF("site/id", U16, dyncast_state, site.id, .has_mark = true,
	     .mark = offsetof(struct dyncast_state, site.id_set)),
	LEAF("site/loopback/address", ADDR, dyncast_state, site.loopback, ),
	LEAF("site/loopback/availability", U8, dyncast_state, site.availability,
	     .present = loopback_present),
	LEAF("drain", BOOL, dyncast_state, drain, ),
	LEAF("advertise-fast", BOOL, dyncast_state, fast, ),
	END,
};

const struct dyncast_leaf dyncast_service_leaves[] = {
	LEAF("prefix", PREFIX, dyncast_service, prefix, ),
	LEAF("vrf", TEXT, dyncast_service, vrf, ),
	LEAF("affinity/type", ENUM, dyncast_service, policy.affinity,
	     .names = affinity_names),
	LEAF("affinity/prefix-length", U8, dyncast_service, policy.plen, ),
	LEAF("affinity/timeout", U16, dyncast_service, policy.timeout_s, ),
	LEAF("select/action", ENUM, dyncast_service, policy.action,
	     .names = action_names),
	LEAF("select/hysteresis", U8, dyncast_service, policy.hysteresis, ),
	LEAF("select/hold", U16, dyncast_service, policy.hold_s, ),
	LEAF("cost/policy", ENUM, dyncast_service, policy.cost,
	     .names = cost_names),
	LEAF("cost/network-weight", U8, dyncast_service, policy.alpha,
	     .present = weight_present),
	LEAF("eligible/utilisation", U8, dyncast_service,
	     policy.max_utilisation, ),
	LEAF("eligible/delay", U32, dyncast_service, policy.max_delay_us, ),
	LEAF("eligible/network", U32, dyncast_service, policy.max_network_us, ),
	LEAF("eligible/score", U8, dyncast_service, policy.min_score, ),
	LEAF("policy", ENUM, dyncast_service, consent, .names = consent_names),
	LEAF("pin", SITE, dyncast_service, override.pin, .has_mark = true,
	     .mark = offsetof(struct dyncast_service, override.pinned)),
	LEAF("dry-run", BOOL, dyncast_service, override.dry_run, ),
	LEAF("advertise/interval", U32, dyncast_service, interval_ms, ),
	LEAF("advertise/threshold", U8, dyncast_service, threshold,
	     .present = threshold_present),
	LEAF("advertise/overload", U8, dyncast_service, overload, ),
	LEAF("advertise/level", ENUM, dyncast_service, level,
	     .names = level_names),
	LEAF("advertise/scope", ENUM, dyncast_service, scope,
	     .names = scope_names, .has_mark = true,
	     .mark = offsetof(struct dyncast_service, scope_set)),
	LEAF("advertise/as-scope", U32, dyncast_service, as_scope, ),
	LEAF("agent/timeout", U32, dyncast_service, agent_timeout_s, ),
	LEAF("agent/within", PREFIX, dyncast_service, agent_within, ),
	LEAF("agent/max", U8, dyncast_service, agent_max,
	     .present = max_present),
	END,
};

const struct dyncast_leaf dyncast_local_leaves[] = {
	LEAF("address", ADDR, dyncast_local, address, ),
	LEAF("capacity", U32, dyncast_local, capacity, ),
	LEAF("sid", U16, dyncast_local, sid, ),
	LEAF("drain", BOOL, dyncast_local, drain, ),
	LEAF("encapsulation", ENUM, dyncast_local, encapsulation,
	     .names = encapsulation_names),
	LEAF("feed-bgp", BOOL, dyncast_local, feed, ),
	END,
};

const struct dyncast_leaf dyncast_neighbor_leaves[] = {
	LEAF("address", ADDR, dyncast_neighbor, addr, ),
	LEAF("accept", BOOL, dyncast_neighbor, accept, ),
	LEAF("policy", ENUM, dyncast_neighbor, consent, .names = consent_names),
	END,
};

const char *dyncast_yang_name(const struct lyd_node *node)
{
	/* a key, so it is there, and first */
	return lyd_get_value(lyd_child(node));
}

static void read_cap(const struct lyd_node *node,
		     struct dyncast_override *override)
{
	const struct lyd_node *percent = dyncast_leaf_child(node, "percent");
	struct dyncast_addr site = {}; /* of "local" */

	dyncast_addr_parse(dyncast_yang_name(node), &site);
	dyncast_override_cap_set(override, &site,
				 strtoul(lyd_get_value(percent), NULL, 10));
}

void dyncast_yang_read_service(const struct lyd_node *node,
			       struct dyncast_service *want)
{
	const struct lyd_node *child;

	memset(want, 0, sizeof(*want));
	strlcpy(want->name, dyncast_yang_name(node), sizeof(want->name));
	dyncast_leaf_read(node, dyncast_service_leaves, want);
	LY_LIST_FOR (lyd_child(node), child) {
		if (!strcmp(child->schema->name, "weight-cap"))
			read_cap(child, &want->override);
	}
	if (!strcmp(want->vrf, VRF_DEFAULT_NAME))
		want->vrf[0] = '\0';
	/* one line has both */
	if (want->threshold && !want->interval_ms)
		want->interval_ms = DYNCAST_INTERVAL_DEFAULT;
	if (!want->threshold)
		want->threshold = DYNCAST_THRESHOLD_DEFAULT;
	if (!want->agent_within.addr.family)
		want->agent_max = 0;
	else if (!want->agent_max)
		want->agent_max = DYNCAST_AGENT_MAX_DEFAULT;
}

void dyncast_yang_read_local(const struct lyd_node *node,
			     struct dyncast_local *want)
{
	memset(want, 0, sizeof(*want));
	strlcpy(want->name, dyncast_yang_name(node), sizeof(want->name));
	dyncast_leaf_read(node, dyncast_local_leaves, want);
}

void dyncast_yang_read_neighbor(const struct lyd_node *node,
				struct dyncast_neighbor *want)
{
	memset(want, 0, sizeof(*want));
	dyncast_leaf_read(node, dyncast_neighbor_leaves, want);
}

void dyncast_yang_read_router(const struct lyd_node *container,
			      struct dyncast_state *want)
{
	memset(want, 0, sizeof(*want));
	want->attr_code = DYNCAST_ATTR_CODE_DEFAULT;
	want->attr_size = DYNCAST_ATTR_SIZE_DEFAULT;
	dyncast_leaf_read(container, dyncast_router_leaves, want);
}
