/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A confirmed commit that netconfd does not outlive is taken back, as one that
 * nobody confirms in time (RFC 6241, 8.4.1).  netconfd's own copy of the
 * configuration of before is of no use to its successor, which begins with what
 * FRR has; so there is one here, in the run folder.
 *
 * Knows nothing of yuma123.  netconfd's only thread.
 */

#ifndef DYNCAST_NETCONF_CONFIRM_H
#define DYNCAST_NETCONF_CONFIRM_H

#include "frr.h"

/* Before an unconfirmed commit: what the daemon has.  False with a sentence in
 * error. */
bool dyncast_confirm_keep(const struct dyncast_owner *owner, char *error);
/* and after it: the command line may come later, whose word stands */
void dyncast_confirm_made(const struct dyncast_owner *owner);
/* it was confirmed, or taken back */
void dyncast_confirm_end(void);

/* Take back what was made and not ended.  True when something was; a sentence
 * of FRR's in error when it was refused. */
bool dyncast_confirm_restore(char *error);
/* .. and the last time could not all be: to be tried again */
bool dyncast_confirm_left(void);

#endif /* DYNCAST_NETCONF_CONFIRM_H */
