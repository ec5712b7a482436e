/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a frame to struct packet: everything that a foreign sender decides is
 * checked here.  Part of dyncast.bpf.c.
 *
 * Two steps: parse_addresses() for every packet, so that other traffic costs
 * little, and parse_flow() for those of a service.  `l2` is the length of the
 * link-layer header, a constant of each program.
 */

#ifndef DYNCAST_PARSE_H
#define DYNCAST_PARSE_H

#include "dyncast_prog.h"

#define IP_MF 0x2000
#define IP_OFFSET 0x1fff
#define IP6F_OFFSET 0xfff8
#define IP6F_MF 0x0001
/* a transport header further back in the frame is not looked for; all ones */
#define L4_MAX 511
/* IPv6 extension headers of one packet */
#define EXTENSIONS 8

struct extension {
	__u8 next;
	__u8 len;
	__be16 offset; /* of a fragment */
	__be32 id;
};

struct transport {
	__u32 offset; /* of the transport header */
	__u8 proto;
	__u8 fragment; /* enum fragment */
	__u8 fragment_proto;
	__u32 fragment_id;
};

/* the first bytes of the frame can be read in place */
static __always_inline bool reach(struct __sk_buff *skb, __u32 bytes)
{
	if ((void *)(long)skb->data + bytes <= (void *)(long)skb->data_end)
		return true;
	return bytes <= skb->len && !bpf_skb_pull_data(skb, bytes);
}

static __always_inline __u8 fragment_kind(bool later, bool more)
{
	return later ? FRAGMENT_LATER : more ? FRAGMENT_FIRST : FRAGMENT_NO;
}

static __always_inline bool parse_ipv4(struct __sk_buff *skb,
				       struct packet *pkt, const __u32 l2)
{
	struct iphdr *ip;

	if (!reach(skb, l2 + sizeof(*ip)))
		return false;
	ip = (void *)(long)skb->data + l2;
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return false;
	pkt->length = bpf_ntohs(ip->tot_len);
	pkt->l4 = l2 + ip->ihl * 4;
	pkt->end = l2 + pkt->length;
	if (ip->version != 4 || ip->ihl < 5 || pkt->end < pkt->l4 ||
	    pkt->end > skb->len)
		return false;
	pkt->tos = ip->tos;
	pkt->ttl = ip->ttl;
	pkt->family = DYNCAST_MAP_AF_INET;
	pkt->key.proto = ip->protocol;
	pkt->key.saddr4 = ip->saddr;
	pkt->key.daddr4 = ip->daddr;
	pkt->fragment = fragment_kind(ip->frag_off & bpf_htons(IP_OFFSET),
				      ip->frag_off & bpf_htons(IP_MF));
	pkt->fragment_id = ip->id;
	pkt->fragment_proto = ip->protocol;
	return true;
}

static __always_inline bool parse_ipv6(struct __sk_buff *skb,
				       struct packet *pkt, const __u32 l2)
{
	struct ipv6hdr *ip;

	if (!reach(skb, l2 + sizeof(*ip)))
		return false;
	ip = (void *)(long)skb->data + l2;
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return false;
	/* a jumbogram has length 0 here, and no transport header below */
	pkt->length = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	pkt->l4 = l2 + sizeof(*ip);
	pkt->end = l2 + pkt->length;
	if (ip->version != 6 || pkt->end > skb->len)
		return false;
	pkt->tos = bpf_ntohl(*(__be32 *)ip) >> 20;
	pkt->ttl = ip->hop_limit;
	pkt->family = DYNCAST_MAP_AF_INET6;
	pkt->key.proto = ip->nexthdr;
	__builtin_memcpy(pkt->key.saddr, &ip->saddr, sizeof(ip->saddr));
	__builtin_memcpy(pkt->key.daddr, &ip->daddr, sizeof(ip->daddr));
	return true;
}

/* Sources that nobody may have, or nobody on another link, are for the kernel
 * to refuse, as it does whatever rp_filter says. */
static __always_inline bool source_is_sane(const struct packet *pkt)
{
	const __u32 *word = pkt->key.saddr;
	__u32 first = bpf_ntohl(
		pkt->family == DYNCAST_MAP_AF_INET ? pkt->key.saddr4 : word[0]);

	if (pkt->family == DYNCAST_MAP_AF_INET)
		return first >> 24 != 0 && first >> 24 != 127 &&
		       first >> 28 != 14 && first != 0xffffffff;
	return first >> 24 != 0xff && first >> 22 != 0xfe80 >> 6 &&
	       (first || word[1] || word[2] || bpf_ntohl(word[3]) > 1);
}

/* false when it is nothing for us */
static __always_inline bool parse_addresses(struct __sk_buff *skb,
					    struct packet *pkt, const __u32 l2)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return parse_ipv4(skb, pkt, l2);
	return skb->protocol == bpf_htons(ETH_P_IPV6) &&
	       parse_ipv6(skb, pkt, l2);
}

static __always_inline bool is_extension(__u8 proto)
{
	switch (proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_AH:
	case IPPROTO_FRAGMENT:
		return true;
	default:
		return false;
	}
}

/* Follow IPv6's chain of headers; out->offset and ->proto begin as those of the
 * first.  0 when it ends well. */
static __noinline int skip_extensions(struct __sk_buff *skb,
				      struct transport *out)
{
	struct extension header;

	if (!out)
		return -1;
	for (int i = 0; i < EXTENSIONS; i++) {
		__u32 size = 8;

		if (!is_extension(out->proto))
			return 0;
		if (out->offset > L4_MAX ||
		    bpf_skb_load_bytes(skb, out->offset, &header,
				       sizeof(header)))
			return -1;
		if (out->proto == IPPROTO_FRAGMENT) {
			out->fragment_id = header.id;
			out->fragment_proto = header.next;
			out->fragment = fragment_kind(
				header.offset & bpf_htons(IP6F_OFFSET),
				header.offset & bpf_htons(IP6F_MF));
		} else if (out->proto == IPPROTO_AH) {
			size = (header.len + 2) * 4;
		} else {
			size = (header.len + 1) * 8;
		}
		out->offset += size;
		out->proto = header.next;
		if (out->fragment == FRAGMENT_LATER)
			return 0;
	}
	return -1;
}

/* Ports of TCP and UDP, and what TCP's flags say. */
static __always_inline bool parse_ports(struct __sk_buff *skb,
					struct packet *pkt)
{
	bool is_tcp = pkt->key.proto == IPPROTO_TCP;
	__u32 size = is_tcp ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	__u32 offset = pkt->l4;
	struct tcphdr *tcp;
	struct udphdr *udp;

	if (offset > L4_MAX || offset + size > pkt->end ||
	    !reach(skb, offset + size))
		return false;
	/* Across the call the compiler may keep it on the stack, where older
	 * verifiers (5.10) forget what it can be at most. */
	asm volatile("" : "+r"(offset));
	offset &= L4_MAX;
	udp = (void *)(long)skb->data + offset;
	if ((void *)(udp + 1) > (void *)(long)skb->data_end)
		return false;
	pkt->key.sport = udp->source;
	pkt->key.dport = udp->dest;
	/* a packet that offloading has put together is cut into pieces of
	 * gso_size again: this is the largest that will leave */
	if (skb->gso_size)
		pkt->segment = offset - (pkt->end - pkt->length) +
			       sizeof(*udp) + skb->gso_size;
	if (!is_tcp)
		return true;

	tcp = (void *)udp;
	if ((void *)(tcp + 1) > (void *)(long)skb->data_end)
		return false;
	pkt->tcp = true;
	pkt->opens = tcp->syn && !tcp->ack;
	pkt->closes = tcp->fin || tcp->rst;
	pkt->speaks = !pkt->closes && offset + tcp->doff * 4 < pkt->end;
	if (skb->gso_size)
		pkt->segment = offset - (pkt->end - pkt->length) +
			       tcp->doff * 4 + skb->gso_size;
	return true;
}

static __always_inline bool same_address(const struct in6_addr *a,
					 const __u32 b[4])
{
	__u32 differs = 0;

	for (int i = 0; i < 4; i++)
		differs |= a->in6_u.u6_addr32[i] ^ b[i];
	return !differs;
}

/* the packet that an ICMP error is about; false unless the service sent it */
static __always_inline bool parse_inner_addresses(struct __sk_buff *skb,
						  struct packet *pkt,
						  struct transport *inner)
{
	struct ipv6hdr ip6;
	struct iphdr ip;

	if (pkt->family == DYNCAST_MAP_AF_INET) {
		if (bpf_skb_load_bytes(skb, inner->offset, &ip, sizeof(ip)) ||
		    ip.version != 4 || ip.saddr != pkt->key.daddr4)
			return false;
		pkt->key.saddr4 = ip.daddr;
		inner->proto = ip.protocol;
		inner->offset += ip.ihl * 4;
		inner->fragment = fragment_kind(
			ip.frag_off & bpf_htons(IP_OFFSET), false);
		return true;
	}
	if (bpf_skb_load_bytes(skb, inner->offset, &ip6, sizeof(ip6)) ||
	    ip6.version != 6 || !same_address(&ip6.saddr, pkt->key.daddr))
		return false;
	__builtin_memcpy(pkt->key.saddr, &ip6.daddr, sizeof(ip6.daddr));
	inner->proto = ip6.nexthdr;
	inner->offset += sizeof(ip6);
	return !skip_extensions(skb, inner);
}

/* An error goes to the instance whose packet it is about: that packet's own
 * flow, the other way round. */
static __always_inline bool parse_error(struct __sk_buff *skb,
					struct packet *pkt)
{
	struct transport inner = {.offset = pkt->l4 + 8};
	__be16 ports[2];

	if (!parse_inner_addresses(skb, pkt, &inner))
		return false;
	pkt->error = true;
	pkt->key.proto = inner.proto;
	if (inner.proto != IPPROTO_TCP && inner.proto != IPPROTO_UDP)
		return true;
	if (inner.fragment == FRAGMENT_LATER || inner.offset > 2 * L4_MAX ||
	    bpf_skb_load_bytes(skb, inner.offset, ports, sizeof(ports)))
		return false;
	pkt->key.sport = ports[1];
	pkt->key.dport = ports[0];
	pkt->tcp = inner.proto == IPPROTO_TCP;
	return true;
}

/* ICMP and ICMPv6; what the service's own router has to answer is not for us */
static __always_inline bool parse_icmp(struct __sk_buff *skb,
				       struct packet *pkt)
{
	__u8 head[8];

	if (pkt->l4 + sizeof(head) > pkt->end ||
	    bpf_skb_load_bytes(skb, pkt->l4, head, sizeof(head)))
		return false;
	if (pkt->family == DYNCAST_MAP_AF_INET6) {
		if (head[0] < ICMP6_ECHO_REQUEST)
			return parse_error(skb, pkt);
		return head[0] <= ICMP6_ECHO_REPLY;
	}
	switch (head[0]) {
	case ICMP_DEST_UNREACH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return parse_error(skb, pkt);
	case ICMP_REDIRECT:
		return false;
	default:
		return true;
	}
}

/* The rest of the key.  Ports stay zero where there are none: in a later
 * fragment, and of protocols whose flow is an address pair.  0 when it is
 * nothing for us. */
static __always_inline int parse_flow(struct __sk_buff *skb, struct packet *pkt)
{
	struct transport at = {};

	at.offset = pkt->l4;
	at.proto = pkt->key.proto;
	pkt->segment = pkt->length;
	if (pkt->family == DYNCAST_MAP_AF_INET6) {
		if (skip_extensions(skb, &at))
			return 0;
		pkt->l4 = at.offset;
		pkt->key.proto = at.proto;
		pkt->fragment = at.fragment;
		pkt->fragment_id = at.fragment_id;
		pkt->fragment_proto = at.fragment_proto;
	}
	if (pkt->fragment == FRAGMENT_LATER)
		return 1;
	switch (pkt->key.proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return parse_ports(skb, pkt);
	case IPPROTO_ICMP:
		return pkt->family == DYNCAST_MAP_AF_INET &&
		       parse_icmp(skb, pkt);
	case IPPROTO_ICMPV6:
		return pkt->family == DYNCAST_MAP_AF_INET6 &&
		       parse_icmp(skb, pkt);
	default:
		return 1;
	}
}

/* Not static: the verifier then looks at it once, not once for each way through
 * what follows.  It takes pointers as arguments since 5.12. */
__noinline int dyncast_parse_flow(struct __sk_buff *skb, struct packet *pkt)
{
	return pkt ? parse_flow(skb, pkt) : 0;
}

#endif /* DYNCAST_PARSE_H */
