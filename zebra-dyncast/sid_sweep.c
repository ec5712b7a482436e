/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes away End.DX6 routes that belong to no instance: those that a former run
 * has left, and all when forwarding is cleared.  What they are is known to the
 * kernel alone, whose table may have very many, of ours and of others: an event
 * reads a part of it, or removes some of what was found there.
 *
 * Nothing is removed while the table is being read, since the kernel would then
 * begin anew for the next part and count up to where it was: 30 ms among
 * 200,000 routes, where a part takes 0.1 ms else.  So there are passes: what is
 * found is gone before the next, and the last is one that removes nothing.
 * Others' routes that go while it reads make the kernel skip as many, and it
 * does not say so: some seconds later there is another look.
 *
 * Main thread.
 */

#include <zebra.h>

#include "clear.h"
#include "compat.h"
#include "endpoint.h"
#include "module.h"
#include "sid.h"
#include "../lib/addr.h"

/* removed in one event: 20 us each */
#define AT_ONCE 64
#define SECOND_LOOK_MS 5000

static struct {
	int fd; /* the kernel's list, while it is being read; else -1 */
	struct dyncast_addr found[2 * DYNCAST_ENDPOINT_PART];
	unsigned int n, at;
	bool progress;	      /* this pass has removed some */
	bool look_again;      /* when it is done, later */
	unsigned int removed; /* in all passes */
} sweep = {.fd = -1};
static struct event *t_sweep;

static void list_close(void)
{
	if (sweep.fd >= 0)
		close(sweep.fd);
	sweep.fd = -1;
}

static void pass_begin(void)
{
	list_close();
	sweep.fd = dyncast_endpoint_list_begin();
	sweep.progress = false;
	sweep.n = sweep.at = 0;
}

static void read_part(void)
{
	unsigned int before = sweep.n, i;
	bool more = dyncast_endpoint_list_next(sweep.fd, sweep.found, &sweep.n);

	for (i = before; i < sweep.n;)
		if (dyncast_sid_claimed(&sweep.found[i]))
			sweep.found[i] = sweep.found[--sweep.n];
		else
			i++;
	if (!more || sweep.n > DYNCAST_ENDPOINT_PART)
		list_close();
}

static void remove_some(void)
{
	char text[DYNCAST_ADDR_STRLEN];
	unsigned int end = MIN(sweep.at + AT_ONCE, sweep.n);
	const struct dyncast_addr *sid;

	while (sweep.at < end) {
		sid = &sweep.found[sweep.at++];
		/* none there, too, is no progress: or this might never end */
		if (dyncast_sid_claimed(sid) || dyncast_endpoint_remove(sid))
			continue;
		sweep.progress = true;
		sweep.removed++;
		DYNCAST_DEBUG("SID %s of no instance is removed",
			      dyncast_addr_str(sid, text, sizeof(text)));
	}
}

/* false: all is done, or what is left cannot be removed */
static bool step(void)
{
	if (sweep.fd >= 0)
		read_part();
	else if (sweep.at < sweep.n)
		remove_some();
	else if (sweep.progress)
		pass_begin();
	else
		return false;
	return true;
}

static void sid_sweep_step(struct event *e);

static void sid_sweep_again(struct event *e)
{
	(void)e;
	pass_begin();
	event_add_event(dyncast_loop, sid_sweep_step, NULL, 0, &t_sweep);
}

static void sid_sweep_step(struct event *e)
{
	(void)e;
	if (step()) {
		event_add_event(dyncast_loop, sid_sweep_step, NULL, 0,
				&t_sweep);
		return;
	}
	if (sweep.removed && !dyncast_cleared)
		zlog_info(
			"dyncast: %u SID(s) of a former run belonged to no instance: removed",
			sweep.removed);
	sweep.removed = 0;
	if (sweep.look_again)
		event_add_timer_msec(dyncast_loop, sid_sweep_again, NULL,
				     SECOND_LOOK_MS, &t_sweep);
	sweep.look_again = false;
}

void dyncast_sid_sweep(void)
{
	dyncast_event_off(&t_sweep);
	pass_begin();
	sweep.removed = 0;
	sweep.look_again = true;
	event_add_event(dyncast_loop, sid_sweep_step, NULL, 0, &t_sweep);
}

void dyncast_sid_sweep_all(void)
{
	dyncast_event_off(&t_sweep);
	pass_begin();
	sweep.removed = 0;
	while (step())
		;
}
