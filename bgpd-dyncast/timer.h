/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers of milliseconds that bgpd's loop does not spin for (lib/alarm.h);
 * those of a second and more may be bgpd's own.  bgpd's main thread.
 */

#ifndef BGPD_DYNCAST_TIMER_H
#define BGPD_DYNCAST_TIMER_H

#include "../lib/alarm.h"

/* bgpd's loop runs: what was set before begins to ring */
void dyncast_timers_init(void);
void dyncast_timers_fini(void);

/* ring(arg) in `ms`; one that is set already is moved */
void dyncast_timer_set(struct dyncast_alarm *timer, void (*ring)(void *arg),
		       void *arg, unsigned int ms);
void dyncast_timer_cancel(struct dyncast_alarm *timer);

#endif /* BGPD_DYNCAST_TIMER_H */
