// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The forwarding plane.  One program for each way that packets come, all of
 * them of the same code:
 *
 *   dyncast_ingress     ingress of an Ethernet-like interface (TCX or clsact)
 *   dyncast_ingress_l3  ingress of one without a link-layer header
 *   dyncast_egress      egress of the device that services are routed to
 *                       (zebra-dyncast/veth.c): the kernel has forwarded the
 *                       packet by its own rules (reverse path, netfilter, TTL)
 *                       already
 *
 *   dyncast_parse.h    frame -> flow key
 *   dyncast_place.h    flow entry or slot -> instance
 *   dyncast_table.h    the flow table
 *   dyncast_forward.h  instance -> wire
 *   dyncast_decap.h    outer header of a local instance's D-BID -> wire
 *
 * Loaded and fed by zebra-dyncast/dataplane*.c; maps in dyncast_map.h.
 * Implements the D-Forwarder of draft-li-dyncast-architecture-00 (instance
 * affinity and dispatch, sections 3.3 and 3.4).
 *
 * What it does not steer it leaves as it was, with TC_ACT_UNSPEC, so that
 * other tc programs and then the kernel's own route (plain anycast) see it.
 *
 * A packet that came out of a tunnel at this router is not placed a second
 * time, so no loop between ingresses can form: seg6local (and ipip)
 * decapsulate in the input path behind the ingress hook and hand the inner
 * packet straight to the route, and dyncast_decap.h gives it to the local
 * instance or drops it.
 */

#include "dyncast_decap.h"
#include "dyncast_forward.h"
#include "dyncast_parse.h"
#include "dyncast_place.h"
#include "dyncast_prog.h"
#include "dyncast_table.h"

#define VLAN_VID_MASK 0xfff
#define STRIPS (DYNCAST_MAP_IFACE_DECAP | DYNCAST_MAP_IFACE_STEER)

/* where the programs for older kernels keep what they know of a packet */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct packet);
} scratch SEC(".maps");

static __always_inline int steer(struct __sk_buff *skb,
				 const struct dyncast_map_service *service,
				 struct packet *pkt, const __u32 l2,
				 const bool routed)
{
	struct dyncast_map_instance *instance;
	__u32 id = 0;

	/* of before the affinity changes the flow's */
	struct dyncast_map_fragment_key key;
	bool by_first = fragment_needs_first(service, pkt);

	if (by_first)
		fragment_key(pkt, &key);
	if (by_first && pkt->fragment == FRAGMENT_LATER) {
		instance = place_fragment(service, pkt, &key, &id);
		if (!instance) {
			count(DYNCAST_COUNT_FRAGMENT, 1);
			return PASS;
		}
		return forward(skb, instance, id, pkt, l2, routed);
	}
	instance = place(service, pkt, &id);
	if (!instance) {
		count(DYNCAST_COUNT_NO_INSTANCE, 1);
		return PASS;
	}
	if (by_first)
		fragment_remember(&key, id, instance);
	return forward(skb, instance, id, pkt, l2, routed);
}

/* false when there is no service and no D-BID with that destination */
static __always_inline bool filter_lets(const struct packet *pkt)
{
	__u32 bit =
		pkt->family == DYNCAST_MAP_AF_INET
			? dyncast_map_filter_ipv4(
				  (const void *)&pkt->key.daddr4)
			: dyncast_map_filter_ipv6((const void *)pkt->key.daddr);
	__u32 index = bit / 64;
	__u64 *word = bpf_map_lookup_elem(&filter, &index);

	return word && (*word >> (bit % 64) & 1);
}

/*
 * Frames of a VLAN pass the interface below it too, before its own sees them.
 * A tag that has only a priority is the interface's own; it ends here.
 */
static __always_inline bool untag(struct __sk_buff *skb)
{
	return !skb->vlan_present ||
	       (!(skb->vlan_tci & VLAN_VID_MASK) && !bpf_skb_vlan_pop(skb));
}

static __always_inline int run_with(struct __sk_buff *skb, struct packet *pkt,
				    const __u32 l2, const bool routed,
				    const bool old)
{
	const struct dyncast_map_decap *local;
	struct dyncast_map_service *service;
	struct dyncast_map_iface *iface;

	/* frames for other hosts come where the interface is promiscuous */
	if (!routed && skb->pkt_type != PACKET_HOST)
		goto pass;
	if (!parse_addresses(skb, pkt, l2) || !filter_lets(pkt))
		goto pass;
	iface = iface_find(skb->ifindex);
	if (!iface)
		goto pass;
	if (!routed && (iface->flags & STRIPS) &&
	    (pkt->key.proto == IPPROTO_IPIP ||
	     pkt->key.proto == IPPROTO_IPV6)) {
		local = decap_find(pkt);
		if (local)
			return untag(skb) ? decapsulate(skb, local, pkt, l2)
					  : PASS;
	}
	if (!routed && !(iface->flags & DYNCAST_MAP_IFACE_STEER))
		goto pass;

	service = service_find(pkt, iface->table_id);
	if (!service || (service->flags & DYNCAST_MAP_SERVICE_RESTS) ||
	    (!routed && !source_is_sane(pkt)) || !untag(skb))
		goto pass;
	pkt->key.service = service->index;
	if (!(old ? parse_flow(skb, pkt) : dyncast_parse_flow(skb, pkt)))
		goto pass;
	return steer(skb, service, pkt, l2, routed);

pass:
	count(DYNCAST_COUNT_PASSED, 1);
	return PASS;
}

static __always_inline int run(struct __sk_buff *skb, const __u32 l2,
			       const bool routed)
{
	struct packet pkt = {};

	return run_with(skb, &pkt, l2, routed, false);
}

/*
 * For kernels that do not take dyncast_parse_flow() as a function of its own.
 * As part of the program, with what it writes followed through the stack, it
 * has more ways than a verifier looks at; what is in a map is not followed.
 * That takes some nanoseconds longer.
 */
static __always_inline int run_old(struct __sk_buff *skb, const __u32 l2,
				   const bool routed)
{
	__u32 zero = 0;
	struct packet *pkt = bpf_map_lookup_elem(&scratch, &zero);

	if (!pkt)
		return PASS;
	__builtin_memset(pkt, 0, sizeof(*pkt));
	return run_with(skb, pkt, l2, routed, true);
}

SEC("tc")
int dyncast_ingress(struct __sk_buff *skb)
{
	return run(skb, ETH_HLEN, false);
}

SEC("tc")
int dyncast_ingress_l3(struct __sk_buff *skb)
{
	return run(skb, 0, false);
}

SEC("tc")
int dyncast_egress(struct __sk_buff *skb)
{
	return run(skb, ETH_HLEN, true);
}

/* the same for kernels that take no pointers as arguments (before 5.12); the
 * loader loads these or those */

SEC("tc")
int dyncast_ingress_old(struct __sk_buff *skb)
{
	return run_old(skb, ETH_HLEN, false);
}

SEC("tc")
int dyncast_ingress_l3_old(struct __sk_buff *skb)
{
	return run_old(skb, 0, false);
}

SEC("tc")
int dyncast_egress_old(struct __sk_buff *skb)
{
	return run_old(skb, ETH_HLEN, true);
}

/* Not attached: the daemon runs it on packets full of orders for the flow
 * table. Returns how many were done. */
SEC("tc")
int dyncast_flow_orders(struct __sk_buff *skb)
{
	int done = 0;

	for (__u32 i = 0; i < DYNCAST_MAP_ORDERS_MAX; i++) {
		__u32 at = DYNCAST_MAP_ORDERS_OFFSET +
			   i * sizeof(struct dyncast_map_order);

		if (at + sizeof(struct dyncast_map_order) > skb->len)
			break;
		done += dyncast_flow_order(skb, at);
	}
	return done;
}

char _license[] SEC("license") = "GPL";
