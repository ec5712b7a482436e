/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flow hash that picks a slot: a pure function of the packet and the
 * service's seed, the same on every router whatever its byte order, table ids
 * or interfaces.  Compiled into the BPF program, the tests and the simulator.
 * Ingresses that share a ring send one flow to one instance only while this
 * function is the same on all of them: changing it is a change of the network's
 * behaviour.
 */

#ifndef DYNCAST_HASH_H
#define DYNCAST_HASH_H

#include "dyncast_map.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DYNCAST_HASH_BE32(x) __builtin_bswap32(x)
#define DYNCAST_HASH_BE16(x) __builtin_bswap16(x)
#else
#define DYNCAST_HASH_BE32(x) (x)
#define DYNCAST_HASH_BE16(x) (x)
#endif

static inline __attribute__((always_inline)) __u32
dyncast_hash_rotate(__u32 x, unsigned int by)
{
	return (x << by) | (x >> (32 - by));
}

/* one step of MurmurHash3's 32-bit body */
static inline __attribute__((always_inline)) __u32 dyncast_hash_step(__u32 hash,
								     __u32 word)
{
	word = dyncast_hash_rotate(word * 0xcc9e2d51u, 15) * 0x1b873593u;
	return dyncast_hash_rotate(hash ^ word, 13) * 5 + 0xe6546b64u;
}

static inline __attribute__((always_inline)) __u32
dyncast_hash_flow(const struct dyncast_map_flow_key *key, __u8 family,
		  __u32 seed)
{
	__u32 ports = (__u32)DYNCAST_HASH_BE16(key->sport) << 16 |
		      DYNCAST_HASH_BE16(key->dport);
	__u32 hash = seed;

	if (family == DYNCAST_MAP_AF_INET) {
		hash = dyncast_hash_step(hash, DYNCAST_HASH_BE32(key->saddr4));
		hash = dyncast_hash_step(hash, DYNCAST_HASH_BE32(key->daddr4));
	} else {
		for (int i = 0; i < 4; i++) {
			hash = dyncast_hash_step(
				hash, DYNCAST_HASH_BE32(key->saddr[i]));
			hash = dyncast_hash_step(
				hash, DYNCAST_HASH_BE32(key->daddr[i]));
		}
	}
	hash = dyncast_hash_step(hash, ports);
	hash = dyncast_hash_step(hash, key->proto);

	hash ^= hash >> 16;
	hash *= 0x85ebca6bu;
	hash ^= hash >> 13;
	hash *= 0xc2b2ae35u;
	hash ^= hash >> 16;
	return hash;
}

/* Where a flow is in the flow table (dyncast_map.h).  The router's own affair,
 * and by other bits than the slot, since the flows of a few slots that moved
 * may be all that the table holds. */
struct dyncast_hash_place {
	__u32 bucket;
	__u8 home; /* way */
	__u8 tag;  /* not 0 */
};

static inline __attribute__((always_inline)) __u64 dyncast_hash_mix(__u64 hash,
								    __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

static inline __attribute__((always_inline)) struct dyncast_hash_place
dyncast_hash_place(const struct dyncast_map_flow_key *key, __u8 family,
		   __u32 buckets)
{
	const __u64 *word = (const __u64 *)key;
	struct dyncast_hash_place place;
	__u64 hash = dyncast_hash_mix(0, word[0]);

	hash = dyncast_hash_mix(hash, word[1]);
	if (family != DYNCAST_MAP_AF_INET) {
		hash = dyncast_hash_mix(hash, word[2]);
		hash = dyncast_hash_mix(hash, word[3]);
		hash = dyncast_hash_mix(hash, word[4]);
	}
	hash *= 0xbf58476d1ce4e5b9ull;
	place.bucket = (hash >> 32) * buckets >> 32;
	place.home = ((hash >> 8 & 0xff) * DYNCAST_MAP_WAYS) >> 8;
	place.tag = hash >> 16;
	if (!place.tag)
		place.tag = 1;
	return place;
}

#endif /* DYNCAST_HASH_H */
