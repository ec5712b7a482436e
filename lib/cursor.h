/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounds-checked cursors over a byte buffer, for the wire codecs of lib/.
 *
 * A cursor that runs past its end becomes `bad` and stays so; what it reads
 * from then on is zero and what it writes is dropped.  A codec can therefore
 * read a whole fixed layout and check once.  Integers are in network byte
 * order in the buffer.  Any thread; no allocation.
 */

#ifndef DYNCAST_CURSOR_H
#define DYNCAST_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct dyncast_reader {
	const uint8_t *at;
	size_t left;
	bool bad;
};

struct dyncast_writer {
	uint8_t *at;
	size_t left;
	size_t len; /* bytes written */
	bool bad;
};

static inline struct dyncast_reader dyncast_reader_make(const uint8_t *buf,
							size_t len)
{
	return (struct dyncast_reader){.at = buf, .left = len};
}

/* the next n bytes, or NULL (and bad) when there are fewer */
static inline const uint8_t *dyncast_get_bytes(struct dyncast_reader *r,
					       size_t n)
{
	const uint8_t *at = r->at;

	if (r->bad || n > r->left) {
		r->bad = true;
		r->left = 0;
		return NULL;
	}
	if (n) {
		r->at += n;
		r->left -= n;
	}
	return at;
}

static inline uint64_t dyncast_get_uint(struct dyncast_reader *r, size_t n)
{
	const uint8_t *at = dyncast_get_bytes(r, n);
	uint64_t value = 0;

	for (size_t i = 0; at && i < n; i++)
		value = value << 8 | at[i];
	return value;
}

static inline uint8_t dyncast_get_u8(struct dyncast_reader *r)
{
	return (uint8_t)dyncast_get_uint(r, 1);
}

static inline uint16_t dyncast_get_u16(struct dyncast_reader *r)
{
	return (uint16_t)dyncast_get_uint(r, 2);
}

static inline uint32_t dyncast_get_u32(struct dyncast_reader *r)
{
	return (uint32_t)dyncast_get_uint(r, 4);
}

static inline uint64_t dyncast_get_u64(struct dyncast_reader *r)
{
	return dyncast_get_uint(r, 8);
}

/* a cursor over the next n bytes alone; bad when there are fewer */
static inline struct dyncast_reader dyncast_get_part(struct dyncast_reader *r,
						     size_t n)
{
	const uint8_t *at = dyncast_get_bytes(r, n);

	return (struct dyncast_reader){
		.at = at, .left = at ? n : 0, .bad = r->bad};
}

static inline struct dyncast_writer dyncast_writer_make(uint8_t *buf,
							size_t size)
{
	return (struct dyncast_writer){.at = buf, .left = size};
}

static inline void dyncast_put_bytes(struct dyncast_writer *w, const void *from,
				     size_t n)
{
	if (w->bad || n > w->left) {
		w->bad = true;
		return;
	}
	if (!n)
		return;
	memcpy(w->at, from, n);
	w->at += n;
	w->left -= n;
	w->len += n;
}

static inline void dyncast_put_uint(struct dyncast_writer *w, uint64_t value,
				    size_t n)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(value >> (8 * (n - 1 - i)));
	dyncast_put_bytes(w, bytes, n);
}

static inline void dyncast_put_u8(struct dyncast_writer *w, uint8_t value)
{
	dyncast_put_uint(w, value, 1);
}

static inline void dyncast_put_u16(struct dyncast_writer *w, uint16_t value)
{
	dyncast_put_uint(w, value, 2);
}

static inline void dyncast_put_u32(struct dyncast_writer *w, uint32_t value)
{
	dyncast_put_uint(w, value, 4);
}

static inline void dyncast_put_u64(struct dyncast_writer *w, uint64_t value)
{
	dyncast_put_uint(w, value, 8);
}

/* the length of what was written, 0 when it did not fit */
static inline size_t dyncast_writer_len(const struct dyncast_writer *w)
{
	return w->bad ? 0 : w->len;
}

#endif /* DYNCAST_CURSOR_H */
