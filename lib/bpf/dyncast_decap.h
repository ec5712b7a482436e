/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of the tunnel: a packet whose outer destination is the D-BID of a
 * local instance loses its outer header and goes to that instance, whatever
 * the ring says.  If it cannot, it is dropped: it must never go on to another
 * site, nor to what the inner packet's sender likes to name.  Part of
 * dyncast.bpf.c.
 */

#ifndef DYNCAST_DECAP_H
#define DYNCAST_DECAP_H

#include "dyncast_forward.h"
#include "dyncast_parse.h"

#define ECN_MASK 3
#define ECN_ECT1 1
#define ECN_ECT0 2
#define ECN_CE 3

/* RFC 6040, 4.2: what the inner packet's ECN becomes; < 0: drop */
static __always_inline int decap_ecn(__u8 outer, __u8 inner)
{
	outer &= ECN_MASK;
	inner &= ECN_MASK;
	if (outer == ECN_CE)
		return inner ? ECN_CE : -1;
	if (outer == ECN_ECT1 && inner == ECN_ECT0)
		return ECN_ECT1;
	return inner;
}

static __always_inline void set_tos(struct iphdr *ip, __u8 tos)
{
	__u32 sum = (__u16)~ip->check;

	sum += (__u16)~bpf_htons(ip->tos);
	sum += bpf_htons(tos);
	ip->tos = tos;
	ip->check = fold(sum);
}

static __always_inline void set_traffic_class(struct __sk_buff *skb,
					      struct ipv6hdr *ip, __u8 ecn)
{
	__u16 *head = (void *)ip, before = *head;

	*head = (before & ~bpf_htons(ECN_MASK << 4)) | bpf_htons(ecn << 4);
	if (*head != before)
		checksum_add(skb, (__u32)*head + (__u16)~before);
}

static __always_inline bool
decap_service_matches(const struct packet *inner, __u32 table_id,
		      const struct dyncast_map_instance *instance)
{
	const struct dyncast_map_service *service =
		service_find(inner, table_id);

	return service && usable(instance, service->index);
}

/*
 * The header goes, and skb->protocol with it.  BPF_F_ADJ_ROOM_DECAP_L3_* are of
 * 6.3: turning the protocol is older, and all that it does besides is to make
 * the header 20 bytes longer or shorter.
 */
static __always_inline bool strip(struct __sk_buff *skb,
				  const struct packet *outer, __u8 family,
				  const __u32 l2)
{
	__s32 size = outer->l4 - l2;

	if (family != outer->family) {
		bool to_ipv4 = family == DYNCAST_MAP_AF_INET;

		if (bpf_skb_change_proto(
			    skb, bpf_htons(to_ipv4 ? ETH_P_IP : ETH_P_IPV6), 0))
			return false;
		size += to_ipv4 ? -20 : 20;
	}
	return !bpf_skb_adjust_room(skb, -size, BPF_ADJ_ROOM_MAC,
				    BPF_F_ADJ_ROOM_FIXED_GSO);
}

/* one hop less, and what has happened on the way */
static __always_inline bool decap_rewrite(struct __sk_buff *skb,
					  const struct packet *inner, __u8 ecn,
					  const __u32 l2)
{
	void *at, *end;

	if (!decrement_hops(skb, l2, inner->family))
		return false;
	at = (void *)(long)skb->data + l2;
	end = (void *)(long)skb->data_end;
	if (inner->family == DYNCAST_MAP_AF_INET) {
		if (at + sizeof(struct iphdr) > end)
			return false;
		set_tos(at, (inner->tos & ~ECN_MASK) | ecn);
		set_protocol(skb, l2, bpf_htons(ETH_P_IP));
		return true;
	}
	if (at + sizeof(struct ipv6hdr) > end)
		return false;
	set_traffic_class(skb, at, ecn);
	set_protocol(skb, l2, bpf_htons(ETH_P_IPV6));
	return true;
}

/* false when there is none, or it is none that the service has sent for */
static __always_inline bool parse_inside(struct __sk_buff *skb,
					 const struct packet *outer,
					 struct packet *inner)
{
	struct ipv6hdr ip6;
	struct iphdr ip;

	if (outer->fragment || outer->l4 > L4_MAX)
		return false;
	if (outer->key.proto == IPPROTO_IPIP) {
		if (!reach(skb, outer->l4 + sizeof(ip)) ||
		    bpf_skb_load_bytes(skb, outer->l4, &ip, sizeof(ip)) ||
		    ip.version != 4 || ip.ihl < 5)
			return false;
		inner->family = DYNCAST_MAP_AF_INET;
		inner->key.daddr4 = ip.daddr;
		inner->tos = ip.tos;
		inner->ttl = ip.ttl;
		inner->length = bpf_ntohs(ip.tot_len);
	} else {
		if (!reach(skb, outer->l4 + sizeof(ip6)) ||
		    bpf_skb_load_bytes(skb, outer->l4, &ip6, sizeof(ip6)) ||
		    ip6.version != 6)
			return false;
		inner->family = DYNCAST_MAP_AF_INET6;
		__builtin_memcpy(inner->key.daddr, &ip6.daddr,
				 sizeof(ip6.daddr));
		inner->tos = bpf_ntohl(*(__be32 *)&ip6) >> 20;
		inner->ttl = ip6.hop_limit;
		inner->length = bpf_ntohs(ip6.payload_len) + sizeof(ip6);
	}
	return outer->l4 + inner->length <= outer->end;
}

static __always_inline int decapsulate(struct __sk_buff *skb,
				       const struct dyncast_map_decap *to,
				       const struct packet *outer,
				       const __u32 l2)
{
	struct dyncast_map_instance *instance = instance_of(to->instance);
	struct packet inner = {};
	int ecn;

	if (!instance || instance->kind != DYNCAST_MAP_KIND_ADJACENT ||
	    !instance->ifindex || !instance->nexthop_family ||
	    !parse_inside(skb, outer, &inner) || inner.ttl <= 1 ||
	    !decap_service_matches(&inner, to->table_id, instance))
		goto drop;
	if (instance->mtu && !skb->gso_size && inner.length > instance->mtu) {
		count(DYNCAST_COUNT_TOO_BIG, 1);
		goto drop;
	}
	ecn = decap_ecn(outer->tos, inner.tos);
	if (ecn < 0 || !strip(skb, outer, inner.family, l2) ||
	    !decap_rewrite(skb, &inner, ecn, l2))
		goto drop;
	count(DYNCAST_COUNT_DECAP, 1);
	return to_next_hop(skb, instance, l2);

drop:
	count(DYNCAST_COUNT_DECAP_DROPPED, 1);
	return TC_ACT_SHOT;
}

static __always_inline const struct dyncast_map_decap *
decap_find(const struct packet *pkt)
{
	struct dyncast_map_decap_key key = {.family = pkt->family};

	if (pkt->family == DYNCAST_MAP_AF_INET)
		key.addr[0] = pkt->key.daddr4;
	else
		__builtin_memcpy(key.addr, pkt->key.daddr, sizeof(key.addr));
	return bpf_map_lookup_elem(&decap, &key);
}

#endif /* DYNCAST_DECAP_H */
