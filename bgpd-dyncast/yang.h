/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container `services` of frr-dyncast.yang in bgpd: yang.c applies what is
 * committed to it, yang_leaves.c says which leaf is what, yang_state.c has
 * operational data and notifications.  bgpd's main thread.
 */

#ifndef BGPD_DYNCAST_YANG_H
#define BGPD_DYNCAST_YANG_H

#include "service.h"

void dyncast_yang_init(void);
void dyncast_yang_early_fini(void);

/* yang_sync.c: a command has changed this service, or what is of the whole
 * router; the data store has it when the event is over, or after a flush */
void dyncast_yang_sync_service(const char *name);
void dyncast_yang_sync_router(void);
void dyncast_yang_flush(void);
void dyncast_yang_sync_fini(void);

/* notifications: once a second, and for an instance that goes */
void dyncast_yang_tick(struct dyncast_service *service);
void dyncast_yang_instance_gone(const struct dyncast_local *local,
				const char *why);

#endif /* BGPD_DYNCAST_YANG_H */
