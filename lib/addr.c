// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses and prefixes of either family, and the names of services and
 * instances: comparing, checking, parsing, printing.
 *
 * Pure functions for any thread; used by every other part.  The order of
 * addresses decides ties in cost and ring, so it must never depend on the
 * machine: family first (IPv4 before IPv6), then the bytes as on the wire.
 */

#include "addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_V4_LEN 32
#define MAX_V6_LEN 128

#define SID_BITS 16
#define LOCATOR_LEN_MIN 16
#define LOCATOR_LEN_MAX (MAX_V6_LEN - SID_BITS)
#define LOCATOR4_LEN_MIN 8
#define LOCATOR4_LEN_MAX (MAX_V4_LEN - 1)

size_t dyncast_family_size(uint8_t family)
{
	switch (family) {
	case AF_INET:
		return 4;
	case AF_INET6:
		return 16;
	default:
		return 0;
	}
}

/* not the AF_ number, which differs between systems; "none" comes first */
static int family_rank(uint8_t family)
{
	return (int)dyncast_family_size(family);
}

int dyncast_addr_cmp(const struct dyncast_addr *a, const struct dyncast_addr *b)
{
	int diff = family_rank(a->family) - family_rank(b->family);

	return diff ? diff : memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

int dyncast_prefix_cmp(const struct dyncast_prefix *a,
		       const struct dyncast_prefix *b)
{
	int diff = dyncast_addr_cmp(&a->addr, &b->addr);

	return diff ? diff : (int)a->len - (int)b->len;
}

int dyncast_service_key_cmp(const struct dyncast_service_key *a,
			    const struct dyncast_service_key *b)
{
	if (a->vrf_id != b->vrf_id)
		return a->vrf_id < b->vrf_id ? -1 : 1;
	return dyncast_prefix_cmp(&a->prefix, &b->prefix);
}

struct dyncast_addr dyncast_addr_make(uint8_t family, const void *bytes)
{
	struct dyncast_addr addr = {0};
	size_t size = dyncast_family_size(family);

	if (size) {
		addr.family = family;
		memcpy(addr.bytes, bytes, size);
	}
	return addr;
}

static bool v4_is_unicast(const uint8_t *b)
{
	static const uint8_t broadcast[4] = {255, 255, 255, 255};

	if (b[0] == 0 || b[0] == 127) /* "this network", loopback */
		return false;
	if (b[0] == 169 && b[1] == 254) /* link-local */
		return false;
	if ((b[0] & 0xf0) == 0xe0) /* multicast */
		return false;
	return memcmp(b, broadcast, sizeof(broadcast)) != 0;
}

static bool v6_is_unicast(const uint8_t *b)
{
	static const uint8_t zero[10];
	static const uint8_t mapped[2] = {0xff, 0xff};

	if (b[0] == 0xff) /* multicast */
		return false;
	if (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) /* link-local */
		return false;
	if (memcmp(b, zero, sizeof(zero)))
		return true;
	/* an IPv4 address in disguise never stands on a wire */
	if (!memcmp(b + 10, mapped, sizeof(mapped)))
		return false;
	/* :: and ::1, and the deprecated ::a.b.c.d with them */
	return b[10] || b[11];
}

bool dyncast_addr_is_unicast(const struct dyncast_addr *addr)
{
	switch (addr->family) {
	case AF_INET:
		return v4_is_unicast(addr->bytes);
	case AF_INET6:
		return v6_is_unicast(addr->bytes);
	default:
		return false;
	}
}

bool dyncast_prefix_contains(const struct dyncast_prefix *prefix,
			     const struct dyncast_addr *addr)
{
	struct dyncast_prefix other = {.addr = *addr, .len = prefix->len};

	if (!dyncast_family_size(addr->family) ||
	    prefix->addr.family != addr->family)
		return false;
	dyncast_prefix_mask(&other);
	return !dyncast_prefix_cmp(prefix, &other);
}

void dyncast_prefix_mask(struct dyncast_prefix *prefix)
{
	size_t whole = prefix->len / 8;
	unsigned int rest = prefix->len % 8;

	if (whole >= sizeof(prefix->addr.bytes))
		return;
	prefix->addr.bytes[whole] &= (uint8_t)(0xff00u >> rest);
	memset(prefix->addr.bytes + whole + 1, 0,
	       sizeof(prefix->addr.bytes) - whole - 1);
}

const char *dyncast_addr_str(const struct dyncast_addr *addr, char *buf,
			     size_t size)
{
	char text[INET6_ADDRSTRLEN] = "-";

	if (dyncast_family_size(addr->family))
		inet_ntop(addr->family, addr->bytes, text, sizeof(text));
	if (size)
		snprintf(buf, size, "%s", text);
	return buf;
}

const char *dyncast_prefix_str(const struct dyncast_prefix *prefix, char *buf,
			       size_t size)
{
	char text[DYNCAST_ADDR_STRLEN];

	dyncast_addr_str(&prefix->addr, text, sizeof(text));
	if (!size)
		return buf;
	if (dyncast_family_size(prefix->addr.family))
		snprintf(buf, size, "%s/%u", text, prefix->len);
	else
		snprintf(buf, size, "%s", text);
	return buf;
}

bool dyncast_addr_parse(const char *text, struct dyncast_addr *addr)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	uint8_t bytes[16];

	for (size_t i = 0; i < sizeof(families); i++) {
		if (inet_pton(families[i], text, bytes) == 1) {
			*addr = dyncast_addr_make(families[i], bytes);
			return true;
		}
	}
	return false;
}

/* "0" to "128": digits only, no sign, no space, no leading zero */
static bool len_parse(const char *text, unsigned int max, uint8_t *len)
{
	unsigned int value = 0;
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 3 || text[digits])
		return false;
	if (digits > 1 && text[0] == '0')
		return false;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (unsigned int)(text[i] - '0');
	if (value > max)
		return false;
	*len = (uint8_t)value;
	return true;
}

bool dyncast_prefix_parse(const char *text, struct dyncast_prefix *prefix)
{
	char head[DYNCAST_ADDR_STRLEN];
	const char *slash = strchr(text, '/');
	struct dyncast_prefix out = {0};
	unsigned int max;

	if (!slash || (size_t)(slash - text) >= sizeof(head))
		return false;
	memcpy(head, text, (size_t)(slash - text));
	head[slash - text] = '\0';
	if (!dyncast_addr_parse(head, &out.addr))
		return false;
	max = out.addr.family == AF_INET ? MAX_V4_LEN : MAX_V6_LEN;
	if (!len_parse(slash + 1, max, &out.len))
		return false;
	dyncast_prefix_mask(&out);
	*prefix = out;
	return true;
}

/* where the number's last bit is, or -1: not a locator, or it does not fit */
static int locator_end(const struct dyncast_prefix *locator, uint32_t number)
{
	if (locator->addr.family == AF_INET6)
		return locator->len >= LOCATOR_LEN_MIN &&
				       locator->len <= LOCATOR_LEN_MAX
			       ? locator->len + SID_BITS
			       : -1;
	if (locator->addr.family != AF_INET ||
	    locator->len < LOCATOR4_LEN_MIN ||
	    locator->len > LOCATOR4_LEN_MAX ||
	    number >= 1u << (MAX_V4_LEN - locator->len))
		return -1;
	return MAX_V4_LEN;
}

bool dyncast_locator_sid(const struct dyncast_prefix *locator, uint32_t number,
			 struct dyncast_addr *sid)
{
	struct dyncast_prefix out = *locator;
	int end = locator_end(locator, number);

	if (end < 0 || number < 1 || number > UINT16_MAX)
		return false;
	dyncast_prefix_mask(&out);
	for (int bit = 0; bit < SID_BITS; bit++) {
		int pos = end - 1 - bit;

		if (number & (1u << bit))
			out.addr.bytes[pos / 8] |= (uint8_t)(0x80u >> pos % 8);
	}
	*sid = out.addr;
	return true;
}

bool dyncast_name_valid(const char *name)
{
	/* not isalnum(): the locale must not matter */
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_.-";
	size_t len = strnlen(name, DYNCAST_NAME_SIZE);

	return len >= 1 && len < DYNCAST_NAME_SIZE &&
	       strspn(name, allowed) == len;
}
