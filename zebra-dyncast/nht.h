/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Next-hop tracking of D-BIDs, of BGP next hops and of local instances'
 * addresses.  See nht.c.
 */

#ifndef DYNCAST_ZEBRA_NHT_H
#define DYNCAST_ZEBRA_NHT_H

#include "lib/typesafe.h"
#include "lib/prefix.h"
#include "lib/vrf.h"
#include "../lib/dyncast.h"

#define DYNCAST_NHT_NEXTHOPS_MAX 16

struct dyncast_nexthop {
	struct dyncast_addr gate; /* family 0: on link */
	uint32_t ifindex;
};

PREDECL_RBTREE_UNIQ(dyncast_nhts);
PREDECL_LIST(dyncast_nht_sids);

struct dyncast_nht {
	struct dyncast_nhts_item item;
	uint32_t vrf_id;
	struct dyncast_addr addr;
	unsigned int refs;
	struct dyncast_nht_sids_head sids; /* of instances with this address */
	uint32_t pass; /* of service.c, that looks for who has it */

	bool answered; /* zebra said anything at all */
	bool resolved; /* by a route other than the default route */
	uint8_t type;  /* ZEBRA_ROUTE_* of the route */
	uint8_t distance;
	uint32_t metric;
	struct prefix via; /* the route */
	unsigned int n_nexthops;
	struct dyncast_nexthop *nexthops; /* owned; most have one */
};

/* Registers it when new.  Free with _unref, which sets the pointer to NULL. */
struct dyncast_nht *dyncast_nht_ref(uint32_t vrf_id,
				    const struct dyncast_addr *addr);
void dyncast_nht_unref(struct dyncast_nht **nht);

/* resolved, and by a connected route: the address is on this link */
bool dyncast_nht_on_link(const struct dyncast_nht *nht);

struct stream;
void dyncast_nht_receive(vrf_id_t vrf_id, struct stream *s);
void dyncast_nht_connected(void);
void dyncast_nht_init(void);
void dyncast_nht_fini(void);
unsigned int dyncast_nht_count(void);

#endif /* DYNCAST_ZEBRA_NHT_H */
