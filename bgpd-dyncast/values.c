// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Order of what the state is made of, and FRR's addresses and prefixes as ours:
 * nothing that asks bgpd for anything, so that mgmtd's module has it too.
 */

#include "service.h"

int dyncast_local_cmp(const struct dyncast_local *a,
		      const struct dyncast_local *b)
{
	return strcmp(a->name, b->name);
}

int dyncast_service_cmp(const struct dyncast_service *a,
			const struct dyncast_service *b)
{
	return strcmp(a->name, b->name);
}

int dyncast_neighbor_cmp(const struct dyncast_neighbor *a,
			 const struct dyncast_neighbor *b)
{
	return dyncast_addr_cmp(&a->addr, &b->addr);
}

int dyncast_filter_cmp(const struct dyncast_filter *a,
		       const struct dyncast_filter *b)
{
	return dyncast_prefix_cmp(&a->prefix, &b->prefix);
}

struct dyncast_addr dyncast_addr_from_su(const union sockunion *su)
{
	if (su->sa.sa_family == AF_INET)
		return dyncast_addr_make(AF_INET, &su->sin.sin_addr);
	if (su->sa.sa_family == AF_INET6)
		return dyncast_addr_make(AF_INET6, &su->sin6.sin6_addr);
	return (struct dyncast_addr){};
}

struct dyncast_prefix dyncast_prefix_from_frr(const struct prefix *p)
{
	struct dyncast_prefix out = {
		.addr = dyncast_addr_make(p->family, &p->u.prefix),
		.len = p->prefixlen,
	};

	dyncast_prefix_mask(&out);
	return out;
}

void dyncast_prefix_to_frr(const struct dyncast_prefix *in, struct prefix *out)
{
	memset(out, 0, sizeof(*out));
	out->family = in->addr.family;
	out->prefixlen = in->len;
	memcpy(&out->u.prefix, in->addr.bytes,
	       dyncast_family_size(in->addr.family));
}
