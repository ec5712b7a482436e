// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What tables of a size take of the kernel's memory, all of it when they are
 * made.  The kernel's own part of a hash table's element and bucket is that of
 * 64-bit machines (struct htab_elem, struct bucket).
 *
 * Any thread; called by cli.c and show_forwarding.c.
 */

#include <stddef.h>
#include <unistd.h>

#include "dataplane_internal.h"
#include "sizing.h"

#define ELEMENT 48
#define BUCKET 16

static uint64_t hash_bytes(uint64_t entries, size_t key, size_t value)
{
	uint64_t buckets = 1;

	while (buckets < entries)
		buckets *= 2;
	return entries * (ELEMENT + (key + 7) / 8 * 8 + (value + 7) / 8 * 8) +
	       buckets * BUCKET;
}

uint64_t dyncast_sizing_flows(uint32_t flows)
{
	if (!flows)
		flows = DYNCAST_DP_FLOWS_DEFAULT;
	return (uint64_t)dyncast_dp_buckets_for(flows) *
	       (sizeof(struct dyncast_map_bucket4) +
		sizeof(struct dyncast_map_bucket6));
}

uint64_t dyncast_sizing_services(uint32_t services)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	uint64_t instances;

	if (!services)
		services = DYNCAST_DP_SERVICES_DEFAULT;
	instances = dyncast_dp_instances_for(services);
	return (uint64_t)services * DYNCAST_MAP_SLOTS *
		       sizeof(union dyncast_map_slot) +
	       instances *
		       (sizeof(struct dyncast_map_instance) +
			sizeof(struct dyncast_map_ident_instance) +
			(cpus > 0 ? cpus : 1) *
				sizeof(struct dyncast_map_instance_counters)) +
	       hash_bytes(instances, sizeof(struct dyncast_map_decap_key),
			  sizeof(struct dyncast_map_decap));
}
