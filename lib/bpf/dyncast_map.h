/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout of the BPF maps: what lib/bpf/dyncast.bpf.c (kernel) and
 * zebra-dyncast/dataplane*.c (user side) agree on.
 *
 * Maps are pinned and outlive the daemon, so a change of any struct, size or
 * meaning here needs a new DYNCAST_MAP_VERSION: the version is part of the pin
 * names (a bpffs name may not hold a dot).
 *
 * Addresses are 16 bytes in network byte order, IPv4 in the first four and the
 * rest zero.  Ports in a flow key are in network byte order too, everything
 * else in host byte order.  Times are whole seconds of CLOCK_MONOTONIC.
 */

#ifndef DYNCAST_MAP_H
#define DYNCAST_MAP_H

#include <linux/types.h>

#define DYNCAST_MAP_VERSION 2
#define DYNCAST_MAP_PIN_PREFIX "v2_"

/* The loader sizes the maps for the number of services it is told, up to the
 * most that ids have room for: 16 bits in a flow key, 20 in a slot. */
#define DYNCAST_MAP_SERVICES_DEFAULT 256
#define DYNCAST_MAP_SERVICES_MAX 16384
#define DYNCAST_MAP_INSTANCES_MIN 4096
#define DYNCAST_MAP_INSTANCES_MAX (1u << 20)
#define DYNCAST_MAP_SLOTS 1024 /* per service, a power of two */
#define DYNCAST_MAP_IFACES_MAX 1024

/* same numbers as AF_*, enum dyncast_kind and enum dyncast_affinity, which BPF
 * code cannot include */
#define DYNCAST_MAP_AF_INET 2
#define DYNCAST_MAP_AF_INET6 10
#define DYNCAST_MAP_KIND_ADJACENT 1
#define DYNCAST_MAP_KIND_SRV6 2
#define DYNCAST_MAP_KIND_IPIP 3
#define DYNCAST_MAP_AFFINITY_SOURCE 2
#define DYNCAST_MAP_AFFINITY_NONE 4

/* map "ifaces", hash: ifindex -> this; and, where flags are not 0,
 * "ifaces_near", array: the same of small indexes, which most are and which is
 * quicker */
#define DYNCAST_MAP_IFACES_NEAR 1024
struct dyncast_map_iface {
	__u32 table_id; /* where the destination is looked up */
	__u32 flags;
};
#define DYNCAST_MAP_IFACE_CLSACT (1u << 0)    /* filter, not TCX link */
#define DYNCAST_MAP_IFACE_OWN_QDISC (1u << 1) /* the clsact qdisc is ours */
#define DYNCAST_MAP_IFACE_L3 (1u << 2)	      /* no Ethernet header */
#define DYNCAST_MAP_IFACE_STEER (1u << 3)     /* places packets of services */
#define DYNCAST_MAP_IFACE_DECAP (1u << 4)     /* strips outer headers */
#define DYNCAST_MAP_IFACE_EGRESS (1u << 5)    /* on the way out */

/*
 * map "services", LPM trie.  prefixlen counts the bits after itself: all of
 * table_id and family always match, so it is DYNCAST_MAP_LPM_FIXED + length.
 */
#define DYNCAST_MAP_LPM_FIXED 64
struct dyncast_map_service_key {
	__u32 prefixlen;
	__u32 table_id;
	__u32 family;
	__u32 addr[4];
};
struct dyncast_map_service {
	__u32 index; /* its slots begin at index * DYNCAST_MAP_SLOTS */
	__u32 seed;  /* of the flow hash, the same on all routers */
	__u16 timeout_s;
	__u8 affinity; /* enum dyncast_affinity */
	__u8 plen;     /* of source affinity, at most the family's size */
	__u32 flags;
};
/* is not steered; what comes for a local instance's D-BID is its own still */
#define DYNCAST_MAP_SERVICE_RESTS (1u << 0)

/*
 * map "filter", mmapable array: one bit for each value of a destination's first
 * 16 bits (IPv4), or of a fold of its first 32 (IPv6).  A bit that is not set
 * says that no service of any table can match, which spares other traffic the
 * two lookups.
 */
#define DYNCAST_MAP_FILTER_WORDS                                               \
	2048 /* of 64 bits; IPv6 in the second half                            \
	      */
static inline __attribute__((always_inline)) __u32
dyncast_map_filter_ipv4(const __u8 *addr)
{
	return (__u32)addr[0] << 8 | addr[1];
}
static inline __attribute__((always_inline)) __u32
dyncast_map_filter_ipv6(const __u8 *addr)
{
	return 0x10000 | (((__u32)addr[0] << 8 | addr[1]) ^
			  ((__u32)addr[2] << 8 | addr[3]));
}

/*
 * map "decap", hash: the D-BID of a local instance, as outer destination, to
 * that instance.  An inner packet that is not of its service is dropped.
 */
struct dyncast_map_decap_key {
	__u32 family;
	__u32 addr[4];
};
struct dyncast_map_decap {
	__u32 instance;
	__u32 table_id; /* of the service */
};

/*
 * A flow, as the flow table and probation know it.  With source affinity the
 * source is masked and proto and ports are zero, as ports are of protocols that
 * have none; the destination never is.  The key of an IPv4 flow is the first
 * KEY4_SIZE bytes.
 */
struct dyncast_map_flow_key {
	__u16 service; /* index */
	__u8 proto;
	__u8 reserved;
	__u16 sport;
	__u16 dport;
	union {
		struct {
			__u32 saddr4;
			__u32 daddr4;
		};
		struct {
			__u32 saddr[4];
			__u32 daddr[4];
		};
	};
} __attribute__((aligned(8)));
#define DYNCAST_MAP_FLOW_KEY4_SIZE 16
struct dyncast_map_flow_key4 {
	__u64 word[DYNCAST_MAP_FLOW_KEY4_SIZE / 8];
};
struct dyncast_map_flow_key6 {
	__u64 word[sizeof(struct dyncast_map_flow_key) / 8];
};
/* valid while its instance has the same generation, is alive, and the flow
 * was not idle for longer than the service's timeout */
struct dyncast_map_flow {
	__u32 instance : 20, flags : 12;
	__u32 generation;
	__u32 first_seen;
	__u32 last_seen; /* written at most once a second */
};
#define DYNCAST_MAP_FLOW_CLOSED (1u << 0) /* the client sent FIN or RST */

/*
 * maps "flows4" and "flows6", mmapable arrays of buckets: the flow table, a
 * hash table of our own.  The kernel's costs three cache misses for a flow in a
 * large table, and the common form of it throws live flows out when it is full;
 * here a flow costs one or two, and a full bucket takes no more.
 *
 * A bucket has WAYS entries of a whole fraction of a cache line each, and a tag
 * of 8 bits for each: 0 where the entry is free, else of the flow's hash, so
 * that hardly any entry is read in vain.  A flow is put where its hash wants it
 * (home) if that is free, else beside it, which is in the same cache line
 * (IPv4) or in the one that the processor fetches along (IPv6): most flows are
 * found there by a single miss.  A free entry's key is zero, which no flow has.
 *
 * Readers take no lock.  Who inserts, removes or changes flags holds the lock
 * of the bucket (map "flow_locks").  Only programs can, so the daemon has
 * dyncast_flow_orders do it for it.
 */
#define DYNCAST_MAP_WAYS 15
/*
 * So many flows a bucket make a full table.  Chance fills some buckets before
 * that; flows that find theirs full go to the next one that is not, at most
 * PROBES - 1 further, and `spills` of those that were passed over says that one
 * has to look further for a flow that is not there.  It is counted up before
 * and after such a flow is put, and to 0 only by who has seen the same figure
 * before and after looking for flows that have spilled.
 */
#define DYNCAST_MAP_BUCKET_FLOWS 9
#define DYNCAST_MAP_PROBES 8
struct dyncast_map_tags {
	__u64 word[2]; /* one byte a way, the last byte is 0 */
	__u64 spills;
};
struct dyncast_map_entry4 {
	struct dyncast_map_flow_key4 key;
	struct dyncast_map_flow flow;
};
struct dyncast_map_bucket4 {
	struct dyncast_map_tags tags;
	__u64 reserved;
	struct dyncast_map_entry4 entries[DYNCAST_MAP_WAYS];
};
struct dyncast_map_entry6 {
	struct dyncast_map_flow_key6 key;
	struct dyncast_map_flow flow;
	__u64 reserved;
};
struct dyncast_map_bucket6 {
	struct dyncast_map_tags tags;
	__u64 reserved[5];
	struct dyncast_map_entry6 entries[DYNCAST_MAP_WAYS];
};
/* the way beside one; way 0 has the tags beside it and is its own */
static inline __attribute__((always_inline)) __u32
dyncast_map_way_beside(__u32 way)
{
	return way ? ((way - 1) ^ 1) + 1 : 0;
}
_Static_assert(sizeof(struct dyncast_map_bucket4) == 512 &&
		       sizeof(struct dyncast_map_bucket6) == 1024,
	       "entries are to keep to their cache lines");

/* map "flow_locks", array of struct bpf_spin_lock by bucket modulo this */
#define DYNCAST_MAP_LOCKS 1024

/* what dyncast_flow_orders is told to do, one behind the other in a packet
 * behind ORDERS_OFFSET bytes; it returns how many were done */
enum dyncast_map_order_op {
	DYNCAST_ORDER_PUT = 1, /* unless the table has one as new */
	DYNCAST_ORDER_FORGET,
	DYNCAST_ORDER_FORGET_IDLE, /* unless seen after last_seen */
	/* no flow of the bucket word[0] of key has spilled, unless its spills
	 * are no longer word[1] */
	DYNCAST_ORDER_SETTLE,
};
struct dyncast_map_order {
	__u32 op;
	__u32 family;
	union {
		struct dyncast_map_flow_key key;
		__u64 word[2];
	};
	struct dyncast_map_flow flow;
};
#define DYNCAST_MAP_ORDERS_OFFSET 16
#define DYNCAST_MAP_ORDERS_MAX 40

/*
 * maps "probation4" and "probation6", LRU hashes of key to flow: the first
 * packet of a UDP flow, of a source or of a connection that needs an entry is
 * only remembered here, and the second one makes the entry in the flow table. A
 * flood of single packets with forged sources pushes out its like, and nobody
 * else.
 */
#define DYNCAST_MAP_PROBATION_MAX 65536

/* map "budget", per-CPU array with one element: entries made this second */
struct dyncast_map_budget {
	__u32 second;
	__u32 used;
};
/* entries that each CPU may make in a second, at least */
#define DYNCAST_MAP_BUDGET_MIN 4096

/*
 * map "fragments", LRU hash: where a packet's first fragment, which alone has
 * ports, was sent.  Not pinned: forgotten with the program.
 *
 * There is no limit by time, as there is for flows: whoever uses it up keeps
 * all others out for the rest of the second, while in an LRU he has to send
 * thousands of first fragments between the first and the last one of another's
 * packet, to lose that packet alone.
 */
#define DYNCAST_MAP_FRAGMENTS_MAX 4096
struct dyncast_map_fragment_key {
	__u32 service;
	__u32 id;
	__u8 family;
	__u8 proto;
	__u16 reserved;
	__u32 saddr[4];
	__u32 daddr[4];
};
struct dyncast_map_fragment {
	__u32 instance;
	__u32 generation;
};

/*
 * map "slots", mmapable array, services * SLOTS elements, each read and
 * written as one 64-bit word.  The writer moves a slot by
 *   if (now - t_change > timeout) old = cur;  cur = X;  t_change = now;
 * so that `old` is where flows that began before the change are.  When nobody
 * was there (an empty slot), old = X.  With old = cur, or after the timeout, a
 * slot is at rest: TCP flows without an entry are on cur.  In time the writer
 * says so by t_change = 0.
 */
union dyncast_map_slot {
	struct {
		__u64 cur : 20; /* instance id, 0: none */
		__u64 old : 20;
		__u64 t_change : 24;
	};
	__u64 word;
};
/*
 * t_change is a time modulo 2^24 (194 days), and 0 means at rest, so the one
 * second in which the clock reads 0 is told as the next.  A slot that nobody
 * settles for that long begins to move again.
 */
#define DYNCAST_MAP_TIME_MASK 0xffffffu
/* other CPUs' clocks may be ahead of ours by so much */
#define DYNCAST_MAP_TIME_AHEAD 2u
static inline __attribute__((always_inline)) __u32
dyncast_map_slot_time(__u32 now)
{
	now &= DYNCAST_MAP_TIME_MASK;
	return now ? now : 1;
}
/* whether at most `timeout` seconds have passed since the slot's change */
static inline __attribute__((always_inline)) int
dyncast_map_slot_changed(union dyncast_map_slot slot, __u32 now, __u32 timeout)
{
	__u32 since = (now - (__u32)slot.t_change + DYNCAST_MAP_TIME_AHEAD) &
		      DYNCAST_MAP_TIME_MASK;

	return slot.t_change && since <= timeout + DYNCAST_MAP_TIME_AHEAD;
}

/*
 * map "pins", mmapable array, two slots to an element: when a TCP flow of the
 * slot last had or got an entry, 0: none has one any more.  At rest and without
 * pins a slot's TCP is on cur without a look at the flow table.  The program
 * writes the time, the writer turns it to 0 after the timeout.
 */
struct dyncast_map_pins {
	__u32 second[2];
};

/*
 * map "instances", mmapable array by instance id (0 is never used).  The head
 * is one word: who sees it alive sees the matching service and generation.
 * The generation only ever grows, also across uses of an id by different
 * instances, and stays when the instance is deleted.
 */
struct dyncast_map_instance {
	union {
		struct {
			__u8 kind;
			__u8 flags;
			__u16 service; /* index + 1; 0: not in use */
			__u32 generation;
		};
		__u64 head;
	};
	__u32 ifindex;	     /* 0: leave the last step to the kernel's route */
	__u16 mtu;	     /* of the path, 0 unknown */
	__u8 outer_family;   /* of the header to be pushed, 0: none */
	__u8 nexthop_family; /* 0: as ifindex 0 */
	__u32 nexthop[4];
	/*
	 * The outer header, but for what each packet decides: in an IPv6 header
	 * traffic class, flow label, length and next header are zero, in an
	 * IPv4 one TOS, length, id and protocol; its sum is the plain 16-bit
	 * one of the other words, not folded or inverted.
	 */
	union {
		struct {
			__u32 head[2];
			__u32 source[4];
			__u32 dbid[4];
		} ipv6;
		struct {
			__u32 head[2];
			__u32 sum;
			__u32 source;
			__u32 dbid;
		} ipv4;
		__u32 outer[10];
	};
	__u32 reserved[14];
};
#define DYNCAST_MAP_INSTANCE_ALIVE (1u << 0)
/* by its generation, since it was last alive: the writer's note for slots */
#define DYNCAST_MAP_INSTANCE_VOIDED (1u << 1)

/* maps "ident_service" and "ident_instance", hashes to __u32: which index and
 * which id belong to whom, for recovery after a restart.  The program does not
 * read them. */
struct dyncast_map_ident_service {
	__u32 table_id;
	__u8 family;
	__u8 len;
	__u16 reserved;
	__u32 addr[4];
};
struct dyncast_map_ident_instance {
	__u16 service; /* index */
	__u16 family;
	__u32 dbid[4];
};

/* map "counters", per-CPU array with one element: what belongs to no instance
 */
enum dyncast_map_counter {
	DYNCAST_COUNT_NO_INSTANCE,
	DYNCAST_COUNT_TOO_BIG,
	DYNCAST_COUNT_FRAGMENT, /* without its first one: left to the kernel */
	DYNCAST_COUNT_PASSED,
	DYNCAST_COUNT_ERROR,	 /* could not be rewritten */
	DYNCAST_COUNT_PROBATION, /* first packets remembered */
	DYNCAST_COUNT_LIMITED,	 /* no entry: too many this second */
	DYNCAST_COUNT_REFUSED,	 /* no entry: the table took none */
	DYNCAST_COUNT_DECAP,	 /* outer headers stripped */
	DYNCAST_COUNT_DECAP_DROPPED,
	DYNCAST_COUNT_MAX = 16
};
struct dyncast_map_counters {
	__u64 n[DYNCAST_COUNT_MAX];
};

/*
 * map "instance_counters", per-CPU array by instance id.  All that a steered
 * packet counts is here, so that it needs one look-up: its bytes, and itself
 * under one of HIT, STATELESS, NEW and REPINNED.  Sums of services and of all
 * are made by the reader.
 */
enum dyncast_map_instance_counter {
	DYNCAST_ICOUNT_BYTES,
	DYNCAST_ICOUNT_HIT,	  /* of a flow that is known */
	DYNCAST_ICOUNT_STATELESS, /* of a flow that needs no entry */
	DYNCAST_ICOUNT_NEW,	  /* the first one of a flow; TCP: SYNs */
	DYNCAST_ICOUNT_REPINNED,  /* its instance was void or dead */
	DYNCAST_ICOUNT_REFUSED,	  /* besides one of those: got no entry */
	DYNCAST_ICOUNT_MAX
};
struct dyncast_map_instance_counters {
	__u64 n[DYNCAST_ICOUNT_MAX];
};

/*
 * map "retired", array of the same with services + 1 elements: what a service's
 * deleted instances had counted, and in the last one what deleted services
 * had.  The program does not touch it.
 */

#endif /* DYNCAST_MAP_H */
