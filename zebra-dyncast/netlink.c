// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A few rtnetlink requests of our own: End.DX6 routes, which FRR 8.4.4's zebra
 * cannot encode (endpoint.c), and the device pair of `dyncast forwarding
 * kernel` (veth.c).
 *
 * A request is answered by the kernel before send() returns, and the parts of
 * a dump are made inside recv(), so nothing here waits: an answer that is not
 * there is an error.  zebra's main thread, and tests/bpf/dp_tool.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink.h"

/* of a dump's parts: the kernel's own choice is 32 KiB at most */
#define PART_SIZE 32768

#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif

static void *end_of(struct dyncast_netlink *request)
{
	return (uint8_t *)request + NLMSG_ALIGN(request->header.nlmsg_len);
}

void dyncast_netlink_begin(struct dyncast_netlink *request, uint16_t type,
			   uint16_t flags, const void *head, size_t size)
{
	memset(request, 0, sizeof(*request));
	request->header.nlmsg_len = NLMSG_LENGTH(size);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(NLMSG_DATA(&request->header), head, size);
}

struct rtattr *dyncast_netlink_put(struct dyncast_netlink *request,
				   uint16_t type, const void *data, size_t size)
{
	struct rtattr *attr = end_of(request);

	attr->rta_type = type;
	attr->rta_len = RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(attr), data, size);
	request->header.nlmsg_len =
		NLMSG_ALIGN(request->header.nlmsg_len) + RTA_SPACE(size);
	return attr;
}

struct rtattr *dyncast_netlink_nest(struct dyncast_netlink *request,
				    uint16_t type)
{
	return dyncast_netlink_put(request, type, NULL, 0);
}

void dyncast_netlink_nest_end(struct dyncast_netlink *request,
			      struct rtattr *nest)
{
	nest->rta_len = (uint8_t *)end_of(request) - (uint8_t *)nest;
}

void dyncast_netlink_copy(void *to, size_t size, const struct rtattr *attr)
{
	size_t has = RTA_PAYLOAD(attr);

	memcpy(to, RTA_DATA(attr), has < size ? has : size);
}

static int answer_read(int fd)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		uint8_t rest[512];
	} answer = {};
	ssize_t n = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);

	if (n < 0)
		return errno;
	if ((size_t)n < NLMSG_LENGTH(sizeof(answer.error)) ||
	    answer.header.nlmsg_type != NLMSG_ERROR)
		return EPROTO;
	return -answer.error.error;
}

static int open_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

static int exchange(const struct dyncast_netlink *request)
{
	int error, fd = open_socket();

	if (fd < 0)
		return errno;
	if (send(fd, request, request->header.nlmsg_len, MSG_DONTWAIT) < 0)
		error = errno;
	else
		error = answer_read(fd);
	close(fd);
	return error;
}

/* the kernel checks capabilities when it reads the request */
int dyncast_netlink_exchange(const struct dyncast_netlink *request)
{
	struct dyncast_netlink copy = *request;
	int error = EPERM;

	copy.header.nlmsg_flags |= NLM_F_ACK;
	dyncast_dp_privs
	{
		error = exchange(&copy);
	}
	return error;
}

/* one part; 0 when more follow, -1 at the end, or an errno */
static int part_read(int fd,
		     void (*fn)(const struct nlmsghdr *message, void *arg),
		     void *arg)
{
	static uint8_t part[PART_SIZE]
		__attribute__((aligned(__alignof__(struct nlmsghdr))));
	ssize_t n = recv(fd, part, sizeof(part), MSG_DONTWAIT);
	struct nlmsghdr *message = (struct nlmsghdr *)part;

	if (n < 0)
		return errno;
	for (; NLMSG_OK(message, n); message = NLMSG_NEXT(message, n)) {
		if (message->nlmsg_type == NLMSG_DONE)
			return -1;
		if (message->nlmsg_type == NLMSG_ERROR)
			return -((struct nlmsgerr *)NLMSG_DATA(message))->error;
		fn(message, arg);
	}
	return 0;
}

void dyncast_netlink_ask(const struct dyncast_netlink *request,
			 void (*fn)(const struct nlmsghdr *message, void *arg),
			 void *arg)
{
	int fd = open_socket();

	if (fd < 0)
		return;
	/* a refusal is an answer without a message for fn */
	if (send(fd, request, request->header.nlmsg_len, MSG_DONTWAIT) >= 0)
		part_read(fd, fn, arg);
	close(fd);
}

int dyncast_netlink_dump_begin(const struct dyncast_netlink *request)
{
	struct dyncast_netlink copy = *request;
	int one = 1, fd = open_socket();

	if (fd < 0)
		return -1;
	copy.header.nlmsg_flags |= NLM_F_DUMP;
	/* the kernel filters; one that cannot gives more, which fn looks at */
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	if (send(fd, &copy, copy.header.nlmsg_len, MSG_DONTWAIT) >= 0)
		return fd;
	close(fd);
	return -1;
}

bool dyncast_netlink_dump_next(int fd,
			       void (*fn)(const struct nlmsghdr *message,
					  void *arg),
			       void *arg)
{
	return part_read(fd, fn, arg) == 0;
}

void dyncast_netlink_dump(const struct dyncast_netlink *request,
			  void (*fn)(const struct nlmsghdr *message, void *arg),
			  void *arg)
{
	int fd = dyncast_netlink_dump_begin(request);

	if (fd < 0)
		return;
	while (dyncast_netlink_dump_next(fd, fn, arg))
		;
	close(fd);
}
