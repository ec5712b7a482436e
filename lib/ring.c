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
 * again with handicaps that give each member about the number of slots that
 * its weight says, and the last few are moved one by one.  All in logarithms
 * (the Gumbel form of the race: log(-log(u)) - log(weight)), so that a handicap
 * is an addition.  The price: when one leaves, about one slot in a hundred
 * changes between others.
 *
 * Ten thousand rings are to be built in a tenth of a second, so a draw is no
 * hash of its own: there is one table of draws, the same everywhere, and each
 * 32 slots a member reads on from a place that the hash says.
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

#define SLOTS DYNCAST_RING_SLOTS

/* the odd constant nearest 2^64 / golden ratio */
#define GOLDEN 0x9e3779b97f4a7c15ull

/*
 * Scores: logarithms with 7 fractional bits.  A draw is from -12 to 5 octaves
 * and a bias from -14 to 0, so that scores and their differences fit in 13
 * bits. Three more, below, say who of eight racers it is: the least of eight is
 * found together with its racer.
 */
#define SCORE_BITS 10 /* with those three */
#define WHO 8
#define OCTAVE (1 << SCORE_BITS)
#define DRAW_LEAST (-12 * OCTAVE)
#define BIAS_LEAST (-14 * OCTAVE)
#define SCORE_WORST INT16_MAX

#define DRAWS (1u << 15)

/* Slots are looked at by eight: one operation of any processor that has vectors
 * of 16 bytes, and the compiler's own loop on others. */
typedef int16_t lanes __attribute__((vector_size(16)));
#define LANES 8
#define BLOCK 32 /* slots whose draws lie together */
#define BLOCKS (SLOTS / BLOCK)
#define GROUP (BLOCK / LANES)

#define PASSES 2

/* Scores by which slots that are too many somewhere may get worse, at first,
 * and how finely they are told apart by it. */
#define REGRET_FIRST (OCTAVE / 16)
#define REGRET_FACTOR 4
#define GRADES 32

/* what is known of a member while its slots are counted */
struct racer {
	const struct dyncast_ring_member *member;
	uint16_t places[BLOCKS]; /* of its draws */
	int32_t bias; /* log2 of weight, then whatever gives its quota */
	int32_t count;
	int32_t quota;
};

/* a slot that may go to its heir */
struct move {
	uint16_t slot;
	uint16_t grade; /* of the regret */
};

/* One ring is built at a time: too large for a stack, and nothing of it is
 * needed afterwards. */
static struct {
	bool filled;
	int16_t draws[DRAWS + BLOCK]; /* scores without bias */
	int32_t logs[2 * SLOTS + 2];  /* of small numbers */
	struct racer racers[DYNCAST_CANDIDATES_MAX];
	lanes best[SLOTS / LANES];   /* score of the leader, and .. */
	lanes leader[SLOTS / LANES]; /* .. its index into racers */
	lanes second[SLOTS / LANES]; /* the same of those that lack slots: .. */
	lanes heir[SLOTS / LANES];   /* .. index into lacking */
	uint16_t lacking[DYNCAST_CANDIDATES_MAX];
	struct move moves[SLOTS], sorted[SLOTS];
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
	int64_t score;

	if (!cost)
		cost = 1;
	score = ((int64_t)dyncast_log2_q32(cost) - (32ll << 32)) /
		(1ll << (32 - SCORE_BITS));
	return (int16_t)(score < DRAW_LEAST ? DRAW_LEAST : score / WHO * WHO);
}

static int32_t log2_score(uint32_t x)
{
	return (int32_t)dyncast_log2(x, SCORE_BITS);
}

/* some milliseconds, once */
static void work_fill(void)
{
	if (work.filled)
		return;
	for (uint32_t i = 0; i < DRAWS; i++)
		work.draws[i] =
			score_of((uint32_t)(mix((i + 1) * GOLDEN) >> 32) | 1);
	memcpy(work.draws + DRAWS, work.draws, BLOCK * sizeof(*work.draws));
	for (uint32_t x = 1; x < 2 * SLOTS + 2; x++)
		work.logs[x] = log2_score(x);
	work.filled = true;
}

/* where a member's draws for all slots are */
static void draws_find(struct racer *racer, uint32_t seed)
{
	uint64_t hash = addr_hash(seed, &racer->member->dbid);

	for (size_t block = 0; block < BLOCKS; block += 4) {
		uint64_t places = mix(hash += GOLDEN);

		for (size_t i = 0; i < 4; i++)
			racer->places[block + i] =
				places >> 16 * i & (DRAWS - 1);
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
 * (largest remainder; of equal ones the smaller D-BID's).  Who gets none is out
 * of the race; returns how many are left. */
static size_t quotas_fill(size_t n)
{
	size_t racing = 0;
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
	for (size_t i = 0; i < n; i++) {
		if (work.racers[i].quota)
			work.racers[racing++] = work.racers[i];
	}
	return racing;
}

static inline lanes least(lanes a, lanes b)
{
	for (size_t i = 0; i < LANES; i++)
		a[i] = a[i] < b[i] ? a[i] : b[i];
	return a;
}

/* The best of at most eight racers for the slots of one block, of equal ones
 * the first.  This loop is most of what a ring takes: without the pragma its
 * vectors are in memory in place of registers. */
static inline void race_eight(const uint16_t *racing, size_t n, size_t block,
			      lanes best[GROUP])
{
	lanes b[GROUP];

	for (size_t g = 0; g < GROUP; g++)
		b[g] = (lanes){} + SCORE_WORST;
	for (size_t i = 0; i < n; i++) {
		const struct racer *racer = &work.racers[racing[i]];
		const int16_t *draws = work.draws + racer->places[block];
		int16_t add = (int16_t)((int32_t)i - racer->bias);

#pragma GCC unroll 4
		for (size_t g = 0; g < GROUP; g++) {
			lanes score;

			memcpy(&score, draws + g * LANES, sizeof(score));
			b[g] = least(score + add, b[g]);
		}
	}
	memcpy(best, b, sizeof(b));
}

/* the better of two groups of eight, the second of which begins at `from` */
static inline void race_between(lanes best[GROUP], lanes leader[GROUP],
				const lanes other[GROUP], size_t from)
{
	for (size_t g = 0; g < GROUP; g++) {
		lanes wins = other[g] < best[g];
		lanes who = (other[g] & (WHO - 1)) + (int16_t)from;

		best[g] = least(other[g], best[g]);
		leader[g] = (wins & who) | (~wins & leader[g]);
	}
}

/* The best of n racers for each slot, and which of `racing` that is. */
static void race(const uint16_t *racing, size_t n, lanes *best, lanes *leader)
{
	for (size_t block = 0; block < BLOCKS; block++) {
		race_eight(racing, n < WHO ? n : WHO, block, best);
		for (size_t g = 0; g < GROUP; g++)
			leader[g] = best[g] & (WHO - 1);
		for (size_t from = WHO; from < n; from += WHO) {
			size_t more = n - from < WHO ? n - from : WHO;
			lanes other[GROUP];

			race_eight(racing + from, more, block, other);
			race_between(best, leader, other, from);
		}
		best += GROUP;
		leader += GROUP;
	}
}

/* All of them; then how many slots each has. */
static void race_all(size_t n)
{
	uint16_t racing[DYNCAST_CANDIDATES_MAX];
	int32_t odd[DYNCAST_CANDIDATES_MAX] = {0};
	const int16_t *leader = (const int16_t *)work.leader;

	for (size_t i = 0; i < n; i++) {
		racing[i] = (uint16_t)i;
		work.racers[i].count = 0;
	}
	race(racing, n, work.best, work.leader);
	for (size_t slot = 0; slot < SLOTS; slot += 2) {
		work.racers[leader[slot]].count++;
		odd[leader[slot + 1]]++;
	}
	for (size_t i = 0; i < n; i++)
		work.racers[i].count += odd[i];
}

/* the greatest bias is 0, none is out of range, and the bits below a score are
 * left free */
static void biases_fit(size_t n)
{
	int32_t greatest = INT32_MIN;

	for (size_t i = 0; i < n; i++) {
		if (work.racers[i].bias > greatest)
			greatest = work.racers[i].bias;
	}
	for (size_t i = 0; i < n; i++) {
		int32_t bias = work.racers[i].bias - greatest;

		if (bias < BIAS_LEAST)
			bias = BIAS_LEAST;
		work.racers[i].bias = bias / WHO * WHO;
	}
}

/* Chance gives members some slots more or less than their quota.  Change the
 * biases by as much. */
static void biases_tune(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct racer *racer = &work.racers[i];

		racer->bias += (work.logs[2 * racer->quota + 1] -
				work.logs[2 * racer->count + 1]) *
			       3 / 4;
	}
	biases_fit(n);
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

/* by grade, of equal ones the lower slot first */
static void moves_sort(size_t n)
{
	uint16_t from[GRADES + 1] = {0};

	for (size_t i = 0; i < n; i++)
		from[work.moves[i].grade + 1]++;
	for (size_t grade = 0; grade < GRADES; grade++)
		from[grade + 1] += from[grade];
	for (size_t i = 0; i < n; i++)
		work.sorted[from[work.moves[i].grade]++] = work.moves[i];
}

/* Slots of members that have too many, by what the best of those that lack some
 * is worse than their own: those below `limit`, the least first.  Returns how
 * many. */
static size_t moves_fill(size_t n, int16_t limit)
{
	uint16_t over[DYNCAST_CANDIDATES_MAX];
	size_t n_lacking = 0, n_over = 0, moves = 0;

	for (size_t i = 0; i < n; i++) {
		if (work.racers[i].count > work.racers[i].quota)
			over[n_over++] = (uint16_t)i;
		if (work.racers[i].count < work.racers[i].quota)
			work.lacking[n_lacking++] = (uint16_t)i;
	}
	race(work.lacking, n_lacking, work.second, work.heir);
	for (size_t at = 0; at < SLOTS / LANES; at++) {
		lanes regret =
			(work.second[at] & -WHO) - (work.best[at] & -WHO);
		lanes may = {};
		uint64_t any[2];

		for (size_t i = 0; i < n_over; i++)
			may |= work.leader[at] == (int16_t)over[i];
		may &= regret < limit;
		memcpy(any, &may, sizeof(any));
		if (!(any[0] | any[1]))
			continue;
		for (size_t i = 0; i < LANES; i++) {
			if (!may[i])
				continue;
			work.moves[moves].slot = (uint16_t)(at * LANES + i);
			work.moves[moves++].grade =
				(uint16_t)(regret[i] * GRADES / limit);
		}
	}
	moves_sort(moves);
	return moves;
}

/* true when its member has too many and the heir still lacks one */
static bool move(uint32_t slot)
{
	int16_t leader = work.leader[slot / LANES][slot % LANES];
	int16_t heir =
		(int16_t)work.lacking[work.heir[slot / LANES][slot % LANES]];
	struct racer *from = &work.racers[leader];
	struct racer *to = &work.racers[heir];

	if (from->count <= from->quota || to->count >= to->quota)
		return false;
	from->count--;
	to->count++;
	work.leader[slot / LANES][slot % LANES] = heir;
	work.best[slot / LANES][slot % LANES] =
		work.second[slot / LANES][slot % LANES];
	return true;
}

/* The few slots that are still too many somewhere: those go that lose least. */
static void rest_move(size_t n)
{
	int32_t left = excess(n), limit = REGRET_FIRST;

	while (left) {
		size_t moves = moves_fill(n, (int16_t)limit);

		for (size_t i = 0; i < moves && left; i++)
			left -= move(work.sorted[i].slot);
		limit = limit < INT16_MAX / REGRET_FACTOR
				? limit * REGRET_FACTOR
				: INT16_MAX;
	}
}

void dyncast_ring_build(uint32_t seed,
			const struct dyncast_ring_member *members, size_t n,
			uint32_t ring[DYNCAST_RING_SLOTS])
{
	uint32_t ids[DYNCAST_CANDIDATES_MAX];
	const int16_t *leader = (const int16_t *)work.leader;
	size_t racing = racers_fill(members, n);

	if (!racing) {
		memset(ring, 0, SLOTS * sizeof(*ring));
		return;
	}
	work_fill();
	racing = quotas_fill(racing);
	for (size_t i = 0; i < racing; i++) {
		ids[i] = work.racers[i].member->id;
		work.racers[i].bias = log2_score(work.racers[i].member->weight);
		draws_find(&work.racers[i], seed);
	}
	biases_fit(racing);
	race_all(racing);
	for (unsigned int pass = 1; pass < PASSES && excess(racing); pass++) {
		biases_tune(racing);
		race_all(racing);
	}
	rest_move(racing);
	for (size_t slot = 0; slot < SLOTS; slot++)
		ring[slot] = ids[leader[slot]];
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

	for (size_t slot = 0; slot < SLOTS; slot++) {
		/* most do not, and eight are compared as fast as one */
		if (slot % LANES == 0 && memcmp(ring + slot, target + slot,
						LANES * sizeof(*ring)) == 0) {
			slot += LANES - 1;
			continue;
		}
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
