/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What decisions read of interfaces: their MTU, their addresses (the source of
 * outer headers), whether the program is on them and whether they filter by
 * reverse path.  zebra has no hook for most of it, and asking for each service
 * each second is what ten thousand services cannot do: so a sum over all of it
 * is compared instead, once a second for all services.
 *
 * Main thread; called by service.c.
 */

#include <zebra.h>

#include "lib/if.h"
#include "lib/jhash.h"
#include "lib/vrf.h"

#include "compat.h"
#include "convert.h"
#include "dataplane.h"
#include "encap.h"
#include "ingress.h"
#include "links.h"
#include "rp_filter.h"
#include "sid.h"

/* whose reverse-path filter is asked for: two files each */
#define RP_FILTERS_MAX 64

static uint32_t add(uint32_t sum, const void *what, size_t size)
{
	return jhash(what, size, sum);
}

static uint32_t link_sum(uint32_t sum, struct interface *ifp, bool rp_filter)
{
	const struct {
		uint32_t ifindex, mtu, flags;
	} facts = {
		.ifindex = ifp->ifindex,
		.mtu = ifp->mtu,
		.flags = (if_is_operative(ifp) ? 1u : 0u) |
			 (rp_filter && dyncast_rp_filter_strict(ifp->ifindex)
				  ? 2u
				  : 0u),
	};
	struct connected *c;

	sum = add(sum, &facts, sizeof(facts));
	DYNCAST_FOR_ALL_ADDRESSES(ifp, c)
	{
		struct dyncast_addr addr = dyncast_from_prefix(c->address);

		sum = add(sum, &addr, sizeof(addr));
	}
	return sum;
}

/* in no certain order */
static void add_attached(uint32_t ifindex, void *sum)
{
	*(uint32_t *)sum += jhash_1word(ifindex, 0);
}

bool dyncast_links_changed(void)
{
	static bool known;
	static uint32_t before;
	uint32_t sum = dyncast_ingress_mtu();
	unsigned int links = 0;
	struct interface *ifp;
	struct vrf *vrf;
	bool changed;

	/* not for each interface: a system call and a change of privileges */
	dyncast_dp_attached_each(add_attached, &sum);
	RB_FOREACH (vrf, vrf_id_head, &vrfs_by_id)
		FOR_ALL_INTERFACES (vrf, ifp)
			sum = link_sum(sum, ifp, links++ < RP_FILTERS_MAX);
	for (unsigned int i = 0; i < 2; i++) {
		const struct dyncast_prefix *locator =
			dyncast_sid_locator(i ? AF_INET6 : AF_INET);

		sum = add(sum, locator, sizeof(*locator));
	}
	changed = !known || sum != before;
	known = true;
	before = sum;
	if (changed)
		dyncast_encap_forget();
	return changed;
}
