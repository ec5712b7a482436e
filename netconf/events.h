/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notifications of FRR's daemons, handed on to NETCONF clients.  What happened
 * before netconfd came is not: clients ask for the state when they connect.
 *
 * netconfd's only thread.
 */

#ifndef DYNCAST_NETCONF_EVENTS_H
#define DYNCAST_NETCONF_EVENTS_H

/* Ask the daemons for what is new.  A daemon that does not answer is asked
 * again the next time. */
void dyncast_events_poll(void);

#endif /* DYNCAST_NETCONF_EVENTS_H */
