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
 * vtysh prints what several daemons answer one after the other, which two JSON
 * objects cannot be.  Such commands' JSON form is asked for here, and joined.
 *
 * The configuration's commands go to mgmtd when its module is loaded as vtysh
 * starts, else to bgpd and zebra, which tell those who ask them while mgmtd has
 * it (lib/owner.h).
 *
 * One thread; called once.
 */

#include <zebra.h>
#include <dlfcn.h>
#include "lib/command.h"
#include "lib/module.h"
#include "lib/version.h"

#include "vtysh/vtysh.h"

#include "../lib/owner.h"
#include "../lib/vty_client.h"
#include "vtysh_dyncast.h"

#define ANSWER_TIMEOUT_MS 10000
#define ANSWER_MAX (64u << 20)

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

/* NULL after a word on stderr, which no reader of JSON sees */
static char *ask(const char *daemon, const char *command)
{
	enum dyncast_vty_result result;
	struct dyncast_vty connection;
	char path[MAXPATHLEN];
	char *answer = NULL;

	snprintf(path, sizeof(path), "%s/%s.vty", vtydir, daemon);
	result = dyncast_vty_open(&connection, path, ANSWER_TIMEOUT_MS,
				  ANSWER_MAX);
	if (result == DYNCAST_VTY_OK) {
		result = dyncast_vty_ask(&connection, command, &answer);
		dyncast_vty_close(&connection);
	}
	if (result == DYNCAST_VTY_OK && answer[0] != '{')
		result = DYNCAST_VTY_REFUSED;
	if (result == DYNCAST_VTY_OK)
		return answer;
	free(answer);
	fprintf(stderr, "%s: %s\n", daemon, dyncast_vty_result_str(result));
	return NULL;
}

int dyncast_vtysh_json(struct vty *vty, unsigned int daemons, int argc,
		       struct cmd_token *argv[])
{
	static const struct {
		unsigned int flag;
		const char *name;
	} ours[] = {{VTYSH_BGPD, "bgpd"}, {VTYSH_ZEBRA, "zebra"}};
	char *command = argv_concat(argv, argc, 0);
	const char *separator = "{\n";

	for (size_t i = 0; i < array_size(ours); i++) {
		char *answer;

		if (!(daemons & ours[i].flag))
			continue;
		answer = ask(ours[i].name, command);
		vty_out(vty, "%s\"%s\":%s", separator, ours[i].name,
			answer ? answer : "null\n");
		separator = ",\n";
		free(answer);
	}
	vty_out(vty, "}\n");
	XFREE(MTYPE_TMP, command);
	return CMD_SUCCESS;
}

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
	dyncast_vtysh_install(dyncast_owner_held(vtydir));
}
