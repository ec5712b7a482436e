// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Timers of milliseconds; see timer.h.
 */

#include "service.h"
#include "timer.h"

/* what one event takes for those that are due, about */
#define BUDGET_US 3000
/* without a file descriptor they are looked at so often */
#define LOOK_MS 10

static struct dyncast_alarms timers = DYNCAST_ALARMS_INIT;
static struct event *t_ring;

static void ring_event(struct event *event);

static void ring_schedule(void)
{
	if (timers.fd >= 0)
		event_add_read(dyncast_state.loop, ring_event, NULL, timers.fd,
			       &t_ring);
	else
		event_add_timer_msec(dyncast_state.loop, ring_event, NULL,
				     LOOK_MS, &t_ring);
}

static void ring_event(struct event *event)
{
	dyncast_alarms_run(&timers, BUDGET_US);
	ring_schedule();
}

void dyncast_timer_set(struct dyncast_alarm *timer, void (*ring)(void *arg),
		       void *arg, unsigned int ms)
{
	dyncast_alarm_set(&timers, timer, ring, arg, ms);
}

void dyncast_timer_cancel(struct dyncast_alarm *timer)
{
	dyncast_alarm_cancel(&timers, timer);
}

void dyncast_timers_init(void)
{
	if (!dyncast_alarms_open(&timers))
		zlog_warn("dyncast: no timerfd: %s; timers are coarse",
			  safe_strerror(errno));
	ring_schedule();
}

void dyncast_timers_fini(void)
{
	dyncast_event_cancel(t_ring);
	dyncast_alarms_close(&timers);
}
