// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * "debug dyncast bgp": from the configuration node it is part of the running
 * configuration, from the enable node it lasts until bgpd restarts.
 *
 * bgpd's main thread.
 */

#include "cli.h"
#include "service.h"

#ifndef VTYSH_EXTRACT_PL
#include "bgpd-dyncast/debug_clippy.c"
#endif

/* part of `show debugging bgp`; the configuration is written by cli.c */
static int show_debugging(struct vty *vty, bool running)
{
	if (!running && DEBUG_MODE_CHECK(&dyncast_state.debug, DEBUG_MODE_ALL))
		vty_out(vty, "  Dyncast debugging is on\n");
	return 0;
}

DEFPY(debug_dyncast_bgp, debug_dyncast_bgp_cmd, "[no] debug dyncast bgp",
      NO_STR DEBUG_STR
      "Compute-aware anycast\n"
      "What bgpd says, hears and sends to zebra\n")
{
	uint32_t mode = DEBUG_NODE2MODE(vty->node);

	DEBUG_MODE_SET(&dyncast_state.debug, mode, !no);
	return CMD_SUCCESS;
}

void dyncast_debug_init(void)
{
	dyncast_debug_hook(show_debugging);
	install_element(ENABLE_NODE, &debug_dyncast_bgp_cmd);
	install_element(CONFIG_NODE, &debug_dyncast_bgp_cmd);
}
