// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A service instance that keeps count of thousands of flows, for topotests
 * (topotests/lib/dyncast_flows.py).
 *
 * TCP: greets with "NAME\n" and answers each line with "NAME COUNT LINE\n".
 * UDP: answers each datagram with "NAME COUNT DATAGRAM".  It remembers every
 * flow of the known clients, also one that has ended: whether a flow ever came
 * here is what tests ask.  Datagrams of strangers (floods with forged sources)
 * are counted and not answered.
 *
 *   flow_server NAME ADDRESS PORT CLIENTS/LEN
 *
 * Prints "ready"; then each line on stdin is answered by one line of JSON on
 * stdout, and the end of stdin ends it:
 *
 *   flows    [["tcp","10.0.1.11:40000",packets,TTL], ...] and the strangers
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "limits.h"

#define FLOWS_MAX 65536 /* a power of two, twice what tests need */
#define FDS_MAX 32768
#define LINE_MAX_BYTES 64
#define BACKLOG 4096
#define BATCH 64

struct flow {
	uint32_t addr; /* 0: not in use */
	uint16_t port;
	uint8_t proto;
	uint8_t ttl; /* of the last datagram */
	uint32_t count;
};

struct connection {
	struct flow *flow; /* NULL: not in use */
	unsigned int used; /* octets of a line that is not whole yet */
	char line[LINE_MAX_BYTES];
};

static struct {
	const char *name;
	uint32_t clients, mask;
	int epoll, listener, udp;
	unsigned int n_flows;
	unsigned long long strangers;
	struct flow flows[FLOWS_MAX];
	struct connection connections[FDS_MAX];
} server;

static void die(const char *what)
{
	fprintf(stderr, "flow_server %s: %s: %s\n", server.name, what,
		strerror(errno));
	exit(1);
}

/* by open addressing: flows are never forgotten */
static struct flow *flow_get(uint8_t proto, const struct sockaddr_in *peer)
{
	uint32_t addr = ntohl(peer->sin_addr.s_addr);
	uint16_t port = ntohs(peer->sin_port);
	uint32_t at = (addr * 2654435761u ^ port * 40503u ^ proto);
	struct flow *flow;

	for (;; at++) {
		flow = &server.flows[at % FLOWS_MAX];
		if (!flow->addr)
			break;
		if (flow->addr == addr && flow->port == port &&
		    flow->proto == proto)
			return flow;
	}
	if (++server.n_flows > FLOWS_MAX / 2) {
		errno = ENOSPC;
		die("too many flows");
	}
	flow->addr = addr;
	flow->port = port;
	flow->proto = proto;
	return flow;
}

static void watch(int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(server.epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl");
}

static void accept_all(void)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	char greeting[LINE_MAX_BYTES];
	int fd, n, one = 1;

	while ((fd = accept4(server.listener, (struct sockaddr *)&peer, &len,
			     SOCK_NONBLOCK)) >= 0) {
		if (fd >= FDS_MAX) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		server.connections[fd].flow = flow_get(IPPROTO_TCP, &peer);
		server.connections[fd].used = 0;
		watch(fd);
		n = snprintf(greeting, sizeof(greeting), "%s\n", server.name);
		if (write(fd, greeting, n) != n)
			continue; /* the client will be seen to go */
	}
}

static bool answer_line(int fd, struct flow *flow, const char *line, int len)
{
	char answer[2 * LINE_MAX_BYTES];
	int n = snprintf(answer, sizeof(answer), "%s %u %.*s\n", server.name,
			 ++flow->count, len, line);

	return write(fd, answer, n) == n;
}

/* false when the connection is over */
static bool serve(int fd, struct connection *c)
{
	ssize_t got = read(fd, c->line + c->used, sizeof(c->line) - c->used);
	char *begin = c->line, *end;

	if (got < 0)
		return errno == EAGAIN;
	if (got == 0)
		return false;
	c->used += got;
	while ((end = memchr(begin, '\n', c->line + c->used - begin))) {
		if (!answer_line(fd, c->flow, begin, end - begin))
			return false;
		begin = end + 1;
	}
	c->used -= begin - c->line;
	memmove(c->line, begin, c->used);
	return c->used < sizeof(c->line);
}

static uint8_t ttl_of(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
	     c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
			return *(int *)CMSG_DATA(c);
	return 0;
}

static void answer_datagram(const struct msghdr *message, const char *data,
			    int len, uint8_t ttl)
{
	const struct sockaddr_in *peer = message->msg_name;
	char answer[2 * LINE_MAX_BYTES];
	struct flow *flow;
	int n;

	if ((ntohl(peer->sin_addr.s_addr) & server.mask) != server.clients) {
		server.strangers++;
		return;
	}
	flow = flow_get(IPPROTO_UDP, peer);
	flow->ttl = ttl;
	n = snprintf(answer, sizeof(answer), "%s %u %.*s", server.name,
		     ++flow->count, len, data);
	sendto(server.udp, answer, n, 0, (const struct sockaddr *)peer,
	       sizeof(*peer));
}

static void serve_datagrams(void)
{
	static char data[BATCH][LINE_MAX_BYTES], control[BATCH][64];
	static struct sockaddr_in peers[BATCH];
	struct mmsghdr messages[BATCH] = {};
	struct iovec vectors[BATCH];
	int n;

	for (int i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){data[i], sizeof(data[i])};
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &peers[i],
			.msg_namelen = sizeof(peers[i]),
			.msg_iov = &vectors[i],
			.msg_iovlen = 1,
			.msg_control = control[i],
			.msg_controllen = sizeof(control[i]),
		};
	}
	n = recvmmsg(server.udp, messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		answer_datagram(&messages[i].msg_hdr, data[i],
				messages[i].msg_len,
				ttl_of(&messages[i].msg_hdr));
}

static void list_flows(void)
{
	const char *comma = "";

	printf("{\"flows\":[");
	for (int i = 0; i < FLOWS_MAX; i++) {
		const struct flow *f = &server.flows[i];
		uint32_t a = f->addr;

		if (!a)
			continue;
		printf("%s[\"%s\",\"%u.%u.%u.%u:%u\",%u,%u]", comma,
		       f->proto == IPPROTO_TCP ? "tcp" : "udp", a >> 24,
		       a >> 16 & 255, a >> 8 & 255, a & 255, f->port, f->count,
		       f->ttl);
		comma = ",";
	}
	printf("],\"strangers\":%llu}\n", server.strangers);
	fflush(stdout);
}

static void command(void)
{
	char line[64];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line));

	if (n <= 0)
		exit(0);
	list_flows();
}

static void open_sockets(const char *address, const char *port)
{
	struct sockaddr_in where = {.sin_family = AF_INET,
				    .sin_port = htons(atoi(port))};
	int one = 1, room = 8 << 20;

	if (inet_pton(AF_INET, address, &where.sin_addr) != 1)
		die("address");
	server.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	server.udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	setsockopt(server.listener, SOL_SOCKET, SO_REUSEADDR, &one,
		   sizeof(one));
	setsockopt(server.udp, IPPROTO_IP, IP_RECVTTL, &one, sizeof(one));
	setsockopt(server.udp, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (bind(server.listener, (struct sockaddr *)&where, sizeof(where)) ||
	    listen(server.listener, BACKLOG) ||
	    bind(server.udp, (struct sockaddr *)&where, sizeof(where)))
		die("cannot open the sockets");
	server.epoll = epoll_create1(0);
	watch(server.listener);
	watch(server.udp);
	watch(STDIN_FILENO);
}

static void parse_clients(char *text)
{
	char *slash = strchr(text, '/');
	struct in_addr addr;
	int len = slash ? atoi(slash + 1) : -1;

	if (slash)
		*slash = '\0';
	if (len < 1 || len > 32 || inet_pton(AF_INET, text, &addr) != 1)
		die("CLIENTS/LEN");
	server.mask = ~0u << (32 - len);
	server.clients = ntohl(addr.s_addr) & server.mask;
}

static void one_event(int fd)
{
	if (fd == server.listener)
		accept_all();
	else if (fd == server.udp)
		serve_datagrams();
	else if (fd == STDIN_FILENO)
		command();
	else if (!serve(fd, &server.connections[fd]))
		close(fd);
}

int main(int argc, char **argv)
{
	struct epoll_event events[BATCH];

	server.name = argc > 1 ? argv[1] : "?";
	if (argc != 5) {
		fprintf(stderr,
			"usage: flow_server NAME ADDRESS PORT CLIENTS/LEN\n");
		return 2;
	}
	limits_raise(FDS_MAX);
	parse_clients(argv[4]);
	open_sockets(argv[2], argv[3]);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(server.epoll, events, BATCH, -1);

		for (int i = 0; i < n; i++)
			one_event(events[i].data.fd);
	}
}
