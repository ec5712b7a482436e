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
#include "ingress.h"
#include "module.h"
#include "service.h"
#include "../lib/addr.h"

static bool unclaimed[DYNCAST_DP_SERVICES_MAX];
static unsigned int count;
static int64_t started_ms; /* 0: not yet, or all is settled */

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

static void delete_unclaimed(void)
{
	zlog_info(
		"dyncast: %u service(s) were not sent again by bgpd: deleted from the kernel",
		count);
	for (unsigned int i = 0; i < DYNCAST_DP_SERVICES_MAX; i++) {
		if (!unclaimed[i])
			continue;
		dyncast_recovered_claim(i);
		dyncast_dp_instance_each(i, undecap, NULL);
		dyncast_dp_service_del(i);
	}
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
}

unsigned int dyncast_recovered_count(void)
{
	return count;
}
