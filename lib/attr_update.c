// SPDX-License-Identifier: GPL-2.0-or-later
/* Preparing an UPDATE for bgpd's parser; see attr_update.h. */

#include "attr_update.h"

#include <stdbool.h>
#include <string.h>

#include "attr.h"
#include "attr_wire.h"
#include "cursor.h"

#define FLAG_OPTIONAL 0x80
#define FLAG_TRANSITIVE 0x40
#define FLAG_PARTIAL 0x20
#define FLAGS_MEANT (FLAG_OPTIONAL | FLAG_TRANSITIVE | FLAG_PARTIAL)

/* a path attribute of the message: its two bytes of flags and code */
struct attribute {
	uint8_t *flags;
	uint8_t *code;
};

/* the next attribute; false at the end or where it runs past it */
static bool attribute_next(struct dyncast_reader *r, struct attribute *out)
{
	uint8_t *at = (uint8_t *)r->at; /* the message is the caller's */
	uint8_t flags = dyncast_get_u8(r);
	size_t size;

	if (r->bad)
		return false;
	dyncast_get_u8(r);
	size = flags & ATTR_FLAG_EXTENDED ? dyncast_get_u16(r)
					  : dyncast_get_u8(r);
	dyncast_get_bytes(r, size);
	if (r->bad)
		return false;
	out->flags = &at[0];
	out->code = &at[1];
	return true;
}

/* the path attributes of a message; bad when there are none to be followed */
static struct dyncast_reader attributes_of(const uint8_t *body, size_t len)
{
	struct dyncast_reader r = dyncast_reader_make(body, len);

	dyncast_get_bytes(&r, dyncast_get_u16(&r)); /* withdrawn routes */
	return dyncast_get_part(&r, dyncast_get_u16(&r));
}

/* a code that the message does not use, and nobody else is likely to */
static uint8_t unused_code(struct dyncast_reader r)
{
	bool used[256] = {false};
	struct attribute attribute;
	unsigned int code = 254;

	while (attribute_next(&r, &attribute))
		used[*attribute.code] = true;
	while (used[code] && code > 200)
		code--;
	return (uint8_t)code;
}

static bool flags_right(uint8_t have, uint8_t want)
{
	uint8_t meant = have & FLAGS_MEANT;

	if (want & FLAG_TRANSITIVE)
		meant &= (uint8_t)~FLAG_PARTIAL;
	return meant == want;
}

enum dyncast_update_result dyncast_update_prepare(uint8_t *body, size_t len,
						  uint8_t code, uint8_t flags,
						  unsigned int *repeated)
{
	struct dyncast_reader all = attributes_of(body, len);
	enum dyncast_update_result result = DYNCAST_UPDATE_NONE;
	struct dyncast_reader r = all;
	struct attribute found;

	*repeated = 0;
	while (attribute_next(&r, &found)) {
		uint8_t extended = *found.flags & ATTR_FLAG_EXTENDED;

		if (*found.code != code)
			continue;
		if (result != DYNCAST_UPDATE_NONE) {
			*found.code = unused_code(all);
			*found.flags = FLAG_OPTIONAL | extended;
			(*repeated)++;
		} else if (flags_right(*found.flags, flags)) {
			result = DYNCAST_UPDATE_KEPT;
			*found.flags = (*found.flags & FLAG_PARTIAL) |
				       FLAG_OPTIONAL | FLAG_TRANSITIVE |
				       extended;
		} else {
			result = DYNCAST_UPDATE_BAD_FLAGS;
			*found.flags = FLAG_OPTIONAL | extended;
		}
	}
	return result;
}

size_t dyncast_attr_reflag(uint8_t *buf, size_t len, uint8_t code,
			   uint8_t flags)
{
	struct dyncast_reader r = dyncast_reader_make(buf, len);
	struct attribute found;
	size_t changed = 0;

	while (attribute_next(&r, &found)) {
		uint8_t want = flags | (*found.flags & ATTR_FLAG_EXTENDED);

		if (*found.code != code || *found.flags == want)
			continue;
		*found.flags = want;
		changed++;
	}
	return changed;
}
