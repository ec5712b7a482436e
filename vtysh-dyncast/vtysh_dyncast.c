// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes the modules' commands known to a stock vtysh.
 *
 * vtysh only knows the commands that were compiled into it.  This shared
 * object is loaded before libfrr (see the wrapper "vtysh" beside it) and
 * stands in for libfrr's vty_init_vtysh(), which vtysh calls once, when all
 * its nodes exist and no configuration has been read: the place to install
 * proxy commands.  The list of them is generated from the modules' own
 * cross-references (commands.py), so that it cannot differ from what they
 * implement.
 *
 * One thread; called once.
 */

#include <zebra.h>
#include <dlfcn.h>
#include "command.h"

#include "vtysh_dyncast.h"

void vty_init_vtysh(void);

void vty_init_vtysh(void)
{
	void (*stock)(void) =
		(void (*)(void))dlsym(RTLD_NEXT, "vty_init_vtysh");

	if (stock)
		stock();
	dyncast_vtysh_install();
}
