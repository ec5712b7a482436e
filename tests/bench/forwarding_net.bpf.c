// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets for the forwarding benchmark, and where they end.  Not part of the
 * product: what is measured is lib/bpf/dyncast.bpf.c as the loader loads it.
 *
 *   bench_generate  XDP, run by BPF_PROG_TEST_RUN with live frames: writes
 * every byte of the headers anew (frames are used again) and sends the frame
 * into a veth pair, whose other end polls it (NAPI) as a driver polls a device
 *   bench_receive   XDP on that end: lets pass; makes the end a NAPI one
 *   bench_swallow   tc: the end of packets that only the generator's cost is
 *                   wanted of
 *   bench_sink      tc: the end of all others; says what arrived where
 */

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "forwarding_net.h"

struct bench_generator generators[BENCH_CPUS];
/* the sink compares each packet's place with its flow's */
bool checking;
/* of the flows that are looked at */
__u32 checked_sources;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_arrivals);
} arrivals SEC(".maps");

/* by flow; 0: not known yet */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BENCH_FLOWS_MAX);
	__type(key, __u32);
	__type(value, __u8);
} places SEC(".maps");

/* The generator --------------------------------------------------------- */

/* xorshift64 */
static __always_inline __u64 next_random(struct bench_generator *g)
{
	__u64 x = g->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	g->random = x;
	return x;
}

struct flow {
	__u32 source; /* host order */
	__u16 port;
	__u8 proto;
	__u8 tcp_flags;
};

#define SYN 0x02
#define IPV4_END (ETH_HLEN + sizeof(struct iphdr))
#define IPV6_END (ETH_HLEN + sizeof(struct ipv6hdr))

static __always_inline void choose_flow(struct bench_generator *g,
					struct flow *flow)
{
	__u64 random = next_random(g);
	__u32 number;

	flow->proto = g->proto;
	flow->tcp_flags = g->tcp_flags;
	if (g->mode == BENCH_FLOOD || (random & 0xff) < g->flood) {
		g->flooded++;
		/* 128.0.0.0/2: such as a packet may have */
		flow->source = 1u << 31 | random >> 34;
		flow->port = random >> 16;
		flow->proto = random & 0x100 ? IPPROTO_TCP : IPPROTO_UDP;
		flow->tcp_flags = SYN;
		return;
	}
	g->sent++;
	if (g->mode == BENCH_RANDOM)
		number = (random >> 32) * g->flows >> 32;
	else
		number = g->sequence++;
	if (g->mode == BENCH_SEQUENCE && g->sequence >= g->flows)
		g->sequence = 0;
	flow->source = g->sources + (number >> BENCH_PORT_BITS);
	flow->port = BENCH_PORT + (number & ((1 << BENCH_PORT_BITS) - 1));
}

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

static __always_inline void write_ipv4(struct iphdr *ip,
				       const struct bench_generator *g,
				       const struct flow *flow)
{
	__u32 source = bpf_htonl(flow->source), to = g->destination[0], sum;

	*ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons(BENCH_FRAME - ETH_HLEN),
		.ttl = 64,
		.protocol = flow->proto,
		.saddr = source,
		.daddr = to,
	};
	sum = bpf_htons(0x4500) + ip->tot_len +
	      bpf_htons(64 << 8 | ip->protocol) + (source & 0xffff) +
	      (source >> 16) + (to & 0xffff) + (to >> 16);
	ip->check = fold(sum);
}

static __always_inline void write_ipv6(struct ipv6hdr *ip,
				       const struct bench_generator *g,
				       const struct flow *flow)
{
	*(__be32 *)ip = bpf_htonl(6u << 28);
	ip->payload_len = bpf_htons(BENCH_FRAME - ETH_HLEN - sizeof(*ip));
	ip->nexthdr = flow->proto;
	ip->hop_limit = 64;
	__builtin_memcpy(&ip->saddr, g->source_net, sizeof(g->source_net));
	ip->saddr.in6_u.u6_addr32[3] = bpf_htonl(flow->source);
	__builtin_memcpy(&ip->daddr, g->destination, sizeof(ip->daddr));
}

/* a checksum of zero is none in UDP, and nobody looks at TCP's on the way */
static __always_inline void write_ports(struct tcphdr *tcp, __u16 size,
					const struct flow *flow)
{
	struct udphdr *udp = (void *)tcp;

	udp->source = bpf_htons(flow->port);
	udp->dest = bpf_htons(BENCH_DESTINATION_PORT);
	if (flow->proto == IPPROTO_TCP) {
		tcp->seq = 0;
		tcp->ack_seq = 0;
		*((__be16 *)tcp + 6) = bpf_htons(5 << 12 | flow->tcp_flags);
		return;
	}
	udp->len = bpf_htons(size);
	udp->check = 0;
}

SEC("xdp")
int bench_generate(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id() & (BENCH_CPUS - 1);
	void *data = (void *)(long)ctx->data;
	struct bench_generator *g = &generators[cpu];
	struct ethhdr *eth = data;
	struct flow flow;

	if (data + BENCH_FRAME > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	choose_flow(g, &flow);
	__builtin_memcpy(eth, g->macs, sizeof(g->macs));
	if (g->ipv6) {
		eth->h_proto = bpf_htons(ETH_P_IPV6);
		write_ipv6(data + ETH_HLEN, g, &flow);
		write_ports(data + IPV6_END, BENCH_FRAME - IPV6_END, &flow);
	} else {
		eth->h_proto = bpf_htons(ETH_P_IP);
		write_ipv4(data + ETH_HLEN, g, &flow);
		write_ports(data + IPV4_END, BENCH_FRAME - IPV4_END, &flow);
	}
	return g->ifindex ? bpf_redirect(g->ifindex, 0) : XDP_DROP;
}

SEC("xdp")
int bench_receive(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

/* The ends -------------------------------------------------------------- */

static __always_inline struct bench_arrivals *seen(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&arrivals, &zero);
}

SEC("tc")
int bench_swallow(struct __sk_buff *skb)
{
	struct bench_arrivals *a = seen();

	(void)skb;
	if (a)
		a->swallowed++;
	return TC_ACT_SHOT;
}

/* the form, and the last byte of an outer destination */
static __always_inline __u32 form_of(void *data, void *data_end, __u8 *last,
				     __u32 *inner)
{
	struct ethhdr *eth = data;
	struct iphdr *ip = data + ETH_HLEN;
	struct ipv6hdr *ip6 = data + ETH_HLEN;

	*inner = ETH_HLEN;
	if (eth->h_proto == bpf_htons(ETH_P_IP) &&
	    (void *)(ip + 1) <= data_end) {
		if (ip->protocol != IPPROTO_IPIP &&
		    ip->protocol != IPPROTO_IPV6)
			return BENCH_IPV4;
		*last = bpf_ntohl(ip->daddr);
		*inner += sizeof(*ip);
		return ip->protocol == IPPROTO_IPIP ? BENCH_IPV4_IN_IPV4
						    : BENCH_IPV6_IN_IPV4;
	}
	if (eth->h_proto == bpf_htons(ETH_P_IPV6) &&
	    (void *)(ip6 + 1) <= data_end) {
		if (ip6->nexthdr != IPPROTO_IPIP &&
		    ip6->nexthdr != IPPROTO_IPV6)
			return BENCH_IPV6;
		*last = bpf_ntohl(ip6->daddr.in6_u.u6_addr32[3]);
		*inner += sizeof(*ip6);
		return ip6->nexthdr == IPPROTO_IPIP ? BENCH_IPV4_IN_IPV6
						    : BENCH_IPV6_IN_IPV6;
	}
	return BENCH_OTHER;
}

/* A flow's first packet says where it is to stay, unless the runner has. */
static __always_inline void check_place(struct __sk_buff *skb, __u32 inner,
					__u8 place, struct bench_arrivals *a)
{
	__u8 first, *known;
	__be32 source;
	__be16 port;
	__u32 number;

	if (bpf_skb_load_bytes(skb, inner, &first, 1) ||
	    bpf_skb_load_bytes(skb, inner + (first >> 4 == 6 ? 20 : 12),
			       &source, sizeof(source)) ||
	    bpf_skb_load_bytes(skb, inner + (first >> 4 == 6 ? 40 : 20), &port,
			       sizeof(port)))
		return;
	number = bpf_ntohl(source) - checked_sources;
	if (number >= BENCH_FLOWS_MAX >> BENCH_PORT_BITS)
		return;
	number = number << BENCH_PORT_BITS | (bpf_ntohs(port) - BENCH_PORT);
	known = bpf_map_lookup_elem(&places, &number);
	if (!known)
		return;
	a->checked++;
	if (!*known)
		*known = place;
	a->strayed += *known != place;
}

SEC("tc")
int bench_sink(struct __sk_buff *skb)
{
	struct bench_arrivals *a = seen();
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;
	__u32 form, inner;
	__u8 place, last;

	if (!a || data + sizeof(*eth) > data_end)
		return TC_ACT_SHOT;
	place = eth->h_dest[5];
	last = place;
	form = form_of(data, data_end, &last, &inner);
	/* what the kernel says of its own accord goes to other addresses */
	if (eth->h_dest[4] != 0x99 || place >= BENCH_PLACES || last != place ||
	    form >= BENCH_FORMS) {
		a->n[BENCH_OTHER][0]++;
		return TC_ACT_SHOT;
	}
	a->n[form][place]++;
	if (checking)
		check_place(skb, inner, place, a);
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";
