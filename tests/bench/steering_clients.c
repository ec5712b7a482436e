// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The clients of the steering testbed: each sends a request, waits for the
 * answer, thinks, and sends the next, for ever a new flow (a UDP port that was
 * not used for minutes), from an address of its own.
 *
 *   steering_clients TARGET PORT FIRST_ADDRESS CLIENTS SEED WARM_MS MEASURE_MS
 *                    SERVICE_US THINK_US LONG_EVERY LONG_US SAMPLES
 *
 * One request in LONG_EVERY (0: none) occupies a worker for LONG_US.  What a
 * client does next (how long it thinks, which request is a long one, its ports)
 * is its own sequence of random numbers, the same for the same seed whatever
 * delays were.  Requests that begin in the measured time count, until the last
 * of them is answered; each is a line of the file SAMPLES: time of sending (us
 * from the start of measuring), client, site, length of service and delay (us).
 * Prints "measured" when it begins to wait for the last.
 */

#define _GNU_SOURCE
#include "steering.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 64
#define PORT_FIRST 10000
#define PORTS 49999 /* a prime */
#define GIVE_UP_NS (10 * NS_PER_S)

struct client {
	struct sockaddr_in address;
	uint64_t random;
	uint32_t port; /* of PORTS */
	uint32_t stride;
	uint32_t sequence;
	uint32_t service_us;
	int fd; /* -1: thinks */
	int64_t sent;
	int64_t due; /* next request, or giving up on this one */
};

static struct {
	struct sockaddr_in target;
	unsigned int clients;
	int64_t begin; /* of measuring */
	int64_t end;
	uint32_t service_us;
	double think_ns;
	unsigned int long_every;
	uint32_t long_us;
	FILE *samples;
	uint64_t lost;
	uint64_t answered;
} run;

static struct client clients[CLIENTS_MAX];

static void think(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->due =
		steering_now() + steering_exponential(&c->random, run.think_ns);
}

static bool is_counted(const struct client *c)
{
	return c->fd >= 0 && c->sent >= run.begin && c->sent < run.end;
}

/* a port of this client that was not used for the longest time */
static int socket_open(struct client *c)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		STEERING_DIE("socket: %s", strerror(errno));
	do {
		c->port = (c->port + c->stride) % PORTS;
		c->address.sin_port = htons(PORT_FIRST + c->port);
	} while (bind(fd, (void *)&c->address, sizeof(c->address)) &&
		 errno == EADDRINUSE);
	if (connect(fd, (void *)&run.target, sizeof(run.target)))
		STEERING_DIE("connect: %s", strerror(errno));
	return fd;
}

static void request(struct client *c)
{
	bool is_long = run.long_every &&
		       steering_uniform(&c->random) * run.long_every < 1;
	struct steering_message message = {.sequence = ++c->sequence};

	c->service_us = is_long ? run.long_us : run.service_us;
	message.service_us = c->service_us;
	c->sent = steering_now();
	c->due = c->sent + GIVE_UP_NS + c->service_us * NS_PER_US;
	c->fd = socket_open(c);
	if (send(c->fd, &message, sizeof(message), 0) < 0)
		c->due = c->sent + NS_PER_S; /* counts as lost then */
}

static void answer(struct client *c)
{
	struct steering_message message = {0};
	int64_t now = steering_now();

	if (recv(c->fd, &message, sizeof(message), 0) != sizeof(message) ||
	    message.sequence != c->sequence)
		return;
	if (is_counted(c)) {
		fprintf(run.samples, "%lld,%u,%.8s,%u,%lld\n",
			(long long)((c->sent - run.begin) / NS_PER_US),
			(unsigned int)(c - clients), message.site,
			c->service_us,
			(long long)((now - c->sent) / NS_PER_US));
		run.answered++;
	}
	think(c);
}

static void due(struct client *c, int64_t now)
{
	if (c->due > now)
		return;
	if (c->fd < 0) {
		if (now < run.end)
			request(c);
		else
			c->due = INT64_MAX;
		return;
	}
	run.lost += is_counted(c);
	think(c);
}

/* requests that still count, and when something is to be done */
static unsigned int look(int64_t *next)
{
	unsigned int waiting = 0;

	*next = INT64_MAX;
	for (unsigned int i = 0; i < run.clients; i++) {
		waiting += is_counted(&clients[i]);
		if (clients[i].due < *next)
			*next = clients[i].due;
	}
	return waiting;
}

static void loop(void)
{
	struct pollfd fds[CLIENTS_MAX];
	bool told = false;
	int64_t next;

	while (look(&next) || steering_now() < run.end) {
		struct timespec left;
		int64_t now;

		if (!told && next > run.end)
			next = run.end;
		left = steering_timeout(next);
		for (unsigned int i = 0; i < run.clients; i++)
			fds[i] = (struct pollfd){clients[i].fd, POLLIN, 0};
		if (ppoll(fds, run.clients, &left, NULL) < 0)
			STEERING_DIE("ppoll: %s", strerror(errno));
		for (unsigned int i = 0; i < run.clients; i++) {
			if (fds[i].revents)
				answer(&clients[i]);
		}
		now = steering_now();
		for (unsigned int i = 0; i < run.clients; i++)
			due(&clients[i], now);
		if (!told && now >= run.end) {
			told = true;
			printf("measured\n");
			fflush(stdout);
		}
	}
}

static void clients_init(struct in_addr first, uint64_t seed)
{
	for (unsigned int i = 0; i < run.clients; i++) {
		struct client *c = &clients[i];

		c->address.sin_family = AF_INET;
		c->address.sin_addr.s_addr = htonl(ntohl(first.s_addr) + i);
		c->random = seed * 1000003 + i;
		c->port = steering_random(&c->random) % PORTS;
		c->stride = 1 + steering_random(&c->random) % (PORTS - 1);
		c->fd = -1;
		think(c);
	}
}

int main(int argc, char **argv)
{
	struct in_addr first;

	if (argc != 13 || !inet_aton(argv[1], &run.target.sin_addr) ||
	    !inet_aton(argv[3], &first))
		STEERING_DIE("see the head of steering_clients.c");
	run.target.sin_family = AF_INET;
	run.target.sin_port = htons(atoi(argv[2]));
	run.clients = atoi(argv[4]);
	if (run.clients < 1 || run.clients > CLIENTS_MAX)
		STEERING_DIE("1 to %d clients", CLIENTS_MAX);
	run.begin = steering_now() + atoll(argv[6]) * NS_PER_MS;
	run.end = run.begin + atoll(argv[7]) * NS_PER_MS;
	run.service_us = atoi(argv[8]);
	run.think_ns = (double)atoi(argv[9]) * NS_PER_US;
	run.long_every = atoi(argv[10]);
	run.long_us = atoi(argv[11]);
	run.samples = fopen(argv[12], "w");
	if (!run.samples)
		STEERING_DIE("%s: %s", argv[12], strerror(errno));
	clients_init(first, strtoull(argv[5], NULL, 10));
	steering_realtime();
	loop();
	if (fclose(run.samples))
		STEERING_DIE("%s: %s", argv[12], strerror(errno));
	printf("answered %llu lost %llu\n", (unsigned long long)run.answered,
	       (unsigned long long)run.lost);
	return 0;
}
