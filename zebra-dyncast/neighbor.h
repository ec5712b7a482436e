/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does an adjacent instance answer ARP or neighbour discovery: see neighbor.c.
 */

#ifndef DYNCAST_ZEBRA_NEIGHBOR_H
#define DYNCAST_ZEBRA_NEIGHBOR_H

#include "lib/typesafe.h"
#include "../lib/dyncast.h"

/* how often one that answers is asked again; silence is known three unanswered
 * probes of a second each later */
#define DYNCAST_NEIGHBOR_PROBE_MS 2000

enum dyncast_neighbor_state {
	DYNCAST_NEIGHBOR_UNKNOWN, /* the first answer is not there yet */
	DYNCAST_NEIGHBOR_ALIVE,
	DYNCAST_NEIGHBOR_FAILED,
};

PREDECL_RBTREE_UNIQ(dyncast_neighbors);
/* the backends that it is for, which add and take away themselves */
PREDECL_LIST(dyncast_neighbor_users);

struct dyncast_neighbor {
	struct dyncast_neighbors_item item;
	uint32_t ifindex;
	struct dyncast_addr addr;
	unsigned int refs;
	struct dyncast_neighbor_users_head users;
	uint8_t state;		/* enum dyncast_neighbor_state */
	bool asked;		/* a question is open */
	unsigned int silent_ms; /* for so long, while we looked */
	int64_t probe_ms;	/* last probe that we began */
};

struct dyncast_neighbor *dyncast_neighbor_ref(uint32_t ifindex,
					      const struct dyncast_addr *addr);
void dyncast_neighbor_unref(struct dyncast_neighbor **neighbor);

void dyncast_neighbor_init(void);
void dyncast_neighbor_fini(void);

#endif /* DYNCAST_ZEBRA_NEIGHBOR_H */
