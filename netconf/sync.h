/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netconfd's data stores and FRR's configuration in agreement.  FRR's is the
 * truth; netconfd's only thread.
 */

#ifndef DYNCAST_NETCONF_SYNC_H
#define DYNCAST_NETCONF_SYNC_H

#include "yuma.h"

status_t dyncast_sync_init(void);
void dyncast_sync_cleanup(void);

/* object of a container of the model */
obj_template_t *dyncast_sync_obj(const char *container);

/* `running`, and a candidate without edits, become what FRR has.  A daemon that
 * does not answer leaves its part as it was. */
void dyncast_sync(void);

/* Would FRR have it?  Then it is pending.  False with a sentence in error. */
bool dyncast_sync_check(val_value_t *root, char *error);
/* FRR gets what is pending: all, or nothing with a sentence in error. */
bool dyncast_sync_push(char *error);
void dyncast_sync_forget(void);
/* FRR gets what has come into `running` by another way: netconfd takes a commit
 * that nobody confirmed back without asking */
void dyncast_sync_settle(void);

#endif /* DYNCAST_NETCONF_SYNC_H */
