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

#endif /* DYNCAST_HASH_H */
