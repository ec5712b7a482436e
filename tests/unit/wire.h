/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the unit tests: writing wire bytes field by field, and addresses and
 * prefixes from text.  Lengths are derived from what is written, never
 * counted by hand.
 */

#ifndef DYNCAST_TESTS_WIRE_H
#define DYNCAST_TESTS_WIRE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/addr.h"

#define U16(x) (uint8_t)((x) >> 8), (uint8_t)(x)
#define U32(x) U16((uint32_t)(x) >> 16), U16((uint32_t)(x)&0xffff)
#define U64(x) U32((uint64_t)(x) >> 32), U32((uint64_t)(x)&0xffffffff)

/* a byte array with its length, for tables: BYTES(1, 2) is {1, 2}, 2 */
#define BYTES(...)                                                             \
	.bytes = (const uint8_t[]){__VA_ARGS__},                               \
	.len = sizeof((const uint8_t[]){__VA_ARGS__})

/* type (2 bytes), length (1 byte), value */
#define SUBTLV(type, ...)                                                      \
	U16(type), (uint8_t)sizeof((const uint8_t[]){__VA_ARGS__}), __VA_ARGS__

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static inline struct dyncast_addr addr_of(const char *text)
{
	struct dyncast_addr addr;

	if (!dyncast_addr_parse(text, &addr))
		fail_msg("the test's own address is wrong: %s", text);
	return addr;
}

static inline struct dyncast_prefix prefix_of(const char *text)
{
	struct dyncast_prefix prefix;

	if (!dyncast_prefix_parse(text, &prefix))
		fail_msg("the test's own prefix is wrong: %s", text);
	return prefix;
}

#endif /* DYNCAST_TESTS_WIRE_H */
