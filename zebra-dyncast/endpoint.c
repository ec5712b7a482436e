// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SRv6 End.DX6 routes (RFC 8986 section 4.4), which hand an unpacked IPv6
 * packet to one certain instance.  FRR 8.4.4's zebra cannot encode the action,
 * so these routes go to the kernel from here.  They carry a protocol number of
 * their own: zebra shows them as kernel routes and leaves them alone.
 *
 * A request is answered by the kernel before send() returns, so nothing here
 * waits: an answer that is not there is an error.
 *
 * zebra's main thread; called by sid.c, and by tests/bpf/dp_tool.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/lwtunnel.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/seg6_local.h>

#include "endpoint.h"

/* in /etc/iproute2/rt_protos' free range */
#define PROTOCOL 217

struct request {
	struct nlmsghdr header;
	struct rtmsg route;
	uint8_t attributes[160];
};

static struct rtattr *put(struct request *request, uint16_t type,
			  const void *data, size_t size)
{
	struct rtattr *attr = (void *)((uint8_t *)request +
				       NLMSG_ALIGN(request->header.nlmsg_len));

	attr->rta_type = type;
	attr->rta_len = RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(attr), data, size);
	request->header.nlmsg_len =
		NLMSG_ALIGN(request->header.nlmsg_len) + RTA_SPACE(size);
	return attr;
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

static int exchange(const struct request *request)
{
	int fd, error = 0;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
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
static int exchange_privileged(const struct request *request)
{
	int error = EPERM;

	dyncast_dp_privs
	{
		error = exchange(request);
	}
	return error;
}

static struct request request_make(uint16_t type, uint16_t flags,
				   const struct dyncast_addr *sid)
{
	struct request request = {
		.header =
			{
				.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
				.nlmsg_type = type,
				.nlmsg_flags =
					NLM_F_REQUEST | NLM_F_ACK | flags,
			},
		.route =
			{
				.rtm_family = AF_INET6,
				.rtm_dst_len = 128,
				.rtm_table = RT_TABLE_MAIN,
				.rtm_protocol = PROTOCOL,
				.rtm_scope = RT_SCOPE_UNIVERSE,
				.rtm_type = RTN_UNICAST,
			},
	};

	put(&request, RTA_DST, sid->bytes, sizeof(sid->bytes));
	return request;
}

int dyncast_endpoint_set(const struct dyncast_addr *sid,
			 const struct dyncast_addr *address, uint32_t ifindex)
{
	struct request request =
		request_make(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sid);
	uint32_t action = SEG6_LOCAL_ACTION_END_DX6;
	uint16_t encap = LWTUNNEL_ENCAP_SEG6_LOCAL;
	struct rtattr *nest;

	if (sid->family != AF_INET6 || address->family != AF_INET6)
		return EAFNOSUPPORT;
	put(&request, RTA_OIF, &ifindex, sizeof(ifindex));
	put(&request, RTA_ENCAP_TYPE, &encap, sizeof(encap));
	nest = put(&request, RTA_ENCAP | NLA_F_NESTED, NULL, 0);
	put(&request, SEG6_LOCAL_ACTION, &action, sizeof(action));
	put(&request, SEG6_LOCAL_NH6, address->bytes, sizeof(address->bytes));
	nest->rta_len = (uint8_t *)&request + request.header.nlmsg_len -
			(uint8_t *)nest;
	return exchange_privileged(&request);
}

int dyncast_endpoint_clear(const struct dyncast_addr *sid)
{
	struct request request = request_make(RTM_DELROUTE, 0, sid);
	int error;

	if (sid->family != AF_INET6)
		return EAFNOSUPPORT;
	error = exchange_privileged(&request);
	return error == ESRCH ? 0 : error;
}
