/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container `forwarding` of frr-dyncast.yang in zebra: yang.c applies what
 * is committed to it, yang_state.c has operational data, the RPC and the
 * notification.  zebra's main thread.
 */

#ifndef DYNCAST_ZEBRA_YANG_H
#define DYNCAST_ZEBRA_YANG_H

#include "../yang/northbound.h"

void dyncast_yang_init(void);
void dyncast_yang_fini(void);
/* a command has changed the configuration */
void dyncast_yang_sync(void);
/* notifications of a service, once a second */
struct dyncast_service;
void dyncast_yang_tick(struct dyncast_service *service);

/* yang_state.c, for yang.c */
extern const struct dyncast_nb_list dyncast_yang_lists[];
struct yang_data *dyncast_yang_get(const char *leaf,
				   struct nb_cb_get_elem_args *args);
int dyncast_yang_clear_flows(struct nb_cb_rpc_args *args);

#endif /* DYNCAST_ZEBRA_YANG_H */
