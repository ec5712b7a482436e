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
 * implement.  A vtysh of another release than it was built for gets none:
 * the layout of a command differs between releases.
 *
 * One thread; called once.
 */

#include <zebra.h>
#include <dlfcn.h>
#include "lib/command.h"
#include "lib/module.h"
#include "lib/version.h"

#include "vtysh_dyncast.h"

#ifndef DYNCAST_BUILT_FOR
#define DYNCAST_BUILT_FOR FRR_VERSION
#endif

/* libfrr's own entry: the release whose vtysh this is */
static const char *running_version(void)
{
	for (struct frrmod_runtime *m = frrmod_list; m; m = m->next)
		if (strcmp(m->info->name, "libfrr") == 0)
			return m->info->version;
	return "unknown";
}

void vty_init_vtysh(void);

void vty_init_vtysh(void)
{
	void (*stock)(void) =
		(void (*)(void))dlsym(RTLD_NEXT, "vty_init_vtysh");

	if (stock)
		stock();
	/* FRR was upgraded and we were not: vtysh boots the router, and has to
	 * do that whatever we are */
	if (strcmp(running_version(), DYNCAST_BUILT_FOR) != 0) {
		fprintf(stderr,
			"vtysh: Dyncast's commands were built for FRR %s, this is %s: they are unknown here until Dyncast is built and installed for it\n",
			DYNCAST_BUILT_FOR, running_version());
		return;
	}
	dyncast_vtysh_install();
}
