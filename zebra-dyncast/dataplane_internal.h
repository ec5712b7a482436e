/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the dataplane's files share.  Private to dataplane*.c; zebra's main
 * thread only.
 *
 *   dataplane.c         start, stop, uninstall, status
 *   dataplane_features.c  what the kernel can do
 *   dataplane_fs.c      bpffs and the names in it
 *   dataplane_maps.c    loading, reusing, resizing and pinning maps
 *   dataplane_copy.c    the content of one map into another
 *   dataplane_upgrade.c map layout 1 (dataplane_v1.h) to today's
 *   dataplane_memory.c  what maps take
 *   dataplane_ids.c     services and instances
 *   dataplane_instance.c  how an instance is reached
 *   dataplane_counters.c  sums over CPUs, instances and services
 *   dataplane_decap.c   D-BIDs that are stripped
 *   dataplane_filter.c  destinations that may be services
 *   dataplane_ring.c    slots
 *   dataplane_attach.c  TCX links and clsact filters
 *   dataplane_table.c   the flow table's entries
 *   dataplane_flows.c   walking and clearing flows
 *   dataplane_lookup.c  where one flow goes
 */

#ifndef DYNCAST_DATAPLANE_INTERNAL_H
#define DYNCAST_DATAPLANE_INTERNAL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane.h"
#include "dataplane_table.h"
#include "../lib/bpf/dyncast_map.h"

_Static_assert(DYNCAST_DP_SERVICES_DEFAULT == DYNCAST_MAP_SERVICES_DEFAULT &&
		       DYNCAST_DP_SERVICES_MAX == DYNCAST_MAP_SERVICES_MAX &&
		       DYNCAST_DP_SERVICES_MAX == DYNCAST_SERVICES_MAX &&
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
	DYNCAST_DP_MAP_FLOW_LOCKS,
	DYNCAST_DP_MAP_PROBATION4,
	DYNCAST_DP_MAP_PROBATION6,
	DYNCAST_DP_MAP_IFACES,
	DYNCAST_DP_MAP_IFACES_NEAR,
	DYNCAST_DP_MAP_COUNTERS,
	DYNCAST_DP_MAP_INSTANCE_COUNTERS,
	DYNCAST_DP_MAP_RETIRED,
	DYNCAST_DP_MAP_DECAP,
	DYNCAST_DP_MAP_MAX
};

struct dyncast_dp_service_entry {
	bool used;
	bool listed;  /* the program knows it */
	bool enabled; /* .. and steers to it */
	bool moving;  /* slots may be in a change, or not said to be over it */
	uint32_t table_id;
	struct dyncast_prefix prefix;
	uint16_t timeout_s;
	uint32_t first; /* of its instances; 0: none */
};

struct dyncast_dp_instance_entry {
	bool used;
	uint16_t service;
	uint32_t next; /* of the same service; 0: the last */
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
	uint32_t missing; /* bits of enum dyncast_dp_feature */
	uint32_t pretend; /* .. that tests want to do without */
	uint32_t flow_table_size;
	uint32_t services_max;
	uint32_t instances_max;
	int cpus;
	int maps[DYNCAST_DP_MAP_MAX];
	/* while a start is not complete: what maps take over from */
	int old[DYNCAST_DP_MAP_MAX]; /* -1: nothing */
	bool resizing[DYNCAST_DP_MAP_MAX];
	struct dyncast_dp_upgrade *upgrade; /* from layout 1, or NULL */
	uint32_t taken_over;		    /* when; newer flows follow later */
	uint32_t epoch; /* of the maps: walks end when they are others */
	struct dyncast_dp_memory memory;
	int prog;	 /* ingress with an Ethernet header, .. */
	int prog_l3;	 /* .. without, .. */
	int prog_egress; /* .. and on the way out; .. */
	int prog_orders; /* .. and what writes flows for us; fds */
	struct dyncast_bpf *skeleton;

	struct dyncast_dp_table tables[2]; /* IPv4's and IPv6's flows */
	uint64_t *filter;
	union dyncast_map_slot *slots;
	struct dyncast_map_pins *pins;
	struct dyncast_map_instance *instances;
	struct dyncast_dp_service_entry *services; /* by index */
	struct dyncast_dp_instance_entry *owners;  /* by instance id */
	uint32_t next_id; /* where the search for a free id begins */
	uint32_t ids_used;
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

/* dataplane_features.c; want privileges raised */
/* false, and the reason is set, when there is no doing without */
bool dyncast_dp_features_probe(void);
/* in the log, once in the life of the process */
void dyncast_dp_features_say(void);
static inline bool dyncast_dp_has(enum dyncast_dp_feature feature)
{
	return !(dyncast_dp.missing >> feature & 1);
}

/* dataplane_fs.c; all want privileges raised */
bool dyncast_dp_fs_mount(const char *dir);
/* attachments of before become ours; true when they were of a later layout,
 * whose maps are removed: nobody here can keep them up to date */
bool dyncast_dp_fs_adopt(const char *dir);
/* remove our pins of any layout version, and the mount if nothing is left */
void dyncast_dp_fs_remove(const char *dir);
/* false when it does not fit */
bool dyncast_dp_fs_path(char path[PATH_MAX], const char *name);

/* dataplane_maps.c; want privileges raised */
/* sizes 0: as they are, else the defaults */
bool dyncast_dp_maps_open(uint32_t flow_table_size,
			  uint32_t service_table_size);
/* the new program has taken the old one's place everywhere */
void dyncast_dp_maps_commit(void);
void dyncast_dp_maps_close(void);

/* dataplane_memory.c */
struct bpf_map;
uint64_t dyncast_dp_map_bytes(const struct bpf_map *map);
uint64_t dyncast_dp_bytes(uint32_t type, uint64_t entries, uint32_t key_size,
			  uint32_t value_size, uint32_t flags);

/* dataplane_upgrade.c; want privileges raised.  In this order: */
struct dyncast_dp_upgrade;
/* *out is NULL when there is nothing to upgrade; false: it cannot be done */
bool dyncast_dp_upgrade_begin(struct dyncast_dp_upgrade **out);
/* sizes that layout 1 has or needs */
uint32_t dyncast_dp_upgrade_flows(const struct dyncast_dp_upgrade *upgrade);
uint32_t dyncast_dp_upgrade_services(const struct dyncast_dp_upgrade *upgrade);
/* all but how instances are reached */
bool dyncast_dp_upgrade_convert(struct dyncast_dp_upgrade *upgrade);
/* .. when ids are open */
void dyncast_dp_upgrade_instances(const struct dyncast_dp_upgrade *upgrade);
/* flows of while the old program was still there */
void dyncast_dp_upgrade_finish(struct dyncast_dp_upgrade *upgrade);
void dyncast_dp_upgrade_free(struct dyncast_dp_upgrade *upgrade);
/* pins of layout 1 that are left, if any */
void dyncast_dp_upgrade_remove(void);

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

static inline bool dyncast_dp_instance_known(uint32_t id)
{
	return dyncast_dp.started && id && id < dyncast_dp.instances_max &&
	       dyncast_dp.owners[id].used;
}

/* dataplane_instance.c */
/* the word of the map that makes it usable, at once */
void dyncast_dp_instance_head(uint32_t id, uint8_t kind, uint8_t flags,
			      uint16_t service, uint32_t generation);

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
/* Adds those of the services from *next on, until about max instances and
 * services were looked at; true while there is more.  Behind the last service
 * are those of deleted ones. */
bool dyncast_dp_counters_steered(struct dyncast_map_instance_counters *sum,
				 uint32_t *next, unsigned int max);
/* of what belongs to no service */
void dyncast_dp_counters_others(struct dyncast_map_counters *sum);

/* dataplane_filter.c */
/* after a service came or went */
void dyncast_dp_filter_open(void);
/* one more (1) or one less (-1) who wants to see its packets */
void dyncast_dp_filter_prefix(const struct dyncast_prefix *prefix, int by);
void dyncast_dp_filter_dbid(const struct dyncast_addr *dbid, int by);

/* dataplane_ring.c */
/* TCP flows of the service were given entries by other ways than the program:
 * it is to look for them */
void dyncast_dp_ring_pin(int service);
/* no slot may lead to an id that is about to be given to another */
void dyncast_dp_ring_scrub(int service, uint32_t id);

/* dataplane_attach.c; want privileges raised */
/* how, and what there is of before */
void dyncast_dp_attach_begin(void);
/* the program on all interfaces by our one, without a packet in between */
void dyncast_dp_attach_refresh(void);
void dyncast_dp_detach_all(void);
/* the maps cannot be had: detach what a former run has left */
void dyncast_dp_attach_abandon(void);

#endif /* DYNCAST_DATAPLANE_INTERNAL_H */
