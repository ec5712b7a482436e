/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operational data in `running` while a `get` is answered.  netconfd's only
 * thread.
 */

#ifndef DYNCAST_NETCONF_STATE_H
#define DYNCAST_NETCONF_STATE_H

void dyncast_state_add(void);
void dyncast_state_remove(void);

#endif /* DYNCAST_NETCONF_STATE_H */
