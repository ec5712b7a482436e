/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The maps of the forwarding plane, and what its steps pass to each other.
 * Part of dyncast.bpf.c.
 */

#ifndef DYNCAST_PROG_H
#define DYNCAST_PROG_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "dyncast_hash.h"
#include "dyncast_map.h"

#define PASS TC_ACT_UNSPEC
/* linux/icmp.h does not stand alone */
#define ICMP_DEST_UNREACH 3
#define ICMP_REDIRECT 5
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMP6_ECHO_REQUEST 128 /* smaller types are errors */
#define ICMP6_ECHO_REPLY 129

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DYNCAST_MAP_IFACES_MAX);
	__type(key, __u32);
	__type(value, struct dyncast_map_iface);
} ifaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DYNCAST_MAP_IFACES_NEAR);
	__type(key, __u32);
	__type(value, struct dyncast_map_iface);
} ifaces_near SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DYNCAST_MAP_SERVICES_DEFAULT);
	__type(key, struct dyncast_map_service_key);
	__type(value, struct dyncast_map_service);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DYNCAST_MAP_FILTER_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} filter SEC(".maps");

/* sized by the loader, as are all that are sized by services */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dyncast_map_bucket4);
} flows4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dyncast_map_bucket6);
} flows6 SEC(".maps");

struct flow_lock {
	struct bpf_spin_lock lock;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DYNCAST_MAP_LOCKS);
	__type(key, __u32);
	__type(value, struct flow_lock);
} flow_locks SEC(".maps");

/* common LRU, not per-CPU: it resists floods better */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DYNCAST_MAP_PROBATION_MAX);
	__type(key, struct dyncast_map_flow_key4);
	__type(value, struct dyncast_map_flow);
} probation4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DYNCAST_MAP_PROBATION_MAX);
	__type(key, struct dyncast_map_flow_key6);
	__type(value, struct dyncast_map_flow);
} probation6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dyncast_map_budget);
} budget SEC(".maps");

/* entries that each CPU may make in a second; set by the loader */
const volatile __u32 budget_per_second = DYNCAST_MAP_BUDGET_MIN;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DYNCAST_MAP_SERVICES_DEFAULT *DYNCAST_MAP_SLOTS);
	__type(key, __u32);
	__type(value, union dyncast_map_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries,
	       DYNCAST_MAP_SERVICES_DEFAULT *DYNCAST_MAP_SLOTS / 2);
	__type(key, __u32);
	__type(value, struct dyncast_map_pins);
} pins SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DYNCAST_MAP_INSTANCES_MIN);
	__type(key, __u32);
	__type(value, struct dyncast_map_instance);
} instances SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DYNCAST_MAP_SERVICES_DEFAULT);
	__type(key, struct dyncast_map_ident_service);
	__type(value, __u32);
} ident_service SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DYNCAST_MAP_INSTANCES_MIN);
	__type(key, struct dyncast_map_ident_instance);
	__type(value, __u32);
} ident_instance SEC(".maps");

/* where the first fragment of a packet went */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DYNCAST_MAP_FRAGMENTS_MAX);
	__type(key, struct dyncast_map_fragment_key);
	__type(value, struct dyncast_map_fragment);
} fragments SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dyncast_map_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DYNCAST_MAP_INSTANCES_MIN);
	__type(key, __u32);
	__type(value, struct dyncast_map_instance_counters);
} instance_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DYNCAST_MAP_SERVICES_DEFAULT + 1);
	__type(key, __u32);
	__type(value, struct dyncast_map_instance_counters);
} retired SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DYNCAST_MAP_INSTANCES_MIN);
	__type(key, struct dyncast_map_decap_key);
	__type(value, struct dyncast_map_decap);
} decap SEC(".maps");

/* what the steps know of the packet */
enum fragment { FRAGMENT_NO, FRAGMENT_FIRST, FRAGMENT_LATER };

struct packet {
	struct dyncast_map_flow_key key;
	__u32 hash;
	__u32 now;
	__u32 end;     /* of the IP packet in the frame */
	__u32 length;  /* of the IP packet, outer headers not counted */
	__u32 segment; /* the largest IP packet that will be on the wire */
	__u32 fragment_id;
	__u32 l4;     /* where in the frame the transport header is */
	__u8 outcome; /* enum dyncast_map_instance_counter, its own counter */
	__u8 family;
	__u8 tos;
	__u8 ttl;
	__u8 fragment; /* enum fragment */
	/* of what is in pieces: the same in each, where key.proto may be behind
	 * more headers that only the first one has */
	__u8 fragment_proto;
	bool error;  /* about a packet of this flow */
	bool tcp;    /* its flow's beginning can be seen */
	bool opens;  /* TCP: SYN alone */
	bool closes; /* TCP: FIN or RST */
	bool speaks; /* TCP: has payload */
};

static __always_inline void count(enum dyncast_map_counter which, __u64 by)
{
	__u32 zero = 0;
	struct dyncast_map_counters *c = bpf_map_lookup_elem(&counters, &zero);

	if (c)
		c->n[which] += by;
}

static __always_inline void
count_instance(__u32 id, enum dyncast_map_instance_counter which)
{
	struct dyncast_map_instance_counters *c =
		bpf_map_lookup_elem(&instance_counters, &id);

	if (c)
		c->n[which]++;
}

static __always_inline struct dyncast_map_instance *instance_of(__u32 id)
{
	return id ? bpf_map_lookup_elem(&instances, &id) : NULL;
}

/* a slot may still name an id that another service has by now */
static __always_inline bool usable(const struct dyncast_map_instance *instance,
				   __u32 service)
{
	return instance && (instance->flags & DYNCAST_MAP_INSTANCE_ALIVE) &&
	       instance->service == service + 1;
}

static __always_inline struct dyncast_map_iface *iface_find(__u32 ifindex)
{
	struct dyncast_map_iface *iface =
		bpf_map_lookup_elem(&ifaces_near, &ifindex);

	return iface && iface->flags ? iface
				     : bpf_map_lookup_elem(&ifaces, &ifindex);
}

static __always_inline struct dyncast_map_service *
service_find(const struct packet *pkt, __u32 table_id)
{
	struct dyncast_map_service_key where = {
		.table_id = table_id,
		.family = pkt->family,
	};

	if (pkt->family == DYNCAST_MAP_AF_INET) {
		where.prefixlen = DYNCAST_MAP_LPM_FIXED + 32;
		where.addr[0] = pkt->key.daddr4;
	} else {
		where.prefixlen = DYNCAST_MAP_LPM_FIXED + 128;
		__builtin_memcpy(where.addr, pkt->key.daddr,
				 sizeof(where.addr));
	}
	return bpf_map_lookup_elem(&services, &where);
}

#endif /* DYNCAST_PROG_H */
