/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a frame to struct packet: everything that a foreign sender decides is
 * checked here.  Part of dyncast.bpf.c.
 */

#ifndef DYNCAST_PARSE_H
#define DYNCAST_PARSE_H

#include "dyncast_prog.h"

/* Ethernet, IPv4 with all options, TCP without: what is parsed */
#define HEADERS_MAX (ETH_HLEN + 60 + (int)sizeof(struct tcphdr))
#define IP_MF_OR_OFFSET 0x3fff

/* Length of the largest segment that will leave: a packet that offloading has
 * put together is cut into pieces of gso_size again. */
static __always_inline __u16 segment_length(struct __sk_buff *skb,
					    const struct packet *pkt,
					    __u32 l3_size, void *l4,
					    void *data_end)
{
	__u32 l4_size = sizeof(struct udphdr);

	if (!skb->gso_size)
		return pkt->length;
	if (pkt->key.proto == IPPROTO_TCP) {
		struct tcphdr *tcp = l4;

		if ((void *)(tcp + 1) > data_end)
			return pkt->length;
		l4_size = tcp->doff * 4;
	}
	return l3_size + l4_size + skb->gso_size;
}

/*
 * Fills pkt from an Ethernet frame with IPv4; false when it is nothing for us.
 * Ports stay zero in a fragment.
 */
static __always_inline bool parse_ipv4(struct __sk_buff *skb,
				       struct packet *pkt)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip;
	__u32 l3_size;
	__be16 *ports;

	if (data + HEADERS_MAX > data_end && data_end - data < skb->len) {
		if (bpf_skb_pull_data(skb, skb->len < HEADERS_MAX
						   ? skb->len
						   : HEADERS_MAX))
			return false;
		data = (void *)(long)skb->data;
		data_end = (void *)(long)skb->data_end;
		eth = data;
	}

	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return false;
	l3_size = ip->ihl * 4;
	pkt->length = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || l3_size < sizeof(*ip) ||
	    pkt->length < l3_size + 8 || pkt->length + ETH_HLEN > skb->len)
		return false;

	pkt->tos = ip->tos;
	pkt->ttl = ip->ttl;
	pkt->key.family = DYNCAST_MAP_AF_INET;
	pkt->key.proto = ip->protocol;
	pkt->key.saddr[0] = ip->saddr;
	pkt->key.daddr[0] = ip->daddr;
	pkt->fragment = ip->frag_off & bpf_htons(IP_MF_OR_OFFSET);
	pkt->segment = pkt->length;
	if (pkt->fragment)
		return true;

	ports = (void *)ip + l3_size;
	if ((void *)(ports + 2) > data_end)
		return false;
	pkt->key.sport = ports[0];
	pkt->key.dport = ports[1];
	if (pkt->key.proto == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)ports;

		if ((void *)(tcp + 1) > data_end)
			return false;
		pkt->tcp = true;
		pkt->opens = tcp->syn && !tcp->ack;
		pkt->closes = tcp->fin || tcp->rst;
	}
	pkt->segment = segment_length(skb, pkt, l3_size, ports, data_end);
	return true;
}

#endif /* DYNCAST_PARSE_H */
