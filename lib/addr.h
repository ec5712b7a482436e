/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses and prefixes of either family: comparing, parsing, printing.
 * Pure functions, any thread.
 */

#ifndef DYNCAST_ADDR_H
#define DYNCAST_ADDR_H

#include "dyncast.h"

/* enough for "IPv6/128" and the terminating zero */
#define DYNCAST_ADDR_STRLEN 46
#define DYNCAST_PREFIX_STRLEN 50

/* bytes of an address of this family: 4, 16, or 0 when unknown */
size_t dyncast_family_size(uint8_t family);

/* <0, 0, >0, in an order that is the same on every router */
int dyncast_addr_cmp(const struct dyncast_addr *a,
		     const struct dyncast_addr *b);
int dyncast_prefix_cmp(const struct dyncast_prefix *a,
		       const struct dyncast_prefix *b);
int dyncast_service_key_cmp(const struct dyncast_service_key *a,
			    const struct dyncast_service_key *b);

/* from 4 or 16 bytes in network order; an unknown family gives "none" */
struct dyncast_addr dyncast_addr_make(uint8_t family, const void *bytes);

/* unicast and usable as the address of a host: not unspecified, loopback,
 * multicast, link-local or broadcast */
bool dyncast_addr_is_unicast(const struct dyncast_addr *addr);

bool dyncast_prefix_contains(const struct dyncast_prefix *prefix,
			     const struct dyncast_addr *addr);

/* clear the host bits */
void dyncast_prefix_mask(struct dyncast_prefix *prefix);

/* both write into buf and return it; "none" prints as "-" */
const char *dyncast_addr_str(const struct dyncast_addr *addr, char *buf,
			     size_t size);
const char *dyncast_prefix_str(const struct dyncast_prefix *prefix, char *buf,
			       size_t size);

/* false when text is no address ("a.b.c.d", "x::y") or prefix ("…/len") */
bool dyncast_addr_parse(const char *text, struct dyncast_addr *addr);
bool dyncast_prefix_parse(const char *text, struct dyncast_prefix *prefix);

/*
 * The D-BID number `number` (1-65535) of a locator.  IPv6, 16 to 112 bits long:
 * the number is in the 16 bits that follow the prefix.  IPv4, 8 to 31 bits
 * long: it is the host part, and has to fit.  A pure function of configuration,
 * so that a restart never moves a D-BID.  False when there is none.
 */
bool dyncast_locator_sid(const struct dyncast_prefix *locator, uint32_t number,
			 struct dyncast_addr *sid);

/* service and instance names: 1-31 characters of [A-Za-z0-9_.-] */
bool dyncast_name_valid(const char *name);

#endif /* DYNCAST_ADDR_H */
