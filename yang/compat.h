/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between the northbounds of FRR 8.4.4, 10.3 and 10.7.1, and
 * nothing else.
 */

#ifndef DYNCAST_YANG_COMPAT_H
#define DYNCAST_YANG_COMPAT_H

#include "lib/northbound.h"
#include "lib/northbound_cli.h"
#include "lib/vty.h"

/* 9.0 has mgmtd, and with it another shared candidate; libyang's features are
 * named when a module is loaded since then */
#if __has_include("lib/mgmt_be_client.h")
#define dyncast_yang_module_load(name) yang_module_load(name, NULL)
#define dyncast_nb_candidates                                                  \
	{                                                                      \
		vty_shared_candidate_config, vty_mgmt_candidate_config         \
	}
/* may a node of this kind have such a callback? */
#define dyncast_nb_has(callback, snode)                                        \
	nb_cb_operation_is_valid(NB_CB_##callback, snode)
#define dyncast_nb_commit(context, candidate, error, size)                     \
	nb_candidate_commit(*(context), candidate, true, NULL, NULL, error,    \
			    size)
#else
#define dyncast_yang_module_load(name) yang_module_load(name)
#define dyncast_nb_candidates                                                  \
	{                                                                      \
		vty_shared_candidate_config                                    \
	}
#define dyncast_nb_has(callback, snode)                                        \
	nb_operation_is_valid(NB_OP_##callback, snode)
#define dyncast_nb_commit(context, candidate, error, size)                     \
	nb_candidate_commit(context, candidate, true, NULL, NULL, error, size)
#endif

/* what an RPC is given: a list of yang_data, a tree since mgmtd handles them */
#if __has_include("lib/mgmt_be_client.h")
#define DYNCAST_NB_RPC_TREE 1
#endif

/* nb_candidate_validate() of 10 cuts what libyang says to 7 letters: so libyang
 * is asked before it */
static inline int dyncast_nb_validate(struct nb_context *context,
				      struct nb_config *candidate, char *error,
				      size_t size)
{
#if __has_include("lib/mgmt_be_client.h")
	int result = nb_candidate_validate_yang(candidate, true, error, size);

	if (result != NB_OK)
		return result;
#endif
	return nb_candidate_validate(context, candidate, error, size);
}

#endif /* DYNCAST_YANG_COMPAT_H */
