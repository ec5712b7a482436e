/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers of milliseconds, of thousands of services, that zebra's loop does not
 * spin for (lib/alarm.h); rare ones may be zebra's own.  Main thread.
 */

#ifndef DYNCAST_ZEBRA_TIMER_H
#define DYNCAST_ZEBRA_TIMER_H

#include "../lib/alarm.h"

/* zebra's loop runs: what was set before begins to ring */
void dyncast_timers_init(void);
void dyncast_timers_fini(void);

/* ring(arg) in `ms`; one that is set already is moved */
void dyncast_timer_set(struct dyncast_alarm *timer, void (*ring)(void *arg),
		       void *arg, unsigned int ms);
void dyncast_timer_cancel(struct dyncast_alarm *timer);

#endif /* DYNCAST_ZEBRA_TIMER_H */
