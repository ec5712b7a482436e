/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring of a service: from the weights that the decision found to the slots
 * that the kernel follows, in bounded steps (lib/ring.h).
 *
 * A ring is 4 KiB, and ten thousand of them twice would be most of what zebra
 * takes.  So none is kept here: the present one is in the kernel's map, which
 * zebra has mapped, and the target is built anew for each step, in
 * microseconds.  Only a dry run has a ring of its own.
 *
 * Main thread; called by decide.c and service.c.
 */

#include <zebra.h>

#include "apply.h"
#include "compat.h"
#include "dataplane.h"
#include "log_bound.h"
#include "module.h"
#include "service.h"
#include "turn.h"
#include "../lib/cost.h"
#include "../lib/ring.h"

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_RING, "Dyncast ring of a dry run");

#define STEP_SLOTS 64
/* the sum of weights that a recovered ring stands for */
#define SLOT_WEIGHT (DYNCAST_WEIGHT_SUM / DYNCAST_RING_SLOTS)
#define RING_SIZE (DYNCAST_RING_SLOTS * sizeof(uint32_t))

/* of the service that is looked at */
static uint32_t ring[DYNCAST_RING_SLOTS];
static uint32_t target[DYNCAST_RING_SLOTS];

static void ring_read(const struct dyncast_service *s)
{
	memset(ring, 0, sizeof(ring));
	if (s->dry_ring)
		memcpy(ring, s->dry_ring, sizeof(ring));
	else
		dyncast_dp_ring_get(s->dp_index, ring);
}

/* false when the kernel did not take it */
static bool ring_write(struct dyncast_service *s)
{
	if (!s->dry_ring)
		return dyncast_dp_ring_set(s->dp_index, ring) >= 0;
	memcpy(s->dry_ring, ring, sizeof(ring));
	return true;
}

static size_t members(struct dyncast_service *s,
		      struct dyncast_ring_member *member)
{
	struct dyncast_backend *b;
	size_t n = 0;

	frr_each (dyncast_backends, &s->backends, b) {
		b->ring_weight = b->out.weight;
		if (!b->id || b->presence == DYNCAST_GONE ||
		    n >= DYNCAST_CANDIDATES_MAX)
			continue;
		member[n].dbid = b->data.instance.dbid;
		member[n].weight = b->out.weight;
		member[n++].id = b->id;
	}
	return n;
}

static void count_slots(struct dyncast_service *s)
{
	struct dyncast_backend *b;

	frr_each (dyncast_backends, &s->backends, b)
		b->slots = 0;
	for (unsigned int i = 0; i < DYNCAST_RING_SLOTS; i++) {
		b = dyncast_backend_by_id(ring[i]);
		if (b && b->service == s)
			b->slots++;
	}
}

/* Without a ring in the kernel it is the service's route that spreads new
 * flows, by weights: as many slots as they stand for. */
static void count_weights(struct dyncast_service *s)
{
	struct dyncast_backend *b;

	frr_each (dyncast_backends, &s->backends, b)
		b->slots = (b->out.weight + SLOT_WEIGHT - 1) / SLOT_WEIGHT;
}

void dyncast_turn_ring(struct dyncast_service *s)
{
	static struct dyncast_ring_member member[DYNCAST_CANDIDATES_MAX];
	size_t n;

	if (s->dp_index < 0) {
		s->members_changed = false;
		count_weights(s);
		return;
	}
	if (!s->members_changed && !s->ring_left)
		return;
	n = members(s, member);
	ring_read(s);
	dyncast_ring_build(s->seed, member, n, target);
	s->ring_left = dyncast_ring_step(ring, target, member, n, STEP_SLOTS);
	s->members_changed = !ring_write(s); /* again at the next tick */
	count_slots(s);
}

void dyncast_turn_recover(struct dyncast_service *s)
{
	struct dyncast_backend *b;

	ring_read(s);
	count_slots(s);
	frr_each (dyncast_backends, &s->backends, b)
		b->out.weight += b->slots * SLOT_WEIGHT;
}

/* Nothing of it is steered any more and the kernel's ring rests, however the
 * decision moves ours. */
void dyncast_turn_dry_run(struct dyncast_service *s)
{
	bool dry = dyncast_config.dry_run || s->override->dry_run;
	char buf[DYNCAST_SERVICE_STRLEN];

	if (dry == s->dry)
		return;
	if (dry) {
		ring_read(s);
		s->dry_ring = XMALLOC(MTYPE_DYNCAST_RING, RING_SIZE);
		memcpy(s->dry_ring, ring, RING_SIZE);
	} else {
		XFREE(MTYPE_DYNCAST_RING, s->dry_ring);
	}
	s->dry = dry;
	s->listed = s->enabled = false;
	s->members_changed = true; /* the kernel has to have our ring */
	dyncast_log_bounded(
		zlog_info, "services whose dry run begins or ends",
		"dyncast: service %s: %s",
		dyncast_service_str(s, buf, sizeof(buf)),
		dry ? "dry run: decided and shown, nothing is installed"
		    : "no dry run any more");
}

void dyncast_turn_close(struct dyncast_service *s)
{
	s->ring_left = 0;
	if (s->dry_ring)
		memset(s->dry_ring, 0, RING_SIZE);
}

void dyncast_turn_free(struct dyncast_service *s)
{
	XFREE(MTYPE_DYNCAST_RING, s->dry_ring);
}
