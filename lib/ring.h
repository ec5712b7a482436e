/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring: 1024 slots, each naming the instance that new flows hashing there
 * get.  Capacity-weighted, deterministic, moving as little as possible.
 *
 * The target is a pure function of (seed, D-BIDs, weights) -- weighted
 * rendezvous hashing -- so that two ingresses with one view build one ring,
 * and a change of one weight moves about as many slots as it must.
 */

#ifndef DYNCAST_RING_H
#define DYNCAST_RING_H

#include "dyncast.h"

struct dyncast_ring_member {
	struct dyncast_addr dbid;
	uint32_t weight; /* 0: gets no slot */
	uint32_t id;	 /* what is written into its slots; never 0 */
};

/* default seed of a service: from its prefix alone (never from the VRF id or
 * from start order), the same on all routers */
uint32_t dyncast_ring_seed(const struct dyncast_prefix *prefix);

/*
 * The target ring.  Slots are 0 when no member has weight.  The order of
 * members does not matter.
 */
void dyncast_ring_build(uint32_t seed,
			const struct dyncast_ring_member *members, size_t n,
			uint32_t ring[DYNCAST_RING_SLOTS]);

/*
 * Move `ring` towards `target`, at most `limit` slots; slots whose present
 * instance is not a member with weight (or is 0) move first and do not count.
 * Returns the number of slots that still differ.
 */
unsigned int dyncast_ring_step(uint32_t ring[DYNCAST_RING_SLOTS],
			       const uint32_t target[DYNCAST_RING_SLOTS],
			       const struct dyncast_ring_member *members,
			       size_t n, unsigned int limit);

#endif /* DYNCAST_RING_H */
