// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The plugin of netconfd (a "SIL") for frr-dyncast.yang: `running` is what FRR
 * has, and a commit is one transaction of each daemon.
 *
 * Before `get` and `get-config` it is read anew, since the command line may have
 * changed it.  A commit is validated by FRR with the rest of netconfd's
 * validation, and made in netconfd's commit phase, where a refusal still takes
 * everything back.
 */

#include "yuma.h"

#include <stdlib.h>
#include <string.h>

#include "frr.h"
#include "state.h"
#include "sync.h"

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

static status_t edit(ses_cb_t *scb, rpc_msg_t *msg, agt_cbtyp_t phase,
		     op_editop_t op, val_value_t *new, val_value_t *old)
{
	char error[DYNCAST_ERROR_SIZE];

	if (phase == AGT_CB_COMMIT && !dyncast_sync_push(error))
		return refuse(scb, msg ? &msg->mhdr : NULL, error);
	if (phase == AGT_CB_ROLLBACK)
		dyncast_sync_forget();
	return NO_ERR;
}

static status_t commit_complete(void)
{
	dyncast_sync_settle();
	return NO_ERR;
}

static status_t before_get(ses_cb_t *scb, rpc_msg_t *msg, xml_node_t *method)
{
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
	dyncast_sync();
	return NO_ERR;
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

	dyncast_sync();
	res = agt_rpc_register_method(netconf, (const xmlChar *)"get",
				      AGT_RPC_PH_INVOKE, before_get);
	if (res == NO_ERR)
		res = agt_rpc_register_method(netconf, (const xmlChar *)"get",
					      AGT_RPC_PH_POST_REPLY, after_get);
	if (res == NO_ERR)
		res = agt_rpc_register_method(netconf,
					      (const xmlChar *)"get-config",
					      AGT_RPC_PH_INVOKE,
					      before_get_config);
	return res;
}

void y_frr_dyncast_cleanup(void)
{
	agt_commit_validate_unregister(DYNCAST_MODEL);
	agt_commit_complete_unregister(DYNCAST_MODEL);
	dyncast_sync_cleanup();
}
