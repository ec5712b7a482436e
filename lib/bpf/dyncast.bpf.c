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

	/* Only the first fragment has ports.  All of them go by the kernel's
	 * route, so that at least they meet again at one instance. */
	if (pkt->fragment) {
		count(pkt, DYNCAST_COUNT_FRAGMENT, 1);
		return PASS;
	}
	instance = place(service, pkt, &id);
	if (!instance) {
		count(pkt, DYNCAST_COUNT_NO_INSTANCE, 1);
		return PASS;
	}
	return forward(skb, instance, id, pkt);
}

SEC("tc")
int dyncast_ingress(struct __sk_buff *skb)
{
	struct dyncast_map_service_key where = {};
	struct dyncast_map_service *service;
	struct dyncast_map_iface *iface;
	struct packet pkt = {};
	__u32 ifindex = skb->ifindex, zero = 0;

	pkt.counters = bpf_map_lookup_elem(&counters, &zero);
	if (!pkt.counters)
		return PASS;

	/* Frames of a VLAN pass here too, before its own interface sees them;
	 * frames for other hosts do where the interface is promiscuous. */
	if (skb->protocol != bpf_htons(ETH_P_IP) || skb->vlan_present ||
	    skb->pkt_type != PACKET_HOST)
		goto pass;
	if (!parse_ipv4(skb, &pkt))
		goto pass;
	if (pkt.key.proto != IPPROTO_TCP && pkt.key.proto != IPPROTO_UDP)
		goto pass;

	iface = bpf_map_lookup_elem(&ifaces, &ifindex);
	if (!iface)
		goto pass;
	pkt.key.table_id = iface->table_id;

	where.prefixlen = DYNCAST_MAP_LPM_FIXED + 32;
	where.table_id = iface->table_id;
	where.family = DYNCAST_MAP_AF_INET;
	where.addr[0] = pkt.key.daddr[0];
	service = bpf_map_lookup_elem(&services, &where);
	if (!service)
		goto pass;
	return steer(skb, service, &pkt);

pass:
	count(&pkt, DYNCAST_COUNT_PASSED, 1);
	return PASS;
}

char _license[] SEC("license") = "GPL";
