/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The conversation with zebra_dyncast: an own ZAPI client, hello once a
 * second, candidate sets within a window of unacknowledged messages, full
 * resynchronisation when either side restarted (protocol: lib/msg.h).
 *
 * bgpd's main thread.  Not bgpd's client: closing this one withdraws nothing.
 */

#ifndef BGPD_DYNCAST_PEER_ZEBRA_H
#define BGPD_DYNCAST_PEER_ZEBRA_H

#include "service.h"

struct dyncast_track;

void dyncast_peer_init(void);
void dyncast_peer_fini(void);
void dyncast_peer_tick(void); /* once a second */

/* the track's set may differ from what zebra has */
void dyncast_peer_queue(struct dyncast_track *track);
/* the track is being freed: forget that it is queued */
void dyncast_peer_unqueue(struct dyncast_track *track);
/* the locator changed: say it now */
void dyncast_peer_hello(void);
/* peer_asks.c: true when the next hello is to ask for all feedback; main
 * thread, once a hello while nothing is under way to zebra */
bool dyncast_peer_asks(void);

/* has zebra_dyncast said hello since bgpd started? */
bool dyncast_peer_ever_seen(void);

struct dyncast_peer_status {
	bool connected; /* to zebra */
	bool up;	/* zebra_dyncast answers */
	bool synced;
	bool mismatch; /* a zebra_dyncast of another version answers */
	uint64_t epoch, peer_epoch;
	uint32_t peer_features;
	uint32_t version, peer_version;
	uint32_t in_flight, queued;
	uint64_t sets, removes, syncs, stalls, bad, acks, feedbacks,
		unencodable;
};
void dyncast_peer_status_get(struct dyncast_peer_status *out);

#endif /* BGPD_DYNCAST_PEER_ZEBRA_H */
