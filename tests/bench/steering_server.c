// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A site of the steering testbed: workers with one queue, first come first
 * served.  A worker waits for the time that a request asks for, so that many
 * sites fit on one processor and are as slow as their queues make them.
 *
 *   steering_server NAME WORKERS SERVICE_ADDRESS PORT OWN_ADDRESS HTTP_PORT
 *
 * Requests come as datagrams (steering.h) to the service's address; the page of
 * metrics for the agent is served on the site's own (steering_page.c).
 * Commands on stdin, each answered with "ok":
 *
 *   background CLIENTS SERVICE_US THINK_US ON_MS PERIOD_MS OFFSET_MS SEED
 *
 * clients of the site's own, who behave as the others do, but only in the first
 * ON_MS of each PERIOD_MS; the first period began OFFSET_MS ago.  They occupy
 * the same workers and wait in the same queue.  CLIENTS 0: none.
 */

#define _GNU_SOURCE
#include "steering_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE 65536
#define BACKGROUND_MAX 1024
#define NOBODY (-1)

struct job {
	struct sockaddr_in from;
	struct steering_message message;
	int background; /* index of the client, or NOBODY */
	unsigned int generation;
	int64_t arrived;
	int64_t done; /* while a worker has it */
};

static struct {
	unsigned int clients;
	uint32_t service_us;
	double think_ns;
	int64_t on;
	int64_t period;
	int64_t origin;
	uint64_t random;
	unsigned int generation; /* those of an earlier command are no more */
	int64_t next[BACKGROUND_MAX];
} background;

static struct server_figures figures;
static struct job workers[WORKERS_MAX];
static bool works[WORKERS_MAX];
static struct job queue[QUEUE];
static unsigned int head, tail;
static uint64_t refused;
static const char *name;
static int requests;

/* ---- workers ------------------------------------------------------------- */

static void begin(const struct job *job, int64_t when)
{
	for (unsigned int i = 0; i < figures.workers; i++) {
		if (works[i])
			continue;
		works[i] = true;
		workers[i] = *job;
		workers[i].done = when + job->message.service_us * NS_PER_US;
		server_figures_busy(&figures, when, 1);
		return;
	}
}

static void submit(struct job *job)
{
	figures.in_flight++;
	if (figures.busy < figures.workers) {
		begin(job, job->arrived);
	} else if (head - tail < QUEUE) {
		queue[head++ % QUEUE] = *job;
	} else {
		figures.in_flight--;
		refused++;
	}
}

static void background_think(int client, int64_t when)
{
	int64_t phase, next;

	next = when +
	       steering_exponential(&background.random, background.think_ns);
	phase = (next - background.origin) % background.period;
	if (phase >= background.on)
		next += background.period - phase +
			steering_exponential(&background.random,
					     background.think_ns);
	background.next[client] = next;
}

static void answer(struct job *job)
{
	if (job->background != NOBODY) {
		if (job->generation == background.generation)
			background_think(job->background, job->done);
		return;
	}
	snprintf(job->message.site, sizeof(job->message.site), "%s", name);
	sendto(requests, &job->message, sizeof(job->message), 0,
	       (void *)&job->from, sizeof(job->from));
}

/* The next job begins when the last one was due to end, not when this process
 * came to see it: workers lose no time. */
static void finish(unsigned int worker)
{
	struct job job = workers[worker];

	works[worker] = false;
	figures.in_flight--;
	figures.finished++;
	figures.duration_ns += job.done - job.arrived;
	server_figures_busy(&figures, job.done, -1);
	if (tail != head) {
		struct job *waits = &queue[tail++ % QUEUE];

		begin(waits,
		      job.done > waits->arrived ? job.done : waits->arrived);
	}
	answer(&job);
}

/* the first worker that is done, or the first background client that is due */
static int64_t first_event(int *worker, int *client)
{
	int64_t first = INT64_MAX;

	*worker = *client = NOBODY;
	for (unsigned int i = 0; i < figures.workers; i++) {
		if (works[i] && workers[i].done < first) {
			first = workers[i].done;
			*worker = (int)i;
		}
	}
	for (unsigned int i = 0; i < background.clients; i++) {
		if (background.next[i] < first) {
			first = background.next[i];
			*worker = NOBODY;
			*client = (int)i;
		}
	}
	return first;
}

/* all that happened until now, in order; when the next will */
static int64_t catch_up(void)
{
	for (;;) {
		int worker, client;
		int64_t first = first_event(&worker, &client);
		struct job job = {0};

		if (first > steering_now())
			return first;
		if (worker != NOBODY) {
			finish((unsigned int)worker);
			continue;
		}
		job.background = client;
		job.generation = background.generation;
		job.arrived = first;
		job.message.service_us = background.service_us;
		background.next[client] = INT64_MAX;
		submit(&job);
	}
}

/* ---- edges --------------------------------------------------------------- */

static void receive(void)
{
	for (;;) {
		struct job job = {.background = NOBODY};
		socklen_t size = sizeof(job.from);

		if (recvfrom(requests, &job.message, sizeof(job.message), 0,
			     (void *)&job.from, &size) != sizeof(job.message))
			return;
		job.arrived = steering_now();
		catch_up();
		submit(&job);
	}
}

static void command(char *line)
{
	unsigned int clients, service_us, think_us, on, period, offset;
	unsigned long long seed;

	if (sscanf(line, "background %u %u %u %u %u %u %llu", &clients,
		   &service_us, &think_us, &on, &period, &offset, &seed) != 7 ||
	    clients > BACKGROUND_MAX || !period)
		STEERING_DIE("%s: bad command: %s", name, line);
	background.generation++;
	background.clients = clients;
	background.service_us = service_us;
	background.think_ns = (double)think_us * NS_PER_US;
	background.on = on * NS_PER_MS;
	background.period = period * NS_PER_MS;
	background.origin = steering_now() - offset * NS_PER_MS;
	background.random = seed;
	for (unsigned int i = 0; i < clients; i++)
		background_think((int)i, steering_now());
	printf("ok\n");
	fflush(stdout);
}

/* false at the end of stdin */
static bool commands_read(void)
{
	static char buffer[1024];
	static size_t filled;
	ssize_t got = read(0, buffer + filled, sizeof(buffer) - 1 - filled);
	char *end;

	if (got <= 0)
		return false;
	filled += got;
	buffer[filled] = '\0';
	while ((end = strchr(buffer, '\n'))) {
		*end = '\0';
		command(buffer);
		filled -= end + 1 - buffer;
		memmove(buffer, end + 1, filled + 1);
	}
	return true;
}

static int bound(int type, const char *address, const char *port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_port = htons(atoi(port))};
	int on = 1,
	    fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!inet_aton(address, &sin.sin_addr) ||
	    bind(fd, (void *)&sin, sizeof(sin)))
		STEERING_DIE("%s: %s:%s: %s", name, address, port,
			     strerror(errno));
	return fd;
}

int main(int argc, char **argv)
{
	struct pollfd fds[2 + PAGE_FDS];
	int listener;

	if (argc != 7)
		STEERING_DIE("see the head of steering_server.c");
	name = argv[1];
	figures.workers = atoi(argv[2]);
	if (figures.workers < 1 || figures.workers > WORKERS_MAX)
		STEERING_DIE("1 to %d workers", WORKERS_MAX);
	requests = bound(SOCK_DGRAM, argv[3], argv[4]);
	listener = bound(SOCK_STREAM, argv[5], argv[6]);
	if (listen(listener, 16))
		STEERING_DIE("%s: listen: %s", name, strerror(errno));
	steering_realtime();
	printf("ok\n");
	fflush(stdout);
	for (;;) {
		int64_t next = catch_up();
		struct timespec left = steering_timeout(next);
		nfds_t n;

		fds[0] = (struct pollfd){0, POLLIN, 0};
		fds[1] = (struct pollfd){requests, POLLIN, 0};
		n = 2 + server_page_fds(listener, fds + 2);
		if (ppoll(fds, n, next < INT64_MAX ? &left : NULL, NULL) < 0)
			STEERING_DIE("ppoll: %s", strerror(errno));
		if (fds[1].revents)
			receive();
		if (fds[0].revents && !commands_read())
			return refused != 0;
		catch_up();
		server_page_serve(fds + 2, n - 2, &figures);
	}
}
