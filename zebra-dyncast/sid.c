/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The egress half of forwarding: how a packet that arrives with a SID of ours
 * as its outer destination gets to one certain instance.
 *
 *   locator/len         blackhole; an IGP announces it
 *   SID/128             seg6local End.DX4 nh4 ALIAS, in the stock kernel
 *   ALIAS/32            via the instance's address
 *
 * An IPv6 instance needs no alias, since End.DX6 takes its on-link address:
 *
 *   SID/128             seg6local End.DX6 nh6 ADDRESS (endpoint.c)
 *
 * The instance may be in a VRF: the alias leads there, whatever other VRFs call
 * by the same address.  End.DX6 looks for its address in the main table, so
 * IPv6 instances are in the default VRF.
 *
 * Why the alias: with an on-link nh4 the kernel looks up the inner
 * destination, which is the service address, and two instances on one LAN
 * both own it.  A host route via the instance has a gateway, so the neighbour
 * that is resolved is the instance's own.  Aliases mean something inside this
 * router only.
 *
 * Main thread; routes go through client.c.
 */

#include <zebra.h>

#include "lib/nexthop.h"
#include "lib/srv6.h"

#include "apply.h"
#include "clear.h"
#include "client.h"
#include "convert.h"
#include "endpoint.h"
#include "feedback.h"
#include "module.h"
#include "nht.h"
#include "service.h"
#include "sid.h"
#include "watch.h"

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_SID, "Dyncast SID");

/* between two times that End.DX6 routes are added again */
#define RESTORE_MS 1000

static int sid_cmp(const struct dyncast_sid *a, const struct dyncast_sid *b)
{
	return dyncast_addr_cmp(&a->sid, &b->sid);
}
DECLARE_RBTREE_UNIQ(dyncast_sids, struct dyncast_sid, item, sid_cmp);

static int alias_cmp(const struct dyncast_sid *a, const struct dyncast_sid *b)
{
	return memcmp(&a->alias, &b->alias, sizeof(a->alias));
}
DECLARE_RBTREE_UNIQ(dyncast_aliases, struct dyncast_sid, alias_item, alias_cmp);

static struct dyncast_sids_head sids = INIT_RBTREE_UNIQ(sids);
/* those of sids that have one */
static struct dyncast_aliases_head aliases = INIT_RBTREE_UNIQ(aliases);
static struct dyncast_prefix locator, locator4;
static unsigned int without_alias; /* of sids that want one */
static bool full_logged;
static struct event *t_restore;
static int64_t restored_ms;
static bool watched;

/* ---- routes ----------------------------------------------------------- */

static void locator_send(const struct dyncast_prefix *of, bool add)
{
	struct zapi_route *api;
	struct prefix p;

	if (!of->addr.family || (add && dyncast_cleared))
		return;
	dyncast_to_prefix(&of->addr, of->len, &p);
	api = dyncast_client_route_new(VRF_DEFAULT, &p);
	api->nexthop_num = 1;
	api->nexthops[0].type = NEXTHOP_TYPE_BLACKHOLE;
	api->nexthops[0].bh_type = BLACKHOLE_NULL;
	api->nexthops[0].vrf_id = VRF_DEFAULT;
	dyncast_client_route(add, api);
}

static void alias_prefix(const struct dyncast_sid *sid, struct prefix *p)
{
	memset(p, 0, sizeof(*p));
	p->family = AF_INET;
	p->prefixlen = IPV4_MAX_BITLEN;
	p->u.prefix4 = sid->alias;
}

static void alias_send(const struct dyncast_sid *sid, bool add)
{
	struct zapi_route *api;
	struct prefix p;

	alias_prefix(sid, &p);
	api = dyncast_client_route_new(VRF_DEFAULT, &p);
	api->nexthop_num = 1;
	api->nexthops[0].type = NEXTHOP_TYPE_IPV4_IFINDEX;
	api->nexthops[0].gate.ipv4 = dyncast_to_in4(&sid->address);
	api->nexthops[0].ifindex = sid->ifindex;
	api->nexthops[0].vrf_id = sid->vrf_id;
	dyncast_client_route(add, api);
}

static void endpoint_send(const struct dyncast_sid *sid, bool add)
{
	struct zapi_nexthop *nh;
	struct zapi_route *api;
	struct prefix p;

	dyncast_to_host_prefix(&sid->sid, &p);
	api = dyncast_client_route_new(VRF_DEFAULT, &p);
	api->nexthop_num = 1;
	nh = &api->nexthops[0];
	nh->type = NEXTHOP_TYPE_IFINDEX;
	nh->ifindex = sid->ifindex;
	nh->vrf_id = sid->vrf_id;
	SET_FLAG(nh->flags, ZAPI_NEXTHOP_FLAG_SEG6LOCAL);
	nh->seg6local_action = ZEBRA_SEG6_LOCAL_ACTION_END_DX4;
	nh->seg6local_ctx.nh4 = sid->alias;
	dyncast_client_route(add, api);
}

/* our own netlink knows at once */
static void endpoint_install(struct dyncast_sid *sid)
{
	char text[DYNCAST_ADDR_STRLEN];
	int error =
		dyncast_endpoint_set(&sid->sid, &sid->address, sid->ifindex);

	if (error && !sid->sid_route.failed)
		zlog_warn("dyncast: the kernel took no End.DX6 for SID %s: %s",
			  dyncast_addr_str(&sid->sid, text, sizeof(text)),
			  safe_strerror(error));
	sid->alias_route.installed = true; /* there is none to wait for */
	sid->sid_route.installed = !error;
	sid->sid_route.failed = error != 0;
}

static void sid_restore(struct event *e);

static void restore_later(void)
{
	int64_t wait = restored_ms + RESTORE_MS - dyncast_now_ms();

	if (!t_restore)
		event_add_timer_msec(dyncast_loop, sid_restore, NULL,
				     MAX(wait, 1), &t_restore);
}

/* Somebody who takes one away again and again gets it back once a second; what
 * the kernel refuses is tried again as often. */
static void sid_restore(struct event *e)
{
	char text[DYNCAST_ADDR_STRLEN];
	struct dyncast_backend *b;
	struct dyncast_sid *sid;
	bool refused = false;

	(void)e;
	restored_ms = dyncast_now_ms();
	frr_each (dyncast_sids, &sids, sid) {
		if (!sid->taken)
			continue;
		sid->taken = false;
		if (!sid->ifindex || dyncast_endpoint_there(&sid->sid))
			continue;
		if (!sid->restored)
			zlog_warn(
				"dyncast: something else has removed SID %s, which is added again",
				dyncast_addr_str(&sid->sid, text,
						 sizeof(text)));
		sid->restored = true;
		endpoint_install(sid);
		sid->taken = sid->sid_route.failed;
		refused |= sid->taken;
		frr_each (dyncast_sid_users, &sid->users, b)
			dyncast_feedback(b);
	}
	if (refused)
		restore_later();
}

static void suspect(struct dyncast_sid *sid)
{
	if (!sid->ifindex || !dyncast_sid_is_ipv6(sid))
		return;
	sid->taken = true;
	restore_later();
}

/* zebra does so by itself with the routes that it has installed */
void dyncast_sid_taken(const struct dyncast_addr *addr)
{
	const struct dyncast_sid key = {.sid = *addr};
	struct dyncast_sid *sid = dyncast_sids_find(&sids, &key);

	if (sid)
		suspect(sid);
}

void dyncast_sid_suspect(void)
{
	struct dyncast_sid *sid;

	frr_each (dyncast_sids, &sids, sid)
		suspect(sid);
}

static void sid_send(struct dyncast_sid *sid)
{
	if (dyncast_sid_is_ipv6(sid)) {
		endpoint_install(sid);
		return;
	}
	alias_send(sid, true);
	endpoint_send(sid, true);
}

static void routes_unknown(struct dyncast_sid *sid)
{
	sid->alias_route = sid->sid_route = (struct dyncast_sid_route){};
}

static void sid_withdraw(struct dyncast_sid *sid)
{
	if (!sid->ifindex)
		return;
	if (dyncast_sid_is_ipv6(sid)) {
		dyncast_endpoint_clear(&sid->sid);
	} else {
		endpoint_send(sid, false);
		alias_send(sid, false);
	}
	sid->ifindex = 0;
	routes_unknown(sid);
}

/* bring the routes in line with where the instance is now */
static void sid_update(struct dyncast_sid *sid)
{
	uint32_t ifindex = 0;

	if (!dyncast_cleared && dyncast_nht_on_link(sid->nht) &&
	    (sid->alias.s_addr || dyncast_sid_is_ipv6(sid)))
		ifindex = sid->nht->nexthops[0].ifindex;
	if (ifindex == sid->ifindex)
		return;
	sid_withdraw(sid);
	if (!ifindex)
		return;
	sid->ifindex = ifindex;
	if (dyncast_sid_is_ipv6(sid))
		dyncast_watch(&watched, true);
	sid_send(sid);
}

/* ---- aliases ---------------------------------------------------------- */

static struct dyncast_sid *alias_find(in_addr_t alias)
{
	const struct dyncast_sid key = {.alias.s_addr = alias};

	return dyncast_aliases_find(&aliases, &key);
}

/* by the SID's number, so that it hardly ever changes; 0 when none is free */
static in_addr_t alias_choose(const struct dyncast_addr *sid)
{
	const struct prefix_ipv4 *pool = &dyncast_config.alias_prefix;
	uint32_t size = 1u << (32 - pool->prefixlen);
	uint32_t base = ntohl(pool->prefix.s_addr) & ~(size - 1);
	unsigned int at = locator.len / 8;
	uint32_t number;
	in_addr_t alias;

	/* index 0 would be the prefix's own address */
	if (dyncast_aliases_count(&aliases) >= size - 1) {
		if (!full_logged)
			zlog_warn(
				"dyncast: no address left in the alias prefix %pFX: configure a larger `dyncast alias-prefix` (logged once)",
				pool);
		full_logged = true;
		return 0;
	}
	if (!dyncast_prefix_contains(&locator, sid) || at > 14)
		at = 14;
	number = (uint32_t)sid->bytes[at] << 8 | sid->bytes[at + 1];
	for (uint32_t i = 0; i < size; i++) {
		if ((number + i) % size == 0)
			continue;
		alias = htonl(base + (number + i) % size);
		if (!alias_find(alias))
			return alias;
	}
	return 0;
}

static void alias_give(struct dyncast_sid *sid)
{
	if (dyncast_sid_is_ipv6(sid))
		return;
	sid->alias.s_addr = alias_choose(&sid->sid);
	if (sid->alias.s_addr)
		dyncast_aliases_add(&aliases, sid);
	else
		without_alias++;
}

static void alias_take(struct dyncast_sid *sid)
{
	if (sid->alias.s_addr)
		dyncast_aliases_del(&aliases, sid);
	else if (!dyncast_sid_is_ipv6(sid))
		without_alias--;
	sid->alias.s_addr = 0;
}

/* one has come free: for whom there was none */
static void alias_hand_on(void)
{
	struct dyncast_backend *b;
	struct dyncast_sid *sid;

	if (!without_alias)
		return;
	frr_each (dyncast_sids, &sids, sid)
		if (!dyncast_sid_is_ipv6(sid) && !sid->alias.s_addr)
			break;
	if (!sid)
		return;
	alias_take(sid);
	alias_give(sid);
	sid_update(sid);
	frr_each (dyncast_sid_users, &sid->users, b)
		dyncast_feedback(b);
}

void dyncast_sid_realias(void)
{
	struct dyncast_backend *b;
	struct dyncast_sid *sid;

	full_logged = false;
	frr_each (dyncast_sids, &sids, sid) {
		if (dyncast_sid_is_ipv6(sid))
			continue;
		sid_withdraw(sid);
		alias_take(sid);
	}
	frr_each (dyncast_sids, &sids, sid) {
		if (dyncast_sid_is_ipv6(sid))
			continue;
		alias_give(sid);
		sid_update(sid);
		frr_each (dyncast_sid_users, &sid->users, b)
			dyncast_feedback(b);
	}
}

/* ---- life ------------------------------------------------------------- */

bool dyncast_sid_vrf_served(uint8_t family, uint32_t vrf_id)
{
	return vrf_id == VRF_DEFAULT || family == AF_INET;
}

struct dyncast_sid *dyncast_sid_ref(const struct dyncast_addr *addr,
				    const struct dyncast_addr *address,
				    uint32_t vrf_id)
{
	struct dyncast_sid key = {.sid = *addr}, *sid;

	if (addr->family != AF_INET6 ||
	    !dyncast_sid_vrf_served(address->family, vrf_id))
		return NULL;
	sid = dyncast_sids_find(&sids, &key);
	if (sid) {
		if (sid->vrf_id != vrf_id ||
		    dyncast_addr_cmp(&sid->address, address) != 0)
			return NULL;
		sid->refs++;
		return sid;
	}
	sid = XCALLOC(MTYPE_DYNCAST_SID, sizeof(*sid));
	sid->sid = *addr;
	sid->address = *address;
	sid->vrf_id = vrf_id;
	alias_give(sid);
	sid->refs = 1;
	dyncast_sid_users_init(&sid->users);
	dyncast_sids_add(&sids, sid);
	sid->nht = dyncast_nht_ref(vrf_id, address);
	dyncast_nht_sids_add_head(&sid->nht->sids, sid);
	sid_update(sid);
	return sid;
}

void dyncast_sid_unref(struct dyncast_sid **psid)
{
	struct dyncast_sid *sid = *psid;

	*psid = NULL;
	if (!sid || --sid->refs)
		return;
	sid_withdraw(sid);
	alias_take(sid);
	dyncast_nht_sids_del(&sid->nht->sids, sid);
	dyncast_nht_unref(&sid->nht);
	dyncast_sids_del(&sids, sid);
	XFREE(MTYPE_DYNCAST_SID, sid);
	alias_hand_on();
}

void dyncast_sid_locator_set(uint8_t family, const struct dyncast_prefix *new)
{
	struct dyncast_prefix *own = family == AF_INET ? &locator4 : &locator;

	if (dyncast_prefix_cmp(own, new) == 0)
		return;
	locator_send(own, false);
	*own = *new;
	locator_send(own, true);
}

const struct dyncast_prefix *dyncast_sid_locator(uint8_t family)
{
	return family == AF_INET ? &locator4 : &locator;
}

bool dyncast_sid_in_locator(const struct dyncast_addr *dbid)
{
	const struct dyncast_prefix *own = dyncast_sid_locator(dbid->family);

	return own->addr.family && dyncast_prefix_contains(own, dbid);
}

void dyncast_sid_locators_resend(void)
{
	locator_send(&locator, true);
	locator_send(&locator4, true);
}

void dyncast_sid_resend(const struct dyncast_addr *addr)
{
	const struct dyncast_sid key = {.sid = *addr};
	struct dyncast_sid *sid = dyncast_sids_find(&sids, &key);

	if (sid && sid->ifindex)
		sid_send(sid);
}

bool dyncast_sid_claimed(const struct dyncast_addr *addr)
{
	const struct dyncast_sid key = {.sid = *addr}, *sid;

	if (dyncast_cleared)
		return false;
	sid = dyncast_sids_find(&sids, &key);
	return sid && dyncast_sid_is_ipv6(sid);
}

void dyncast_sid_connected(void)
{
	struct dyncast_sid *sid;

	frr_each (dyncast_sids, &sids, sid)
		if (!dyncast_sid_is_ipv6(sid))
			routes_unknown(sid);
}

void dyncast_sid_nht_changed(struct dyncast_nht *nht)
{
	struct dyncast_sid *sid;

	frr_each (dyncast_nht_sids, &nht->sids, sid)
		sid_update(sid);
}

void dyncast_sid_each(dyncast_sid_fn *fn, void *arg)
{
	struct dyncast_sid *sid;

	frr_each (dyncast_sids, &sids, sid)
		fn(sid, arg);
}

const struct dyncast_sid *dyncast_sid_next(const struct dyncast_addr *after)
{
	const struct dyncast_sid ref = {.sid = *after};
	const struct dyncast_sid *sid =
		dyncast_sids_const_find_gteq(&sids, &ref);

	return sid && sid_cmp(sid, &ref) == 0
		       ? dyncast_sids_const_next(&sids, sid)
		       : sid;
}

void dyncast_sid_init(void)
{
	dyncast_sids_init(&sids);
	dyncast_aliases_init(&aliases);
}

/* zebra takes its routes back by itself */
void dyncast_sid_fini(void)
{
	dyncast_event_off(&t_restore);
	dyncast_watch(&watched, false);
	dyncast_sid_sweep_all();
	dyncast_aliases_fini(&aliases);
	dyncast_sids_fini(&sids);
}

void dyncast_sid_cleared(void)
{
	struct dyncast_sid *sid;

	locator_send(&locator, !dyncast_cleared);
	locator_send(&locator4, !dyncast_cleared);
	frr_each (dyncast_sids, &sids, sid)
		sid_update(sid);
	if (dyncast_cleared)
		dyncast_sid_sweep();
	dyncast_feedback_all();
}

/* ---- what zebra says --------------------------------------------------- */

/* what zebra says of the route to an alias or to a SID */
static void sid_notify(struct dyncast_sid *sid, struct dyncast_sid_route *route,
		       enum zapi_route_notify_owner note)
{
	struct dyncast_backend *b;

	route->installed = note == ZAPI_ROUTE_INSTALLED;
	route->beaten = note == ZAPI_ROUTE_BETTER_ADMIN_WON;
	if (note == ZAPI_ROUTE_FAIL_INSTALL)
		route->failed = true;
	else if (route->installed)
		route->failed = false;
	frr_each (dyncast_sid_users, &sid->users, b)
		dyncast_feedback(b);
}

void dyncast_sid_notify(const struct prefix *p,
			enum zapi_route_notify_owner note)
{
	const struct dyncast_sid key = {.sid = dyncast_from_prefix(p)};
	struct dyncast_sid *sid;

	if (p->family == AF_INET) {
		sid = p->prefixlen == IPV4_MAX_BITLEN
			      ? alias_find(p->u.prefix4.s_addr)
			      : NULL;
		if (sid)
			sid_notify(sid, &sid->alias_route, note);
		return;
	}
	sid = p->prefixlen == IPV6_MAX_BITLEN ? dyncast_sids_find(&sids, &key)
					      : NULL;
	if (sid && !dyncast_sid_is_ipv6(sid))
		sid_notify(sid, &sid->sid_route, note);
}
