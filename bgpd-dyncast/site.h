/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What concerns a site as a whole (draft-ietf-idr-5g-edge-service-metadata
 * section 4, types 1 and 2): what this router says of its own site, in the
 * attribute of each service and in a standalone update whose prefix is its
 * loopback, and what such statements of others do to their candidates.
 *
 * bgpd's main thread.
 */

#ifndef BGPD_DYNCAST_SITE_H
#define BGPD_DYNCAST_SITE_H

#include "receive.h"

/* add what is configured to the attribute of a service, which is in a VRF, or
 * in the default one */
void dyncast_site_fill(struct dyncast_site *site, bool in_vrf);

/* the standalone update: configuration changed */
void dyncast_site_apply(void);
void dyncast_site_tick(void);	/* once a second */
void dyncast_site_recode(void); /* the attribute's code or profile changed */

/* Note what the paths of a router's loopback say of its site; true when that
 * changed. */
bool dyncast_site_learn(struct dyncast_track *track);
void dyncast_site_forget(struct dyncast_track *track);
/* does the path say something of a site, and nothing of a service? */
bool dyncast_site_standalone(const struct dyncast_path *path);

/* Of one candidate: preference (0: none) and availability in percent. */
struct dyncast_site_view {
	uint32_t preference;
	uint8_t availability;
};
struct dyncast_site_view dyncast_site_local(void);
struct dyncast_site_view dyncast_site_learnt(const struct dyncast_track *track,
					     const struct dyncast_path *path);

/*
 * Let preference and availability act: what a candidate withholds is all but
 * the product of its availability and its preference relative to the highest
 * one of those that take flows.  An availability of 0 takes no new flows.
 * views[i] is of candidate i.
 */
void dyncast_site_act(struct dyncast_set *set,
		      const struct dyncast_site_view *views);

#endif /* BGPD_DYNCAST_SITE_H */
