/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FRR's prefixes and addresses <-> lib/'s, which know no FRR header.
 */

#ifndef DYNCAST_ZEBRA_CONVERT_H
#define DYNCAST_ZEBRA_CONVERT_H

#include "lib/prefix.h"
#include "../lib/addr.h"

static inline void dyncast_to_prefix(const struct dyncast_addr *addr,
				     uint8_t len, struct prefix *p)
{
	memset(p, 0, sizeof(*p));
	p->family = addr->family;
	p->prefixlen = len;
	memcpy(&p->u, addr->bytes, dyncast_family_size(addr->family));
}

static inline void dyncast_to_host_prefix(const struct dyncast_addr *addr,
					  struct prefix *p)
{
	dyncast_to_prefix(addr, dyncast_family_size(addr->family) * 8, p);
}

static inline struct dyncast_addr dyncast_from_prefix(const struct prefix *p)
{
	return dyncast_addr_make(p->family, &p->u);
}

static inline struct in6_addr dyncast_to_in6(const struct dyncast_addr *addr)
{
	struct in6_addr in6;

	memcpy(&in6, addr->bytes, sizeof(in6));
	return in6;
}

static inline struct in_addr dyncast_to_in4(const struct dyncast_addr *addr)
{
	struct in_addr in4;

	memcpy(&in4, addr->bytes, sizeof(in4));
	return in4;
}

#endif /* DYNCAST_ZEBRA_CONVERT_H */
