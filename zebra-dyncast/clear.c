/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `clear dyncast forwarding`: takes away all that this module has put into the
 * kernel and into the RIB, so that it can be unloaded or uninstalled without a
 * trace.  What stopping zebra leaves in the kernel on purpose, for flows to go
 * on, is what it is for.
 *
 * The configuration stays, and so does what bgpd has sent: services are weighed
 * and explained as before, but have no ids, rings, routes or SIDs.  Local
 * instances that other sites reach by one are said to be down, so that these
 * send no more.  It lasts until zebra restarts (who has cleared before he
 * uninstalls does not want it back at the next event) or until it is told to
 * restart.
 *
 * Main thread.
 */

#include <zebra.h>

#include "lib/command.h"

#include "clear.h"
#include "decap.h"
#include "ingress.h"
#include "module.h"
#include "service.h"
#include "sid.h"
#include "startup.h"
#include "veth.h"

#ifndef VTYSH_EXTRACT_PL
#include "zebra-dyncast/clear_clippy.c"
#endif

#define DYNCAST_STR "Compute-aware anycast\n"

bool dyncast_cleared;
/* it is over when the kernel side has been started again */
static bool restarting;

/* The routes are asked back first, but zebra does so only after this event: the
 * programs are gone by then, and packets go by the route all the way. */
static void take_away(void)
{
	/* maps of a former run may not have been asked for yet */
	dyncast_startup_wait();
	dyncast_cleared = true;
	dyncast_decap_cleared();
	dyncast_service_close_all();
	dyncast_startup_remove();
	dyncast_ingress_clear();
	dyncast_veth_update();
	dyncast_veth_forget();
	dyncast_sid_cleared();
	zlog_info(
		"dyncast: forwarding cleared: nothing is steered until zebra restarts or `clear dyncast forwarding restart`");
}

bool dyncast_clear_restarting(void)
{
	return restarting;
}

void dyncast_clear_begun(void)
{
	if (!restarting)
		return;
	restarting = false;
	dyncast_cleared = false;
	dyncast_sid_cleared();
	dyncast_service_open_all();
	zlog_info("dyncast: forwarding begins anew");
}

static void begin_anew(void)
{
	restarting = true;
	dyncast_startup_begin();
}

DEFPY(clear_dyncast_forwarding, clear_dyncast_forwarding_cmd,
      "clear dyncast forwarding [restart$restart]",
      CLEAR_STR DYNCAST_STR
      "Remove everything from the kernel, until zebra restarts\n"
      "Begin anew: flows choose an instance again\n")
{
	if (restarting)
		dyncast_startup_wait();
	if (!dyncast_cleared)
		take_away();
	if (restart)
		begin_anew();
	return CMD_SUCCESS;
}

void dyncast_clear_init(void)
{
	install_element(ENABLE_NODE, &clear_dyncast_forwarding_cmd);
}
