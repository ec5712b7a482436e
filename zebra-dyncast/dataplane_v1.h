/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Map layout 1, as the first release pinned it: what dataplane_upgrade.c reads
 * of it, and the tests build.  Never changes.  Meanings are those of
 * lib/bpf/dyncast_map.h where nothing else is said.
 */

#ifndef DYNCAST_DATAPLANE_V1_H
#define DYNCAST_DATAPLANE_V1_H

#include <linux/types.h>

#define DYNCAST_V1_PIN_PREFIX "v1_"

#define DYNCAST_V1_SERVICES_MAX 256
#define DYNCAST_V1_INSTANCES_MAX 4096
#define DYNCAST_V1_SLOTS 1024

/* "ifaces", hash by ifindex; flags as today's */
struct dyncast_v1_iface {
	__u32 table_id;
	__u32 flags; /* CLSACT and OWN_QDISC only */
};

/* "services", LPM trie */
struct dyncast_v1_service_key {
	__u32 prefixlen;
	__u32 table_id;
	__u32 family;
	__u32 addr[4];
};
struct dyncast_v1_service {
	__u32 index;
	__u32 seed;
	__u16 timeout_s;
	__u8 affinity;
	__u8 plen;
	__u32 reserved;
};

/* "flows" and "probation", LRU hashes */
struct dyncast_v1_flow_key {
	__u32 table_id;
	__u8 family;
	__u8 proto;
	__u16 reserved;
	__u16 sport;
	__u16 dport;
	__u32 saddr[4];
	__u32 daddr[4];
};
struct dyncast_v1_flow {
	__u16 instance;
	__u16 flags;
	__u32 generation;
	__u32 first_seen;
	__u32 last_seen;
};

/* "slots", mmapable array by service index * SLOTS + slot */
union dyncast_v1_slot {
	struct {
		__u16 cur;
		__u16 old;
		__u32 t_change; /* 0: at rest */
	};
	__u64 word;
};

/* "instances", mmapable array by id */
struct dyncast_v1_instance {
	__u8 kind;
	__u8 flags;
	__u16 service; /* index + 1; 0: not in use */
	__u32 generation;
	__u32 ifindex;
	__u16 mtu;
	__u8 dbid_family;
	__u8 nexthop_family;
	__u32 dbid[4];
	__u32 source[4];
	__u32 nexthop[4];
	__u32 reserved[4];
};

/* "ident_service" and "ident_instance", hashes to __u32 */
struct dyncast_v1_ident_service {
	__u32 table_id;
	__u8 family;
	__u8 len;
	__u16 reserved;
	__u32 addr[4];
};
struct dyncast_v1_ident_instance {
	__u16 service;
	__u16 family;
	__u32 dbid[4];
};

/* "instance_counters", per-CPU array by id */
struct dyncast_v1_instance_counters {
	__u64 packets;
	__u64 bytes;
	__u64 flows_new;
};

#endif /* DYNCAST_DATAPLANE_V1_H */
