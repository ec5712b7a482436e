/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source address of the outer headers that the BPF program pushes:
 * `dyncast encapsulation source`, or the first global address of the
 * loopback, of the outgoing interface, or the locator's.  ICMP errors about
 * outer packets come back to it, so it should be an address of this router.
 *
 * Decisions ask for each candidate, and zebra's interfaces are in the order of
 * their names: what the loopback has is kept until an address changes.
 *
 * Main thread; called by decide.c.
 */

#include <zebra.h>

#include "lib/if.h"
#include "lib/vrf.h"

#include "apply.h"
#include "compat.h"
#include "convert.h"
#include "encap.h"
#include "sid.h"
#include "../lib/addr.h"

static struct {
	bool known;
	struct dyncast_addr addr; /* family 0: none */
} loopback4, loopback6;

static struct dyncast_addr first_global(struct interface *ifp, uint8_t family)
{
	struct dyncast_addr none = {}, addr;
	struct connected *c;

	if (!ifp)
		return none;
	DYNCAST_FOR_ALL_ADDRESSES(ifp, c)
	{
		if (c->address->family != family)
			continue;
		addr = dyncast_from_prefix(c->address);
		if (dyncast_addr_is_unicast(&addr))
			return addr;
	}
	return none;
}

static struct dyncast_addr configured(uint8_t family)
{
	struct dyncast_addr none = {};

	if (family == AF_INET6 &&
	    !IN6_IS_ADDR_UNSPECIFIED(&dyncast_config.encap_source))
		return dyncast_addr_make(family, &dyncast_config.encap_source);
	if (family == AF_INET &&
	    dyncast_config.encap_source4.s_addr != INADDR_ANY)
		return dyncast_addr_make(family, &dyncast_config.encap_source4);
	return none;
}

static struct dyncast_addr find_loopback(uint8_t family)
{
	struct vrf *vrf = vrf_lookup_by_id(VRF_DEFAULT);
	struct dyncast_addr addr = {};
	struct interface *ifp;

	if (!vrf)
		return addr;
	FOR_ALL_INTERFACES (vrf, ifp) {
		if (!if_is_loopback(ifp))
			continue;
		addr = first_global(ifp, family);
		if (addr.family)
			break;
	}
	return addr;
}

static struct dyncast_addr of_loopback(uint8_t family)
{
	__typeof__(&loopback4) kept =
		family == AF_INET ? &loopback4 : &loopback6;

	if (!kept->known)
		kept->addr = find_loopback(family);
	kept->known = true;
	return kept->addr;
}

void dyncast_encap_forget(void)
{
	loopback4.known = loopback6.known = false;
}

struct dyncast_addr dyncast_encap_source(uint8_t family, uint32_t ifindex)
{
	struct dyncast_addr addr = configured(family);

	if (addr.family)
		return addr;
	addr = of_loopback(family);
	if (addr.family)
		return addr;
	addr = first_global(if_lookup_by_index(ifindex, VRF_DEFAULT), family);
	if (addr.family || family == AF_INET)
		return addr;
	return dyncast_sid_locator(family)->addr;
}
