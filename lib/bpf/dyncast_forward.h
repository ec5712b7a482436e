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
#define LOOPBACK 1 /* its ifindex, in every network namespace */

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

/*
 * The bytes of the frame have grown by `sum` (one's complement) in what
 * skb->csum is over.  IPv4's header is never part of it: its own sum makes it
 * zero.
 */
static __always_inline void checksum_add(struct __sk_buff *skb, __u32 sum)
{
	bpf_csum_update(skb, sum);
}
/* a hop limit decremented, as the kernel sums it */
#define ONE_HOP_LESS ((__u16)~bpf_htons(1))

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
	checksum_add(skb, ONE_HOP_LESS);
	return true;
}

/* The neighbour's address is the kernel's to find, and the header of the link
 * to write; it wants room for one. */
static __always_inline int
to_next_hop(struct __sk_buff *skb, const struct dyncast_map_instance *instance,
	    const __u32 l2)
{
	struct bpf_redir_neigh neigh;

	if (!l2 && bpf_skb_change_head(skb, ETH_HLEN, 0)) {
		count(DYNCAST_COUNT_ERROR, 1);
		return TC_ACT_SHOT;
	}
	neigh.nh_family = instance->nexthop_family;
	__builtin_memcpy(neigh.ipv6_nh, instance->nexthop,
			 sizeof(neigh.ipv6_nh));
	return bpf_redirect_neigh(instance->ifindex, &neigh, sizeof(neigh), 0);
}

/* bpf_redirect_neigh() resolves the neighbour but is no router: TTL and MTU
 * are ours to see to. */
static __always_inline int
forward_adjacent(struct __sk_buff *skb,
		 const struct dyncast_map_instance *instance,
		 const struct packet *pkt, const __u32 l2, const bool routed)
{
	if (!routed && !decrement_hops(skb, l2, pkt->family))
		return PASS;
	return to_next_hop(skb, instance, l2);
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

	/* GRO makes packets of which the sum is longer than the field: whoever
	 * cuts them up again writes it anew */
	words[0] = bpf_htonl((0x45u << 8 | pkt->tos) << 16 |
			     (__u16)(pkt->length + sizeof(*outer)));
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

static __always_inline void set_protocol(struct __sk_buff *skb, const __u32 l2,
					 __be16 protocol)
{
	struct ethhdr *eth = (void *)(long)skb->data;

	if (l2 && (void *)(eth + 1) <= (void *)(long)skb->data_end)
		eth->h_proto = protocol;
}

/*
 * Several next hops or none: the main table knows.  Handing the packet to the
 * kernel alone will not do: it takes no IPv4 packet from outside with a source
 * of its own, and would look in the table of the interface's VRF.  What is
 * left to it is to say that there is no route.
 */
static __always_inline int by_route(struct __sk_buff *skb,
				    const struct dyncast_map_instance *instance,
				    const struct packet *pkt, const __u32 l2)
{
	struct bpf_fib_lookup where = {
		.family = instance->outer_family,
		.ifindex = LOOPBACK,
		/* where paths are chosen by ports, flows are to spread */
		.sport = pkt->hash,
	};
	struct bpf_redir_neigh neigh;
	long result;

	if (where.family == DYNCAST_MAP_AF_INET) {
		where.ipv4_src = instance->ipv4.source;
		where.ipv4_dst = instance->ipv4.dbid;
	} else {
		where.flowinfo = bpf_htonl(pkt->hash >> 12);
		__builtin_memcpy(where.ipv6_src, instance->ipv6.source, 16);
		__builtin_memcpy(where.ipv6_dst, instance->ipv6.dbid, 16);
	}
	result = bpf_fib_lookup(skb, &where, sizeof(where), 0);
	if (result != BPF_FIB_LKUP_RET_SUCCESS &&
	    result != BPF_FIB_LKUP_RET_NO_NEIGH)
		return TC_ACT_OK;
	if (!l2 && bpf_skb_change_head(skb, ETH_HLEN, 0)) {
		count(DYNCAST_COUNT_ERROR, 1);
		return TC_ACT_SHOT;
	}
	neigh.nh_family = where.family;
	__builtin_memcpy(neigh.ipv6_nh, where.ipv6_dst, sizeof(neigh.ipv6_nh));
	return bpf_redirect_neigh(where.ifindex, &neigh, sizeof(neigh), 0);
}

/* outer header, DSCP and ECN copied (RFC 6040, normal mode) */
static __always_inline int
forward_tunnel(struct __sk_buff *skb,
	       const struct dyncast_map_instance *instance,
	       const struct packet *pkt, const __u32 l2, const bool routed)
{
	bool over_ipv4 = instance->outer_family == DYNCAST_MAP_AF_INET;
	__u8 proto = pkt->family == DYNCAST_MAP_AF_INET ? IPPROTO_IPIP
							: IPPROTO_IPV6;
	__u32 size = over_ipv4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	/* without FIXED_GSO the segments would shrink: the path's MTU has been
	 * checked with the outer header counted */
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO |
		      (over_ipv4 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV4
				 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV6);
	void *outer;

	if (!routed && !decrement_hops(skb, l2, pkt->family))
		return PASS;
	if (bpf_skb_adjust_room(skb, size, BPF_ADJ_ROOM_MAC, flags)) {
		count(DYNCAST_COUNT_ERROR, 1);
		return TC_ACT_SHOT;
	}
	outer = (void *)(long)skb->data + l2;
	if (outer + sizeof(struct ipv6hdr) > (void *)(long)skb->data_end) {
		count(DYNCAST_COUNT_ERROR, 1);
		return TC_ACT_SHOT;
	}
	if (over_ipv4) {
		outer_ipv4(outer, instance, pkt, proto);
		set_protocol(skb, l2, bpf_htons(ETH_P_IP));
	} else {
		outer_ipv6(outer, instance, pkt, proto);
		/* skb->csum is rarely used: ask before summing */
		if ((long)bpf_csum_update(skb, 0) >= 0)
			checksum_add(skb,
				     bpf_csum_diff(NULL, 0, outer,
						   sizeof(struct ipv6hdr), 0));
		set_protocol(skb, l2, bpf_htons(ETH_P_IPV6));
	}

	if (!instance->ifindex || !instance->nexthop_family)
		return by_route(skb, instance, pkt, l2);
	return to_next_hop(skb, instance, l2);
}

/* `routed`: the kernel has taken a hop off and seen to the path's MTU, and the
 * frame is on its way out */
static __always_inline int forward(struct __sk_buff *skb,
				   const struct dyncast_map_instance *instance,
				   __u32 id, const struct packet *pkt,
				   const __u32 l2, const bool routed)
{
	__u8 outer = instance->outer_family;
	__u32 segment = pkt->segment;

	if (outer)
		segment += outer == DYNCAST_MAP_AF_INET
				   ? sizeof(struct iphdr)
				   : sizeof(struct ipv6hdr);
	/* the kernel answers both: time exceeded, fragmentation needed */
	if (!routed && pkt->ttl <= 1)
		return PASS;
	if (instance->mtu && segment > instance->mtu) {
		count(DYNCAST_COUNT_TOO_BIG, 1);
		return PASS;
	}

	if (outer) {
		count_steered(id, pkt);
		return forward_tunnel(skb, instance, pkt, l2, routed);
	}
	if (instance->ifindex && instance->nexthop_family) {
		count_steered(id, pkt);
		return forward_adjacent(skb, instance, pkt, l2, routed);
	}
	count(DYNCAST_COUNT_NO_INSTANCE, 1);
	return PASS;
}

#endif /* DYNCAST_FORWARD_H */
