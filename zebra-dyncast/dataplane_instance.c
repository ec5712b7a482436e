// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How the program reaches an instance, in the map that both sides see: written,
 * and read back, so that nobody has to remember what was written.  Ids are
 * given out in dataplane_ids.c.  zebra's main thread.
 */

#include "dataplane_port.h"

#include <string.h>

#include "dataplane_internal.h"

/* what makes an instance usable changes in one store */
void dyncast_dp_instance_head(uint32_t id, uint8_t kind, uint8_t flags,
			      uint16_t service, uint32_t generation)
{
	struct dyncast_map_instance head = {
		.kind = kind,
		.flags = flags,
		.service = service,
		.generation = generation,
	};

	__atomic_store_n(&dyncast_dp.instances[id].head, head.head,
			 __ATOMIC_RELEASE);
}

static bool reachable(const struct dyncast_dp_instance *in)
{
	uint8_t outer = in->dbid.family;

	switch (in->kind) {
	case DYNCAST_KIND_ADJACENT:
		return in->nexthop.family != 0 && in->ifindex;
	case DYNCAST_KIND_SRV6:
		if (outer != AF_INET6)
			return false;
		break;
	case DYNCAST_KIND_IPIP:
		if (outer != AF_INET && outer != AF_INET6)
			return false;
		break;
	default:
		return false;
	}
	/* an IPv4 packet may go by an IPv6 next hop, not the other way */
	return in->encap_source.family == outer &&
	       (outer == AF_INET || in->nexthop.family != AF_INET);
}

/* see struct dyncast_map_instance */
static void outer_write(struct dyncast_map_instance *shared,
			const struct dyncast_dp_instance *in)
{
	uint32_t addr[4];

	if (in->dbid.family == AF_INET6) {
		dyncast_dp_addr_put(shared->ipv6.source, &in->encap_source);
		dyncast_dp_addr_put(shared->ipv6.dbid, &in->dbid);
		return;
	}
	dyncast_dp_addr_put(addr, &in->encap_source);
	shared->ipv4.source = addr[0];
	dyncast_dp_addr_put(addr, &in->dbid);
	shared->ipv4.dbid = addr[0];
	shared->ipv4.sum =
		(shared->ipv4.source & 0xffff) + (shared->ipv4.source >> 16) +
		(shared->ipv4.dbid & 0xffff) + (shared->ipv4.dbid >> 16);
}

/*
 * A change of the path is not atomic with respect to the program: a packet in
 * the middle of it may go to a mixture of the two next hops and be lost, as one
 * can be on any route change.
 */
bool dyncast_dp_instance_set(uint32_t id, const struct dyncast_dp_instance *in)
{
	struct dyncast_map_instance *shared;
	bool adjacent = in->kind == DYNCAST_KIND_ADJACENT;

	if (!dyncast_dp_instance_known(id))
		return false;
	shared = &dyncast_dp.instances[id];
	/* how a dead one was reached does not matter, nor must it be known */
	if (!in->alive || !reachable(in)) {
		dyncast_dp_instance_head(id, in->kind,
					 shared->flags &
						 DYNCAST_MAP_INSTANCE_VOIDED,
					 shared->service, shared->generation);
		return !in->alive;
	}

	shared->ifindex = in->nexthop.family ? in->ifindex : 0;
	shared->mtu = in->mtu;
	shared->outer_family = adjacent ? 0 : in->dbid.family;
	shared->nexthop_family = in->nexthop.family;
	dyncast_dp_addr_put(shared->nexthop, &in->nexthop);
	if (!adjacent)
		outer_write(shared, in);
	dyncast_dp_instance_head(id, in->kind, DYNCAST_MAP_INSTANCE_ALIVE,
				 shared->service, shared->generation);
	return true;
}

bool dyncast_dp_instance_read(uint32_t id, struct dyncast_dp_instance *out)
{
	const struct dyncast_map_instance *shared;

	memset(out, 0, sizeof(*out));
	if (!dyncast_dp_instance_known(id))
		return false;
	shared = &dyncast_dp.instances[id];
	out->dbid = dyncast_dp.owners[id].dbid;
	out->kind = shared->kind;
	out->alive = shared->flags & DYNCAST_MAP_INSTANCE_ALIVE;
	if (!out->alive)
		return true;
	out->mtu = shared->mtu;
	out->ifindex = shared->ifindex;
	if (shared->nexthop_family)
		out->nexthop = dyncast_dp_addr_get(shared->nexthop_family,
						   shared->nexthop);
	if (shared->outer_family == AF_INET6)
		out->encap_source =
			dyncast_dp_addr_get(AF_INET6, shared->ipv6.source);
	else if (shared->outer_family == AF_INET)
		out->encap_source =
			dyncast_dp_addr_get(AF_INET, &shared->ipv4.source);
	return true;
}

void dyncast_dp_instance_void(uint32_t id)
{
	struct dyncast_map_instance *shared;

	if (!dyncast_dp_instance_known(id))
		return;
	dyncast_dp_ring_forget(dyncast_dp.owners[id].service, id);
	shared = &dyncast_dp.instances[id];
	dyncast_dp_instance_head(id, shared->kind,
				 shared->flags | DYNCAST_MAP_INSTANCE_VOIDED,
				 shared->service, shared->generation + 1);
}
