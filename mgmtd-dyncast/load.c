// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A file in place of a container, as bgpd and zebra have it where mgmtd has
 * nothing to say.  The commit is a whole one, and the answer comes when bgpd or
 * zebra have given theirs.
 *
 * mgmtd's main thread.
 */

#include <zebra.h>

#include "lib/command.h"
#include "lib/memory.h"
#include "lib/northbound.h"
#include "mgmtd/mgmt.h"
#include "mgmtd/mgmt_ds.h"

#include "edit.h"
#include "../yang/file.h"

#ifndef VTYSH_EXTRACT_PL
#include "mgmtd-dyncast/load_clippy.c"
#endif

#define DYNCAST_STR "Compute-aware anycast\n"

/* by the model; what bgpd and zebra say themselves, they say to a commit */
static bool is_valid(struct vty *vty, struct nb_config *candidate)
{
	char error[BUFSIZ] = "";

	if (nb_candidate_validate_yang(candidate, true, error, sizeof(error)) ==
	    NB_OK)
		return true;
	vty_out(vty, "%% dyncast: %s\n", error);
	return false;
}

static bool is_change(const struct nb_config *candidate)
{
	struct nb_config_cbs changes = {};
	bool change;

	nb_config_diff(running_config, candidate, &changes);
	change = !RB_EMPTY(nb_config_cbs, &changes);
	nb_config_diff_del_changes(&changes);
	return change;
}

static bool is_locked(enum mgmt_ds_id id)
{
	return mgmt_ds_is_locked(mgmt_ds_get_ctx_by_id(mm, id), NULL, NULL);
}

/* of the candidate, as a command of the configuration makes one */
static int commit(struct vty *vty, struct nb_config *config)
{
	if (is_locked(MGMTD_DS_CANDIDATE) || is_locked(MGMTD_DS_RUNNING)) {
		vty_out(vty,
			"%% dyncast: another session has locked the configuration\n");
		return CMD_WARNING;
	}
	nb_config_replace(mgmt_ds_get_nb_config(mgmt_ds_get_ctx_by_id(
				  mm, MGMTD_DS_CANDIDATE)),
			  config, true);
	vty->num_cfg_changes = 0;
	return vty_mgmt_send_config_data(vty, NULL, true);
}

static int load(struct vty *vty, const char *name, const char *path,
		bool check_only)
{
	char *text = dyncast_file_read(vty, path);
	struct lyd_node *container;
	struct nb_config *config;
	int result = CMD_WARNING;

	if (!text)
		return CMD_WARNING;
	container = dyncast_file_parse(vty, text, name);
	XFREE(MTYPE_TMP, text);
	if (!container)
		return CMD_WARNING;
	config = nb_config_dup(running_config);
	dyncast_edit_replace(config, container);
	if (is_valid(vty, config))
		result = check_only || !is_change(config) ? CMD_SUCCESS
							  : commit(vty, config);
	nb_config_free(config);
	return result;
}

DEFPY(dyncast_services_load, dyncast_services_load_cmd,
      "dyncast services load FILE$path [check]$check",
      DYNCAST_STR
      "The container /frr-dyncast:services of the YANG model\n"
      "Put a file in its place, as a whole or not at all\n"
      "Name of the file, JSON or XML\n"
      "Only say whether it would be accepted\n")
{
	return load(vty, "services", path, check != NULL);
}

DEFPY(dyncast_forwarding_load, dyncast_forwarding_load_cmd,
      "dyncast forwarding load FILE$path [check]$check",
      DYNCAST_STR
      "The container /frr-dyncast:forwarding of the YANG model\n"
      "Put a file in its place, as a whole or not at all\n"
      "Name of the file, JSON or XML\n"
      "Only say whether it would be accepted\n")
{
	return load(vty, "forwarding", path, check != NULL);
}

void dyncast_load_init(void)
{
	install_element(ENABLE_NODE, &dyncast_services_load_cmd);
	install_element(ENABLE_NODE, &dyncast_forwarding_load_cmd);
}
