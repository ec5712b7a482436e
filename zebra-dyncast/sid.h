/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The egress half: the locator's blackhole, and for each local instance with
 * a SID its alias route and End.DX4.  See sid.c.
 */

#ifndef DYNCAST_ZEBRA_SID_H
#define DYNCAST_ZEBRA_SID_H

#include "lib/prefix.h"
#include "lib/typesafe.h"

#include "compat.h"
#include "nht.h"
#include "../lib/dyncast.h"

struct dyncast_backend;

PREDECL_RBTREE_UNIQ(dyncast_sids);
PREDECL_RBTREE_UNIQ(dyncast_aliases);
/* the backends that have it, which add and take away themselves */
PREDECL_LIST(dyncast_sid_users);

/* what zebra, or the kernel, says of one of its two routes */
struct dyncast_sid_route {
	bool installed, failed;
	bool beaten; /* another's with the same address is better */
};

struct dyncast_sid {
	struct dyncast_sids_item item;
	struct dyncast_aliases_item alias_item; /* while there is an alias */
	struct dyncast_nht_sids_item nht_item;
	struct dyncast_sid_users_head users;
	struct dyncast_addr sid;
	struct dyncast_addr address; /* of the instance */
	uint32_t vrf_id;	     /* .. in that VRF */
	struct in_addr alias;	     /* 0: none */
	struct dyncast_nht *nht;     /* of address */
	unsigned int refs;
	uint32_t ifindex; /* the routes that were sent use it; 0 none */
	struct dyncast_sid_route alias_route, sid_route;
	bool taken;    /* somebody else may have removed an End.DX6 route; .. */
	bool restored; /* .. did, it was added again, and the log said so */
};

static inline bool dyncast_sid_installed(const struct dyncast_sid *sid)
{
	return sid->sid_route.installed && sid->alias_route.installed;
}

static inline bool dyncast_sid_beaten(const struct dyncast_sid *sid)
{
	return sid->sid_route.beaten || sid->alias_route.beaten;
}

static inline bool dyncast_sid_failed(const struct dyncast_sid *sid)
{
	return sid->sid_route.failed || sid->alias_route.failed ||
	       dyncast_sid_beaten(sid);
}

void dyncast_sid_init(void);
void dyncast_sid_fini(void);
void dyncast_sid_connected(void);
/* dyncast_cleared has changed: take everything back, or send it again */
void dyncast_sid_cleared(void);

/* Routes that a former run has left and nobody claims are removed, bit by bit;
 * bgpd has said all. */
void dyncast_sid_sweep(void);
/* .. at once: zebra ends */
void dyncast_sid_sweep_all(void);
/* its End.DX6 route is, or may come to be, of an instance */
bool dyncast_sid_claimed(const struct dyncast_addr *sid);

/* bgpd's locators, AF_INET6 or AF_INET; family 0 for none */
void dyncast_sid_locator_set(uint8_t family,
			     const struct dyncast_prefix *locator);
const struct dyncast_prefix *dyncast_sid_locator(uint8_t family);
/* a D-BID of this router */
bool dyncast_sid_in_locator(const struct dyncast_addr *dbid);

/* Give a local backend its SID, or NULL when another instance has it.  SIDs are
 * in the default VRF, which is the underlay; vrf_id is the instance's.  It is
 * the default one for IPv6, see sid.c. */
struct dyncast_sid *dyncast_sid_ref(const struct dyncast_addr *sid,
				    const struct dyncast_addr *address,
				    uint32_t vrf_id);
void dyncast_sid_unref(struct dyncast_sid **sid);

void dyncast_sid_notify(const struct prefix *p,
			enum zapi_route_notify_owner note);
DECLARE_LIST(dyncast_nht_sids, struct dyncast_sid, nht_item);

void dyncast_sid_nht_changed(struct dyncast_nht *nht);
/* after `dyncast alias-prefix` */
void dyncast_sid_realias(void);
/* resend.c: the locators, and one SID's routes */
void dyncast_sid_locators_resend(void);
void dyncast_sid_resend(const struct dyncast_addr *sid);
/* a route for that address has gone, which may have been its End.DX6 */
void dyncast_sid_taken(const struct dyncast_addr *addr);
/* any may have gone */
void dyncast_sid_suspect(void);

/* SIDs of the family can lead into that VRF */
bool dyncast_sid_vrf_served(uint8_t family, uint32_t vrf_id);

/* of an IPv6 instance: End.DX6, by our own netlink */
static inline bool dyncast_sid_is_ipv6(const struct dyncast_sid *sid)
{
	return sid->address.family == AF_INET6;
}

typedef void dyncast_sid_fn(const struct dyncast_sid *sid, void *arg);
void dyncast_sid_each(dyncast_sid_fn *fn, void *arg);
/* the one behind that address, which need not be there; NULL: it was the last.
 * Family 0 is before all. */
const struct dyncast_sid *dyncast_sid_next(const struct dyncast_addr *after);

#endif /* DYNCAST_ZEBRA_SID_H */
