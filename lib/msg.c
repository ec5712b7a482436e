// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Messages between bgpd_dyncast and zebra_dyncast: encoding and decoding of
 * all but SET, which msg_set.c does.
 *
 * Called by both modules on their main threads.  A reader owns the set that
 * it collects; nothing else here keeps state.  Decoding is strict: a length,
 * a count, a flag or a padding byte that this version would not have written
 * makes the message bad.  The one exception is HELLO, whose first 16 bytes
 * keep their layout in all versions, so that two versions can tell each other
 * that they differ.
 *
 * Every message begins with
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +---------------+---------------+-------------------------------+
 *   | type          | 0             | length, of the whole message  |
 *   +---------------+---------------+-------------------------------+
 *   | sequence; 0 in HELLO and FEEDBACK                             |
 *   +---------------------------------------------------------------+
 *
 * and END_OF_SYNC and ACK are nothing more.  An address is always 17 bytes:
 * a family (0, 4 or 6) and 16 bytes, of which an IPv4 address fills the first
 * four and zeros the rest.
 */

#include "msg.h"

#include "check.h"
#include "msg_wire.h"

#define WIRE_NONE 0
#define WIRE_IPV4 4
#define WIRE_IPV6 6

/* addresses, prefixes, service keys, names */

void dyncast_wire_put_addr(struct dyncast_writer *w,
			   const struct dyncast_addr *addr)
{
	size_t size = dyncast_family_size(addr->family);
	uint8_t bytes[16] = {0};

	if (addr->family && !size)
		w->bad = true;
	memcpy(bytes, addr->bytes, size);
	dyncast_put_u8(w, addr->family == AF_INET    ? WIRE_IPV4
			  : addr->family == AF_INET6 ? WIRE_IPV6
						     : WIRE_NONE);
	dyncast_put_bytes(w, bytes, sizeof(bytes));
}

struct dyncast_addr dyncast_wire_get_addr(struct dyncast_reader *r)
{
	uint8_t wire = dyncast_get_u8(r);
	const uint8_t *bytes = dyncast_get_bytes(r, 16);
	struct dyncast_addr addr = {0};

	if (!bytes)
		return addr;
	if (wire == WIRE_IPV4 || wire == WIRE_IPV6)
		addr = dyncast_addr_make(wire == WIRE_IPV4 ? AF_INET : AF_INET6,
					 bytes);
	else if (wire != WIRE_NONE)
		r->bad = true;
	if (memcmp(addr.bytes, bytes, sizeof(addr.bytes)))
		r->bad = true; /* padding that is not zero */
	return addr;
}

/* "none" stands for a locator that is not configured */
static bool prefix_valid_or_none(const struct dyncast_prefix *prefix)
{
	return dyncast_prefix_valid(prefix) ||
	       (!prefix->addr.family && !prefix->len);
}

static void put_prefix(struct dyncast_writer *w,
		       const struct dyncast_prefix *prefix)
{
	dyncast_put_u8(w, prefix->len);
	dyncast_wire_put_addr(w, &prefix->addr);
	if (!prefix_valid_or_none(prefix))
		w->bad = true;
}

static struct dyncast_prefix get_prefix(struct dyncast_reader *r)
{
	struct dyncast_prefix prefix = {0};

	prefix.len = dyncast_get_u8(r);
	prefix.addr = dyncast_wire_get_addr(r);
	if (!prefix_valid_or_none(&prefix))
		r->bad = true;
	return prefix;
}

void dyncast_wire_put_key(struct dyncast_writer *w,
			  const struct dyncast_service_key *key)
{
	dyncast_put_u32(w, key->vrf_id);
	put_prefix(w, &key->prefix);
	if (!key->prefix.addr.family)
		w->bad = true;
}

struct dyncast_service_key dyncast_wire_get_key(struct dyncast_reader *r)
{
	struct dyncast_service_key key = {0};

	key.vrf_id = dyncast_get_u32(r);
	key.prefix = get_prefix(r);
	if (!key.prefix.addr.family)
		r->bad = true;
	return key;
}

void dyncast_wire_put_name(struct dyncast_writer *w, const char *name)
{
	size_t len = strnlen(name, DYNCAST_NAME_SIZE);

	if (!dyncast_name_valid_or_empty(name))
		w->bad = true;
	dyncast_put_u8(w, (uint8_t)len);
	dyncast_put_bytes(w, name, len);
}

void dyncast_wire_get_name(struct dyncast_reader *r,
			   char name[DYNCAST_NAME_SIZE])
{
	size_t len = dyncast_get_u8(r);
	const uint8_t *bytes;

	memset(name, 0, DYNCAST_NAME_SIZE);
	if (len >= DYNCAST_NAME_SIZE) {
		r->bad = true;
		return;
	}
	bytes = dyncast_get_bytes(r, len);
	if (!bytes || !len)
		return;
	memcpy(name, bytes, len);
	/* a zero byte inside would shorten it */
	if (strnlen(name, len) != len || !dyncast_name_valid(name))
		r->bad = true;
}

/* header */

void dyncast_wire_put_header(struct dyncast_writer *w, uint8_t type,
			     uint32_t sequence)
{
	dyncast_put_u8(w, type);
	dyncast_put_u8(w, 0);
	dyncast_put_u16(w, 0); /* length: dyncast_wire_message_end() */
	dyncast_put_u32(w, sequence);
}

void dyncast_wire_put_u16_at(uint8_t *buf, size_t offset, size_t value)
{
	buf[offset] = (uint8_t)(value >> 8);
	buf[offset + 1] = (uint8_t)value;
}

size_t dyncast_wire_message_end(const struct dyncast_writer *w, uint8_t *buf)
{
	size_t len = dyncast_writer_len(w);

	if (len)
		dyncast_wire_put_u16_at(buf, 2, len);
	return len;
}

static bool type_has_sequence(uint8_t type)
{
	return type != DYNCAST_MSG_HELLO && type != DYNCAST_MSG_FEEDBACK;
}

size_t dyncast_wire_size_clamp(size_t size)
{
	return size < DYNCAST_MSG_MAX ? size : DYNCAST_MSG_MAX;
}

/* HELLO, REMOVE, FEEDBACK */

/*
 *   +---------------------------------------------------------------+
 *   | epoch, 8 bytes, never 0                                       |
 *   | version                                                       |
 *   | features                                                      |
 *   +---------------+-----------------------------------------------+
 *   | locator len   | IPv6 locator, 17 bytes                        |
 *   +---------------+-----------------------------------------------+
 *   | locator len   | IPv4 locator, 17 bytes                        |
 *   +---------------+-----------------------------------------------+
 */
static void put_hello(struct dyncast_writer *w,
		      const struct dyncast_msg_hello *hello)
{
	dyncast_put_u64(w, hello->epoch);
	dyncast_put_u32(w, hello->version);
	dyncast_put_u32(w, hello->features);
	put_prefix(w, &hello->locator);
	put_prefix(w, &hello->locator4);
	if (!hello->epoch || hello->locator.addr.family == AF_INET ||
	    hello->locator4.addr.family == AF_INET6)
		w->bad = true;
}

static enum dyncast_msg_result get_hello(struct dyncast_reader *r,
					 struct dyncast_msg_hello *hello)
{
	hello->epoch = dyncast_get_u64(r);
	hello->version = dyncast_get_u32(r);
	hello->features = dyncast_get_u32(r);
	if (r->bad || !hello->epoch)
		return DYNCAST_MSG_BAD;
	if (hello->version != DYNCAST_MSG_VERSION) {
		/* what follows is not ours to read */
		r->left = 0;
		return DYNCAST_MSG_BAD_VERSION;
	}
	hello->locator = get_prefix(r);
	hello->locator4 = get_prefix(r);
	return hello->locator.addr.family == AF_INET ||
			       hello->locator4.addr.family == AF_INET6
		       ? DYNCAST_MSG_BAD
		       : DYNCAST_MSG_DONE;
}

static bool feedback_valid(const struct dyncast_msg_feedback *feedback)
{
	return dyncast_addr_is_unicast(&feedback->dbid) &&
	       feedback->state >= DYNCAST_FEEDBACK_READY &&
	       feedback->state <= DYNCAST_FEEDBACK_FAILED;
}

/*
 *   +---------------------------------------------------------------+
 *   | VRF                                                           |
 *   +---------------+-----------------------------------------------+
 *   | prefix len    | prefix address, 17 bytes                      |
 *   +---------------+-----------------------------------------------+
 *   | D-BID, 17 bytes                               | state         |
 *   +-----------------------------------------------+---------------+
 *
 * and REMOVE is its VRF and prefix alone.
 */
static void put_feedback(struct dyncast_writer *w,
			 const struct dyncast_msg_feedback *feedback)
{
	dyncast_wire_put_key(w, &feedback->service);
	dyncast_wire_put_addr(w, &feedback->dbid);
	dyncast_put_u8(w, feedback->state);
	if (!feedback_valid(feedback))
		w->bad = true;
}

static void get_feedback(struct dyncast_reader *r,
			 struct dyncast_msg_feedback *feedback)
{
	feedback->service = dyncast_wire_get_key(r);
	feedback->dbid = dyncast_wire_get_addr(r);
	feedback->state = dyncast_get_u8(r);
	if (!feedback_valid(feedback))
		r->bad = true;
}

size_t dyncast_msg_encode(const struct dyncast_msg *msg, uint8_t *buf,
			  size_t size)
{
	struct dyncast_writer w =
		dyncast_writer_make(buf, dyncast_wire_size_clamp(size));

	dyncast_wire_put_header(&w, msg->type,
				type_has_sequence(msg->type) ? msg->sequence
							     : 0);
	switch (msg->type) {
	case DYNCAST_MSG_HELLO:
		put_hello(&w, &msg->hello);
		break;
	case DYNCAST_MSG_REMOVE:
		dyncast_wire_put_key(&w, &msg->remove);
		break;
	case DYNCAST_MSG_FEEDBACK:
		put_feedback(&w, &msg->feedback);
		break;
	case DYNCAST_MSG_END_OF_SYNC:
	case DYNCAST_MSG_ACK:
		break;
	default: /* SET has its own function */
		return 0;
	}
	return dyncast_wire_message_end(&w, buf);
}

/* decoding */

static enum dyncast_msg_result get_body(struct dyncast_msg_reader *reader,
					struct dyncast_reader *r,
					struct dyncast_msg *out)
{
	switch (out->type) {
	case DYNCAST_MSG_HELLO:
		return get_hello(r, &out->hello);
	case DYNCAST_MSG_SET:
		return dyncast_wire_get_set(reader, r, out->sequence);
	case DYNCAST_MSG_REMOVE:
		out->remove = dyncast_wire_get_key(r);
		return DYNCAST_MSG_DONE;
	case DYNCAST_MSG_FEEDBACK:
		get_feedback(r, &out->feedback);
		return DYNCAST_MSG_DONE;
	case DYNCAST_MSG_END_OF_SYNC:
	case DYNCAST_MSG_ACK:
		return DYNCAST_MSG_DONE;
	default:
		return DYNCAST_MSG_BAD;
	}
}

enum dyncast_msg_result dyncast_msg_decode(struct dyncast_msg_reader *reader,
					   const uint8_t *buf, size_t len,
					   struct dyncast_msg *out)
{
	struct dyncast_reader r = dyncast_reader_make(buf, len);
	enum dyncast_msg_result result;
	uint8_t zero;
	uint16_t length;

	/* the set that the call before handed out */
	if (!reader->in_set)
		dyncast_msg_reader_fini(reader);
	memset(out, 0, sizeof(*out));
	out->type = dyncast_get_u8(&r);
	zero = dyncast_get_u8(&r);
	length = dyncast_get_u16(&r);
	out->sequence = dyncast_get_u32(&r);

	if (r.bad || zero || length != len || len > DYNCAST_MSG_MAX ||
	    (!type_has_sequence(out->type) && out->sequence))
		result = DYNCAST_MSG_BAD;
	else
		result = get_body(reader, &r, out);
	if (r.bad || r.left)
		result = DYNCAST_MSG_BAD;

	/* REMOVE or END_OF_SYNC between two parts: the rest will not come */
	if (result == DYNCAST_MSG_BAD ||
	    (reader->in_set && (out->type == DYNCAST_MSG_REMOVE ||
				out->type == DYNCAST_MSG_END_OF_SYNC)))
		dyncast_msg_reader_fini(reader);
	if (result == DYNCAST_MSG_BAD)
		memset(out, 0, sizeof(*out));
	return result;
}

void dyncast_msg_reader_fini(struct dyncast_msg_reader *reader)
{
	dyncast_set_fini(&reader->set);
	memset(reader, 0, sizeof(*reader));
}
