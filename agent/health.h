/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The health check of one instance: an HTTP status or a TCP connection, and
 * what follows from its results.  An instance is down after `failures` bad
 * results in a row, and up again after `successes` good ones; at first nothing
 * is said, and one good result is enough.  Loop's thread only; owned by a
 * target.
 */

#ifndef DYNCAST_AGENT_HEALTH_H
#define DYNCAST_AGENT_HEALTH_H

#include "lib/agent_line.h"

#include "config.h"
#include "fetch.h"

struct dyncast_health;
typedef void (*dyncast_health_cb)(void *arg,
				  const struct dyncast_health *health);

struct dyncast_health {
	const struct dyncast_instance_config *config;
	struct dyncast_fetch fetch;
	enum dyncast_agent_state state;		/* UNSAID, UP or DOWN */
	char reason[DYNCAST_AGENT_REASON_SIZE]; /* of the last failure */
	unsigned int failed;			/* in a row */
	unsigned int passed;			/* in a row */
	dyncast_health_cb changed;
	void *arg;
};

/* False: out of memory.  The configuration must have a health check. */
bool dyncast_health_init(struct dyncast_health *health,
			 const struct dyncast_instance_config *config,
			 dyncast_health_cb changed, void *arg);
void dyncast_health_finish(struct dyncast_health *health);

/* Take over what another check of the same instance found out. */
void dyncast_health_adopt(struct dyncast_health *health,
			  const struct dyncast_health *old);

#endif /* DYNCAST_AGENT_HEALTH_H */
