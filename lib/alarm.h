/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers of milliseconds over one timerfd, for a daemon whose event loop reads
 * a file descriptor without cost but waits for a timer by spinning: libfrr
 * rounds the time to the next timer down to milliseconds and then polls
 * without waiting until it is due, about half a millisecond of processor time
 * for each timer that fires.
 *
 * No thread of its own and no lock: one thread uses a struct dyncast_alarms.
 * Nothing is allocated; an alarm lies in the structure that it belongs to.
 */

#ifndef DYNCAST_ALARM_H
#define DYNCAST_ALARM_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: not set. */
struct dyncast_alarm {
	void (*ring)(void *arg);
	void *arg;
	bool set;
	int64_t due_us; /* CLOCK_MONOTONIC */
	/* a pairing heap: the first child, the next sibling, and the sibling
	 * before or the parent */
	struct dyncast_alarm *child, *next, *before;
};

/* Make it so by DYNCAST_ALARMS_INIT. */
struct dyncast_alarms {
	int fd; /* readable when an alarm is due; -1: not open */
	int64_t armed_us;
	struct dyncast_alarm *first;
};

#define DYNCAST_ALARMS_INIT                                                    \
	{                                                                      \
		.fd = -1                                                       \
	}

/* Opens the file descriptor; false with errno.  Alarms may be set before. */
bool dyncast_alarms_open(struct dyncast_alarms *alarms);
/* Closes it and forgets all alarms. */
void dyncast_alarms_close(struct dyncast_alarms *alarms);

/*
 * Let ring(arg) be called in `ms` milliseconds from now, not earlier.  One that
 * is set already is moved.
 */
void dyncast_alarm_set(struct dyncast_alarms *alarms,
		       struct dyncast_alarm *alarm, void (*ring)(void *arg),
		       void *arg, unsigned int ms);
void dyncast_alarm_cancel(struct dyncast_alarms *alarms,
			  struct dyncast_alarm *alarm);

/*
 * To be called when fd is readable: rings what is due, in order.  Stops after
 * about budget_us, or when what was due at first is done; fd stays readable
 * while more is due.  ring() may set and cancel any alarm, and free its own.
 */
void dyncast_alarms_run(struct dyncast_alarms *alarms, int64_t budget_us);

#endif /* DYNCAST_ALARM_H */
