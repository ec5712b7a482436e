/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which prefixes with metrics become services here.
 *
 * A router steers DYNCAST_SERVICES_MAX services at most, so that a full table
 * with the attribute on each route is no more than a full table to it: what
 * finds no room stays a plain anycast route, of which nothing is kept, and is
 * looked for in bgpd's tables when room has come.  Of a neighbor that is not
 * trusted half of that is taken, so that it keeps nobody out; statements of
 * sites have room of their own.  What is configured here needs none.
 *
 * bgpd's main thread.
 */

#ifndef BGPD_DYNCAST_ADMIT_H
#define BGPD_DYNCAST_ADMIT_H

#include "service.h"

/*
 * May a prefix that has no track yet, and whose paths in dest carry the
 * attribute, get one?  `used`: tracks that there are.  A refusal is counted,
 * and logged once until there has been room for all.
 */
bool dyncast_admit(const struct dyncast_service_key *key, struct bgp_dest *dest,
		   size_t used);

/* The tables are about to be looked through: nobody is waiting then. */
void dyncast_admit_scanned(void);
/* Has somebody waited for long enough for room that there is now? */
bool dyncast_admit_due(size_t used);
/* somebody has no room */
bool dyncast_admit_full(void);

#endif /* BGPD_DYNCAST_ADMIT_H */
