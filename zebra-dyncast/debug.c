/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `debug dyncast zebra`: what the module does, one line per event; told by
 * zebra's own `show debugging zebra`.
 */

#include <zebra.h>

#include "lib/command.h"
#include "zebra/debug.h"

#include "compat.h"
#include "module.h"

#ifndef VTYSH_EXTRACT_PL
#include "zebra-dyncast/debug_clippy.c"
#endif

bool dyncast_debug_zebra;

DEFPY(debug_dyncast_zebra, debug_dyncast_zebra_cmd, "[no] debug dyncast zebra",
      NO_STR DEBUG_STR
      "Compute-aware anycast\n"
      "Decision and forwarding, in zebra\n")
{
	dyncast_debug_zebra = !no;
	return CMD_SUCCESS;
}

int dyncast_debug_config_write(struct vty *vty)
{
	if (!dyncast_debug_zebra)
		return 0;
	vty_out(vty, "debug dyncast zebra\n");
	return 1;
}

static int show_debugging(struct vty *vty)
{
	if (dyncast_debug_zebra)
		vty_out(vty, "  Dyncast debugging is on\n");
	return 0;
}

void dyncast_debug_init(void)
{
	hook_register(zebra_debug_show_debugging, show_debugging);
	install_element(ENABLE_NODE, &debug_dyncast_zebra_cmd);
	install_element(CONFIG_NODE, &debug_dyncast_zebra_cmd);
}
