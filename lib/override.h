/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The operator's override of a service at one router: pins and caps, by site.
 * Pure, any thread.  A site is a BGP next hop; family 0 is this router.
 */

#ifndef DYNCAST_OVERRIDE_H
#define DYNCAST_OVERRIDE_H

#include "dyncast.h"

bool dyncast_override_valid(const struct dyncast_override *override);

/* nothing is said */
bool dyncast_override_empty(const struct dyncast_override *override);

/* new flows are pinned to another site than this one */
bool dyncast_override_away(const struct dyncast_override *override,
			   const struct dyncast_addr *site);

/* the cap of a site, NULL when it has none */
const struct dyncast_cap *
dyncast_override_cap(const struct dyncast_override *override,
		     const struct dyncast_addr *site);

/* Give a site a cap, or another one; false when there are
 * DYNCAST_CAPS_MAX others. */
bool dyncast_override_cap_set(struct dyncast_override *override,
			      const struct dyncast_addr *site, uint8_t percent);
void dyncast_override_cap_remove(struct dyncast_override *override,
				 const struct dyncast_addr *site);

#endif /* DYNCAST_OVERRIDE_H */
