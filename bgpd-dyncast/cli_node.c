// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where bgpd's commands and lines of configuration are hung up; what of the
 * configuration is bgpd's alone.  bgpd's main thread.
 */

#include "cli_internal.h"
#include "../yang/northbound.h"

#ifndef VTYSH_EXTRACT_PL
#include "bgpd-dyncast/cli_node_clippy.c"
#endif

DEFPY(dyncast_services_load, dyncast_services_load_cmd,
      "dyncast services load FILE$path [check]$check",
      DYNCAST_STR
      "The container /frr-dyncast:services of the YANG model\n"
      "Put a file in its place, as a whole or not at all\n"
      "Name of the file, JSON or XML\n"
      "Only say whether it would be accepted\n")
{
	dyncast_yang_flush();
	return dyncast_nb_load(vty, path, check != NULL);
}

static int config_write(struct vty *vty)
{
	if (DEBUG_MODE_CHECK(&dyncast_state.debug, DEBUG_MODE_CONF))
		vty_out(vty, "debug dyncast bgp\n");
	return dyncast_managed() ? 1 : dyncast_cli_write(vty);
}

/* writes the running configuration; never entered; its number only has to be
 * free in this daemon */
static struct cmd_node dyncast_node = {
	.name = "dyncast",
	.node = NODE_TYPE_MAX,
	.parent_node = CONFIG_NODE,
	.prompt = "",
	.config_write = config_write,
};

void dyncast_cli_init(void)
{
	install_node(&dyncast_node);
	dyncast_cli_service_init();
	dyncast_cli_router_init();
	install_element(ENABLE_NODE, &dyncast_services_load_cmd);
	dyncast_show_init();
	dyncast_summary_init();
	dyncast_debug_init();
}
