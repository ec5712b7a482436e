// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The metrics of a site in Prometheus' text format, over HTTP/1.1, for the
 * site's agent only.  See steering_server.h.
 */

#define _GNU_SOURCE
#include "steering_server.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* how much of the past the busy ratio is of */
#define WINDOW_NS (30 * NS_PER_MS)
#define PEERS (PAGE_FDS - 1)

struct peer {
	int fd;
	size_t filled;
	char request[2048];
};

static struct peer peers[PEERS];
static unsigned int n_peers;

void server_figures_busy(struct server_figures *f, int64_t when, int change)
{
	const struct server_point *last =
		&f->point[(f->points - 1) % BUSY_POINTS];

	/* what ended was due before the request came that is begun now */
	if (f->points && when < last->when)
		when = last->when;
	if (f->points)
		f->busy_ns += (when - last->when) * f->busy;
	f->point[f->points++ % BUSY_POINTS] =
		(struct server_point){when, f->busy_ns};
	f->busy += change;
}

/* worker time up to now */
static int64_t busy_now(const struct server_figures *f, int64_t now)
{
	const struct server_point *last =
		&f->point[(f->points - 1) % BUSY_POINTS];

	if (!f->points)
		return 0;
	return f->busy_ns + (now - last->when) * f->busy;
}

/* worker time up to `when`, between two points */
static int64_t busy_at(const struct server_figures *f, int64_t when)
{
	unsigned int kept = f->points < BUSY_POINTS ? f->points : BUSY_POINTS;
	struct server_point after = {steering_now(), 0};

	after.busy_ns = busy_now(f, after.when);
	for (unsigned int back = 1; back <= kept; back++) {
		struct server_point p =
			f->point[(f->points - back) % BUSY_POINTS];

		if (p.when <= when)
			return after.when == p.when
				       ? p.busy_ns
				       : p.busy_ns +
						 (int64_t)((double)(after.busy_ns -
								    p.busy_ns) *
							   (when - p.when) /
							   (after.when -
							    p.when));
		after = p;
	}
	return after.busy_ns;
}

static int page(const struct server_figures *f, char *out, size_t size)
{
	int64_t now = steering_now();
	double used = (double)(busy_now(f, now) - busy_at(f, now - WINDOW_NS)) /
		      ((double)WINDOW_NS * f->workers);

	return snprintf(out, size,
			"# TYPE app_workers gauge\napp_workers %u\n"
			"# TYPE app_in_flight gauge\napp_in_flight %u\n"
			"# TYPE app_busy_ratio gauge\napp_busy_ratio %.4f\n"
			"# TYPE app_request_duration_seconds summary\n"
			"app_request_duration_seconds_sum %.6f\n"
			"app_request_duration_seconds_count %llu\n",
			f->workers, f->in_flight, used < 0 ? 0 : used,
			(double)f->duration_ns / NS_PER_S,
			(unsigned long long)f->finished);
}

static void peer_close(struct peer *peer)
{
	close(peer->fd);
	*peer = peers[--n_peers];
}

/* false: the peer is gone */
static bool peer_serve(struct peer *peer, const struct server_figures *figures)
{
	ssize_t got = recv(peer->fd, peer->request + peer->filled,
			   sizeof(peer->request) - 1 - peer->filled, 0);
	char text[1024], answer[1400];
	int len;

	if (got <= 0)
		return false;
	peer->filled += got;
	peer->request[peer->filled] = '\0';
	if (!strstr(peer->request, "\r\n\r\n"))
		return true;
	peer->filled = 0;
	len = page(figures, text, sizeof(text));
	len = snprintf(answer, sizeof(answer),
		       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
		       "Content-Length: %d\r\n\r\n%s",
		       len, text);
	return send(peer->fd, answer, len, MSG_NOSIGNAL) == len;
}

unsigned int server_page_fds(int listener, struct pollfd *fds)
{
	fds[0] = (struct pollfd){n_peers < PEERS ? listener : -1, POLLIN, 0};
	for (unsigned int i = 0; i < n_peers; i++)
		fds[1 + i] = (struct pollfd){peers[i].fd, POLLIN, 0};
	return 1 + n_peers;
}

void server_page_serve(const struct pollfd *fds, unsigned int n,
		       const struct server_figures *figures)
{
	/* from the last: closing moves the last one here */
	for (unsigned int i = n - 1; i > 0; i--) {
		if (fds[i].revents && !peer_serve(&peers[i - 1], figures))
			peer_close(&peers[i - 1]);
	}
	if (fds[0].revents) {
		int fd = accept4(fds[0].fd, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			peers[n_peers++] = (struct peer){.fd = fd};
	}
}
