// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Thousands of long-lived flows from one process, for topotests
 * (topotests/lib/dyncast_flows.py).  Speaks with flow_server.c.
 *
 *   flow_client TARGET PORT UDP-PORT-BASE SOURCE...
 *
 * Flow number i has source i modulo their number; UDP flows have the ports from
 * UDP-PORT-BASE on, TCP flows one of the kernel's choice.  A flow sends a line
 * or datagram each interval once the last one was answered; what is lost of UDP
 * is sent again each second.  A flow has "moved" when another instance than at
 * first answers, and is "broken" when its connection is.
 *
 * Each line on stdin is answered by one line of JSON on stdout, and the end of
 * stdin ends it:
 *
 *   open TCP UDP INTERVAL-MS TIMEOUT-MS   until each was answered once
 *   round TIMEOUT-MS   until each was answered to what it sent after this
 *   interval MS        0: only what a round asks for
 *   flows              [[proto, local, instance, answers, sent, other
 *                      instance, why broken], ...]
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "limits.h"

#define FLOWS_MAX 32768
#define SOURCES_MAX 64
#define NAME_MAX_BYTES 16
#define LINE_MAX_BYTES 64
#define CONNECTING_MAX 256 /* at once */
#define SENDS_MAX 256	   /* between two looks at the answers */
#define EVENTS_MAX 256
#define RESEND_MS 1000
#define TICK_MS 5

enum state { UNBORN, CONNECTING, WAITING, IDLE, BROKEN };

struct flow {
	enum state state;
	bool tcp;
	bool fresh; /* answered since the round began */
	int fd;
	int error;
	unsigned int seq;  /* of what was sent last */
	unsigned int mark; /* seq when the round began */
	unsigned int answers, sent, used;
	int64_t due, sent_ms;
	char local[24], first[NAME_MAX_BYTES], other[NAME_MAX_BYTES];
	char line[LINE_MAX_BYTES];
};

static struct {
	struct sockaddr_in target;
	struct in_addr sources[SOURCES_MAX];
	int n_sources;
	uint16_t next_udp_port;
	int epoll;
	unsigned int n, born, connecting, fresh, broken;
	int64_t interval_ms;
	int64_t deadline; /* of the command that is under way; 0: none */
	struct flow flows[FLOWS_MAX];
} client;

static void die(const char *what)
{
	fprintf(stderr, "flow_client: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static void set_fresh(struct flow *f)
{
	if (!f->fresh)
		client.fresh++;
	f->fresh = true;
}

static void break_flow(struct flow *f, int error)
{
	if (f->state == CONNECTING)
		client.connecting--;
	f->state = BROKEN;
	f->error = error ? error : ECONNRESET;
	if (!f->fresh)
		client.broken++;
	close(f->fd);
}

/* Births ------------------------------------------------------------------ */

static void watch(struct flow *f, uint32_t events, int how)
{
	struct epoll_event event = {.events = events, .data.ptr = f};

	if (epoll_ctl(client.epoll, how, f->fd, &event))
		die("epoll_ctl");
}

static void note_local(struct flow *f)
{
	struct sockaddr_in me;
	socklen_t len = sizeof(me);
	char text[INET_ADDRSTRLEN];

	if (getsockname(f->fd, (struct sockaddr *)&me, &len))
		die("getsockname");
	inet_ntop(AF_INET, &me.sin_addr, text, sizeof(text));
	snprintf(f->local, sizeof(f->local), "%s:%u", text, ntohs(me.sin_port));
}

/* The kernel chooses a TCP port at connect(), as for ordinary clients: one of
 * bind() would soon be one that was in use a moment ago. */
static void give_birth(struct flow *f, unsigned int number)
{
	struct sockaddr_in me = {
		.sin_family = AF_INET,
		.sin_addr = client.sources[number % client.n_sources],
	};
	int one = 1;

	if (!f->tcp)
		me.sin_port = htons(client.next_udp_port++);
	f->fd = socket(AF_INET,
		       (f->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0);
	if (f->fd < 0)
		die("socket");
	if (f->tcp) {
		setsockopt(f->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
			   sizeof(one));
		setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	if (bind(f->fd, (struct sockaddr *)&me, sizeof(me)))
		die("bind");
	if (connect(f->fd, (struct sockaddr *)&client.target,
		    sizeof(client.target)) &&
	    errno != EINPROGRESS)
		die("connect");
	note_local(f);
	f->state = f->tcp ? CONNECTING : IDLE;
	client.connecting += f->tcp;
	watch(f, f->tcp ? EPOLLOUT : EPOLLIN, EPOLL_CTL_ADD);
}

static void births(void)
{
	int64_t now = now_ms();

	while (client.born < client.n && client.connecting < CONNECTING_MAX) {
		struct flow *f = &client.flows[client.born];

		f->due = now;
		give_birth(f, client.born++);
	}
}

/* Talking ----------------------------------------------------------------- */

static void say(struct flow *f, int64_t now)
{
	char line[LINE_MAX_BYTES];
	int n;

	if (f->state == IDLE)
		f->seq++;
	n = snprintf(line, sizeof(line), f->tcp ? "%u\n" : "%u", f->seq);
	f->state = WAITING;
	f->sent_ms = now;
	f->sent++;
	/* an ICMP error for a datagram: it counts as lost */
	if (send(f->fd, line, n, MSG_NOSIGNAL) != n && f->tcp)
		break_flow(f, errno);
}

static bool is_due(const struct flow *f, int64_t now)
{
	if (f->state == WAITING)
		return !f->tcp && now - f->sent_ms >= RESEND_MS;
	if (f->state != IDLE)
		return false;
	if (!f->fresh && client.deadline)
		return true;
	return client.interval_ms && now >= f->due;
}

static void talk(void)
{
	static unsigned int next;
	int64_t now = now_ms();
	int sends = 0;

	for (unsigned int i = 0; i < client.born && sends < SENDS_MAX; i++) {
		struct flow *f = &client.flows[next++ % client.born];

		if (!is_due(f, now))
			continue;
		say(f, now);
		sends++;
	}
}

/* "NAME", or "NAME COUNT SEQ" */
static void answered(struct flow *f, char *line)
{
	char name[NAME_MAX_BYTES] = "";
	unsigned int count, seq;
	int words = sscanf(line, "%15s %u %u", name, &count, &seq);

	if (words < 1)
		return;
	f->answers++;
	if (!f->first[0])
		strcpy(f->first, name);
	else if (strcmp(f->first, name))
		strcpy(f->other, name);
	if (words != 3 || f->state != WAITING || seq != f->seq)
		return;
	f->state = IDLE;
	f->due = f->sent_ms + client.interval_ms;
	if (seq > f->mark)
		set_fresh(f);
}

static void hear_datagrams(struct flow *f)
{
	char data[LINE_MAX_BYTES];
	ssize_t n;

	while ((n = recv(f->fd, data, sizeof(data) - 1, 0)) > 0) {
		data[n] = '\0';
		answered(f, data);
	}
}

static void hear_lines(struct flow *f)
{
	ssize_t n =
		recv(f->fd, f->line + f->used, sizeof(f->line) - f->used, 0);
	char *begin = f->line, *end;

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			break_flow(f, n ? errno : 0);
		return;
	}
	f->used += n;
	while ((end = memchr(begin, '\n', f->line + f->used - begin))) {
		*end = '\0';
		answered(f, begin);
		begin = end + 1;
	}
	f->used -= begin - f->line;
	memmove(f->line, begin, f->used);
	if (f->used == sizeof(f->line))
		break_flow(f, EPROTO);
}

static void connected(struct flow *f)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error) {
		break_flow(f, error);
		return;
	}
	note_local(f);
	client.connecting--;
	f->state = IDLE;
	watch(f, EPOLLIN, EPOLL_CTL_MOD);
}

static void one_event(struct flow *f)
{
	if (f->state == CONNECTING)
		connected(f);
	else if (!f->tcp)
		hear_datagrams(f);
	else if (f->state != BROKEN)
		hear_lines(f);
}

/* Commands ---------------------------------------------------------------- */

static void round_begin(int64_t timeout_ms)
{
	client.fresh = client.broken = 0;
	for (unsigned int i = 0; i < client.n; i++) {
		struct flow *f = &client.flows[i];

		f->fresh = false;
		f->mark = f->seq;
		client.broken += f->state == BROKEN;
	}
	client.deadline = now_ms() + timeout_ms;
}

static void round_end(void)
{
	unsigned int moved = 0, broken = 0;

	for (unsigned int i = 0; i < client.n; i++) {
		moved += client.flows[i].other[0] != '\0';
		broken += client.flows[i].state == BROKEN;
	}
	client.deadline = 0;
	printf("{\"flows\":%u,\"fresh\":%u,\"moved\":%u,\"broken\":%u}\n",
	       client.n, client.fresh, moved, broken);
	fflush(stdout);
}

static void open_flows(unsigned int tcp, unsigned int udp, int64_t timeout_ms)
{
	if (client.n + tcp + udp > FLOWS_MAX) {
		errno = ENOSPC;
		die("too many flows");
	}
	for (unsigned int i = 0; i < tcp + udp; i++)
		client.flows[client.n++].tcp = i < tcp;
	round_begin(timeout_ms);
}

static void list_flows(void)
{
	printf("{\"flows\":[");
	for (unsigned int i = 0; i < client.n; i++) {
		const struct flow *f = &client.flows[i];

		printf("%s[\"%s\",\"%s\",\"%s\",%u,%u,\"%s\",\"%s\"]",
		       i ? "," : "", f->tcp ? "tcp" : "udp", f->local, f->first,
		       f->answers, f->sent, f->other,
		       f->state == BROKEN ? strerror(f->error) : "");
	}
	printf("]}\n");
	fflush(stdout);
}

static void command(void)
{
	char line[128];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);
	unsigned int tcp, udp, interval, timeout;

	if (n <= 0)
		exit(0);
	line[n] = '\0';
	if (sscanf(line, "open %u %u %u %u", &tcp, &udp, &interval, &timeout) ==
	    4) {
		client.interval_ms = interval;
		open_flows(tcp, udp, timeout);
	} else if (sscanf(line, "round %u", &timeout) == 1) {
		round_begin(timeout);
	} else if (sscanf(line, "interval %u", &interval) == 1) {
		client.interval_ms = interval;
		printf("{}\n");
		fflush(stdout);
	} else if (!strncmp(line, "flows", 5)) {
		list_flows();
	} else {
		errno = EINVAL;
		die(line);
	}
}

static void arguments(int argc, char **argv)
{
	if (argc < 5 || argc - 4 > SOURCES_MAX) {
		fprintf(stderr,
			"usage: flow_client TARGET PORT UDP-PORT-BASE "
			"SOURCE...\n");
		exit(2);
	}
	client.target.sin_family = AF_INET;
	client.target.sin_port = htons(atoi(argv[2]));
	client.next_udp_port = atoi(argv[3]);
	if (inet_pton(AF_INET, argv[1], &client.target.sin_addr) != 1)
		die("TARGET");
	for (int i = 4; i < argc; i++)
		if (inet_pton(AF_INET, argv[i],
			      &client.sources[client.n_sources++]) != 1)
			die("SOURCE");
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS_MAX];
	struct epoll_event commands = {.events = EPOLLIN, .data.ptr = NULL};

	arguments(argc, argv);
	limits_raise(FLOWS_MAX + 64);
	client.epoll = epoll_create1(0);
	if (epoll_ctl(client.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &commands))
		die("stdin");
	for (;;) {
		int n = epoll_wait(client.epoll, events, EVENTS_MAX,
				   client.n ? TICK_MS : -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				one_event(events[i].data.ptr);
			else
				command();
		}
		births();
		talk();
		if (client.deadline &&
		    (client.fresh + client.broken >= client.n ||
		     now_ms() >= client.deadline))
			round_end();
	}
}
