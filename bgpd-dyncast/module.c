// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bgpd_dyncast.so: what FRR loads with `-M bgpd_dyncast`.
 *
 * Checks that the running bgpd is the one that the module was built for, by
 * version and by the layout of the structures it shares with it; on a
 * mismatch it says so and stays inactive, because a module that fails would
 * stop bgpd from starting.  Registers every hook, here and nowhere else.
 *
 * Nothing is opened before bgpd's event loop runs: late_init also runs for
 * `bgpd -C` (configuration check) and before bgpd goes to the background.
 */

#include "advertise.h"
#include "agent_socket.h"
#include "cli.h"
#include "peer_zebra.h"
#include "profile.h"
#include "receive.h"
#include "site.h"
#include "tick.h"
#include "timer.h"
#include "yang.h"
#include "../yang/notifications.h"

/* a test builds a module "for another release" with this */
#ifndef DYNCAST_BUILT_FOR
#define DYNCAST_BUILT_FOR FRR_VERSION
#endif

static char inactive[256]; /* why; empty when the module works */
static struct event *t_start, *t_tick;

/* bgpd's own entry is the first of the list */
static bool version_check(void)
{
	const char *running = frrmod_list->info->version;

	if (!strcmp(running, DYNCAST_BUILT_FOR))
		return true;
	snprintf(
		inactive, sizeof(inactive),
		"built for FRR %s, running %s: inactive; install the frr-dyncast package of this FRR",
		DYNCAST_BUILT_FOR, running);
	return false;
}

/*
 * bgpd clears exactly its own sizeof(struct attr) in bgp_attr_default_set().
 * Of the instance it only reads settings, wherever bgpd has them, so that is
 * given more room than ours needs.
 */
static size_t running_attr_size(void)
{
	size_t size = sizeof(struct attr) + 256;
	uint8_t *probe = XMALLOC(MTYPE_TMP, size);
	struct bgp *bgp = XCALLOC(MTYPE_TMP, sizeof(*bgp) + 65536);
	struct aspath *aspath;

	memset(probe, 0xa5, size);
	bgp_attr_default_set((struct attr *)probe, bgp, BGP_ORIGIN_IGP);
	aspath = ((struct attr *)probe)->aspath;
	aspath_unintern(&aspath);
	while (size && probe[size - 1] == 0xa5)
		size--;
	XFREE(MTYPE_TMP, bgp);
	XFREE(MTYPE_TMP, probe);
	return size;
}

/* libfrr notes the size of what bgpd allocates by type */
static size_t running_path_size(void)
{
	struct bgp_path_info *pi = info_make(
		ZEBRA_ROUTE_SHARP, BGP_ROUTE_STATIC, 0, NULL, NULL, NULL);

	XFREE(MTYPE_BGP_ROUTE, pi);
	return MTYPE_BGP_ROUTE->size;
}

static bool layout_same(const char *what, size_t running, size_t here)
{
	if (running == here)
		return true;
	snprintf(
		inactive, sizeof(inactive),
		"%s is %zu bytes in the running bgpd, %zu here: inactive; build against the source of this FRR, configured with the options that \"bgpd --version\" prints",
		what, running, here);
	return false;
}

static bool layout_check(void)
{
	return layout_same("struct attr", running_attr_size(),
			   sizeof(struct attr)) &&
	       layout_same("struct bgp_path_info", running_path_size(),
			   sizeof(struct bgp_path_info));
}

static void tick(struct event *event)
{
	event_add_timer(dyncast_state.loop, tick, NULL, 1, &t_tick);
	dyncast_peer_tick();
	dyncast_profile_apply();
	dyncast_site_tick();
	dyncast_tick_services();
}

static void start(struct event *event)
{
	dyncast_timers_init();
	dyncast_agent_init();
	dyncast_peer_init();
	event_add_timer(dyncast_state.loop, tick, NULL, 1, &t_tick);
}

static int bgp_gone(struct bgp *bgp)
{
	dyncast_profile_bgp_gone(bgp);
	dyncast_advertise_bgp_gone(bgp);
	dyncast_receive_bgp_gone(bgp);
	return 0;
}

/* sockets close before bgpd takes its instances apart */
static int early_fini(void)
{
	dyncast_event_cancel(t_start);
	dyncast_event_cancel(t_tick);
	dyncast_tick_fini();
	dyncast_agent_fini();
	dyncast_peer_fini();
	dyncast_profile_fini();
	dyncast_yang_early_fini();
	return 0;
}

static int fini(void)
{
	dyncast_yang_sync_fini();
	dyncast_advertise_fini();
	dyncast_receive_fini();
	dyncast_timers_fini();
	dyncast_state_fini();
	dyncast_notifications_fini();
	return 0;
}

static int late_init(struct event_loop *loop)
{
	if (!inactive[0])
		layout_check();
	if (inactive[0])
		return 0;
	dyncast_state_init(loop);
	dyncast_receive_init();
	dyncast_profile_init();
	dyncast_yang_init();
	dyncast_cli_init();
	hook_register(bgp_process, dyncast_receive_process);
	hook_register(bgp_packet_dump, dyncast_profile_packet);
	hook_register(bgp_inst_delete, bgp_gone);
	hook_register(frr_early_fini, early_fini);
	hook_register(frr_fini, fini);
	event_add_event(loop, start, NULL, 0, &t_start);
	return 0;
}

/* said now, because the configuration file may say where to log */
static int config_post(struct event_loop *loop)
{
	if (inactive[0])
		zlog_err("bgpd_dyncast: %s", inactive);
	return 0;
}

static int module_init(void)
{
	version_check();
	hook_register(frr_late_init, late_init);
	hook_register(frr_config_post, config_post);
	return 0;
}

FRR_MODULE_SETUP(.name = "bgpd_dyncast", .version = DYNCAST_BUILT_FOR,
		 .description = "compute-aware anycast (Dyncast)",
		 .init = module_init, );
