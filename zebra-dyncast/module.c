/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zebra_dyncast: a module for stock FRR zebra (`-M zebra_dyncast`), the
 * decision and forwarding plane of Dyncast.
 *
 * It works with the very FRR release that it was built for: structure layouts
 * differ between releases.  With any other it stays inactive, says so in the
 * log, and zebra runs as if it were not there.
 *
 * Everything runs on zebra's main thread, but for what startup.c says.
 */

#include <zebra.h>

#include "lib/if.h"
#include "lib/libfrr.h"
#include "lib/memory.h"
#include "lib/module.h"
#include "lib/version.h"
#include "lib/vrf.h"
#include "zebra/zebra_router.h"
#include "zebra/zebra_vrf.h"

#include "apply.h"
#include "clear.h"
#include "client.h"
#include "compat.h"
#include "dataplane.h"
#include "ingress.h"
#include "log_bound.h"
#include "module.h"
#include "neighbor.h"
#include "nht.h"
#include "peer_bgpd.h"
#include "resend.h"
#include "service.h"
#include "sid.h"
#include "startup.h"
#include "timer.h"
#include "tunnel.h"
#include "veth.h"
#include "yang.h"
#include "../yang/notifications.h"

#ifndef DYNCAST_BUILT_FOR
#define DYNCAST_BUILT_FOR FRR_VERSION
#endif

DEFINE_MGROUP(DYNCAST_ZEBRA, "Dyncast in zebra");

struct event_loop *dyncast_loop;

static bool active;
static struct event *t_start;

/* ---- is this the zebra that we were built for? ------------------------ */

static const char *running_version(void)
{
	for (struct frrmod_runtime *m = frrmod_list; m; m = m->next)
		if (strcmp(m->info->name, "zebra") == 0)
			return m->info->version;
	return NULL;
}

struct layout {
	const char *name;
	size_t size;
};

/* objects that zebra has allocated by now: libfrr keeps their size */
static const struct layout layouts[] = {
	{"Interface", sizeof(struct interface)},
	{"VRF", sizeof(struct vrf)},
	{"ZEBRA VRF", sizeof(struct zebra_vrf)},
};

static int check_layout(void *arg, struct memgroup *mg, struct memtype *mt)
{
	const struct layout **bad = arg;

	(void)mg;
	if (!mt)
		return 0;
	for (unsigned int i = 0; i < array_size(layouts); i++)
		if (strcmp(mt->name, layouts[i].name) == 0 && mt->n_alloc &&
		    mt->size && mt->size != layouts[i].size)
			*bad = &layouts[i];
	return 0;
}

static bool fits(void)
{
	const char *running = running_version();
	const struct layout *bad = NULL;

	if (!running) {
		zlog_err(
			"dyncast: zebra_dyncast belongs into zebra (`zebra -M zebra_dyncast`), not into %s: inactive",
			frr_get_progname());
		return false;
	}
	if (strcmp(running, DYNCAST_BUILT_FOR) != 0) {
		zlog_err(
			"dyncast: zebra_dyncast was built for FRR %s, this is %s: inactive; install the package built for this release",
			DYNCAST_BUILT_FOR, running);
		return false;
	}
	qmem_walk(check_layout, &bad);
	if (bad) {
		zlog_err(
			"dyncast: zebra_dyncast was built for FRR %s with other options (size of \"%s\"): inactive; build it for the installed packages",
			running, bad->name);
		return false;
	}
	return true;
}

/* ---- life ------------------------------------------------------------- */

/* in the event loop: zebra's socket is there and its own configuration read */
static void start(struct event *e)
{
	(void)e;
	dyncast_timers_init();
	dyncast_client_init();
	dyncast_peer_init();
	dyncast_startup_init();
}

static int late_init(struct event_loop *loop)
{
	if (!fits())
		return 0;
	active = true;
	dyncast_loop = loop;
	dyncast_apply_init();
	dyncast_nht_init();
	dyncast_neighbor_init();
	dyncast_sid_init();
	dyncast_tunnel_init();
	dyncast_service_init();
	dyncast_yang_init();
	dyncast_cli_init();
	dyncast_clear_init();
	dyncast_debug_init();
	dyncast_show_init();
	dyncast_summary_init();
	dyncast_show_flows_init();
	event_add_event(dyncast_loop, start, NULL, 0, &t_start);
	return 0;
}

/* zebra withdraws our routes; what the kernel steers stays pinned */
static int early_fini(void)
{
	if (!active)
		return 0;
	active = false;
	dyncast_event_off(&t_start);
	dyncast_show_flows_fini();
	dyncast_peer_fini();
	dyncast_client_fini();
	dyncast_resend_fini();
	dyncast_service_fini();
	dyncast_yang_fini();
	dyncast_notifications_fini();
	dyncast_recovered_fini();
	dyncast_sid_fini();
	dyncast_tunnel_fini();
	dyncast_nht_fini();
	dyncast_neighbor_fini();
	dyncast_ingress_fini();
	dyncast_veth_fini();
	dyncast_startup_fini();
	dyncast_timers_fini();
	dyncast_log_fini();
	return 0;
}

static int module_init(void)
{
	hook_register(frr_late_init, late_init);
	hook_register(frr_early_fini, early_fini);
	return 0;
}

FRR_MODULE_SETUP(
		.name = "zebra_dyncast", .version = FRR_VERSION,
		.description =
			"Dyncast: compute-aware anycast, decision and forwarding",
		.init = module_init, );
