// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The plugin of netconfd (a "SIL") for frr-dyncast.yang: `running` is what FRR
 * has, and a commit is one transaction of each daemon.
 *
 * Before `get` and `get-config` it is read anew, since the command line may
 * have changed it.  A commit is validated by FRR with the rest of netconfd's
 * validation, and made in netconfd's commit phase, where a refusal still takes
 * everything back.
 */

#include "yuma.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "confirm.h"
#include "events.h"
#include "frr.h"
#include "state.h"
#include "sync.h"

#define SYNC_S 2
/* of names, prefixes and addresses */
#define WORD_CHARACTERS                                                        \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:/-"

/* a sentence of FRR's is the error's message */
static status_t refuse(ses_cb_t *scb, xml_msg_hdr_t *header,
		       const char *sentence)
{
	ncx_errinfo_t info = {.error_message = (xmlChar *)sentence};

	if (header)
		agt_record_error_errinfo(scb, header, NCX_LAYER_CONTENT,
					 ERR_NCX_OPERATION_FAILED, NULL,
					 NCX_NT_NONE, NULL, NCX_NT_NONE, NULL,
					 &info);
	log_warn("\nfrr-dyncast: refused: %s", sentence);
	return ERR_NCX_OPERATION_FAILED;
}

static status_t commit_validate(ses_cb_t *scb, xml_msg_hdr_t *header,
				val_value_t *root)
{
	char error[DYNCAST_ERROR_SIZE];

	if (!dyncast_sync_check(root, error))
		return refuse(scb, header, error);
	return NO_ERR;
}

/* With --target=running there is no commit that would have asked FRR: here the
 * edit is in the tree, and a refusal still takes it out. */
static bool commit(char *error)
{
	if (agt_get_profile()->agt_targ == NCX_AGT_TARG_RUNNING &&
	    !dyncast_sync_check(cfg_get_config_id(NCX_CFGID_RUNNING)->root,
				error))
		return false;
	return dyncast_sync_push(error);
}

static status_t edit(ses_cb_t *scb, rpc_msg_t *msg, agt_cbtyp_t phase,
		     op_editop_t op, val_value_t *new, val_value_t *old)
{
	char error[DYNCAST_ERROR_SIZE];

	if (phase == AGT_CB_COMMIT && !commit(error))
		return refuse(scb, msg ? &msg->mhdr : NULL, error);
	if (phase == AGT_CB_ROLLBACK)
		dyncast_sync_forget();
	return NO_ERR;
}

/* a commit that nobody has confirmed, when netconfd ends and when it begins,
 * and while FRR did not take that */
static void take_back(void)
{
	char error[DYNCAST_ERROR_SIZE];

	if (dyncast_confirm_restore(error))
		log_warn(
			"\nfrr-dyncast: a commit that nobody confirmed is taken back");
	if (*error)
		log_error(
			"\nfrr-dyncast: a commit that nobody confirmed is not taken back: %s",
			error);
}

/* FRR has what netconfd has, and no commit waits to be confirmed any more */
static void settle(void)
{
	dyncast_sync_settle();
	if (dyncast_confirm_left())
		take_back();
	else if (!agt_ncx_cc_active())
		dyncast_confirm_end();
}

static status_t commit_complete(void)
{
	settle();
	return NO_ERR;
}

/* here nobody has a pointer into the tree: it is replaced by FRR's */
static status_t after_commit(ses_cb_t *scb, rpc_msg_t *msg, xml_node_t *method)
{
	settle();
	dyncast_sync();
	return NO_ERR;
}

static status_t before_get(ses_cb_t *scb, rpc_msg_t *msg, xml_node_t *method)
{
	settle();
	dyncast_sync();
	dyncast_state_add();
	return NO_ERR;
}

static status_t after_get(ses_cb_t *scb, rpc_msg_t *msg, xml_node_t *method)
{
	dyncast_state_remove();
	return NO_ERR;
}

static status_t before_get_config(ses_cb_t *scb, rpc_msg_t *msg,
				  xml_node_t *method)
{
	settle();
	dyncast_sync();
	return NO_ERR;
}

/* netconfd's own phase has checked it by the model */
static status_t validate(ses_cb_t *scb, rpc_msg_t *msg, xml_node_t *method)
{
	cfg_template_t *candidate = cfg_get_config_id(NCX_CFGID_CANDIDATE);
	val_value_t *source =
		val_find_child(msg->rpc_input, NULL, (const xmlChar *)"source");
	char error[DYNCAST_ERROR_SIZE];
	bool ok;

	if (!candidate || !source ||
	    !val_find_child(source, NULL, (const xmlChar *)"candidate"))
		return NO_ERR;
	ok = dyncast_sync_check(candidate->root, error);
	dyncast_sync_forget();
	return ok ? NO_ERR : refuse(scb, &msg->mhdr, error);
}

/* a word of a command, from a client: nothing that would end it */
static bool word(rpc_msg_t *msg, const char *leaf, char *command, size_t size)
{
	val_value_t *val = val_find_child(msg->rpc_input, DYNCAST_MODEL,
					  (const xmlChar *)leaf);
	size_t len = strlen(command);
	const char *text;

	if (!val)
		return true;
	text = (const char *)VAL_STR(val);
	if (!*text || text[strspn(text, WORD_CHARACTERS)])
		return false;
	snprintf(command + len, size - len, " %s %s", leaf, text);
	return strlen(command) + 1 < size;
}

static status_t clear_flows(ses_cb_t *scb, rpc_msg_t *msg, xml_node_t *method)
{
	char command[160] = "clear dyncast flows", error[DYNCAST_ERROR_SIZE];

	if (!word(msg, "service", command, sizeof(command)) ||
	    !word(msg, "instance", command, sizeof(command)))
		return refuse(scb, &msg->mhdr,
			      "there is no service or instance of this name");
	if (!dyncast_frr_command("zebra", command, error))
		return refuse(scb, &msg->mhdr, error);
	return NO_ERR;
}

/* so that edits begin with what the command line has made of it */
static int tick(uint32 timer, void *cookie)
{
	settle();
	dyncast_sync();
	dyncast_events_poll();
	return 0;
}

status_t y_frr_dyncast_init(const xmlChar *modname, const xmlChar *revision)
{
	status_t res = dyncast_sync_init();

	/* 2.13 takes a `validate` of everything for the load of a file, and
	 * what was edited before it is not committed any more */
	agt_get_profile()->agt_validate_all = FALSE;
	if (res == NO_ERR)
		res = agt_commit_validate_register(DYNCAST_MODEL,
						   commit_validate);
	if (res == NO_ERR)
		res = agt_commit_complete_register(DYNCAST_MODEL,
						   commit_complete);
	for (int i = 0; i < DYNCAST_OWNERS && res == NO_ERR; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/frr-dyncast:%s",
			 dyncast_owners[i].container);
		res = agt_cb_register_callback(
			DYNCAST_MODEL, (const xmlChar *)path, NULL, edit);
	}
	return res;
}

status_t y_frr_dyncast_init2(void)
{
	const xmlChar *netconf = NC_MODULE;
	status_t res;
	uint32 timer;

	take_back();
	dyncast_sync();
	dyncast_events_poll();
	res = agt_rpc_register_method(netconf, (const xmlChar *)"get",
				      AGT_RPC_PH_INVOKE, before_get);
	if (res == NO_ERR)
		res = agt_rpc_register_method(netconf, (const xmlChar *)"get",
					      AGT_RPC_PH_POST_REPLY, after_get);
	if (res == NO_ERR)
		res = agt_rpc_register_method(
			netconf, (const xmlChar *)"get-config",
			AGT_RPC_PH_INVOKE, before_get_config);
	if (res == NO_ERR)
		res = agt_rpc_register_method(
			netconf, (const xmlChar *)"commit",
			AGT_RPC_PH_POST_REPLY, after_commit);
	if (res == NO_ERR)
		res = agt_rpc_register_method(NC_MODULE,
					      (const xmlChar *)"validate",
					      AGT_RPC_PH_INVOKE, validate);
	if (res == NO_ERR)
		res = agt_rpc_register_method(DYNCAST_MODEL,
					      (const xmlChar *)"clear-flows",
					      AGT_RPC_PH_INVOKE, clear_flows);
	if (res == NO_ERR)
		res = agt_timer_create(SYNC_S, TRUE, tick, NULL, &timer);
	return res;
}

void y_frr_dyncast_cleanup(void)
{
	agt_commit_validate_unregister(DYNCAST_MODEL);
	agt_commit_complete_unregister(DYNCAST_MODEL);
	take_back();
	dyncast_sync_cleanup();
}
