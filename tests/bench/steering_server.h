/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a site of the steering testbed knows about itself, and the page where
 * the agent reads it.  Owned by steering_server.c.
 */

#ifndef BENCH_STEERING_SERVER_H
#define BENCH_STEERING_SERVER_H

#include "steering.h"

#include <poll.h>

#define WORKERS_MAX 64
#define BUSY_POINTS 8192
#define PAGE_FDS 9

/* the sum of worker time up to a moment */
struct server_point {
	int64_t when;
	int64_t busy_ns;
};

struct server_figures {
	unsigned int workers;
	unsigned int busy;
	unsigned int in_flight;
	uint64_t finished;
	int64_t duration_ns; /* of all that finished, waiting included */
	int64_t busy_ns;     /* up to the last point */
	unsigned int points; /* ever; the last BUSY_POINTS are kept */
	struct server_point point[BUSY_POINTS];
};

/* A worker begins (1) or ends (-1) at `when`, which is not before the last. */
void server_figures_busy(struct server_figures *figures, int64_t when,
			 int change);

/* Fill in what to wait for, at most PAGE_FDS; then serve what came. */
unsigned int server_page_fds(int listener, struct pollfd *fds);
void server_page_serve(const struct pollfd *fds, unsigned int n,
		       const struct server_figures *figures);

#endif /* BENCH_STEERING_SERVER_H */
