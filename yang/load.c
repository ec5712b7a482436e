// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A file in place of the container that a daemon owns, in one transaction of
 * its northbound: what candidates do in daemons with --tcli, for all the others
 * and for the NETCONF server.  What other models have configured stays.
 *
 * Main thread of either daemon; called by its command line.
 */

#include <zebra.h>

#include "lib/command.h"
#include "lib/memory.h"

#include "file.h"
#include "managed.h"
#include "northbound.h"
#include "compat.h"

static int transact(struct vty *vty, struct nb_config *candidate,
		    bool check_only)
{
	struct nb_context context = {.client = NB_CLIENT_CLI, .user = vty};
	char error[BUFSIZ] = "";
	int result;

	if (check_only)
		result = dyncast_nb_validate(&context, candidate, error,
					     sizeof(error));
	else
		result = dyncast_nb_commit(&context, candidate, error,
					   sizeof(error));
	if (result == NB_ERR_NO_CHANGES)
		return CMD_SUCCESS;
	if (result == NB_OK) {
		if (!check_only)
			dyncast_nb_refresh();
		return CMD_SUCCESS;
	}
	vty_out(vty, "%% dyncast: %s\n",
		error[0] ? error : nb_err_name(result));
	return CMD_WARNING;
}

int dyncast_nb_load(struct vty *vty, const char *path, bool check_only)
{
	struct nb_config *candidate;
	struct lyd_node *container;
	char *text;
	int result;

	if (!dyncast_nb_active()) {
		vty_out(vty,
			"%% dyncast: the YANG model is not available, see the log\n");
		return CMD_WARNING;
	}
	if (!check_only && dyncast_managed_refuse(vty))
		return CMD_WARNING;
	text = dyncast_file_read(vty, path);
	if (!text)
		return CMD_WARNING;
	container = dyncast_file_parse(vty, text, dyncast_nb_container());
	XFREE(MTYPE_TMP, text);
	if (!container)
		return CMD_WARNING;
	candidate = nb_config_dup(running_config);
	dyncast_nb_replace(candidate, container);
	result = transact(vty, candidate, check_only);
	nb_config_free(candidate);
	return result;
}
