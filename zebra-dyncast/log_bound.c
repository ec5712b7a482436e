/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See log_bound.h. */

#include <zebra.h>

#include "compat.h"
#include "log_bound.h"
#include "module.h"

/* of one kind: enough to see whom it is about */
#define LINES_MAX 20
#define PERIOD_MS 1000

static struct dyncast_log_bound *bounds; /* those that were asked */
static struct event *t_period;

static void period_end(void)
{
	struct dyncast_log_bound *bound;

	while ((bound = bounds)) {
		bounds = bound->next;
		if (bound->asked > LINES_MAX)
			zlog_warn("dyncast: %u more of these left out: %s",
				  bound->asked - LINES_MAX, bound->what);
		bound->asked = 0;
	}
}

static void log_period(struct event *e)
{
	(void)e;
	period_end();
}

bool dyncast_log_may(struct dyncast_log_bound *bound)
{
	if (bound->asked++ == 0) {
		bound->next = bounds;
		bounds = bound;
	}
	if (!t_period)
		event_add_timer_msec(dyncast_loop, log_period, NULL, PERIOD_MS,
				     &t_period);
	return bound->asked <= LINES_MAX;
}

void dyncast_log_fini(void)
{
	dyncast_event_off(&t_period);
	period_end();
}
