/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See dataplane_copy.c; private to dataplane*.c. */

#ifndef DYNCAST_DATAPLANE_COPY_H
#define DYNCAST_DATAPLANE_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/bpf/dyncast_map.h"

/* a hash of flows, of another layout */
struct dyncast_dp_flow_copy {
	int from;
	uint32_t key_size, value_size; /* of from */
	/* the family of the flow, 0: it is not taken */
	uint8_t (*convert)(const struct dyncast_dp_flow_copy *copy,
			   const void *key, const void *value,
			   struct dyncast_map_flow_key *to_key,
			   struct dyncast_map_flow *to);
	void *arg;
	bool probation; /* into those maps, else into the flow tables */
	uint32_t since; /* only what was seen from then on; 0: all */
};
/* number of flows that the tables have now */
uint32_t dyncast_dp_copy_flows(const struct dyncast_dp_flow_copy *copy);

/* The flow table with that fd into the one of the same family that the program
 * has, but for what that knows better: all, or what was seen since then.
 * Returns how many found no room. */
uint32_t dyncast_dp_copy_table(int from, uint8_t family, uint32_t since);

/* Any other map, into one of the same types: as many elements of an array as
 * both have, all of a hash. */
bool dyncast_dp_copy_map(int from, int to);

#endif /* DYNCAST_DATAPLANE_COPY_H */
