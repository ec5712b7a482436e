// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The SET message: a service's candidate set, in as many parts as it needs,
 * and the candidate set itself (copy, free).
 *
 * Called by both modules on their main threads.  A set owns its two arrays.
 * The sender splits between items, so that each part can be checked alone;
 * the receiver takes parts in order, of one sequence and one service, and
 * shows nothing of a set before its last part.
 */

#include "msg.h"

#include <stdlib.h>

#include "check.h"
#include "msg_wire.h"
#include "override.h"
#include "policy_wire.h"

#define SET_PART_LAST 0x01
#define OVERRIDE_DRY_RUN 0x01
#define OVERRIDE_PINNED 0x02
#define SET_SITES_MAX 256
#define SET_FLAGS_OFFSET (DYNCAST_MSG_HEADER_SIZE + 2)
#define SET_COUNT_OFFSET (DYNCAST_MSG_HEADER_SIZE + 4)

/*
 *   +---------------+---------------+---------------+---------------+
 *   | has           | score         | utilisation                   |
 *   +---------------+---------------+-------------------------------+
 *   | capacity                                                      |
 *   | in flight                                                     |
 *   | delay, us                                                     |
 *   | age, ms                                                       |
 *   | rate                                                          |
 *   +---------------------------------------------------------------+
 */
static void put_metrics(struct dyncast_writer *w,
			const struct dyncast_metrics *metrics)
{
	struct dyncast_metrics m = *metrics;

	dyncast_metrics_tidy(&m);
	dyncast_put_u8(w, m.has);
	dyncast_put_u8(w, m.score);
	dyncast_put_u16(w, m.utilisation);
	dyncast_put_u32(w, m.capacity);
	dyncast_put_u32(w, m.in_flight);
	dyncast_put_u32(w, m.delay_us);
	dyncast_put_u32(w, m.age_ms);
	dyncast_put_u32(w, m.rate);
}

static void get_metrics(struct dyncast_reader *r, struct dyncast_metrics *m)
{
	m->has = dyncast_get_u8(r);
	m->score = dyncast_get_u8(r);
	m->utilisation = dyncast_get_u16(r);
	m->capacity = dyncast_get_u32(r);
	m->in_flight = dyncast_get_u32(r);
	m->delay_us = dyncast_get_u32(r);
	m->age_ms = dyncast_get_u32(r);
	m->rate = dyncast_get_u32(r);
	dyncast_metrics_tidy(m);
}

/*
 *   +---------------+---------------+-------------------------------+
 *   | kind          | flags         | metrics, 24 bytes             |
 *   +---------------+---------------+-------------------------------+
 *   | D-BID, site, address: 17 bytes each                           |
 *   +-------------------------------+-------------------------------+
 *   | withheld, of 65536            |
 *   +---------------+---------------+-------------------------------+
 *   | name length   | name, 0-31 bytes                              |
 *   +---------------+-----------------------------------------------+
 */
static void put_candidate(struct dyncast_writer *w,
			  const struct dyncast_candidate *candidate)
{
	const struct dyncast_instance *instance = &candidate->instance;

	dyncast_put_u8(w, instance->kind);
	dyncast_put_u8(w, instance->flags);
	put_metrics(w, &instance->metrics);
	dyncast_wire_put_addr(w, &instance->dbid);
	dyncast_wire_put_addr(w, &candidate->site);
	dyncast_wire_put_addr(w, &candidate->address);
	dyncast_put_u16(w, candidate->withheld);
	dyncast_wire_put_name(w, instance->name);
}

static void get_candidate(struct dyncast_reader *r,
			  struct dyncast_candidate *candidate)
{
	struct dyncast_instance *instance = &candidate->instance;

	instance->kind = dyncast_get_u8(r);
	instance->flags = dyncast_get_u8(r);
	get_metrics(r, &instance->metrics);
	instance->dbid = dyncast_wire_get_addr(r);
	candidate->site = dyncast_wire_get_addr(r);
	candidate->address = dyncast_wire_get_addr(r);
	candidate->withheld = dyncast_get_u16(r);
	dyncast_wire_get_name(r, instance->name);
	if (!dyncast_instance_valid(instance))
		r->bad = true;
}

/*
 *   +---------------+-----------------------------------------------+
 *   | flags         | pin: 17 bytes                                 |
 *   +---------------+-----------------------------------------------+
 *   | caps, 0-8     | each: site, 17 bytes; percent, 1 byte         |
 *   +---------------+-----------------------------------------------+
 */
static void put_override(struct dyncast_writer *w,
			 const struct dyncast_override *override)
{
	if (!dyncast_override_valid(override)) {
		w->bad = true;
		return;
	}
	dyncast_put_u8(w, (override->dry_run ? OVERRIDE_DRY_RUN : 0) |
				  (override->pinned ? OVERRIDE_PINNED : 0));
	dyncast_wire_put_addr(w, &override->pin);
	dyncast_put_u8(w, override->n_caps);
	for (size_t i = 0; i < override->n_caps; i++) {
		dyncast_wire_put_addr(w, &override->caps[i].site);
		dyncast_put_u8(w, override->caps[i].percent);
	}
}

static void get_override(struct dyncast_reader *r,
			 struct dyncast_override *override)
{
	uint8_t flags = dyncast_get_u8(r);

	override->dry_run = flags & OVERRIDE_DRY_RUN;
	override->pinned = flags & OVERRIDE_PINNED;
	override->pin = dyncast_wire_get_addr(r);
	override->n_caps = dyncast_get_u8(r);
	if ((flags & ~(OVERRIDE_DRY_RUN | OVERRIDE_PINNED)) ||
	    override->n_caps > DYNCAST_CAPS_MAX) {
		r->bad = true;
		return;
	}
	for (size_t i = 0; i < override->n_caps; i++) {
		override->caps[i].site = dyncast_wire_get_addr(r);
		override->caps[i].percent = dyncast_get_u8(r);
	}
	if (!dyncast_override_valid(override))
		r->bad = true;
}

/* A set's items are its sites and then its candidates. */
static void put_item(struct dyncast_writer *w, const struct dyncast_set *set,
		     size_t item)
{
	if (item < set->n_sites)
		dyncast_wire_put_addr(w, &set->sites[item]);
	else
		put_candidate(w, &set->candidates[item - set->n_sites]);
}

static bool addr_valid_or_none(const struct dyncast_addr *addr)
{
	return !addr->family || dyncast_family_size(addr->family);
}

static bool counts_valid(uint16_t n_sites, uint16_t n_candidates)
{
	return n_sites <= SET_SITES_MAX &&
	       n_candidates <= DYNCAST_CANDIDATES_MAX;
}

/*
 *   +-------------------------------+---------------+---------------+
 *   | part, from 0                  | 1: last part  | 0             |
 *   +-------------------------------+---------------+---------------+
 *   | items in this part            | VRF, prefix: 22 bytes         |
 *   +-------------------------------+-------------------------------+
 *
 * then in part 0 only
 *
 *   +-------------------------------+-------------------------------+
 *   | sites in all parts            | candidates in all parts       |
 *   +---------------+---------------+---------------+---------------+
 *   | policy, 20 bytes (policy_wire.h)                           |
 *   +---------------+-----------------------------------------------+
 *   | name length   | name, 0-31 bytes                              |
 *   +---------------+-----------------------------------------------+
 *   | override, 19-163 bytes                                        |
 *   +---------------------------------------------------------------+
 *
 * then the items.
 */
static void put_part_head(struct dyncast_writer *w,
			  const struct dyncast_set *set, uint32_t sequence,
			  unsigned int part)
{
	dyncast_wire_put_header(w, DYNCAST_MSG_SET, sequence);
	dyncast_put_u16(w, (uint16_t)part);
	dyncast_put_u8(w, 0); /* last part: the caller */
	dyncast_put_u8(w, 0);
	dyncast_put_u16(w, 0); /* items: the caller */
	dyncast_wire_put_key(w, &set->service);
	if (part)
		return;
	dyncast_put_u16(w, set->n_sites);
	dyncast_put_u16(w, set->n_candidates);
	dyncast_put_policy_short(w, &set->policy);
	dyncast_put_policy_rest(w, &set->policy);
	dyncast_wire_put_name(w, set->name);
	put_override(w, &set->override);
	if (!dyncast_policy_valid(&set->policy))
		w->bad = true;
}

/* Write one part that begins with item *item, and move *item past it. */
static size_t encode_part(const struct dyncast_set *set, uint32_t sequence,
			  unsigned int part, size_t *item, uint8_t *buf,
			  size_t size)
{
	struct dyncast_writer w = dyncast_writer_make(buf, size);
	size_t n_items = (size_t)set->n_sites + set->n_candidates;
	size_t first = *item;

	put_part_head(&w, set, sequence, part);
	if (w.bad)
		return 0;
	while (*item < n_items) {
		struct dyncast_writer before = w;

		put_item(&w, set, *item);
		if (w.bad) {
			w = before; /* full */
			break;
		}
		(*item)++;
	}
	if (*item == first && first < n_items)
		return 0;
	buf[SET_FLAGS_OFFSET] = *item == n_items ? SET_PART_LAST : 0;
	dyncast_wire_put_u16_at(buf, SET_COUNT_OFFSET, *item - first);
	return dyncast_wire_message_end(&w, buf);
}

/* every item, so that no part leaves of a set whose last part cannot */
static bool items_valid(const struct dyncast_set *set)
{
	for (size_t i = 0; i < set->n_sites; i++) {
		if (!addr_valid_or_none(&set->sites[i]))
			return false;
	}
	for (size_t i = 0; i < set->n_candidates; i++) {
		const struct dyncast_candidate *c = &set->candidates[i];

		if (!dyncast_instance_valid(&c->instance) ||
		    !addr_valid_or_none(&c->site) ||
		    !addr_valid_or_none(&c->address))
			return false;
	}
	return true;
}

size_t dyncast_msg_encode_set(const struct dyncast_set *set, uint32_t sequence,
			      unsigned int part, uint8_t *buf, size_t size,
			      bool *more)
{
	size_t n_items = (size_t)set->n_sites + set->n_candidates;
	size_t item = 0;
	size_t len = 0;

	*more = false;
	if (!counts_valid(set->n_sites, set->n_candidates) || !items_valid(set))
		return 0;
	/* the parts before this one say where it begins */
	for (unsigned int i = 0; i <= part; i++) {
		if (i && item == n_items)
			return 0; /* no such part */
		len = encode_part(set, sequence, i, &item, buf,
				  dyncast_wire_size_clamp(size));
		if (!len)
			return 0;
	}
	*more = item < n_items;
	return len;
}

/* Begin a set at its part 0. */
static void get_set_head(struct dyncast_msg_reader *reader,
			 struct dyncast_reader *r)
{
	struct dyncast_set *set = &reader->set;

	reader->n_sites = dyncast_get_u16(r);
	reader->n_candidates = dyncast_get_u16(r);
	dyncast_get_policy_short(r, &set->policy);
	dyncast_get_policy_rest(r, &set->policy);
	dyncast_wire_get_name(r, set->name);
	get_override(r, &set->override);
	if (!dyncast_policy_valid(&set->policy) ||
	    !counts_valid(reader->n_sites, reader->n_candidates))
		r->bad = true;
	if (r->bad)
		return;
	if (reader->n_sites)
		set->sites = calloc(reader->n_sites, sizeof(*set->sites));
	if (reader->n_candidates)
		set->candidates =
			calloc(reader->n_candidates, sizeof(*set->candidates));
	if ((reader->n_sites && !set->sites) ||
	    (reader->n_candidates && !set->candidates))
		r->bad = true;
}

static void get_items(struct dyncast_msg_reader *reader,
		      struct dyncast_reader *r, uint16_t count)
{
	struct dyncast_set *set = &reader->set;

	for (; count && !r->bad; count--) {
		if (set->n_sites < reader->n_sites)
			set->sites[set->n_sites++] = dyncast_wire_get_addr(r);
		else if (set->n_candidates < reader->n_candidates)
			get_candidate(r, &set->candidates[set->n_candidates++]);
		else
			r->bad = true;
	}
}

enum dyncast_msg_result dyncast_wire_get_set(struct dyncast_msg_reader *reader,
					     struct dyncast_reader *r,
					     uint32_t sequence)
{
	struct dyncast_set *set = &reader->set;
	uint16_t part = dyncast_get_u16(r);
	uint8_t flags = dyncast_get_u8(r);
	uint8_t zero = dyncast_get_u8(r);
	uint16_t count = dyncast_get_u16(r);
	struct dyncast_service_key key = dyncast_wire_get_key(r);
	bool last = flags & SET_PART_LAST;
	bool all;

	/* a part that brings nothing would let a set go on for ever */
	if (r->bad || zero || (flags & ~SET_PART_LAST) || (!last && !count))
		return DYNCAST_MSG_BAD;
	if (part == 0) {
		dyncast_msg_reader_fini(reader); /* the sender began anew */
		reader->in_set = true;
		reader->sequence = sequence;
		set->service = key;
		get_set_head(reader, r);
	} else if (!reader->in_set || part != reader->parts ||
		   sequence != reader->sequence ||
		   dyncast_service_key_cmp(&key, &set->service)) {
		return DYNCAST_MSG_BAD;
	}
	get_items(reader, r, count);
	reader->parts++;
	all = set->n_sites == reader->n_sites &&
	      set->n_candidates == reader->n_candidates;
	if (r->bad || all != last)
		return DYNCAST_MSG_BAD;
	reader->in_set = !last;
	return last ? DYNCAST_MSG_DONE : DYNCAST_MSG_MORE;
}

/* sets */

void dyncast_set_fini(struct dyncast_set *set)
{
	free(set->sites);
	free(set->candidates);
	memset(set, 0, sizeof(*set));
}

/* false only when out of memory */
static bool array_copy(void **to, const void *from, size_t n, size_t size)
{
	*to = NULL;
	if (!n)
		return true;
	*to = calloc(n, size);
	if (!*to)
		return false;
	memcpy(*to, from, n * size);
	return true;
}

bool dyncast_set_copy(struct dyncast_set *to, const struct dyncast_set *from)
{
	void *sites;
	void *candidates;

	if (!array_copy(&sites, from->sites, from->n_sites,
			sizeof(*from->sites)) ||
	    !array_copy(&candidates, from->candidates, from->n_candidates,
			sizeof(*from->candidates))) {
		free(sites);
		memset(to, 0, sizeof(*to));
		return false;
	}
	*to = *from;
	to->sites = sites;
	to->candidates = candidates;
	return true;
}
