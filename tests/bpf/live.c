// SPDX-License-Identifier: GPL-2.0-or-later
/* See live.h. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "live.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>

#include <cmocka.h>

#include "dp_harness.h"

#define FIRST_PORT 1000
/* an emulated processor takes its time */
#define WAIT_S 120

static struct live *left; /* its sender runs */

void live_setup(void)
{
	live_teardown();
	for (int i = 1; i <= 2; i++) {
		char c = 'a' + i - 1;

		dp_run("ip link add o%c type veth peer name p%c", c, c);
		dp_run("ip link set o%c up && ip link set p%c up", c, c);
		dp_run("ip neigh add %s lladdr 02:00:00:00:01:0%d nud permanent dev o%c",
		       i == 1 ? LIVE_A : LIVE_B, i, c);
	}
}

void live_teardown(void)
{
	if (left)
		live_stop(left);
	dp_link_del("oa");
	dp_link_del("ob");
}

uint32_t live_ifindex(int instance)
{
	return if_nametoindex(instance == 1 ? "oa" : "ob");
}

/* Sender ------------------------------------------------------------------ */

static int packet_socket(const char *ifname)
{
	struct sockaddr_ll where = {.sll_family = AF_PACKET,
				    .sll_protocol = htons(ETH_P_IP),
				    .sll_ifindex = if_nametoindex(ifname)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			htons(ETH_P_IP));

	if (fd >= 0 && bind(fd, (struct sockaddr *)&where, sizeof(where))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void arrived(struct live *live, const uint8_t *frame, int instance)
{
	unsigned int flow, header = 4 * (frame[ETH_HLEN] & 0xf);
	uint16_t port;

	memcpy(&port, frame + ETH_HLEN + header, sizeof(port));
	flow = ntohs(port) - FIRST_PORT;
	if (flow >= LIVE_FLOWS)
		return;
	live->round[flow] = live->rounds;
	if (!live->home[flow])
		live->home[flow] = instance;
	else if (live->home[flow] != instance)
		live->moved[flow]++;
}

static void receive(struct live *live, const int fds[2])
{
	uint8_t frame[2048];

	for (int i = 0; i < 2; i++)
		while (recv(fds[i], frame, sizeof(frame), 0) >=
		       ETH_HLEN + (ssize_t)sizeof(struct iphdr) + 4)
			arrived(live, frame, i + 1);
}

static void send_flow(int fd, int flow)
{
	uint16_t port = FIRST_PORT + flow;
	struct dp_packet packet = flow % 2 ? tcp(port) : udp(port);
	uint8_t frame[2048];
	uint32_t size = dp_build(&packet, frame);

	while (send(fd, frame, size, 0) < 0 && errno == ENOBUFS)
		;
}

static void run_sender(struct live *live)
{
	const struct timespec pause = {.tv_nsec = 200000};
	int out = packet_socket("dv1");
	int in[2] = {packet_socket("pa"), packet_socket("pb")};

	while (!live->stop) {
		live->rounds++;
		for (int i = 0; i < LIVE_FLOWS; i++) {
			send_flow(out, i);
			if (i % 16 == 15) {
				nanosleep(&pause, NULL);
				receive(live, in);
			}
		}
	}
}

struct live *live_start(void)
{
	struct live *live = mmap(NULL, sizeof(*live), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t parent = getpid(), sender;

	assert_true(live != MAP_FAILED);
	fflush(NULL);
	sender = fork();
	assert_true(sender >= 0);
	if (!sender) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			run_sender(live);
		_exit(0);
	}
	live->sender = sender;
	left = live;
	live_forget(live);
	return live;
}

/* Test -------------------------------------------------------------------- */

static void rounds(struct live *live, unsigned int count)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	unsigned int until = live->rounds + count;
	time_t end = time(NULL) + WAIT_S;

	while ((int)(live->rounds - until) < 0 && time(NULL) < end)
		nanosleep(&pause, NULL);
	assert_true((int)(live->rounds - until) >= 0);
}

void live_pass(struct live *live)
{
	rounds(live, 3);
}

void live_forget(struct live *live)
{
	time_t end = time(NULL) + WAIT_S;
	unsigned int nowhere = 1;

	rounds(live, 1);
	for (int i = 0; i < LIVE_FLOWS; i++) {
		live->home[i] = 0;
		live->moved[i] = 0;
	}
	while (nowhere && time(NULL) < end) {
		rounds(live, 1);
		nowhere = 0;
		for (int i = 0; i < LIVE_FLOWS; i++)
			nowhere += !live->home[i];
	}
	assert_int_equal(nowhere, 0);
}

unsigned int live_moved(const struct live *live)
{
	unsigned int n = 0;

	for (int i = 0; i < LIVE_FLOWS; i++)
		n += live->moved[i] != 0;
	return n;
}

unsigned int live_lost(const struct live *live)
{
	unsigned int n = 0;

	for (int i = 0; i < LIVE_FLOWS; i++)
		n += live->rounds - live->round[i] > 3;
	return n;
}

unsigned int live_at(const struct live *live, int instance)
{
	unsigned int n = 0;

	for (int i = 0; i < LIVE_FLOWS; i++)
		n += live->home[i] == instance;
	return n;
}

void live_stop(struct live *live)
{
	left = NULL;
	live->stop = 1;
	assert_int_equal(waitpid(live->sender, NULL, 0), live->sender);
	munmap(live, sizeof(*live));
}
