/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Services that pinned maps knew when zebra started.  The kernel goes on
 * steering them.  bgpd's sets claim theirs; what nobody has claimed after the
 * hold time is deleted, and interfaces that are no longer configured are
 * detached (the configuration may come late, from `vtysh -b`).
 *
 * Main thread; called by service.c.
 */

#include <zebra.h>

#include "apply.h"
#include "compat.h"
#include "dataplane.h"
#include "decap.h"
#include "ingress.h"
#include "module.h"
#include "service.h"
#include "sid.h"
#include "../lib/addr.h"

static bool unclaimed[DYNCAST_DP_SERVICES_MAX];
static unsigned int count;
static int64_t started_ms; /* 0: not yet, or all is settled */

/* deleted in one event: 70 us each, with eight instances */
#define AT_ONCE 32
static struct event *t_delete;
static unsigned int delete_from;

static void remember(int index, uint32_t table_id,
		     const struct dyncast_prefix *prefix, void *arg)
{
	char buf[DYNCAST_PREFIX_STRLEN];

	(void)arg;
	if (index < 0 || index >= (int)DYNCAST_DP_SERVICES_MAX ||
	    unclaimed[index])
		return;
	unclaimed[index] = true;
	count++;
	DYNCAST_DEBUG("the kernel still steers %s in table %u",
		      dyncast_prefix_str(prefix, buf, sizeof(buf)), table_id);
}

void dyncast_recovered_init(void)
{
	dyncast_dp_service_each(remember, NULL);
	started_ms = dyncast_now_ms();
	if (count)
		zlog_info(
			"dyncast: the kernel still steers %u service(s); what bgpd does not send within %u s is deleted",
			count,
			(unsigned int)(dyncast_apply_settle_ms() / 1000));
}

void dyncast_recovered_fini(void)
{
	dyncast_event_off(&t_delete);
	memset(unclaimed, 0, sizeof(unclaimed));
	count = 0;
	started_ms = 0;
}

void dyncast_recovered_claim(int index)
{
	if (index < 0 || index >= (int)DYNCAST_DP_SERVICES_MAX ||
	    !unclaimed[index])
		return;
	unclaimed[index] = false;
	count--;
}

/* its id will be another's */
static void undecap(uint32_t id, const struct dyncast_addr *dbid, void *arg)
{
	(void)arg;
	dyncast_dp_decap_clear(dbid, id);
}

static void delete_some(struct event *e)
{
	unsigned int n = 0;

	(void)e;
	for (; delete_from < DYNCAST_DP_SERVICES_MAX; delete_from++) {
		if (!unclaimed[delete_from])
			continue;
		if (n++ == AT_ONCE) {
			event_add_event(dyncast_loop, delete_some, NULL, 0,
					&t_delete);
			return;
		}
		dyncast_recovered_claim(delete_from);
		dyncast_dp_instance_each(delete_from, undecap, NULL);
		dyncast_dp_service_del(delete_from);
	}
}

static void delete_unclaimed(void)
{
	zlog_info(
		"dyncast: %u service(s) were not sent again by bgpd: deleted from the kernel",
		count);
	delete_from = 0;
	event_add_event(dyncast_loop, delete_some, NULL, 0, &t_delete);
}

void dyncast_recovered_tick(int64_t now)
{
	/* the hold time may have been configured only after the start */
	if (!started_ms || now - started_ms < dyncast_apply_settle_ms())
		return;
	started_ms = 0;
	if (count)
		delete_unclaimed();
	dyncast_ingress_forget();
	/* as at the end of a sync, which there may not have been */
	dyncast_sid_sweep();
	dyncast_decap_sweep();
}

unsigned int dyncast_recovered_count(void)
{
	return count;
}
