/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between bgpd_dyncast and zebra_dyncast, carried in ZAPI opaque
 * messages.  Pure encoding and decoding; the daemons own the transport.
 *
 *   bgpd -> zebra   HELLO, SET, REMOVE, END_OF_SYNC
 *   zebra -> bgpd   HELLO, ACK, FEEDBACK
 *
 * Protocol.  Both sides send HELLO when they connect and then once a second.
 * A HELLO whose epoch differs from the last one means the peer restarted (or
 * was seen for the first time): bgpd then sends every set again, followed by
 * END_OF_SYNC; zebra marks what it holds stale at that moment and applies its
 * hold time to what was not sent again.  Every SET, REMOVE and END_OF_SYNC
 * carries a sequence number; zebra acknowledges the highest applied one,
 * several of a moment together; bgpd keeps at most DYNCAST_MSG_WINDOW
 * unacknowledged messages in flight.
 *
 * No message exceeds DYNCAST_MSG_MAX bytes (a ZAPI message above 65,519 bytes
 * makes zebra drop its client).  A longer set is split in parts with one
 * sequence number; the receiver applies it at the last part, or not at all.
 *
 * All integers in network byte order on the wire.
 */

#ifndef DYNCAST_MSG_H
#define DYNCAST_MSG_H

#include "dyncast.h"

#define DYNCAST_MSG_MAX 8192
#define DYNCAST_MSG_WINDOW 64
#define DYNCAST_MSG_VERSION 4
#define DYNCAST_MSG_HELLO_MS 1000
#define DYNCAST_MSG_PEER_DEAD_MS 5000

/* ZAPI opaque types: "DynZ" to zebra_dyncast, "DynB" to bgpd_dyncast */
#define DYNCAST_OPAQUE_TO_ZEBRA 0x44796e5a
#define DYNCAST_OPAQUE_TO_BGPD 0x44796e42

/* Both modules' ZAPI sessions are of type SHARP (sharpd is not in Debian's
 * packages); these are their instances. */
#define DYNCAST_ZAPI_INSTANCE_ZEBRA 1
#define DYNCAST_ZAPI_INSTANCE_BGPD 2

/* features, in HELLO */
#define DYNCAST_FEATURE_BPF (1u << 0)  /* flows are pinned by the kernel */
#define DYNCAST_FEATURE_SRV6 (1u << 1) /* SIDs can be installed */
/* from bgpd, not for good: it lacks feedback on an instance, say all again */
#define DYNCAST_FEATURE_ASK (1u << 2)
/* from zebra: it holds what a bgpd has said, this one or one before it */
#define DYNCAST_FEATURE_KEEPS (1u << 3)

enum dyncast_msg_type {
	DYNCAST_MSG_HELLO = 1,
	DYNCAST_MSG_SET = 2,
	DYNCAST_MSG_REMOVE = 3,
	DYNCAST_MSG_END_OF_SYNC = 4,
	DYNCAST_MSG_ACK = 5,
	DYNCAST_MSG_FEEDBACK = 6,
};

struct dyncast_msg_hello {
	uint64_t epoch; /* random at start, never 0 */
	uint32_t version;
	uint32_t features;
	/* from bgpd: its IPv6 and its IPv4 locator, family 0 when none */
	struct dyncast_prefix locator;
	struct dyncast_prefix locator4;
};

/* What became of a local instance in the forwarding plane. */
enum dyncast_feedback_state {
	DYNCAST_FEEDBACK_READY = 1,	  /* reachable, D-BID installed */
	DYNCAST_FEEDBACK_UNREACHABLE = 2, /* its address does not resolve */
	DYNCAST_FEEDBACK_FAILED = 3,	  /* the D-BID could not be installed */
};

struct dyncast_msg_feedback {
	struct dyncast_service_key service;
	struct dyncast_addr dbid;
	uint8_t state; /* enum dyncast_feedback_state */
};

struct dyncast_msg {
	uint8_t type;	   /* enum dyncast_msg_type */
	uint32_t sequence; /* SET, REMOVE, END_OF_SYNC, ACK */
	union {
		struct dyncast_msg_hello hello;
		struct dyncast_service_key remove;
		struct dyncast_msg_feedback feedback;
	};
};

enum dyncast_msg_result {
	DYNCAST_MSG_DONE, /* *out is complete */
	DYNCAST_MSG_MORE, /* a part of a set was taken, more must come */
	DYNCAST_MSG_BAD,  /* malformed: dropped, and any half set with it */
	DYNCAST_MSG_BAD_VERSION, /* a HELLO of another version: *out is valid */
};

/* Encode any type but SET.  Returns the length, 0 when size is too small or
 * the message is invalid. */
size_t dyncast_msg_encode(const struct dyncast_msg *msg, uint8_t *buf,
			  size_t size);

/*
 * Encode part `part` (from 0) of a set into buf (DYNCAST_MSG_MAX bytes).
 * *more tells whether another part follows.  Returns the length, 0 on an
 * invalid set (counts above the limits, bad families, …).
 */
size_t dyncast_msg_encode_set(const struct dyncast_set *set, uint32_t sequence,
			      unsigned int part, uint8_t *buf, size_t size,
			      bool *more);

/* Collects the parts of a set; zero-initialise, free with _fini. */
struct dyncast_msg_reader {
	bool in_set;
	uint32_t sequence;
	uint16_t parts;
	/* what part 0 announced; set's own counts are what has arrived */
	uint16_t n_sites;
	uint16_t n_candidates;
	struct dyncast_set set;
};

/*
 * Decode one message.  For a SET that returns DYNCAST_MSG_DONE the complete
 * set is in reader->set, owned by the reader until the next call.
 */
enum dyncast_msg_result dyncast_msg_decode(struct dyncast_msg_reader *reader,
					   const uint8_t *buf, size_t len,
					   struct dyncast_msg *out);
void dyncast_msg_reader_fini(struct dyncast_msg_reader *reader);

/* free what a set owns, and zero it */
void dyncast_set_fini(struct dyncast_set *set);
/* deep copy; false when out of memory (then *to is zero) */
bool dyncast_set_copy(struct dyncast_set *to, const struct dyncast_set *from);

#endif /* DYNCAST_MSG_H */
