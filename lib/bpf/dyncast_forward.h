/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an instance to the wire: TTL, path MTU, rewriting, redirecting.  Part of
 * dyncast.bpf.c.
 */

#ifndef DYNCAST_FORWARD_H
#define DYNCAST_FORWARD_H

#include "dyncast_prog.h"

#define HOP_LIMIT 64

static __always_inline void count_steered(__u32 id, const struct packet *pkt)
{
	__u32 zero = 0;
	struct dyncast_map_counters *all =
		bpf_map_lookup_elem(&counters, &zero);
	struct dyncast_map_instance_counters *c =
		bpf_map_lookup_elem(&instance_counters, &id);

	if (all) {
		all->n[DYNCAST_COUNT_STEERED]++;
		all->n[DYNCAST_COUNT_BYTES] += pkt->length;
	}

	if (c) {
		c->packets++;
		c->bytes += pkt->length;
	}
}

/* One hop less.  The header's sum stays what it was, right or wrong, so this
 * needs no skb->csum update. */
static __always_inline void decrement_ttl(struct iphdr *ip)
{
	__u32 check = ip->check;

	check += bpf_htons(0x0100);
	ip->check = check + (check >= 0xffff);
	ip->ttl--;
}

/* of the packet that begins at `offset` of the frame; false when it is not
 * there */
static __always_inline bool decrement_hops(struct __sk_buff *skb, __u32 offset,
					   __u8 family)
{
	void *at = (void *)(long)skb->data + offset;
	void *data_end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip6 = at;

	if (family == DYNCAST_MAP_AF_INET) {
		if (at + sizeof(struct iphdr) > data_end)
			return false;
		decrement_ttl(at);
		return true;
	}
	if ((void *)(ip6 + 1) > data_end)
		return false;
	ip6->hop_limit--;
	return true;
}

static __always_inline void
next_hop(const struct dyncast_map_instance *instance,
	 struct bpf_redir_neigh *neigh)
{
	neigh->nh_family = instance->nexthop_family;
	__builtin_memcpy(neigh->ipv6_nh, instance->nexthop,
			 sizeof(neigh->ipv6_nh));
}

/* bpf_redirect_neigh() resolves the neighbour but is no router: TTL and MTU
 * are ours to see to. */
static __always_inline int
forward_adjacent(struct __sk_buff *skb,
		 const struct dyncast_map_instance *instance,
		 const struct packet *pkt)
{
	struct bpf_redir_neigh neigh = {};

	if (!decrement_hops(skb, ETH_HLEN, pkt->key.family))
		return PASS;
	next_hop(instance, &neigh);
	return bpf_redirect_neigh(instance->ifindex, &neigh, sizeof(neigh), 0);
}

/* A plain IPv6 header, no SRH: the SID is the only segment (RFC 8986,
 * H.Encaps.Red). */
static __always_inline int
forward_srv6(struct __sk_buff *skb, const struct dyncast_map_instance *instance,
	     const struct packet *pkt)
{
	struct bpf_redir_neigh neigh = {};
	struct ipv6hdr outer = {};
	bool is_ipv4 = pkt->key.family == DYNCAST_MAP_AF_INET;
	struct ethhdr *eth;

	/* without FIXED_GSO the segments would shrink: the path's MTU has been
	 * checked with the outer header counted */
	if (bpf_skb_adjust_room(skb, sizeof(outer), BPF_ADJ_ROOM_MAC,
				BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 |
					BPF_F_ADJ_ROOM_FIXED_GSO)) {
		count(DYNCAST_COUNT_ERROR, 1);
		return PASS;
	}

	/* traffic class (DSCP and ECN of the inner packet) and flow label */
	*(__be32 *)&outer =
		bpf_htonl(6u << 28 | (__u32)pkt->tos << 20 | (pkt->hash >> 12));
	outer.payload_len = bpf_htons(pkt->length);
	outer.nexthdr = is_ipv4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	outer.hop_limit = HOP_LIMIT;
	__builtin_memcpy(&outer.saddr, instance->source, sizeof(outer.saddr));
	__builtin_memcpy(&outer.daddr, instance->dbid, sizeof(outer.daddr));
	if (bpf_skb_store_bytes(skb, ETH_HLEN, &outer, sizeof(outer),
				BPF_F_RECOMPUTE_CSUM)) {
		count(DYNCAST_COUNT_ERROR, 1);
		return TC_ACT_SHOT;
	}

	eth = (void *)(long)skb->data;
	if (!decrement_hops(skb, ETH_HLEN + sizeof(outer), pkt->key.family) ||
	    (void *)(eth + 1) > (void *)(long)skb->data_end) {
		count(DYNCAST_COUNT_ERROR, 1);
		return TC_ACT_SHOT;
	}
	eth->h_proto = bpf_htons(ETH_P_IPV6);

	/* several next hops or none: the kernel routes to the SID */
	if (!instance->ifindex || !instance->nexthop_family)
		return TC_ACT_OK;
	next_hop(instance, &neigh);
	return bpf_redirect_neigh(instance->ifindex, &neigh, sizeof(neigh), 0);
}

static __always_inline int forward(struct __sk_buff *skb,
				   const struct dyncast_map_instance *instance,
				   __u32 id, const struct packet *pkt)
{
	bool tunnel = instance->kind == DYNCAST_MAP_KIND_SRV6;
	__u32 segment = pkt->segment + (tunnel ? sizeof(struct ipv6hdr) : 0);

	/* the kernel answers both: time exceeded, fragmentation needed */
	if (pkt->ttl <= 1)
		return PASS;
	if (instance->mtu && segment > instance->mtu) {
		count(DYNCAST_COUNT_TOO_BIG, 1);
		return PASS;
	}

	if (tunnel) {
		count_steered(id, pkt);
		return forward_srv6(skb, instance, pkt);
	}
	if (instance->kind == DYNCAST_MAP_KIND_ADJACENT && instance->ifindex &&
	    instance->nexthop_family) {
		count_steered(id, pkt);
		return forward_adjacent(skb, instance, pkt);
	}
	count(DYNCAST_COUNT_NO_INSTANCE, 1);
	return PASS;
}

#endif /* DYNCAST_FORWARD_H */
