/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A service's candidate set, as zebra_dyncast gets it: local instances and
 * those of every path, duplicates resolved, with the policy that applies.
 *
 * Pure construction from the state; bgpd's main thread; called when a set is
 * about to be sent, so that ages are those of the moment.
 */

#ifndef BGPD_DYNCAST_CANDIDATES_H
#define BGPD_DYNCAST_CANDIDATES_H

#include "receive.h"

/*
 * Fill *set (free it with dyncast_set_fini), and *left_out with how many more
 * instances paths name than a set holds.  False when there is nothing to say
 * about this prefix any more: no local service and no path with metrics.
 */
bool dyncast_candidates_build(const struct dyncast_track *track,
			      struct dyncast_set *set, unsigned int *left_out);

/* the same for zebra: remembers what is left out, and says so once */
bool dyncast_candidates_to_send(struct dyncast_track *track,
				struct dyncast_set *set);

/*
 * Is it too early for a set?  bgpd has started, and not all have spoken who say
 * how the service's instances are: those that have not would be missing in it
 * or down, and lose their flows.  Of what it hears nothing zebra keeps what it
 * has (failure rule (b)).
 */
bool dyncast_candidates_wait(const struct dyncast_track *track);

/* equal but for ages */
bool dyncast_candidates_same(const struct dyncast_set *a,
			     const struct dyncast_set *b);

/* The sites that have a path, and no candidate: what is left when nobody
 * offers metrics any more.  The caller frees it; false: no memory. */
bool dyncast_candidates_none(const struct dyncast_track *track,
			     struct dyncast_set *set);

#endif /* BGPD_DYNCAST_CANDIDATES_H */
