/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the forwarding benchmark's programs (forwarding_net.bpf.c) share with
 * their runner (forwarding_traffic.c): what a generator sends and what a sink
 * has seen.
 *
 * A flow is a number: its source port is BENCH_PORT + the low bits, its source
 * address `sources` + the high ones.
 */

#ifndef BENCH_FORWARDING_NET_H
#define BENCH_FORWARDING_NET_H

#include <linux/types.h>

#define BENCH_CPUS 64
#define BENCH_FRAME 100
#define BENCH_PORT 1024
#define BENCH_PORT_BITS 14
#define BENCH_FLOWS_MAX (1u << 20)
#define BENCH_DESTINATION_PORT 80

enum bench_mode {
	BENCH_RANDOM,	/* one of `flows`, all as likely */
	BENCH_SEQUENCE, /* one after the other, `flows` of them */
	BENCH_NEW,	/* each packet another flow */
	BENCH_FLOOD,	/* forged sources, UDP and SYNs in turn */
};

/* of one CPU; alone in its cache lines */
struct bench_generator {
	__u64 random; /* state of the generator of random numbers, not 0 */
	__u64 sequence;
	__u64 sent;    /* packets of flows */
	__u64 flooded; /* those of a flood, not counted in sent */
	__u32 ifindex; /* 0: make the packet and throw it away */
	__u32 flows;
	__u32 sources;	     /* host order; IPv6: the last four bytes */
	__u32 source_net[3]; /* IPv6: the first twelve */
	__u32 destination[4];
	__u8 macs[12];
	__u8 mode;  /* enum bench_mode */
	__u8 flood; /* of 256 packets, in the modes above BENCH_FLOOD */
	__u8 ipv6;
	__u8 proto;
	__u8 tcp_flags;
} __attribute__((aligned(256)));

/* how a packet arrives; the outer header last */
enum bench_form {
	BENCH_IPV4,
	BENCH_IPV6,
	BENCH_IPV4_IN_IPV6,
	BENCH_IPV6_IN_IPV6,
	BENCH_IPV4_IN_IPV4,
	BENCH_IPV6_IN_IPV4,
	BENCH_OTHER,
	BENCH_FORMS
};

/* A place is a neighbour of the router: the last byte of its MAC address, and
 * where there is an outer header, of that one's destination. */
#define BENCH_PLACES 16

struct bench_arrivals {
	__u64 n[BENCH_FORMS][BENCH_PLACES];
	__u64 swallowed; /* before the router */
	__u64 checked;	 /* packets whose place was looked up ... */
	__u64 strayed;	 /* ... and was not the flow's */
};

#endif /* BENCH_FORWARDING_NET_H */
