/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See dataplane_copy.c; private to dataplane*.c. */

#ifndef DYNCAST_DATAPLANE_COPY_H
#define DYNCAST_DATAPLANE_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/bpf/dyncast_map.h"

/* 0: IPv4's flow table, 1: IPv6's */
static inline uint32_t dyncast_dp_flow_key_size(int table)
{
	return table ? sizeof(struct dyncast_map_flow_key)
		     : DYNCAST_MAP_FLOW_KEY4_SIZE;
}

struct dyncast_dp_flow_copy {
	int from;
	uint32_t key_size, value_size; /* of from */
	/* the table that the flow belongs into, -1: none */
	int (*convert)(const struct dyncast_dp_flow_copy *copy, const void *key,
		       const void *value, struct dyncast_map_flow_key *to_key,
		       struct dyncast_map_flow *to);
	void *arg;
	int to[2];
	bool fresh;	/* nothing is in there that could be newer */
	uint32_t since; /* only what was seen from then on; 0: all */
};
/* number of flows looked at */
uint32_t dyncast_dp_copy_flows(const struct dyncast_dp_flow_copy *copy);

/* Any other map, into one of the same types: as many elements of an array as
 * both have, all of a hash. */
bool dyncast_dp_copy_map(int from, int to);

#endif /* DYNCAST_DATAPLANE_COPY_H */
