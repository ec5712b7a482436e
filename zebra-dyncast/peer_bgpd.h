/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The conversation with bgpd_dyncast: lib/msg.h over ZAPI opaque messages.
 * See peer_bgpd.c.
 */

#ifndef DYNCAST_ZEBRA_PEER_BGPD_H
#define DYNCAST_ZEBRA_PEER_BGPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dyncast_msg_feedback;

void dyncast_peer_init(void);
void dyncast_peer_fini(void);

void dyncast_peer_receive(const uint8_t *data, size_t len);
void dyncast_peer_connected(void); /* to zebra, or the kernel side is */
void dyncast_peer_closed(void);	   /* bgpd ended */
void dyncast_peer_feedback(const struct dyncast_msg_feedback *feedback);

struct dyncast_peer_status {
	bool alive;
	bool synced;
	uint64_t epoch;
	uint32_t version, features;
	uint32_t other_version; /* not ours, but what it speaks; 0: none */
	int64_t last_heard_ms;	/* since; -1 never */
	uint64_t sets, removes, bad, foreign;
	uint32_t acknowledged;
};
void dyncast_peer_status_get(struct dyncast_peer_status *out);

#endif /* DYNCAST_ZEBRA_PEER_BGPD_H */
