/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flow table from the daemon's side (lib/bpf/dyncast_table.h): it reads the
 * buckets in mapped memory, and has the program write.  Private to dataplane*.c
 * and tests; zebra's main thread.  What a table is the kernel's map says, so
 * that one that is being replaced is read by the same functions.
 */

#ifndef DYNCAST_DATAPLANE_TABLE_H
#define DYNCAST_DATAPLANE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/bpf/dyncast_map.h"

/* a flow table as it lies in memory */
struct dyncast_dp_table {
	const void *memory; /* NULL: none */
	size_t bytes;
	uint32_t buckets;
	uint8_t family;
};

/* Sizes are in such steps, so that a table's buckets tell its size. */
#define DYNCAST_DP_FLOWS_STEP 16u
_Static_assert(DYNCAST_DP_FLOWS_STEP > DYNCAST_MAP_BUCKET_FLOWS,
	       "two sizes have the same number of buckets");

static inline uint32_t dyncast_dp_buckets_for(uint32_t flows)
{
	return flows / DYNCAST_MAP_BUCKET_FLOWS +
	       (flows % DYNCAST_MAP_BUCKET_FLOWS ? 1 : 0);
}

/*
 * Entries that each of so many processors may make in a second.  A table that
 * is filled at this pace has forgotten nobody who was seen within the default
 * timeout; but all new flows may come by one or two of many processors, which
 * are to pin as many as one can expect.
 */
static inline uint32_t dyncast_dp_budget_for(uint32_t flows, long cpus)
{
	uint32_t budget =
		flows / DYNCAST_FLOW_TIMEOUT_DEFAULT / (cpus > 0 ? cpus : 1);

	return budget > DYNCAST_MAP_BUDGET_MIN ? budget
					       : DYNCAST_MAP_BUDGET_MIN;
}

static inline uint32_t dyncast_dp_flows_of(uint32_t buckets)
{
	return buckets * DYNCAST_MAP_BUCKET_FLOWS / DYNCAST_DP_FLOWS_STEP *
	       DYNCAST_DP_FLOWS_STEP;
}

/* Maps the table with that fd, of AF_INET or AF_INET6, which stays the
 * caller's. Privileges raised.  False with errno. */
bool dyncast_dp_table_open(struct dyncast_dp_table *table, int fd,
			   uint8_t family);
void dyncast_dp_table_close(struct dyncast_dp_table *table);

/* false when it is not there */
bool dyncast_dp_table_get(const struct dyncast_dp_table *table,
			  const struct dyncast_map_flow_key *key,
			  struct dyncast_map_flow *flow);

/* All flows of one bucket, at most WAYS; their number.  The program may write
 * meanwhile: a flow may be read while it is made or removed. */
unsigned int
dyncast_dp_table_read(const struct dyncast_dp_table *table, uint32_t bucket,
		      struct dyncast_map_flow_key keys[DYNCAST_MAP_WAYS],
		      struct dyncast_map_flow flows[DYNCAST_MAP_WAYS]);

/* What the program is to do with the n flows of that family, in the tables it
 * was loaded with.  Returns how many it has done.  Privileges raised. */
uint32_t dyncast_dp_table_order(enum dyncast_map_order_op op, uint8_t family,
				const struct dyncast_map_flow_key *keys,
				const struct dyncast_map_flow *flows,
				uint32_t n);

/* Notes of the buckets from first to before end that no flow of theirs is in
 * another one any more, if so, which spares looking for them there.  A table of
 * the program.  Privileges raised. */
void dyncast_dp_table_settle(const struct dyncast_dp_table *table,
			     uint32_t first, uint32_t end);

#endif /* DYNCAST_DATAPLANE_TABLE_H */
