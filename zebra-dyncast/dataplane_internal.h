/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the dataplane's files share.  Private to dataplane*.c; zebra's main
 * thread only.
 *
 *   dataplane.c         start, stop, uninstall, status
 *   dataplane_fs.c      bpffs and the names in it
 *   dataplane_maps.c    loading, reusing, checking and pinning maps
 *   dataplane_ids.c     services and instances
 *   dataplane_counters.c  sums over CPUs, instances and services
 *   dataplane_decap.c   D-BIDs that are stripped
 *   dataplane_filter.c  destinations that may be services
 *   dataplane_ring.c    slots
 *   dataplane_attach.c  TCX links and clsact filters
 *   dataplane_flows.c   walking and clearing flows
 */

#ifndef DYNCAST_DATAPLANE_INTERNAL_H
#define DYNCAST_DATAPLANE_INTERNAL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane.h"
#include "../lib/bpf/dyncast_map.h"

_Static_assert(DYNCAST_DP_SERVICES_DEFAULT == DYNCAST_MAP_SERVICES_DEFAULT &&
		       DYNCAST_DP_SERVICES_MAX == DYNCAST_MAP_SERVICES_MAX &&
		       DYNCAST_RING_SLOTS == DYNCAST_MAP_SLOTS,
	       "dataplane.h and the map layout disagree");
_Static_assert((int)DYNCAST_AFFINITY_SOURCE == DYNCAST_MAP_AFFINITY_SOURCE &&
		       (int)DYNCAST_AFFINITY_NONE == DYNCAST_MAP_AFFINITY_NONE,
	       "dyncast.h and the map layout disagree");

enum dyncast_dp_map {
	DYNCAST_DP_MAP_INSTANCES, /* first: it holds the generations */
	DYNCAST_DP_MAP_IDENT_SERVICE,
	DYNCAST_DP_MAP_IDENT_INSTANCE,
	DYNCAST_DP_MAP_SLOTS,
	DYNCAST_DP_MAP_PINS,
	DYNCAST_DP_MAP_SERVICES,
	DYNCAST_DP_MAP_FILTER,
	DYNCAST_DP_MAP_FLOWS4,
	DYNCAST_DP_MAP_FLOWS6,
	DYNCAST_DP_MAP_PROBATION4,
	DYNCAST_DP_MAP_PROBATION6,
	DYNCAST_DP_MAP_IFACES,
	DYNCAST_DP_MAP_COUNTERS,
	DYNCAST_DP_MAP_INSTANCE_COUNTERS,
	DYNCAST_DP_MAP_RETIRED,
	DYNCAST_DP_MAP_DECAP,
	DYNCAST_DP_MAP_MAX
};

struct dyncast_dp_service_entry {
	bool used;
	bool enabled;
	uint32_t table_id;
	struct dyncast_prefix prefix;
	uint16_t timeout_s;
};

struct dyncast_dp_instance_entry {
	bool used;
	uint16_t service;
	struct dyncast_addr dbid;
};

/*
 * slots and instances are the mapped memory of the kernel's arrays while
 * active, else plain memory of the same shape: the code that gives out ids
 * does not care.
 */
struct dyncast_dp {
	bool started;
	bool active;
	bool mapped; /* slots and instances are mmaps */
	char reason[160];
	char dir[256];
	const char *attach_mode;
	uint32_t flow_table_size;
	uint32_t services_max;
	uint32_t instances_max;
	int cpus;
	int maps[DYNCAST_DP_MAP_MAX];
	int prog;	 /* ingress with an Ethernet header, .. */
	int prog_l3;	 /* .. without, .. */
	int prog_egress; /* .. and on the way out; fds */
	struct dyncast_bpf *skeleton;

	uint64_t *filter;
	union dyncast_map_slot *slots;
	struct dyncast_map_pins *pins;
	struct dyncast_map_instance *instances;
	struct dyncast_dp_service_entry *services; /* by index */
	struct dyncast_dp_instance_entry *owners;  /* by instance id */
	uint32_t next_id; /* where the search for a free id begins */
};
extern struct dyncast_dp dyncast_dp;

/* seconds of CLOCK_MONOTONIC, the clock of the program */
uint32_t dyncast_dp_now(void);
/* remember and log why there is no kernel side */
void dyncast_dp_fail(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
void dyncast_dp_addr_put(uint32_t to[4], const struct dyncast_addr *addr);
/* from 4 or 16 bytes */
struct dyncast_addr dyncast_dp_addr_get(uint8_t family, const uint32_t *from);

/* dataplane_fs.c; all want privileges raised */
bool dyncast_dp_fs_mount(const char *dir);
/* remove our pins of any layout version, and the mount if nothing is left */
void dyncast_dp_fs_remove(const char *dir);
/* false when it does not fit */
bool dyncast_dp_fs_path(char path[PATH_MAX], const char *name);

/* dataplane_maps.c; want privileges raised */
bool dyncast_dp_maps_open(uint32_t flow_table_size,
			  uint32_t service_table_size);
void dyncast_dp_maps_close(void);

/* dataplane_ids.c */
bool dyncast_dp_ids_open(void); /* recover from the maps, or plain memory */
void dyncast_dp_ids_close(void);

/* how many instances a table of so many services has room for */
static inline uint32_t dyncast_dp_instances_for(uint32_t services)
{
	uint32_t n = 16 * services;

	return n < DYNCAST_MAP_INSTANCES_MIN   ? DYNCAST_MAP_INSTANCES_MIN
	       : n > DYNCAST_MAP_INSTANCES_MAX ? DYNCAST_MAP_INSTANCES_MAX
					       : n;
}

static inline bool dyncast_dp_service_known(int index)
{
	return dyncast_dp.started && index >= 0 &&
	       index < (int)dyncast_dp.services_max &&
	       dyncast_dp.services[index].used;
}

static inline union dyncast_map_slot *dyncast_dp_slots(int service)
{
	return &dyncast_dp.slots[(size_t)service * DYNCAST_RING_SLOTS];
}

static inline uint32_t *dyncast_dp_pin(int service, unsigned int slot)
{
	size_t i = (size_t)service * DYNCAST_RING_SLOTS + slot;

	return &dyncast_dp.pins[i / 2].second[i % 2];
}

static inline void dyncast_dp_slot_write(union dyncast_map_slot *slot,
					 union dyncast_map_slot value)
{
	__atomic_store_n(&slot->word, value.word, __ATOMIC_RELAXED);
}

/* dataplane_counters.c */
/* what the instance has counted goes to its service, before its id is free */
void dyncast_dp_counters_retire_instance(uint32_t id);
/* .. and what the service has, to the total of those that are gone */
void dyncast_dp_counters_retire_service(int index);
/* sums of all services, also deleted ones, and of what belongs to none */
void dyncast_dp_counters_all(struct dyncast_map_instance_counters *steered,
			     struct dyncast_map_counters *others);

/* dataplane_filter.c */
/* after a service came or went */
void dyncast_dp_filter_update(void);

/* dataplane_ring.c */
/* TCP flows of the service were given entries by other ways than the program:
 * it is to look for them */
void dyncast_dp_ring_pin(int service);
/* no slot may lead to an id that is about to be given to another */
void dyncast_dp_ring_scrub(int service, uint32_t id);
/* Who has no entry has no generation either: flows that began before their
 * slot left this instance are no longer sent back to it. */
void dyncast_dp_ring_forget(int service, uint32_t id);
/* where any flow was before the last change is forgotten */
void dyncast_dp_ring_clear(int service);

/* dataplane_attach.c; want privileges raised */
void dyncast_dp_attach_probe(void);
void dyncast_dp_detach_all(void);
/* the maps cannot be had: detach what a former run has left */
void dyncast_dp_attach_abandon(void);

#endif /* DYNCAST_DATAPLANE_INTERNAL_H */
