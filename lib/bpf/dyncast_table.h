/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flow table: a hash table in arrays of buckets (dyncast_map.h).  Part of
 * dyncast.bpf.c.
 *
 * All is written once for both families, with `ipv4` constant where it is
 * used.  Under a lock no helper may be called, so what is to be written is
 * looked up before, and done again when the bucket has changed meanwhile.
 *
 * Functions that are not static are looked at by the verifier once, and not
 * once for each way to get there.  They may have numbers as arguments only
 * (before kernel 5.12), so a flow is handed to them in "flow_scratch".
 */

#ifndef DYNCAST_TABLE_H
#define DYNCAST_TABLE_H

#include "dyncast_prog.h"

/* who may interrupt each other on one CPU has a scratch of its own */
enum table_caller { TABLE_OF_PACKET, TABLE_OF_ORDER, TABLE_CALLERS };

struct flow_in_scratch {
	struct dyncast_map_flow_key key;
	struct dyncast_map_flow flow;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TABLE_CALLERS);
	__type(key, __u32);
	__type(value, struct flow_in_scratch);
} flow_scratch SEC(".maps");

/* of each family's table; set by the loader */
const volatile __u32 flow_buckets = 1;

#define TABLE_WAYS_PER_WORD 8
/* how often one begins again since another CPU has changed the bucket */
#define TABLE_TRIES 4
#define TABLE_ONES 0x0101010101010101ull
#define TABLE_TOPS 0x8080808080808080ull
/* times a power of 256: its exponent, in the topmost byte */
#define TABLE_EXPONENTS 0x0001020304050607ull
/* ways of the second word; its last byte stands for none */
#define TABLE_TOPS_LAST (TABLE_TOPS >> 8)

/* A way's tag is the byte of the word that is worth 256^way, on machines of
 * either byte order. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define TABLE_BYTE(way) (way)
#else
#define TABLE_BYTE(way) ((way) ^ 7)
#endif

/* the topmost bit of each byte that equals the tag, and perhaps of some bytes
 * behind one that does */
static __always_inline __u64 table_matches(__u64 word, __u8 tag)
{
	__u64 differ = word ^ tag * TABLE_ONES;

	return (differ - TABLE_ONES) & ~differ & TABLE_TOPS;
}

/* the first way of a word's matches */
static __always_inline __u32 table_first(__u64 matches)
{
	return ((matches & -matches) >> 7) * TABLE_EXPONENTS >> 56;
}

static __always_inline struct dyncast_map_tags *table_bucket(__u32 bucket,
							     bool ipv4)
{
	return ipv4 ? bpf_map_lookup_elem(&flows4, &bucket)
		    : bpf_map_lookup_elem(&flows6, &bucket);
}

/* key and flow of a way; NULL when there is no such way */
static __always_inline __u64 *table_key(struct dyncast_map_tags *tags,
					__u32 way, bool ipv4)
{
	/* the compiler is not to know what the verifier has to be told */
	asm volatile("" : "+r"(way));
	if (way >= DYNCAST_MAP_WAYS)
		return NULL;
	return ipv4 ? ((struct dyncast_map_bucket4 *)tags)
			       ->entries[way]
			       .key.word
		    : ((struct dyncast_map_bucket6 *)tags)
			       ->entries[way]
			       .key.word;
}

static __always_inline struct dyncast_map_flow *table_flow(__u64 *key,
							   bool ipv4)
{
	return ipv4 ? &((struct dyncast_map_entry4 *)key)->flow
		    : &((struct dyncast_map_entry6 *)key)->flow;
}

static __always_inline bool table_same(const __u64 *a, const __u64 *b,
				       bool ipv4)
{
	if (a[1] != b[1] || a[0] != b[0])
		return false;
	return ipv4 || (a[2] == b[2] && a[3] == b[3] && a[4] == b[4]);
}

static __always_inline void table_copy(__u64 *to, const __u64 *from, bool ipv4)
{
	to[0] = from ? from[0] : 0;
	to[1] = from ? from[1] : 0;
	if (ipv4)
		return;
	to[2] = from ? from[2] : 0;
	to[3] = from ? from[3] : 0;
	to[4] = from ? from[4] : 0;
}

static __always_inline __u64 table_word(const struct dyncast_map_tags *tags,
					int which)
{
	return *(const volatile __u64 *)&tags->word[which];
}

static __always_inline int table_search_word(struct dyncast_map_tags *tags,
					     const __u64 *key, __u8 tag,
					     int which, bool ipv4)
{
	__u64 matches = table_matches(table_word(tags, which), tag);

	for (int i = 0; i < TABLE_WAYS_PER_WORD && matches; i++) {
		__u32 way = which * TABLE_WAYS_PER_WORD + table_first(matches);
		__u64 *there = table_key(tags, way, ipv4);

		if (there && table_same(there, key, ipv4))
			return way;
		matches &= matches - 1;
	}
	return -1;
}

/* what a search finds besides a way */
#define TABLE_NOT_HERE (-1)
#define TABLE_SPILLED (-2) /* not here, but perhaps in the next bucket */

static __always_inline int table_search_of(const __u64 *key, __u32 bucket,
					   __u8 tag, bool ipv4)
{
	struct dyncast_map_tags *tags = table_bucket(bucket, ipv4);
	int way;

	if (!tags)
		return TABLE_NOT_HERE;
	way = table_search_word(tags, key, tag, 0, ipv4);
	if (way < 0)
		way = table_search_word(tags, key, tag, 1, ipv4);
	if (way < 0 && *(volatile __u64 *)&tags->spills)
		return TABLE_SPILLED;
	return way;
}

/* By tags, the way in this bucket of the flow in scratch. */
__noinline int dyncast_table_search(__u32 caller, __u32 family, __u32 bucket,
				    __u32 tag)
{
	struct flow_in_scratch *at =
		bpf_map_lookup_elem(&flow_scratch, &caller);

	if (!at)
		return TABLE_NOT_HERE;
	return family == DYNCAST_MAP_AF_INET
		       ? table_search_of((__u64 *)&at->key, bucket, tag, true)
		       : table_search_of((__u64 *)&at->key, bucket, tag, false);
}

static __always_inline __u32 table_next(__u32 bucket)
{
	return bucket + 1 < flow_buckets ? bucket + 1 : 0;
}

/* a way together with its bucket, in one number that is not negative */
#define TABLE_AT(probe, way) ((probe) << 4 | (way))
#define TABLE_AT_PROBE(at) ((__u32)(at) >> 4)
#define TABLE_AT_WAY(at) ((at)&15)
static __always_inline __u32 table_at_bucket(__u32 bucket, __u32 at)
{
	bucket += TABLE_AT_PROBE(at);
	return bucket < flow_buckets ? bucket : bucket - flow_buckets;
}

/* Where the flow in scratch is (TABLE_AT), in its bucket or one to which it has
 * spilled; negative: it is not there. */
__noinline int dyncast_table_probe(__u32 caller, __u32 family, __u32 bucket,
				   __u32 tag)
{
	for (__u32 probe = 0; probe < DYNCAST_MAP_PROBES; probe++) {
		int way = dyncast_table_search(caller, family, bucket, tag);

		if (way >= 0)
			return TABLE_AT(probe, way);
		if (way != TABLE_SPILLED)
			break;
		bucket = table_next(bucket);
	}
	return TABLE_NOT_HERE;
}

/* the flow goes into the caller's scratch; false: there is none */
static __always_inline bool
flow_scratch_set(__u32 caller, const struct dyncast_map_flow_key *key,
		 const struct dyncast_map_flow *flow, bool ipv4)
{
	struct flow_in_scratch *at =
		bpf_map_lookup_elem(&flow_scratch, &caller);

	if (!at)
		return false;
	table_copy((__u64 *)&at->key, (const __u64 *)key, ipv4);
	if (flow)
		at->flow = *flow;
	return true;
}

static __always_inline struct dyncast_map_flow *
table_find_of(enum table_caller caller, const struct dyncast_map_flow_key *key,
	      const struct dyncast_hash_place *place, __u32 family, bool ipv4)
{
	struct dyncast_map_tags *tags = table_bucket(place->bucket, ipv4);
	__u64 *there;
	int at;

	if (!tags)
		return NULL;
	there = table_key(tags, place->home, ipv4);
	if (there && table_same(there, (const __u64 *)key, ipv4))
		return table_flow(there, ipv4);
	there = table_key(tags, dyncast_map_way_beside(place->home), ipv4);
	if (there && table_same(there, (const __u64 *)key, ipv4))
		return table_flow(there, ipv4);
	if (!flow_scratch_set(caller, key, NULL, ipv4))
		return NULL;
	at = dyncast_table_probe(caller, family, place->bucket, place->tag);
	if (at < 0)
		return NULL;
	tags = table_bucket(table_at_bucket(place->bucket, at), ipv4);
	there = tags ? table_key(tags, TABLE_AT_WAY(at), ipv4) : NULL;
	return there ? table_flow(there, ipv4) : NULL;
}

/* The flow's entry, or NULL.  It may be given to another flow any time, as a
 * map's elements may: who writes more than last_seen takes the lock. */
static __always_inline struct dyncast_map_flow *
table_find(enum table_caller caller, const struct dyncast_map_flow_key *key,
	   __u8 family)
{
	struct dyncast_hash_place place =
		dyncast_hash_place(key, family, flow_buckets);

	return family == DYNCAST_MAP_AF_INET
		       ? table_find_of(caller, key, &place, family, true)
		       : table_find_of(caller, key, &place, family, false);
}

static __always_inline struct bpf_spin_lock *table_lock(__u32 bucket)
{
	__u32 which = bucket % DYNCAST_MAP_LOCKS;
	struct flow_lock *lock = bpf_map_lookup_elem(&flow_locks, &which);

	return lock ? &lock->lock : NULL;
}

static __always_inline void table_tag(struct dyncast_map_tags *tags, __u32 way,
				      __u8 tag)
{
	asm volatile("" : "+r"(way));
	((volatile __u8 *)
		 tags)[TABLE_BYTE(way) & (2 * TABLE_WAYS_PER_WORD - 1)] = tag;
}

/* the way to put a flow that is not there; WAYS when all are taken */
static __always_inline __u32 table_free_way(__u64 first, __u64 second,
					    __u32 home)
{
	__u64 free = table_matches(first, 0);
	__u64 free_last = table_matches(second, 0) & TABLE_TOPS_LAST;
	__u64 word = home < TABLE_WAYS_PER_WORD ? first : second;
	__u32 beside = dyncast_map_way_beside(home);

	if (!(word >> (home % TABLE_WAYS_PER_WORD * 8) & 0xff))
		return home;
	word = beside < TABLE_WAYS_PER_WORD ? first : second;
	if (!(word >> (beside % TABLE_WAYS_PER_WORD * 8) & 0xff))
		return beside;
	if (free)
		return table_first(free);
	return free_last ? TABLE_WAYS_PER_WORD + table_first(free_last)
			 : DYNCAST_MAP_WAYS;
}

/* results of putting; the lookups of them are made again */
enum table_put { TABLE_PUT_FULL, TABLE_PUT_DONE, TABLE_PUT_CHANGED };

static __always_inline enum table_put
table_put_of(__u32 caller, __u32 family, const struct flow_in_scratch *flow,
	     __u32 bucket, const struct dyncast_hash_place *place, bool ipv4)
{
	const __u64 *key = (const __u64 *)&flow->key;
	struct dyncast_map_tags *tags = table_bucket(bucket, ipv4);
	struct bpf_spin_lock *lock = table_lock(bucket);
	enum table_put result = TABLE_PUT_CHANGED;
	__u64 *there, first, second;
	bool known;
	int way;

	if (!tags || !lock)
		return TABLE_PUT_FULL;
	first = table_word(tags, 0);
	second = table_word(tags, 1);
	way = dyncast_table_search(caller, family, bucket, place->tag);
	known = way >= 0;
	if (!known)
		way = table_free_way(first, second, place->home);
	there = table_key(tags, way, ipv4);
	if (!there)
		return TABLE_PUT_FULL;
	bpf_spin_lock(lock);
	if (table_word(tags, 0) == first && table_word(tags, 1) == second &&
	    (!known || table_same(there, key, ipv4))) {
		*table_flow(there, ipv4) = flow->flow;
		table_copy(there, key, ipv4);
		table_tag(tags, way, place->tag);
		result = TABLE_PUT_DONE;
	}
	bpf_spin_unlock(lock);
	return result;
}

/* Puts the flow in scratch into this bucket: enum table_put. */
__noinline int dyncast_table_put_into(__u32 caller, __u32 family, __u32 bucket)
{
	struct flow_in_scratch *flow =
		bpf_map_lookup_elem(&flow_scratch, &caller);
	struct dyncast_hash_place place;

	if (!flow)
		return TABLE_PUT_FULL;
	place = dyncast_hash_place(&flow->key, family, flow_buckets);
	return family == DYNCAST_MAP_AF_INET
		       ? table_put_of(caller, family, flow, bucket, &place,
				      true)
		       : table_put_of(caller, family, flow, bucket, &place,
				      false);
}

static __always_inline void table_spill(__u32 family, __u32 bucket)
{
	struct bpf_spin_lock *lock = table_lock(bucket);
	struct dyncast_map_tags *tags =
		table_bucket(bucket, family == DYNCAST_MAP_AF_INET);

	if (!tags || !lock)
		return;
	bpf_spin_lock(lock);
	tags->spills++;
	bpf_spin_unlock(lock);
}

/*
 * A bucket that other CPUs change that often in a row counts as full.  So a
 * flow is refused while there is room only if each of its PROBES buckets is
 * changed TABLE_TRIES times between a look and the lock behind it; one that has
 * an entry keeps that, if its own bucket is.  Where two CPUs do nothing else to
 * 114 buckets (tests/bpf, several_cpus) one put in 400 to 1,200 is tried twice,
 * one in 100,000 three times.
 */
static __always_inline bool table_put_into(__u32 caller, __u32 family,
					   __u32 bucket)
{
	int result = TABLE_PUT_CHANGED;

	for (int i = 0; i < TABLE_TRIES && result == TABLE_PUT_CHANGED; i++)
		result = dyncast_table_put_into(caller, family, bucket);
	return result == TABLE_PUT_DONE;
}

/* The flow in scratch, where it is or where there is room; 0: nowhere. */
__noinline int dyncast_table_put(__u32 caller, __u32 family)
{
	struct flow_in_scratch *flow =
		bpf_map_lookup_elem(&flow_scratch, &caller);
	struct dyncast_hash_place place;
	__u32 bucket, probe, passed = 0;
	int at;

	if (!flow)
		return 0;
	place = dyncast_hash_place(&flow->key, family, flow_buckets);
	/* One that has spilled is written where it is, or not at all: a second
	 * entry would hide it, and show again when that is removed. */
	at = dyncast_table_probe(caller, family, place.bucket, place.tag);
	if (at >= 0)
		return table_put_into(caller, family,
				      table_at_bucket(place.bucket, at));
	bucket = place.bucket;
	for (probe = 0; probe < DYNCAST_MAP_PROBES; probe++) {
		if (table_put_into(caller, family, bucket))
			break;
		if (probe < DYNCAST_MAP_PROBES - 1)
			table_spill(family, bucket);
		bucket = table_next(bucket);
	}
	if (probe == DYNCAST_MAP_PROBES)
		return 0;
	for (bucket = place.bucket;
	     passed < probe && passed < DYNCAST_MAP_PROBES; passed++) {
		table_spill(family, bucket);
		bucket = table_next(bucket);
	}
	return 1;
}

/* Puts the flow there, or replaces what it has; false: there is no room. */
static __always_inline bool table_put(enum table_caller caller,
				      const struct dyncast_map_flow_key *key,
				      __u8 family,
				      const struct dyncast_map_flow *flow)
{
	return flow_scratch_set(caller, key, flow,
				family == DYNCAST_MAP_AF_INET) &&
	       dyncast_table_put(caller, family);
}

enum table_change { TABLE_REMOVE, TABLE_REMOVE_IDLE, TABLE_OPEN, TABLE_CLOSE };

static __always_inline bool table_change_of(__u32 caller, __u32 family,
					    const struct flow_in_scratch *flow,
					    __u32 what, __u32 last_seen,
					    bool ipv4)
{
	const __u64 *key = (const __u64 *)&flow->key;
	struct dyncast_hash_place place =
		dyncast_hash_place(&flow->key, family, flow_buckets);
	struct dyncast_map_flow *there_flow;
	struct dyncast_map_tags *tags;
	struct bpf_spin_lock *lock;
	bool done = false;
	__u64 *there;
	__u32 bucket;
	int at;

	at = dyncast_table_probe(caller, family, place.bucket, place.tag);
	if (at < 0)
		return false;
	bucket = table_at_bucket(place.bucket, at);
	tags = table_bucket(bucket, ipv4);
	lock = table_lock(bucket);
	if (!tags || !lock)
		return false;
	there = table_key(tags, TABLE_AT_WAY(at), ipv4);
	if (!there)
		return false;
	there_flow = table_flow(there, ipv4);
	bpf_spin_lock(lock);
	if (table_same(there, key, ipv4)) {
		done = true;
		if (what == TABLE_OPEN) {
			there_flow->flags &= ~DYNCAST_MAP_FLOW_CLOSED;
		} else if (what == TABLE_CLOSE) {
			there_flow->flags |= DYNCAST_MAP_FLOW_CLOSED;
		} else if (what == TABLE_REMOVE ||
			   (__s32)(there_flow->last_seen - last_seen) <= 0) {
			table_tag(tags, TABLE_AT_WAY(at), 0);
			table_copy(there, NULL, ipv4);
		} else {
			done = false;
		}
	}
	bpf_spin_unlock(lock);
	return done;
}

/* Of the flow in scratch; 0: it is not there, or is not to be removed. */
__noinline int dyncast_table_change(__u32 caller, __u32 family, __u32 what,
				    __u32 last_seen)
{
	struct flow_in_scratch *flow =
		bpf_map_lookup_elem(&flow_scratch, &caller);

	if (!flow)
		return 0;
	return family == DYNCAST_MAP_AF_INET
		       ? table_change_of(caller, family, flow, what, last_seen,
					 true)
		       : table_change_of(caller, family, flow, what, last_seen,
					 false);
}

static __always_inline int table_change(enum table_caller caller,
					const struct dyncast_map_flow_key *key,
					__u8 family, enum table_change what,
					__u32 last_seen)
{
	if (!flow_scratch_set(caller, key, NULL, family == DYNCAST_MAP_AF_INET))
		return 0;
	return dyncast_table_change(caller, family, what, last_seen);
}

static __always_inline int table_settle(__u32 family, __u32 bucket,
					__u64 spills)
{
	struct bpf_spin_lock *lock = table_lock(bucket);
	struct dyncast_map_tags *tags =
		table_bucket(bucket, family == DYNCAST_MAP_AF_INET);
	int done = 0;

	if (!tags || !lock)
		return 0;
	bpf_spin_lock(lock);
	if (tags->spills == spills) {
		tags->spills = 0;
		done = 1;
	}
	bpf_spin_unlock(lock);
	return done;
}

/* One order of the daemon's; not static: the verifier then looks at it once.
 */
__noinline int dyncast_flow_order(struct __sk_buff *skb, __u32 at)
{
	struct dyncast_map_order order;
	struct dyncast_map_flow *there;

	if (bpf_skb_load_bytes(skb, at, &order, sizeof(order)))
		return 0;
	switch (order.op) {
	case DYNCAST_ORDER_PUT:
		there = table_find(TABLE_OF_ORDER, &order.key, order.family);
		if (there &&
		    (__s32)(there->last_seen - order.flow.last_seen) >= 0)
			return 0;
		return table_put(TABLE_OF_ORDER, &order.key, order.family,
				 &order.flow);
	case DYNCAST_ORDER_FORGET:
		return table_change(TABLE_OF_ORDER, &order.key, order.family,
				    TABLE_REMOVE, 0);
	case DYNCAST_ORDER_FORGET_IDLE:
		return table_change(TABLE_OF_ORDER, &order.key, order.family,
				    TABLE_REMOVE_IDLE, order.flow.last_seen);
	case DYNCAST_ORDER_SETTLE:
		return table_settle(order.family, order.word[0], order.word[1]);
	}
	return 0;
}

#endif /* DYNCAST_TABLE_H */
