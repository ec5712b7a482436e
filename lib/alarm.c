// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Timers over one timerfd; see alarm.h.  A pairing heap (Fredman et al.,
 * 1986): setting takes constant time, and what is set is mostly moved or rung
 * soon.
 */

#include "alarm.h"

#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define US_PER_S 1000000

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

/* ------------------------------------------------------------------------- */
/* the heap                                                                  */
/* ------------------------------------------------------------------------- */

/* one heap of two, either of which may be empty */
static struct dyncast_alarm *merge(struct dyncast_alarm *a,
				   struct dyncast_alarm *b)
{
	struct dyncast_alarm *swap;

	if (!a || !b)
		return a ? a : b;
	if (b->due_us < a->due_us) {
		swap = a;
		a = b;
		b = swap;
	}
	b->before = a;
	b->next = a->child;
	if (a->child)
		a->child->before = b;
	a->child = b;
	return a;
}

/* takes an alarm out of its siblings; returns the one behind it */
static struct dyncast_alarm *single(struct dyncast_alarm *alarm)
{
	struct dyncast_alarm *next = alarm->next;

	alarm->next = alarm->before = NULL;
	return next;
}

/* one heap of all siblings: by pairs, then from the last pair to the first */
static struct dyncast_alarm *merge_siblings(struct dyncast_alarm *at)
{
	struct dyncast_alarm *pairs = NULL, *all = NULL, *a, *b;

	while (at) {
		a = at;
		at = single(a);
		b = at;
		if (b)
			at = single(b);
		a = merge(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		a = pairs;
		pairs = single(a);
		all = merge(all, a);
	}
	return all;
}

static void heap_remove(struct dyncast_alarms *alarms,
			struct dyncast_alarm *alarm)
{
	struct dyncast_alarm *children = merge_siblings(alarm->child);

	alarm->child = NULL;
	alarm->set = false;
	if (alarm == alarms->first) {
		alarms->first = children;
		return;
	}
	if (alarm->before->child == alarm)
		alarm->before->child = alarm->next;
	else
		alarm->before->next = alarm->next;
	if (alarm->next)
		alarm->next->before = alarm->before;
	single(alarm);
	alarms->first = merge(alarms->first, children);
}

/* ------------------------------------------------------------------------- */
/* the clock                                                                 */
/* ------------------------------------------------------------------------- */

/* An alarm that was cancelled may leave it armed too early: it then finds
 * nothing to do, once. */
static void arm(struct dyncast_alarms *alarms)
{
	struct itimerspec at = {};
	int64_t due;

	if (alarms->fd < 0 || !alarms->first)
		return;
	due = alarms->first->due_us;
	if (alarms->armed_us && alarms->armed_us <= due)
		return;
	at.it_value.tv_sec = due / US_PER_S;
	at.it_value.tv_nsec = due % US_PER_S * 1000;
	if (!timerfd_settime(alarms->fd, TFD_TIMER_ABSTIME, &at, NULL))
		alarms->armed_us = due;
}

bool dyncast_alarms_open(struct dyncast_alarms *alarms)
{
	alarms->fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	alarms->armed_us = 0;
	arm(alarms);
	return alarms->fd >= 0;
}

void dyncast_alarms_close(struct dyncast_alarms *alarms)
{
	while (alarms->first)
		heap_remove(alarms, alarms->first);
	if (alarms->fd >= 0)
		close(alarms->fd);
	alarms->fd = -1;
}

void dyncast_alarm_set(struct dyncast_alarms *alarms,
		       struct dyncast_alarm *alarm, void (*ring)(void *arg),
		       void *arg, unsigned int ms)
{
	if (alarm->set)
		heap_remove(alarms, alarm);
	alarm->ring = ring;
	alarm->arg = arg;
	alarm->set = true;
	alarm->due_us = now_us() + (int64_t)ms * 1000;
	alarms->first = merge(alarms->first, alarm);
	arm(alarms);
}

void dyncast_alarm_cancel(struct dyncast_alarms *alarms,
			  struct dyncast_alarm *alarm)
{
	if (alarm->set)
		heap_remove(alarms, alarm);
}

void dyncast_alarms_run(struct dyncast_alarms *alarms, int64_t budget_us)
{
	int64_t began = now_us(), now = began;
	struct dyncast_alarm *alarm;
	uint64_t expirations;

	/* what is armed is over, or is armed anew below */
	if (alarms->fd >= 0)
		(void)!read(alarms->fd, &expirations, sizeof(expirations));
	alarms->armed_us = 0;
	while ((alarm = alarms->first) && alarm->due_us <= began &&
	       now - began < budget_us) {
		heap_remove(alarms, alarm);
		alarm->ring(alarm->arg);
		now = now_us();
	}
	arm(alarms);
}
