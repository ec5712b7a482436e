// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ring of a service: weighted rendezvous hashing, and the bounded
 * movement from one ring to the next.
 *
 * Every member draws, for every slot, a number u in (0, 1) from a hash of
 * (seed, D-BID, slot); the member with the smallest -log(u) / weight gets the
 * slot.  That is a race of exponential clocks: member i wins with probability
 * weight_i / sum, and since a member's draws depend on nobody else, a member
 * that leaves frees its own slots only, and one whose weight changes trades
 * slots only with itself on one side.
 *
 * Run by zebra_dyncast on its main thread, by tests and by the simulator.
 * Integers only, so that all processors build the same ring: do not change
 * the arithmetic between releases, or a mixed network builds two rings.
 */

#include "ring.h"

#include <string.h>

#include "addr.h"
#include "fixed.h"

/* the odd constant nearest 2^64 / golden ratio */
#define GOLDEN 0x9e3779b97f4a7c15ull

#define LOG_BITS 9
#define LOG_ENTRIES (1u << LOG_BITS)

/* keeps (cost < 2^38 + 1) x weight within 64 bits */
#define WEIGHT_BITS 26

/* what is known of a slot while the members race for it */
struct race {
	uint64_t cost; /* -log2(u) of the leader, 32 fractional bits */
	uint32_t weight;
	uint32_t leader; /* index into members */
};

/* every bit of x decides about every bit of the result; a bijection (the
 * finaliser of splitmix64) */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static uint64_t addr_hash(uint64_t hash, const struct dyncast_addr *addr)
{
	/* the size, not AF_INET6, whose value is the system's own */
	hash = mix(hash + GOLDEN + dyncast_family_size(addr->family));
	for (size_t half = 0; half < 16; half += 8) {
		uint64_t word = 0;

		for (size_t i = 0; i < 8; i++)
			word = word << 8 | addr->bytes[half + i];
		hash = mix((hash ^ word) + GOLDEN);
	}
	return hash;
}

uint32_t dyncast_ring_seed(const struct dyncast_prefix *prefix)
{
	uint64_t hash = addr_hash(prefix->len, &prefix->addr);

	return (uint32_t)(hash ^ hash >> 32);
}

/* log2(1 + i / LOG_ENTRIES), 32 fractional bits, for all i up to 1 itself */
static void log_table_fill(uint64_t table[LOG_ENTRIES + 1])
{
	for (unsigned int i = 0; i <= LOG_ENTRIES; i++)
		table[i] = dyncast_log2_q32(LOG_ENTRIES + i) -
			   ((uint64_t)LOG_BITS << 32);
}

/* -log2(u) for u = hash / 2^64: 32 fractional bits, from 1 to 2^38 */
static uint64_t draw(const uint64_t table[LOG_ENTRIES + 1], uint64_t hash)
{
	unsigned int zeros;
	unsigned int i;
	uint64_t rest;
	uint64_t log;

	hash |= 1; /* u is never 0 */
	zeros = (unsigned int)__builtin_clzll(hash);
	hash = hash << zeros << 1; /* the leading one is known */
	i = (unsigned int)(hash >> (64 - LOG_BITS));
	rest = (hash << LOG_BITS) >> 32;
	log = table[i] + ((table[i + 1] - table[i]) * rest >> 32);
	return ((uint64_t)(zeros + 1) << 32) - log;
}

/* the smaller D-BID wins a tie, so that the order of members does not */
static bool wins_tie(const struct dyncast_ring_member *a,
		     const struct dyncast_ring_member *b)
{
	int diff = dyncast_addr_cmp(&a->dbid, &b->dbid);

	return diff ? diff < 0 : a->id < b->id;
}

static void member_race(struct race races[DYNCAST_RING_SLOTS],
			const uint64_t table[LOG_ENTRIES + 1], uint32_t seed,
			const struct dyncast_ring_member *members,
			uint32_t index, uint32_t weight)
{
	uint64_t hash = addr_hash(seed, &members[index].dbid);

	for (uint32_t slot = 0; slot < DYNCAST_RING_SLOTS; slot++) {
		struct race *race = &races[slot];
		uint64_t cost = draw(table, mix(hash + (slot + 1) * GOLDEN));
		/* cost / weight against that of the leader */
		uint64_t ours = cost * race->weight;
		uint64_t theirs = race->cost * weight;

		if (race->weight &&
		    (ours > theirs ||
		     (ours == theirs &&
		      !wins_tie(&members[index], &members[race->leader]))))
			continue;
		*race = (struct race){cost, weight, index};
	}
}

void dyncast_ring_build(uint32_t seed,
			const struct dyncast_ring_member *members, size_t n,
			uint32_t ring[DYNCAST_RING_SLOTS])
{
	struct race races[DYNCAST_RING_SLOTS] = {0};
	uint64_t table[LOG_ENTRIES + 1];
	unsigned int shift = 0;

	log_table_fill(table);
	for (size_t i = 0; i < n; i++) {
		while (members[i].weight >> shift >> WEIGHT_BITS)
			shift++;
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t weight = members[i].weight >> shift;

		if (!members[i].weight)
			continue;
		member_race(races, table, seed, members, (uint32_t)i,
			    weight ? weight : 1);
	}
	for (size_t slot = 0; slot < DYNCAST_RING_SLOTS; slot++)
		ring[slot] =
			races[slot].weight ? members[races[slot].leader].id : 0;
}

/* among few: members are an instance each */
static bool has_weight(const struct dyncast_ring_member *members, size_t n,
		       uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (members[i].id == id)
			return members[i].weight;
	return false;
}

unsigned int dyncast_ring_step(uint32_t ring[DYNCAST_RING_SLOTS],
			       const uint32_t target[DYNCAST_RING_SLOTS],
			       const struct dyncast_ring_member *members,
			       size_t n, unsigned int limit)
{
	unsigned int differ = 0;

	for (size_t slot = 0; slot < DYNCAST_RING_SLOTS; slot++) {
		if (ring[slot] == target[slot])
			continue;
		if (ring[slot] && has_weight(members, n, ring[slot])) {
			if (!limit) {
				differ++;
				continue;
			}
			limit--;
		}
		ring[slot] = target[slot];
	}
	return differ;
}
