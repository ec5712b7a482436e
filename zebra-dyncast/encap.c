/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source address of the outer IPv6 headers that the BPF program pushes:
 * `dyncast encapsulation source`, or the first global address of the
 * loopback, of the outgoing interface, or the locator's.  ICMP errors about
 * outer packets come back to it, so it should be an address of this router.
 *
 * Main thread; called by decide.c.
 */

#include <zebra.h>

#include "lib/if.h"
#include "lib/vrf.h"

#include "apply.h"
#include "compat.h"
#include "encap.h"
#include "sid.h"
#include "../lib/addr.h"

static struct dyncast_addr first_global(struct interface *ifp)
{
	struct dyncast_addr none = {}, addr;
	struct connected *c;

	if (!ifp)
		return none;
	DYNCAST_FOR_ALL_ADDRESSES(ifp, c)
	{
		if (c->address->family != AF_INET6)
			continue;
		addr = dyncast_addr_make(AF_INET6, &c->address->u.prefix6);
		if (dyncast_addr_is_unicast(&addr))
			return addr;
	}
	return none;
}

struct dyncast_addr dyncast_encap_source(uint32_t ifindex)
{
	struct vrf *vrf = vrf_lookup_by_id(VRF_DEFAULT);
	struct dyncast_addr addr;
	struct interface *ifp;

	if (!IN6_IS_ADDR_UNSPECIFIED(&dyncast_config.encap_source))
		return dyncast_addr_make(AF_INET6,
					 &dyncast_config.encap_source);
	if (vrf) {
		FOR_ALL_INTERFACES (vrf, ifp) {
			if (!if_is_loopback(ifp))
				continue;
			addr = first_global(ifp);
			if (addr.family)
				return addr;
		}
	}
	addr = first_global(if_lookup_by_index(ifindex, VRF_DEFAULT));
	if (addr.family)
		return addr;
	return dyncast_sid_locator()->addr;
}
