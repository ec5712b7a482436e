// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Services and local instances: making, finding and freeing them, and the
 * facts that follow from one of them alone (D-BID, flags, metrics as of now).
 *
 * bgpd's main thread; see service.h.
 */

#include "advertise.h"
#include "service.h"
#include "bgpd/bgp_vty.h"
#include "lib/hash.h"
#include "lib/jhash.h"
#include "../lib/override.h"

DEFINE_MGROUP(DYNCAST, "dyncast");
DEFINE_MTYPE(DYNCAST, DYNCAST_SERVICE, "Dyncast service");
DEFINE_MTYPE(DYNCAST, DYNCAST_LOCAL, "Dyncast local instance");
DEFINE_MTYPE(DYNCAST, DYNCAST_SETTING, "Dyncast setting");

static int by_prefix_cmp(const struct dyncast_service *a,
			 const struct dyncast_service *b)
{
	int order = strcmp(a->vrf, b->vrf);

	return order ? order : dyncast_prefix_cmp(&a->prefix, &b->prefix);
}

static uint32_t by_prefix_hash(const struct dyncast_service *service)
{
	const struct dyncast_prefix *p = &service->prefix;

	return jhash(p->addr.bytes, sizeof(p->addr.bytes),
		     string_hash_make(service->vrf) ^ p->len);
}

DECLARE_HASH(dyncast_prefixes, struct dyncast_service, prefix_item,
	     by_prefix_cmp, by_prefix_hash);

static uint32_t by_name_hash(const struct dyncast_service *service)
{
	return string_hash_make(service->name);
}

DECLARE_HASH(dyncast_names, struct dyncast_service, name_item,
	     dyncast_service_cmp, by_name_hash);

/* services by VRF and prefix, and by name: each report asks */
static struct dyncast_prefixes_head prefixes;
static struct dyncast_names_head names;

struct dyncast_state dyncast_state = {
	.debug = {.desc = "Dyncast"},
};

int64_t dyncast_now_ms(void)
{
	struct timeval tv;

	monotime(&tv);
	return (int64_t)tv.tv_sec * 1000 + tv.tv_usec / 1000 + 1;
}

void dyncast_state_init(struct event_loop *loop)
{
	dyncast_state.loop = loop;
	dyncast_state.start_ms = dyncast_now_ms();
	dyncast_state.attr_code = DYNCAST_ATTR_CODE_DEFAULT;
	dyncast_state.attr_size = DYNCAST_ATTR_SIZE_DEFAULT;
	dyncast_services_init(&dyncast_state.services);
	dyncast_prefixes_init(&prefixes);
	dyncast_names_init(&names);
	dyncast_neighbors_init(&dyncast_state.neighbors);
	dyncast_filters_init(&dyncast_state.filters);
}

void dyncast_state_fini(void)
{
	struct dyncast_service *service;
	struct dyncast_neighbor *neighbor;
	struct dyncast_filter *filter;

	while ((service = dyncast_services_first(&dyncast_state.services)))
		dyncast_service_free(service);
	dyncast_services_fini(&dyncast_state.services);
	dyncast_prefixes_fini(&prefixes);
	dyncast_names_fini(&names);
	while ((neighbor = dyncast_neighbors_pop(&dyncast_state.neighbors)))
		XFREE(MTYPE_DYNCAST_SETTING, neighbor);
	dyncast_neighbors_fini(&dyncast_state.neighbors);
	while ((filter = dyncast_filters_pop(&dyncast_state.filters)))
		XFREE(MTYPE_DYNCAST_SETTING, filter);
	dyncast_filters_fini(&dyncast_state.filters);
}

struct dyncast_service *dyncast_service_find(const char *name)
{
	struct dyncast_service ref;

	strlcpy(ref.name, name, sizeof(ref.name));
	return dyncast_names_find(&names, &ref);
}

struct dyncast_service *dyncast_service_get(const char *name)
{
	struct dyncast_service *service = dyncast_service_find(name);

	if (service)
		return service;
	service = XCALLOC(MTYPE_DYNCAST_SERVICE, sizeof(*service));
	strlcpy(service->name, name, sizeof(service->name));
	service->threshold = DYNCAST_THRESHOLD_DEFAULT;
	dyncast_locals_init(&service->locals);
	dyncast_services_add(&dyncast_state.services, service);
	dyncast_names_add(&names, service);
	return service;
}

void dyncast_service_free(struct dyncast_service *service)
{
	struct dyncast_local *local;

	while ((local = dyncast_locals_first(&service->locals)))
		dyncast_local_free(local);
	dyncast_locals_fini(&service->locals);
	dyncast_advertise_gone(service);
	dyncast_service_prefix_set(service, NULL, "");
	dyncast_services_del(&dyncast_state.services, service);
	dyncast_names_del(&names, service);
	XFREE(MTYPE_DYNCAST_SERVICE, service);
}

bool dyncast_service_unused(const struct dyncast_service *service)
{
	static const struct dyncast_policy none;

	return !service->prefix.addr.family && !service->interval_ms &&
	       !service->scope_set && !service->level && !service->overload &&
	       !service->as_scope && !service->agent_timeout_s &&
	       !service->consent && !service->agent_within.addr.family &&
	       !memcmp(&service->policy, &none, sizeof(none)) &&
	       dyncast_override_empty(&service->override) &&
	       !dyncast_locals_count(&service->locals);
}

bool dyncast_service_key(const struct dyncast_service *service,
			 struct dyncast_service_key *key)
{
	struct vrf *vrf;

	memset(key, 0, sizeof(*key));
	if (!service->prefix.addr.family)
		return false;
	key->prefix = service->prefix;
	if (!service->vrf[0]) {
		key->vrf_id = VRF_DEFAULT;
		return true;
	}
	vrf = vrf_lookup_by_name(service->vrf);
	if (!vrf || vrf->vrf_id == VRF_UNKNOWN)
		return false;
	key->vrf_id = vrf->vrf_id;
	return true;
}

void dyncast_service_prefix_set(struct dyncast_service *service,
				const struct dyncast_prefix *prefix,
				const char *vrf)
{
	static const struct dyncast_prefix none;

	if (service->prefix.addr.family)
		dyncast_prefixes_del(&prefixes, service);
	service->prefix = prefix ? *prefix : none;
	strlcpy(service->vrf, vrf, sizeof(service->vrf));
	if (service->prefix.addr.family)
		dyncast_prefixes_add(&prefixes, service);
}

struct dyncast_service *
dyncast_service_find_key(const struct dyncast_service_key *key)
{
	struct dyncast_service ref = {.prefix = key->prefix};
	struct vrf *vrf;

	if (key->vrf_id != VRF_DEFAULT) {
		vrf = vrf_lookup_by_id(key->vrf_id);
		if (!vrf)
			return NULL;
		strlcpy(ref.vrf, vrf->name, sizeof(ref.vrf));
	}
	return dyncast_prefixes_find(&prefixes, &ref);
}

struct dyncast_local *dyncast_local_find(const struct dyncast_service *service,
					 const char *name)
{
	struct dyncast_local ref;

	strlcpy(ref.name, name, sizeof(ref.name));
	/* _find has no const form in FRR 8.4 */
	return dyncast_locals_find(
		(struct dyncast_locals_head *)&service->locals, &ref);
}

struct dyncast_local *dyncast_local_get(struct dyncast_service *service,
					const char *name)
{
	struct dyncast_local *local = dyncast_local_find(service, name);

	if (local)
		return local;
	local = XCALLOC(MTYPE_DYNCAST_LOCAL, sizeof(*local));
	local->service = service;
	strlcpy(local->name, name, sizeof(local->name));
	local->made_ms = dyncast_now_ms();
	dyncast_locals_add(&service->locals, local);
	return local;
}

void dyncast_local_free(struct dyncast_local *local)
{
	dyncast_locals_del(&local->service->locals, local);
	XFREE(MTYPE_DYNCAST_LOCAL, local);
}

bool dyncast_local_unused(const struct dyncast_local *local)
{
	return !local->address.family && !local->drain && !local->feed &&
	       !local->encapsulation;
}

/* What it asks for, else SRv6 where there is an IPv6 locator.  IP-in-IP goes
 * over IPv4 where it can. */
static uint8_t encapsulation(const struct dyncast_local *local,
			     const struct dyncast_prefix **locator)
{
	uint8_t kind = local->encapsulation;

	if (kind == DYNCAST_KIND_NONE)
		kind = dyncast_state.locator.addr.family ? DYNCAST_KIND_SRV6
							 : DYNCAST_KIND_IPIP;
	*locator =
		kind == DYNCAST_KIND_IPIP && dyncast_state.locator4.addr.family
			? &dyncast_state.locator4
			: &dyncast_state.locator;
	return kind;
}

uint8_t dyncast_local_dbid(const struct dyncast_local *local,
			   struct dyncast_addr *dbid)
{
	const struct dyncast_prefix *locator;
	uint8_t kind = encapsulation(local, &locator);

	memset(dbid, 0, sizeof(*dbid));
	if (!local->address.family)
		return DYNCAST_KIND_NONE;
	if (local->sid && dyncast_locator_sid(locator, local->sid, dbid))
		return kind;
	*dbid = local->address;
	return DYNCAST_KIND_ADJACENT;
}

const char *dyncast_local_dbid_missing(const struct dyncast_local *local)
{
	const struct dyncast_prefix *locator;
	struct dyncast_addr dbid;

	if (!local->sid ||
	    dyncast_local_dbid(local, &dbid) != DYNCAST_KIND_ADJACENT)
		return "";
	encapsulation(local, &locator);
	if (!locator->addr.family)
		return "other sites cannot reach it: no `dyncast locator` for its encapsulation";
	return "other sites cannot reach it: its sid does not fit into the IPv4 locator";
}

/*
 * Since when is its agent silent?  One that has not spoken yet, since it could
 * have: a dead one has nothing to say after a start of bgpd.
 */
static int64_t silent_since(const struct dyncast_local *local)
{
	if (local->reported_ms)
		return local->reported_ms;
	return MAX(dyncast_state.start_ms + DYNCAST_REPORTS_GRACE_MS,
		   MAX(local->made_ms, local->service->agent_timeout_ms));
}

/* for longer than the configuration allows?  A feed need not say metrics. */
static bool agent_lost(const struct dyncast_local *local)
{
	uint32_t timeout = local->service->agent_timeout_s;

	return timeout && (local->reported_ms || !local->feed) &&
	       dyncast_now_ms() - silent_since(local) > (int64_t)timeout * 1000;
}

uint8_t dyncast_local_flags(const struct dyncast_local *local)
{
	uint8_t flags = 0;

	if (local->drain || dyncast_state.drain ||
	    local->agent_state == DYNCAST_AGENT_STATE_DRAIN)
		flags |= DYNCAST_INSTANCE_DRAIN;
	/* its session needs a while after a start, in which flows stay */
	if (local->feed && !local->feed_up)
		flags |= dyncast_service_waits(local->service)
				 ? DYNCAST_INSTANCE_DRAIN
				 : DYNCAST_INSTANCE_DOWN;
	if (local->agent_state == DYNCAST_AGENT_STATE_DOWN || agent_lost(local))
		flags |= DYNCAST_INSTANCE_DOWN;
	return local->feed ? flags | local->feed_flags : flags;
}

const char *dyncast_local_reason(const struct dyncast_local *local)
{
	if (local->feed && !local->feed_up)
		return "no BGP path from it";
	if (agent_lost(local))
		return local->reported_ms ? "its agent is silent"
					  : "no agent has reported on it";
	if (dyncast_state.drain)
		return "the whole router is being drained";
	return local->reason;
}

static bool agents_expected(const struct dyncast_service *service)
{
	return service->agent_within.addr.family || service->agent_timeout_s;
}

bool dyncast_service_is_reported(const struct dyncast_service *service)
{
	const struct dyncast_local *local;

	if (agents_expected(service))
		return true;
	frr_each (dyncast_locals_const, &service->locals, local)
		if (local->feed)
			return true;
	return false;
}

/* may agents bring up more instances than they have? */
static bool agents_have_room(const struct dyncast_service *service)
{
	const struct dyncast_local *local;
	unsigned int n = 0;

	if (!service->agent_within.addr.family)
		return false;
	frr_each (dyncast_locals_const, &service->locals, local)
		n += local->by_agent;
	return n < service->agent_max;
}

static bool local_spoke(const struct dyncast_local *local)
{
	if (local->feed)
		return local->feed_up;
	return local->reported_ms || !agents_expected(local->service);
}

bool dyncast_service_waits(const struct dyncast_service *service)
{
	const struct dyncast_local *local;

	if (dyncast_now_ms() - dyncast_state.start_ms >=
	    DYNCAST_REPORTS_GRACE_MS)
		return false;
	/* line by line, as vtysh -b gives it: more of it may come */
	if (bgp_config_inprocess())
		return true;
	frr_each (dyncast_locals_const, &service->locals, local)
		if (local->address.family && !local_spoke(local))
			return true;
	return agents_have_room(service);
}

struct dyncast_local *dyncast_local_feed(const struct dyncast_service *service,
					 const struct dyncast_addr *peer)
{
	struct dyncast_local *local;

	frr_each (dyncast_locals,
		  (struct dyncast_locals_head *)&service->locals, local)
		if (local->feed && !dyncast_addr_cmp(&local->address, peer))
			return local;
	return NULL;
}

/* The agent's capacity is measured and wins over the configured one. */
struct dyncast_metrics dyncast_local_metrics(const struct dyncast_local *local,
					     int64_t now_ms)
{
	struct dyncast_metrics metrics = local->metrics;

	metrics.age_ms = 0;
	if (metrics.has)
		metrics.age_ms = MIN(now_ms - local->measured_ms, UINT32_MAX);
	if (!(metrics.has & DYNCAST_HAS_CAPACITY) && local->capacity) {
		metrics.has |= DYNCAST_HAS_CAPACITY;
		metrics.capacity = local->capacity;
	}
	return metrics;
}

struct bgp *dyncast_bgp_find(const char *vrf)
{
	struct bgp *bgp = vrf[0] ? bgp_lookup_by_name(vrf) : bgp_get_default();

	return dyncast_bgp_usable(bgp) ? bgp : NULL;
}
