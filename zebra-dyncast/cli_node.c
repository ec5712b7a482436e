/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where zebra's commands and lines of configuration are hung up; what of the
 * configuration is zebra's alone.  zebra's main thread.
 */

#include <zebra.h>

#include "lib/command.h"

#include "cli.h"
#include "module.h"
#include "../yang/managed.h"
#include "../yang/northbound.h"

#ifndef VTYSH_EXTRACT_PL
#include "zebra-dyncast/cli_node_clippy.c"
#endif

#define DYNCAST_STR "Compute-aware anycast\n"

DEFPY(dyncast_forwarding_load, dyncast_forwarding_load_cmd,
      "dyncast forwarding load FILE$path [check]$check",
      DYNCAST_STR
      "The container /frr-dyncast:forwarding of the YANG model\n"
      "Put a file in its place, as a whole or not at all\n"
      "Name of the file, JSON or XML\n"
      "Only say whether it would be accepted\n")
{
	return dyncast_nb_load(vty, path, check != NULL);
}

static int config_write(struct vty *vty)
{
	int lines = dyncast_debug_config_write(vty);

	if (!dyncast_managed())
		lines += dyncast_cli_write_forwarding(vty);
	if (lines)
		vty_out(vty, "!\n");
	return lines;
}

/* no node of zebra's own has a hook for top-level lines: a node without
 * commands serves as the place to write from */
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
	dyncast_cli_forwarding_init();
	install_element(ENABLE_NODE, &dyncast_forwarding_load_cmd);
}
