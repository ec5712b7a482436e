/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each service wants once a second: see tick.c.
 */

#ifndef DYNCAST_BGPD_TICK_H
#define DYNCAST_BGPD_TICK_H

/* Look after all of them, in events of some milliseconds.  A round that is not
 * over goes on. */
void dyncast_tick_services(void);
void dyncast_tick_fini(void);

#endif /* DYNCAST_BGPD_TICK_H */
