/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the attribute gets through stock bgpd, and how fast.
 *
 * - Every UPDATE is looked at before bgpd parses it (hook bgp_packet_dump):
 *   flags of our attribute are put right, so that a peer can neither reset a
 *   session with it nor have flags passed on that mean nothing.
 * - In profile "ietf" (type 42, non-transitive) bgpd would drop the attribute.
 *   It is marked transitive on its way into the parser, so that bgpd itself
 *   keeps it with the path, and non-transitive again before bgpd decides about
 *   the path and tells others: no store of our own, and nothing to lose.
 * - `dyncast advertise fast` shortens the time that bgpd collects changes.
 *
 * bgpd's main thread.  draft-ietf-idr-5g-edge-service-metadata section 4,
 * RFC 7606.
 */

#ifndef BGPD_DYNCAST_PROFILE_H
#define BGPD_DYNCAST_PROFILE_H

#include "service.h"

DECLARE_MTYPE(DYNCAST_REFLAG);

/* how long bgpd's process queue collects with `dyncast advertise fast` */
#define DYNCAST_FAST_HOLD_MS 2

struct dyncast_profile_counters {
	uint64_t updates;   /* that carried the attribute */
	uint64_t bad_flags; /* of these, refused for their flags */
	uint64_t repeated;  /* further occurrences that were made harmless */
	uint64_t restored;  /* paths that got their own flags back */
};
extern struct dyncast_profile_counters dyncast_profile_counters;

/* hook: an UPDATE before bgpd parses it */
int dyncast_profile_packet(struct peer *peer, uint8_t type, bgp_size_t size,
			   struct stream *s);
/* from the bgp_process hook: the paths of dest may have changed */
void dyncast_profile_process(struct bgp *bgp, struct bgp_dest *dest);

/* settings changed, or there may be a new BGP instance */
void dyncast_profile_apply(void);
/* the code or profile changed: have every peer say everything again */
void dyncast_profile_refresh(void);

void dyncast_profile_init(void);
void dyncast_profile_bgp_gone(struct bgp *bgp);
void dyncast_profile_fini(void); /* before bgpd ends */

#endif /* BGPD_DYNCAST_PROFILE_H */
