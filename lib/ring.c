// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ring of a service: weighted rendezvous hashing, and the bounded
 * movement from one ring to the next.
 *
 * Every member draws, for every slot, a number u in (0, 1) from a hash of
 * (seed, D-BID, slot); the member with the smallest -log(u) / weight gets the
 * slot.  That is a race of exponential clocks: member i wins with probability
 * weight_i / sum, and since a member's draws depend on nobody else, a member
 * that leaves frees its own slots, and one whose weight changes trades slots
 * with itself on one side.
 *
 * By chance alone a third of 1024 slots is 341 +- 15: 4 % too many requests for
 * somebody, which at 95 % load doubles a site's delay.  So the race is run
 * again with handicaps until each member has the number of slots that its
 * weight says, and the last few are moved one by one.  All in logarithms (the
 * Gumbel form of the race: log(-log(u)) - log(weight)), so that a handicap is
 * an addition, and draws are made once.  The price: when one leaves, about one
 * slot in a hundred changes between others.
 *
 * Run by zebra_dyncast on its main thread, by tests and by the simulator; not
 * reentrant (one static work space).
 * Integers only, so that all processors build the same ring: do not change
 * the arithmetic between releases, or a mixed network builds two rings.
 */

#include "ring.h"

#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "fixed.h"

/* the odd constant nearest 2^64 / golden ratio */
#define GOLDEN 0x9e3779b97f4a7c15ull

/* scores: logarithms with 10 fractional bits */
#define SCORE_BITS 10
#define SCORE_WORST INT16_MAX
#define BIAS_LEAST (-16 * (1 << SCORE_BITS))
/* the table: a number's leading zeros and the 7 bits after its first one */
#define TABLE_BITS 7
#define TABLE_ROWS 32

#define PASSES_MAX 3

/* what is known of a member while its slots are counted */
struct racer {
	const struct dyncast_ring_member *member;
	int32_t bias; /* log2 of weight, then whatever gives its quota */
	int32_t count;
	int32_t quota;
};

/* a slot that may go to another member */
struct move {
	int32_t regret; /* score that it loses by that */
	uint16_t slot;
	uint16_t to; /* index into racers */
};

/* One ring is built at a time: too large for a stack, and nothing of it is
 * needed afterwards. */
static struct {
	bool table_filled;
	int16_t table[TABLE_ROWS][1u << TABLE_BITS];
	int32_t logs[2 * DYNCAST_RING_SLOTS + 2]; /* of small numbers */
	int16_t scores[DYNCAST_CANDIDATES_MAX][DYNCAST_RING_SLOTS];
	struct racer racers[DYNCAST_CANDIDATES_MAX];
	bool over[DYNCAST_CANDIDATES_MAX]; /* has more than its quota */
	int16_t best[DYNCAST_RING_SLOTS];
	int16_t leader[DYNCAST_RING_SLOTS]; /* index into racers */
	struct move moves[DYNCAST_RING_SLOTS];
} work;

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

/* log2(-log2(1 - v)) of a v in (0, 1) with 32 bits */
static int16_t score_of(uint32_t v)
{
	uint64_t u = (1ull << 32) - v;
	/* -log2(u / 2^32), 32 fractional bits; near 0 it is v / ln 2, which
	 * the logarithm is not good enough for */
	uint64_t cost = v < 1u << 12 ? (uint64_t)v * 94548 >> 16
				     : (32ull << 32) - dyncast_log2_q32(u);

	if (!cost)
		cost = 1;
	return (int16_t)(((int64_t)dyncast_log2_q32(cost) - (32ll << 32)) >>
			 (32 - SCORE_BITS));
}

static int32_t log2_score(uint32_t x)
{
	return (int32_t)(dyncast_log2_q32(x) >> (32 - SCORE_BITS));
}

/* The middle of each step of v. */
static void table_fill(void)
{
	if (work.table_filled)
		return;
	for (unsigned int zeros = 0; zeros < TABLE_ROWS; zeros++) {
		for (unsigned int i = 0; i < 1u << TABLE_BITS; i++) {
			uint64_t v = (1ull << TABLE_BITS | i) * 2 + 1;

			v = v << (31 - TABLE_BITS) >> zeros >> 1;
			work.table[zeros][i] = score_of(v ? (uint32_t)v : 1);
		}
	}
	for (uint32_t x = 1; x < 2 * DYNCAST_RING_SLOTS + 2; x++)
		work.logs[x] = log2_score(x);
	work.table_filled = true;
}

/* two rounds are enough for 32 bits of which few decide */
static uint32_t mix32(uint32_t x)
{
	x = (x ^ x >> 16) * 0x7feb352du;
	x = (x ^ x >> 15) * 0x846ca68bu;
	return x ^ x >> 16;
}

/* A member's draws for all slots: of u in (0, 1), the logarithm of -log(u). */
static void scores_draw(int16_t scores[DYNCAST_RING_SLOTS], uint32_t seed,
			const struct dyncast_addr *dbid)
{
	uint64_t hash = addr_hash(seed, dbid);
	uint32_t low = (uint32_t)hash, high = (uint32_t)(hash >> 32) | 1;

	for (uint32_t slot = 0; slot < DYNCAST_RING_SLOTS; slot++) {
		uint32_t v = mix32(low + slot * high) | 1;
		unsigned int zeros = (unsigned int)__builtin_clz(v);

		scores[slot] =
			work.table[zeros][v << zeros << 1 >> (32 - TABLE_BITS)];
	}
}

static int racer_cmp(const void *a, const void *b)
{
	const struct racer *x = a, *y = b;
	int diff = dyncast_addr_cmp(&x->member->dbid, &y->member->dbid);

	if (diff)
		return diff;
	return x->member->id < y->member->id ? -1 : 1;
}

/* Those with weight, by D-BID, so that the order of members is nothing. */
static size_t racers_fill(const struct dyncast_ring_member *members, size_t n)
{
	size_t racing = 0;

	for (size_t i = 0; i < n && racing < DYNCAST_CANDIDATES_MAX; i++) {
		if (members[i].weight)
			work.racers[racing++].member = &members[i];
	}
	qsort(work.racers, racing, sizeof(*work.racers), racer_cmp);
	return racing;
}

/* Each one's number of slots: its part, rounded so that the sum is right
 * (largest remainder; of equal ones the smaller D-BID's). */
static void quotas_fill(size_t n)
{
	uint64_t remainders[DYNCAST_CANDIDATES_MAX];
	uint64_t sum = 0;
	int32_t left = DYNCAST_RING_SLOTS;

	for (size_t i = 0; i < n; i++)
		sum += work.racers[i].member->weight;
	for (size_t i = 0; i < n; i++) {
		uint64_t part = (uint64_t)work.racers[i].member->weight *
				DYNCAST_RING_SLOTS;

		work.racers[i].quota = (int32_t)(part / sum);
		remainders[i] = part % sum;
		left -= work.racers[i].quota;
	}
	for (; left; left--) {
		size_t most = 0;

		for (size_t i = 1; i < n; i++) {
			if (remainders[i] > remainders[most])
				most = i;
		}
		work.racers[most].quota++;
		remainders[most] = 0;
	}
}

/* All of one width and without a branch: eight slots at a time.  A score is
 * from -32 to 6 octaves, a bias from -16 to 0. */
static void race_one(int16_t *restrict best, int16_t *restrict leader,
		     const int16_t *restrict scores, int16_t bias,
		     int16_t index)
{
	for (size_t slot = 0; slot < DYNCAST_RING_SLOTS; slot++) {
		int16_t score = (int16_t)(scores[slot] - bias);
		bool wins = score < best[slot];

		best[slot] = wins ? score : best[slot];
		leader[slot] = wins ? index : leader[slot];
	}
}

static void race(size_t n)
{
	for (size_t slot = 0; slot < DYNCAST_RING_SLOTS; slot++)
		work.best[slot] = SCORE_WORST;
	for (size_t i = 0; i < n; i++) {
		if (work.racers[i].quota)
			race_one(work.best, work.leader, work.scores[i],
				 (int16_t)work.racers[i].bias, (int16_t)i);
		work.racers[i].count = 0;
	}
	for (size_t slot = 0; slot < DYNCAST_RING_SLOTS; slot++)
		work.racers[work.leader[slot]].count++;
}

/* the greatest bias is 0, and none is out of range */
static void biases_fit(size_t n)
{
	int32_t greatest = INT32_MIN;

	for (size_t i = 0; i < n; i++) {
		if (work.racers[i].quota && work.racers[i].bias > greatest)
			greatest = work.racers[i].bias;
	}
	for (size_t i = 0; i < n; i++) {
		work.racers[i].bias -= greatest;
		if (work.racers[i].bias < BIAS_LEAST)
			work.racers[i].bias = BIAS_LEAST;
	}
}

/* Chance gives members some slots more or less than their quota.  Change the
 * biases by as much; true when nothing is left to do. */
static bool biases_tune(size_t n)
{
	bool even = true;

	for (size_t i = 0; i < n; i++) {
		struct racer *racer = &work.racers[i];

		if (racer->count == racer->quota || !racer->quota)
			continue;
		even = false;
		racer->bias += (work.logs[2 * racer->quota + 1] -
				work.logs[2 * racer->count + 1]) *
			       3 / 4;
	}
	biases_fit(n);
	return even;
}

/* the best member for a slot of those that lack some; what it loses by that
 * goes to *regret */
static size_t heir(size_t n, size_t slot, int32_t *regret)
{
	size_t best = n;

	for (size_t i = 0; i < n; i++) {
		const struct racer *racer = &work.racers[i];
		int32_t loss;

		if (racer->count >= racer->quota)
			continue;
		loss = work.scores[i][slot] - racer->bias - work.best[slot];
		if (best == n || loss < *regret) {
			best = i;
			*regret = loss;
		}
	}
	return best;
}

/* Slots of members that have too many, with who should have them.  Returns
 * how many. */
static size_t moves_fill(size_t n)
{
	size_t moves = 0;
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		work.over[i] = work.racers[i].count > work.racers[i].quota;
		any |= work.over[i];
	}
	for (size_t slot = 0; any && slot < DYNCAST_RING_SLOTS; slot++) {
		struct move *move = &work.moves[moves];

		if (!work.over[work.leader[slot]])
			continue;
		move->slot = (uint16_t)slot;
		move->to = (uint16_t)heir(n, slot, &move->regret);
		moves += move->to < n;
	}
	return moves;
}

static bool move_before(const struct move *a, const struct move *b)
{
	return a->regret != b->regret ? a->regret < b->regret
				      : a->slot < b->slot;
}

/* The moves are a heap: few of them are needed, and sorting all would take
 * longer than the race. */
static void heap_sink(size_t n, size_t at)
{
	struct move move = work.moves[at];
	size_t child;

	while ((child = 2 * at + 1) < n) {
		if (child + 1 < n &&
		    move_before(&work.moves[child + 1], &work.moves[child]))
			child++;
		if (move_before(&move, &work.moves[child]))
			break;
		work.moves[at] = work.moves[child];
		at = child;
	}
	work.moves[at] = move;
}

static struct move heap_pop(size_t *n)
{
	struct move least = work.moves[0];

	work.moves[0] = work.moves[--*n];
	heap_sink(*n, 0);
	return least;
}

/* how many slots are where they are too many */
static int32_t excess(size_t n)
{
	int32_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		if (work.racers[i].count > work.racers[i].quota)
			sum += work.racers[i].count - work.racers[i].quota;
	}
	return sum;
}

/* The few slots that are still too many somewhere: those go that lose least. */
static void rest_move(size_t n)
{
	size_t moves;

	while ((moves = moves_fill(n))) {
		int32_t left = excess(n);

		for (size_t at = moves / 2; at--;)
			heap_sink(moves, at);
		while (moves && left) {
			struct move move = heap_pop(&moves);
			struct racer *from =
				&work.racers[work.leader[move.slot]];
			struct racer *to = &work.racers[move.to];

			if (from->count <= from->quota ||
			    to->count >= to->quota)
				continue;
			from->count--;
			to->count++;
			left--;
			work.leader[move.slot] = (int16_t)move.to;
		}
	}
}

void dyncast_ring_build(uint32_t seed,
			const struct dyncast_ring_member *members, size_t n,
			uint32_t ring[DYNCAST_RING_SLOTS])
{
	size_t racing = racers_fill(members, n);

	if (!racing) {
		memset(ring, 0, DYNCAST_RING_SLOTS * sizeof(*ring));
		return;
	}
	table_fill();
	quotas_fill(racing);
	for (size_t i = 0; i < racing; i++) {
		const struct dyncast_ring_member *member =
			work.racers[i].member;

		work.racers[i].bias = log2_score(member->weight);
		scores_draw(work.scores[i], seed, &member->dbid);
	}
	biases_fit(racing);
	for (unsigned int pass = 0; pass < PASSES_MAX; pass++) {
		race(racing);
		if (biases_tune(racing))
			break;
	}
	rest_move(racing);
	for (size_t slot = 0; slot < DYNCAST_RING_SLOTS; slot++)
		ring[slot] = work.racers[work.leader[slot]].member->id;
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
