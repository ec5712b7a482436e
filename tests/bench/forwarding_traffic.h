/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets for the forwarding benchmark: streams on one or two CPUs, what they
 * cost, and what has arrived.  See forwarding_net.bpf.c.
 */

#ifndef BENCH_FORWARDING_TRAFFIC_H
#define BENCH_FORWARDING_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "forwarding_net.h"

/* what one CPU is to send; ends up in its struct bench_generator */
struct bench_stream {
	struct bench_generator packets;
	int cpu;
	bool holds; /* sends nothing, but lets nobody else have the CPU */
};

enum bench_role {
	BENCH_ROLE_RECEIVE, /* the router's end of a generator's link */
	BENCH_ROLE_SWALLOW,
	BENCH_ROLE_SINK,
};

/* All of these print why and end the process when the kernel refuses. */
void bench_traffic_start(void);
/* of an interface in the present network namespace */
void bench_traffic_attach(enum bench_role role, const char *ifname);
/* the present network namespace becomes the generators' */
void bench_traffic_partner_start(void);

struct bench_result {
	/* of CPU time for a packet of the first stream; and on the clock, which
	 * is more when something else had the CPU in between */
	double ns, wall_ns;
	uint64_t sent, flooded; /* of both streams, warming up included */
	struct bench_arrivals arrived;
};
/*
 * Send `warm` packets, then `packets` and measure these.  With a partner, that
 * one sends all the while on the other CPU (or holds it).
 */
void bench_traffic_run(const struct bench_stream *stream,
		       const struct bench_stream *partner, uint64_t warm,
		       uint64_t packets, struct bench_result *result);

/* Compare places from now on: of flows with these sources, with what
 * bench_traffic_places() holds (0: not known yet). */
void bench_traffic_check(bool on, uint32_t sources);
uint8_t *bench_traffic_places(void);

void bench_die(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));

#endif /* BENCH_FORWARDING_TRAFFIC_H */
