/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an instance to the wire: TTL, path MTU, rewriting, redirecting.  Part of
 * dyncast.bpf.c.
 */

#ifndef DYNCAST_FORWARD_H
#define DYNCAST_FORWARD_H

#include "dyncast_prog.h"

#define HOP_LIMIT 64
#define IP_DF 0x4000

static __always_inline void count_steered(__u32 id, const struct packet *pkt)
{
	struct dyncast_map_instance_counters *c =
		bpf_map_lookup_elem(&instance_counters, &id);

	if (!c)
		return;
	c->n[DYNCAST_ICOUNT_BYTES] += pkt->length;
	if (pkt->outcome < DYNCAST_ICOUNT_MAX)
		c->n[pkt->outcome]++;
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

	if (!decrement_hops(skb, ETH_HLEN, pkt->family))
		return PASS;
	next_hop(instance, &neigh);
	return bpf_redirect_neigh(instance->ifindex, &neigh, sizeof(neigh), 0);
}

/* of the IPv4 header whose words' sum is `sum` */
static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/*
 * The outer header of an IPv4 underlay.  DF, because the path's MTU has been
 * seen to and the egress cannot be asked to put fragments together; the id
 * is then of no meaning (RFC 6864), but some look at it.
 */
static __always_inline void
outer_ipv4(struct iphdr *outer, const struct dyncast_map_instance *instance,
	   const struct packet *pkt, __u8 proto)
{
	__u32 words[3];

	words[0] = bpf_htonl((0x45u << 8 | pkt->tos) << 16 |
			     (pkt->length + sizeof(*outer)));
	words[1] = bpf_htonl(pkt->hash << 16 | IP_DF);
	words[2] = bpf_htonl(HOP_LIMIT << 24 | (__u32)proto << 16);
	__builtin_memcpy(outer, words, sizeof(words));
	outer->saddr = instance->ipv4.source;
	outer->daddr = instance->ipv4.dbid;
	outer->check =
		fold(instance->ipv4.sum + (words[0] & 0xffff) +
		     (words[0] >> 16) + (words[1] & 0xffff) + (words[1] >> 16) +
		     (words[2] & 0xffff) + (words[2] >> 16));
}

/* A plain IPv6 header, no SRH: the SID is the only segment (RFC 8986,
 * H.Encaps.Red). */
static __always_inline void
outer_ipv6(struct ipv6hdr *outer, const struct dyncast_map_instance *instance,
	   const struct packet *pkt, __u8 proto)
{
	/* traffic class (DSCP and ECN of the inner packet) and flow label */
	*(__be32 *)outer =
		bpf_htonl(6u << 28 | (__u32)pkt->tos << 20 | (pkt->hash >> 12));
	outer->payload_len = bpf_htons(pkt->length);
	outer->nexthdr = proto;
	outer->hop_limit = HOP_LIMIT;
	__builtin_memcpy(&outer->saddr, instance->ipv6.source,
			 sizeof(outer->saddr));
	__builtin_memcpy(&outer->daddr, instance->ipv6.dbid,
			 sizeof(outer->daddr));
}

/* outer header, DSCP and ECN copied (RFC 6040, normal mode) */
static __always_inline int
forward_tunnel(struct __sk_buff *skb,
	       const struct dyncast_map_instance *instance,
	       const struct packet *pkt)
{
	struct bpf_redir_neigh neigh = {};
	bool over_ipv4 = instance->outer_family == DYNCAST_MAP_AF_INET;
	__u8 proto = pkt->family == DYNCAST_MAP_AF_INET ? IPPROTO_IPIP
							: IPPROTO_IPV6;
	__u32 size = over_ipv4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	/* without FIXED_GSO the segments would shrink: the path's MTU has been
	 * checked with the outer header counted */
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO |
		      (over_ipv4 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV4
				 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV6);
	void *end;
	struct ethhdr *eth;

	if (bpf_skb_adjust_room(skb, size, BPF_ADJ_ROOM_MAC, flags)) {
		count(DYNCAST_COUNT_ERROR, 1);
		return PASS;
	}
	eth = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if ((void *)(eth + 1) + sizeof(struct ipv6hdr) > end ||
	    !decrement_hops(skb, ETH_HLEN + size, pkt->family)) {
		count(DYNCAST_COUNT_ERROR, 1);
		return TC_ACT_SHOT;
	}
	if (over_ipv4) {
		outer_ipv4((void *)(eth + 1), instance, pkt, proto);
		eth->h_proto = bpf_htons(ETH_P_IP);
	} else {
		outer_ipv6((void *)(eth + 1), instance, pkt, proto);
		eth->h_proto = bpf_htons(ETH_P_IPV6);
	}

	/* several next hops or none: the kernel routes to the D-BID */
	if (!instance->ifindex || !instance->nexthop_family)
		return TC_ACT_OK;
	next_hop(instance, &neigh);
	return bpf_redirect_neigh(instance->ifindex, &neigh, sizeof(neigh), 0);
}

static __always_inline int forward(struct __sk_buff *skb,
				   const struct dyncast_map_instance *instance,
				   __u32 id, const struct packet *pkt)
{
	__u8 outer = instance->outer_family;
	__u32 segment = pkt->segment + (outer == DYNCAST_MAP_AF_INET6
						? sizeof(struct ipv6hdr)
					: outer ? sizeof(struct iphdr)
						: 0);

	/* the kernel answers both: time exceeded, fragmentation needed */
	if (pkt->ttl <= 1)
		return PASS;
	if (instance->mtu && segment > instance->mtu) {
		count(DYNCAST_COUNT_TOO_BIG, 1);
		return PASS;
	}

	if (outer) {
		count_steered(id, pkt);
		return forward_tunnel(skb, instance, pkt);
	}
	if (instance->ifindex && instance->nexthop_family) {
		count_steered(id, pkt);
		return forward_adjacent(skb, instance, pkt);
	}
	count(DYNCAST_COUNT_NO_INSTANCE, 1);
	return PASS;
}

#endif /* DYNCAST_FORWARD_H */
