// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A link with a delay, for kernels without netem: a TAP interface in each of
 * two network namespaces, and whatever is sent into one comes out of the other
 * some time later, in order.
 *
 *   steering_relay DELAY_US IF PID IF PID
 *
 * PID: a process in the namespace where that end shall be.  Prints "ready" when
 * both interfaces exist; they are gone when this ends, with its stdin.  A line
 * there is another delay.
 */

#define _GNU_SOURCE
#include "steering.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FRAME_MAX 1600
#define FRAMES 4096 /* on their way in one direction; then the link is full */

struct frame {
	int64_t due;
	int len;
	uint8_t data[FRAME_MAX];
};

/* one direction */
struct way {
	int from;
	int to;
	unsigned int head;
	unsigned int tail;
	struct frame frames[FRAMES];
};

static struct way ways[2];
static uint64_t lost;

static int tap_open(const char *name, const char *pid)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	char path[64];
	int ns, fd;

	snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET))
		STEERING_DIE("%s: %s", path, strerror(errno));
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr))
		STEERING_DIE("cannot make %s: %s", name, strerror(errno));
	return fd;
}

static void take(struct way *way, int64_t delay)
{
	while (way->head - way->tail < FRAMES) {
		struct frame *frame = &way->frames[way->head % FRAMES];

		frame->len = (int)read(way->from, frame->data, FRAME_MAX);
		if (frame->len <= 0)
			return;
		frame->due = steering_now() + delay;
		way->head++;
	}
}

/* hand over what is due; when the next one is */
static int64_t give(struct way *way)
{
	while (way->tail != way->head) {
		struct frame *frame = &way->frames[way->tail % FRAMES];

		if (frame->due > steering_now())
			return frame->due;
		if (write(way->to, frame->data, frame->len) != frame->len)
			lost++; /* the interface is down */
		way->tail++;
	}
	return INT64_MAX;
}

/* a new delay, or the end */
static int64_t told(void)
{
	char line[32] = "";

	if (read(0, line, sizeof(line) - 1) <= 0)
		exit(0);
	return atoll(line) * NS_PER_US;
}

int main(int argc, char **argv)
{
	struct pollfd fds[3] = {
		{.events = POLLIN},
		{.events = POLLIN},
		{.events = POLLIN}, /* stdin */
	};
	int64_t delay;

	if (argc != 6)
		STEERING_DIE("usage: %s DELAY_US IF PID IF PID", argv[0]);
	delay = atoll(argv[1]) * NS_PER_US;
	ways[0].from = ways[1].to = fds[0].fd = tap_open(argv[2], argv[3]);
	ways[1].from = ways[0].to = fds[1].fd = tap_open(argv[4], argv[5]);
	steering_realtime();
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		int64_t first = give(&ways[0]), second = give(&ways[1]);
		int64_t due = first < second ? first : second;
		struct timespec left = steering_timeout(due);

		if (ppoll(fds, 3, due < INT64_MAX ? &left : NULL, NULL) < 0)
			STEERING_DIE("ppoll: %s", strerror(errno));
		if (fds[2].revents)
			delay = told();
		take(&ways[0], delay);
		take(&ways[1], delay);
	}
}
