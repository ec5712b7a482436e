/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What msg.c and msg_set.c share: the pieces that every message is made of.
 * Nobody else includes this.  A value that may not be sent or was not valid
 * makes the cursor bad.
 */

#ifndef DYNCAST_MSG_WIRE_H
#define DYNCAST_MSG_WIRE_H

#include "cursor.h"
#include "msg.h"

#define DYNCAST_MSG_HEADER_SIZE 8

void dyncast_wire_put_addr(struct dyncast_writer *w,
			   const struct dyncast_addr *addr);
struct dyncast_addr dyncast_wire_get_addr(struct dyncast_reader *r);

void dyncast_wire_put_key(struct dyncast_writer *w,
			  const struct dyncast_service_key *key);
struct dyncast_service_key dyncast_wire_get_key(struct dyncast_reader *r);

void dyncast_wire_put_name(struct dyncast_writer *w, const char *name);
void dyncast_wire_get_name(struct dyncast_reader *r,
			   char name[DYNCAST_NAME_SIZE]);

/* overwrite two bytes that were left for a count or a length */
void dyncast_wire_put_u16_at(uint8_t *buf, size_t offset, size_t value);

/* a message begins with its header and ends by filling in its length, which
 * _message_end returns, or 0 when the writer went bad */
void dyncast_wire_put_header(struct dyncast_writer *w, uint8_t type,
			     uint32_t sequence);
size_t dyncast_wire_message_end(const struct dyncast_writer *w, uint8_t *buf);

/* a buffer may be larger than a message may be */
size_t dyncast_wire_size_clamp(size_t size);

/* the body of a SET (msg_set.c) */
enum dyncast_msg_result dyncast_wire_get_set(struct dyncast_msg_reader *reader,
					     struct dyncast_reader *r,
					     uint32_t sequence);

#endif /* DYNCAST_MSG_WIRE_H */
