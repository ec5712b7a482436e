// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What tables of a size take of the kernel's memory, all of it when they are
 * made: the sum of the maps that dataplane_maps.c makes of that size.
 *
 * Main thread; called by cli.c and show_forwarding.c.
 */

#include <stddef.h>

#include <linux/bpf.h>

#include "dataplane_internal.h"
#include "sizing.h"

static uint64_t mapped(uint64_t entries, size_t value)
{
	return dyncast_dp_bytes(BPF_MAP_TYPE_ARRAY, entries, sizeof(uint32_t),
				value, BPF_F_MMAPABLE);
}

static uint64_t hash(uint64_t entries, size_t key, size_t value)
{
	return dyncast_dp_bytes(BPF_MAP_TYPE_HASH, entries, key, value, 0);
}

uint64_t dyncast_sizing_flows(uint32_t flows)
{
	uint32_t buckets;

	if (!flows)
		flows = DYNCAST_DP_FLOWS_DEFAULT;
	buckets = dyncast_dp_buckets_for(flows);
	return mapped(buckets, sizeof(struct dyncast_map_bucket4)) +
	       mapped(buckets, sizeof(struct dyncast_map_bucket6));
}

static uint64_t of_instances(uint32_t n)
{
	return mapped(n, sizeof(struct dyncast_map_instance)) +
	       hash(n, sizeof(struct dyncast_map_ident_instance),
		    sizeof(uint32_t)) +
	       dyncast_dp_bytes(BPF_MAP_TYPE_PERCPU_ARRAY, n, sizeof(uint32_t),
				sizeof(struct dyncast_map_instance_counters),
				0) +
	       hash(n, sizeof(struct dyncast_map_decap_key),
		    sizeof(struct dyncast_map_decap));
}

uint64_t dyncast_sizing_services(uint32_t services)
{
	uint64_t slots;

	if (!services)
		services = DYNCAST_DP_SERVICES_DEFAULT;
	slots = (uint64_t)services * DYNCAST_MAP_SLOTS;
	return mapped(slots, sizeof(union dyncast_map_slot)) +
	       mapped(slots / 2, sizeof(struct dyncast_map_pins)) +
	       hash(services, sizeof(struct dyncast_map_ident_service),
		    sizeof(uint32_t)) +
	       dyncast_dp_bytes(
		       BPF_MAP_TYPE_ARRAY, services + 1, sizeof(uint32_t),
		       sizeof(struct dyncast_map_instance_counters), 0) +
	       of_instances(dyncast_dp_instances_for(services));
}
