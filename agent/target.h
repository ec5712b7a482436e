/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One watched instance: its scrape, its health check, when each is due, and the
 * entry that the router is told.  Loop's thread only; the loop owns targets.
 */

#ifndef DYNCAST_AGENT_TARGET_H
#define DYNCAST_AGENT_TARGET_H

#include "health.h"
#include "report.h"
#include "scrape.h"

struct dyncast_target {
	const struct dyncast_instance_config *config; /* owned by the loop's */
	unsigned int interval_ms;
	struct dyncast_scrape scrape;
	struct dyncast_health health;
	uint64_t scrape_ms; /* when the next one is due */
	uint64_t health_ms;
	struct dyncast_report_entry entry;
};

/* The first requests are due `offset_ms` from now, so that many instances are
 * not asked at once.  NULL: out of memory. */
struct dyncast_target *
dyncast_target_new(const struct dyncast_instance_config *config,
		   unsigned int interval_ms, unsigned int offset_ms);
void dyncast_target_free(struct dyncast_target *target);

/* After a reload: take over what is still true of the same instance. */
void dyncast_target_adopt(struct dyncast_target *target,
			  const struct dyncast_target *old);

/* Start what is due.  Returns when something will be. */
uint64_t dyncast_target_tick(struct dyncast_target *target, CURLM *multi,
			     uint64_t now_ms);

#endif /* DYNCAST_AGENT_TARGET_H */
