// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target of the metadata attribute's codec, which reads bytes from
 * any router of the network.
 *
 * Besides memory errors it looks for broken promises: what is refused leaves
 * zeros; what is accepted can be encoded, unless it is empty, and the encoded
 * form decodes to the same and encodes to the same bytes.
 */

#include <stdlib.h>
#include <string.h>

#include "lib/attr.h"
#include "lib/attr_update.h"

/* 64 instances of 72 bytes, and the site */
#define ENCODED_MAX 8192

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void decode_fuzz(const uint8_t *data, size_t size)
{
	static const struct dyncast_attr zero;
	static struct dyncast_attr first;
	static struct dyncast_attr second;
	static uint8_t bytes[ENCODED_MAX];
	static uint8_t again[ENCODED_MAX];
	size_t len;

	if (dyncast_attr_decode(data, size, &first) != DYNCAST_ATTR_OK) {
		check(!memcmp(&first, &zero, sizeof(first)));
		return;
	}
	len = dyncast_attr_encode(&first, bytes, sizeof(bytes));
	check((len > 0) == (first.site.has || first.n_instances));
	if (!len)
		return;
	check(dyncast_attr_decode(bytes, len, &second) == DYNCAST_ATTR_OK);
	first.n_unknown = 0; /* what is ignored is not encoded */
	check(!memcmp(&first, &second, sizeof(first)));
	check(dyncast_attr_encode(&second, again, sizeof(again)) == len);
	check(!memcmp(bytes, again, len));
	check(dyncast_attr_encode(&first, again, len - 1) == 0);
}

static void find_fuzz(const uint8_t *data, size_t size)
{
	static uint8_t wrapped[70000];
	const uint8_t *value;
	size_t len;
	size_t wrapped_len;

	value = dyncast_attr_find(data, size, DYNCAST_ATTR_CODE_DEFAULT, &len);
	if (value)
		check(value >= data && len <= size &&
		      value + len <= data + size);
	else
		check(len == 0);

	wrapped_len =
		dyncast_attr_wrap(DYNCAST_ATTR_FLAGS, DYNCAST_ATTR_CODE_DEFAULT,
				  data, size, wrapped, sizeof(wrapped));
	if (!wrapped_len) {
		check(size > UINT16_MAX);
		return;
	}
	value = dyncast_attr_find(wrapped, wrapped_len,
				  DYNCAST_ATTR_CODE_DEFAULT, &len);
	check(value && len == size && !memcmp(value, data, size));
}

/* An UPDATE from a peer: lengths stay, and a second look finds nothing new. */
static void update_fuzz(const uint8_t *data, size_t size)
{
	static uint8_t body[4096];
	static uint8_t again[4096];
	enum dyncast_update_result result;
	unsigned int repeated;

	if (size > sizeof(body))
		return;
	memcpy(body, data, size);
	result = dyncast_update_prepare(body, size, 250, 0xc0, &repeated);
	check(!repeated || result != DYNCAST_UPDATE_NONE);
	if (result == DYNCAST_UPDATE_NONE)
		check(!memcmp(body, data, size));
	memcpy(again, body, size);
	check(dyncast_update_prepare(again, size, 250, 0xc0, &repeated) ==
	      result);
	check(!memcmp(body, again, size));
	dyncast_attr_reflag(again, size, 250, 0x80);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t nothing[1];

	if (!size)
		data = nothing;
	decode_fuzz(data, size);
	find_fuzz(data, size);
	update_fuzz(data, size);
	return 0;
}
