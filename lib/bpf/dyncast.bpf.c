// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The forwarding plane: runs on the ingress of every interface that steers
 * (TCX or clsact), for each packet.
 *
 *   dyncast_parse.h    frame -> flow key
 *   dyncast_place.h    flow entry or slot -> instance
 *   dyncast_forward.h  instance -> wire
 *
 * Loaded and fed by zebra-dyncast/dataplane*.c; maps in dyncast_map.h.
 * Implements the D-Forwarder of draft-li-dyncast-architecture-00 (instance
 * affinity and dispatch, sections 3.3 and 3.4).
 *
 * What it does not steer it leaves as it was, with TC_ACT_UNSPEC, so that
 * other tc programs and then the kernel's own route (plain anycast) see it.
 *
 * A packet that came out of a tunnel at this router never gets here: seg6local
 * (and ipip) decapsulate in the input path behind the ingress hook and hand
 * the inner packet straight to the route, so a packet that another ingress has
 * placed is not placed a second time and no loop between ingresses can form.
 */

#include "dyncast_forward.h"
#include "dyncast_parse.h"
#include "dyncast_place.h"
#include "dyncast_prog.h"

static __always_inline int steer(struct __sk_buff *skb,
				 const struct dyncast_map_service *service,
				 struct packet *pkt)
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
		return forward(skb, instance, id, pkt);
	}
	instance = place(service, pkt, &id);
	if (!instance) {
		count(DYNCAST_COUNT_NO_INSTANCE, 1);
		return PASS;
	}
	if (by_first)
		fragment_remember(&key, id, instance);
	return forward(skb, instance, id, pkt);
}

/* false when there is no service with that destination */
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

SEC("tc")
int dyncast_ingress(struct __sk_buff *skb)
{
	struct dyncast_map_service_key where = {};
	struct dyncast_map_service *service;
	struct dyncast_map_iface *iface;
	struct packet pkt = {};
	__u32 ifindex = skb->ifindex;

	/* Frames of a VLAN pass here too, before its own interface sees them;
	 * frames for other hosts do where the interface is promiscuous. */
	if (skb->vlan_present || skb->pkt_type != PACKET_HOST)
		goto pass;
	if (!parse_addresses(skb, &pkt) || !filter_lets(&pkt))
		goto pass;
	iface = bpf_map_lookup_elem(&ifaces, &ifindex);
	if (!iface)
		goto pass;

	where.table_id = iface->table_id;
	where.family = pkt.family;
	where.prefixlen = DYNCAST_MAP_LPM_FIXED +
			  (pkt.family == DYNCAST_MAP_AF_INET ? 32 : 128);
	if (pkt.family == DYNCAST_MAP_AF_INET)
		where.addr[0] = pkt.key.daddr4;
	else
		__builtin_memcpy(where.addr, pkt.key.daddr, sizeof(where.addr));
	service = bpf_map_lookup_elem(&services, &where);
	if (!service)
		goto pass;
	pkt.key.service = service->index;
	if (!dyncast_parse_flow(skb, &pkt))
		goto pass;
	return steer(skb, service, &pkt);

pass:
	count(DYNCAST_COUNT_PASSED, 1);
	return PASS;
}

char _license[] SEC("license") = "GPL";
