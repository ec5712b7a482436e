// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets with forged sources, from a raw socket in a client's namespace: a
 * bounded flood, or single ones of a flow that exists.  For topotests.
 *
 *   flood TARGET PORT KIND COUNT RATE REPEAT [ADDRESS:PORT]
 *
 * KIND: syn, ack, udp, rst or fin.  COUNT packets at RATE a second at most,
 * each of them REPEAT times in a row, from a source of its own in
 * 198.18.0.0/15, or all from ADDRESS:PORT.  Prints how many were sent.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#define BATCH 64
#define FORGED 0xc6120000u /* 198.18.0.0 */

struct frame {
	struct iphdr ip;
	union {
		struct tcphdr tcp;
		struct udphdr udp;
	};
};

struct job {
	struct sockaddr_in target;
	const char *kind;
	bool udp;
	uint32_t saddr; /* 0: forged ones, one after the other */
	uint16_t sport;
	unsigned long count, rate, repeat;
};

static void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t sum(const void *data, size_t size, uint32_t total)
{
	uint16_t word;

	for (size_t i = 0; i < size / sizeof(word); i++) {
		memcpy(&word, (const char *)data + i * sizeof(word),
		       sizeof(word));
		total += word;
	}
	return total;
}

static uint16_t fold(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return ~total;
}

static void tcp_fill(struct frame *f, const struct job *job, uint16_t sport)
{
	struct {
		uint32_t saddr, daddr;
		uint8_t zero, proto;
		uint16_t len;
	} pseudo = {f->ip.saddr, f->ip.daddr, 0, IPPROTO_TCP,
		    htons(sizeof(f->tcp))};

	f->tcp = (struct tcphdr){
		.source = sport,
		.dest = job->target.sin_port,
		.seq = f->ip.saddr ^ sport,
		.doff = 5,
		.syn = !strcmp(job->kind, "syn"),
		.rst = !strcmp(job->kind, "rst"),
		.fin = !strcmp(job->kind, "fin"),
		.ack = !strcmp(job->kind, "fin") || !strcmp(job->kind, "ack"),
		.window = htons(1024),
	};
	f->tcp.check = fold(
		sum(&f->tcp, sizeof(f->tcp), sum(&pseudo, sizeof(pseudo), 0)));
}

/* the kernel fills in the IP header's length and checksum */
static size_t frame_fill(struct frame *f, const struct job *job,
			 unsigned long number)
{
	/* sources first, then ports: each pair is used once */
	uint32_t saddr =
		job->saddr ? job->saddr : htonl(FORGED | (number & 0x1ffff));
	uint16_t sport =
		job->saddr ? job->sport : htons(1024 + (number >> 17) % 60000);
	size_t size =
		sizeof(f->ip) + (job->udp ? sizeof(f->udp) : sizeof(f->tcp));

	f->ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = job->udp ? IPPROTO_UDP : IPPROTO_TCP,
		.saddr = saddr,
		.daddr = job->target.sin_addr.s_addr,
	};
	if (!job->udp)
		tcp_fill(f, job, sport);
	else
		f->udp = (struct udphdr){.source = sport,
					 .dest = job->target.sin_port,
					 .len = htons(sizeof(f->udp))};
	return size;
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ll + t.tv_nsec / 1000;
}

static void pace(const struct job *job, int64_t began, unsigned long sent)
{
	int64_t due = began + (int64_t)(sent * 1000000ull / job->rate);
	int64_t wait = due - now_us();
	struct timespec t = {.tv_nsec = wait * 1000};

	if (wait > 0)
		nanosleep(&t, NULL);
}

static unsigned long run(int fd, struct job *job)
{
	static struct frame frames[BATCH];
	unsigned long sent = 0;
	int64_t began = now_us();

	while (sent < job->count) {
		struct mmsghdr messages[BATCH] = {};
		struct iovec vectors[BATCH];
		int n = 0, done;

		for (; n < BATCH && sent + n < job->count; n++) {
			vectors[n] = (struct iovec){
				&frames[n],
				frame_fill(&frames[n], job,
					   (sent + n) / job->repeat)};
			messages[n].msg_hdr = (struct msghdr){
				.msg_name = &job->target,
				.msg_namelen = sizeof(job->target),
				.msg_iov = &vectors[n],
				.msg_iovlen = 1,
			};
		}
		done = sendmmsg(fd, messages, n, 0);
		if (done < 0 && errno != ENOBUFS && errno != EAGAIN)
			die("sendmmsg");
		sent += done > 0 ? done : 0;
		pace(job, began, sent);
	}
	return sent;
}

static void source_parse(struct job *job, char *text)
{
	char *colon = strchr(text, ':');

	if (!colon)
		die("ADDRESS:PORT");
	*colon = '\0';
	if (inet_pton(AF_INET, text, &job->saddr) != 1)
		die("ADDRESS:PORT");
	job->sport = htons(atoi(colon + 1));
}

int main(int argc, char **argv)
{
	struct job job = {.target.sin_family = AF_INET};
	int fd, room = 4 << 20;

	if (argc < 7 || argc > 8) {
		fprintf(stderr,
			"usage: flood TARGET PORT KIND COUNT RATE "
			"REPEAT [ADDRESS:PORT]\n");
		return 2;
	}
	job.target.sin_port = htons(atoi(argv[2]));
	job.kind = argv[3];
	job.udp = !strcmp(job.kind, "udp");
	job.count = strtoul(argv[4], NULL, 10);
	job.rate = strtoul(argv[5], NULL, 10);
	job.repeat = strtoul(argv[6], NULL, 10);
	if (inet_pton(AF_INET, argv[1], &job.target.sin_addr) != 1 ||
	    !job.rate || !job.repeat)
		die("arguments");
	if (argc == 8)
		source_parse(&job, argv[7]);
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	printf("%lu\n", run(fd, &job));
	return 0;
}
