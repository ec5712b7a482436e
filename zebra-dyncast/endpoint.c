// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SRv6 End.DX6 routes (RFC 8986 section 4.4), which hand an unpacked IPv6
 * packet to one certain instance.  FRR 8.4.4's zebra cannot encode the action,
 * so these routes go to the kernel from here.  They carry a protocol number of
 * their own: zebra shows them as kernel routes and leaves them alone, and what
 * a former run has left is found by it.
 *
 * zebra's main thread; called by sid.c, and by tests/bpf/dp_tool.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/lwtunnel.h>
#include <linux/seg6_local.h>

#include "endpoint.h"
#include "netlink.h"
#include "../lib/addr.h"

/* in /etc/iproute2/rt_protos' free range */
#define PROTOCOL 217

static void begin(struct dyncast_netlink *request, uint16_t type,
		  uint16_t flags, const struct dyncast_addr *sid)
{
	struct rtmsg route = {
		.rtm_family = AF_INET6,
		.rtm_dst_len = 128,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = PROTOCOL,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};

	dyncast_netlink_begin(request, type, flags, &route, sizeof(route));
	dyncast_netlink_put(request, RTA_DST, sid->bytes, sizeof(sid->bytes));
}

int dyncast_endpoint_set(const struct dyncast_addr *sid,
			 const struct dyncast_addr *address, uint32_t ifindex)
{
	uint32_t action = SEG6_LOCAL_ACTION_END_DX6;
	uint16_t encap = LWTUNNEL_ENCAP_SEG6_LOCAL;
	struct dyncast_netlink request;
	struct rtattr *nest;

	if (sid->family != AF_INET6 || address->family != AF_INET6)
		return EAFNOSUPPORT;
	begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sid);
	dyncast_netlink_put(&request, RTA_OIF, &ifindex, sizeof(ifindex));
	dyncast_netlink_put(&request, RTA_ENCAP_TYPE, &encap, sizeof(encap));
	nest = dyncast_netlink_nest(&request, RTA_ENCAP | NLA_F_NESTED);
	dyncast_netlink_put(&request, SEG6_LOCAL_ACTION, &action,
			    sizeof(action));
	dyncast_netlink_put(&request, SEG6_LOCAL_NH6, address->bytes,
			    sizeof(address->bytes));
	dyncast_netlink_nest_end(&request, nest);
	return dyncast_netlink_exchange(&request);
}

int dyncast_endpoint_remove(const struct dyncast_addr *sid)
{
	struct dyncast_netlink request;

	if (sid->family != AF_INET6)
		return EAFNOSUPPORT;
	begin(&request, RTM_DELROUTE, 0, sid);
	return dyncast_netlink_exchange(&request);
}

int dyncast_endpoint_clear(const struct dyncast_addr *sid)
{
	int error = dyncast_endpoint_remove(sid);

	return error == ESRCH ? 0 : error;
}

static void take_there(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *route = NLMSG_DATA(message);

	*(bool *)arg = message->nlmsg_type == RTM_NEWROUTE &&
		       route->rtm_protocol == PROTOCOL &&
		       route->rtm_dst_len == 128;
}

/* what the kernel would send a packet for it by */
bool dyncast_endpoint_there(const struct dyncast_addr *sid)
{
	struct rtmsg route = {
		.rtm_family = AF_INET6,
		.rtm_dst_len = 128,
		.rtm_flags = RTM_F_FIB_MATCH,
	};
	struct dyncast_netlink request;
	bool there = false;

	dyncast_netlink_begin(&request, RTM_GETROUTE, 0, &route, sizeof(route));
	dyncast_netlink_put(&request, RTA_DST, sid->bytes, sizeof(sid->bytes));
	dyncast_netlink_ask(&request, take_there, &there);
	return there;
}

struct found {
	struct dyncast_addr *sids;
	unsigned int n;
};

/* others may use the number too: ours unpack, whatever the source */
static void take(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	unsigned int size = message->nlmsg_len - NLMSG_LENGTH(sizeof(*route));
	struct found *found = arg;
	const void *sid = NULL;
	struct rtattr *attr;
	uint16_t encap = 0;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    route->rtm_protocol != PROTOCOL || route->rtm_dst_len != 128 ||
	    route->rtm_src_len != 0)
		return;
	for (attr = RTM_RTA(route); RTA_OK(attr, size);
	     attr = RTA_NEXT(attr, size)) {
		if (attr->rta_type == RTA_DST)
			sid = RTA_DATA(attr);
		if (attr->rta_type == RTA_ENCAP_TYPE)
			dyncast_netlink_copy(&encap, sizeof(encap), attr);
	}
	if (sid && encap == LWTUNNEL_ENCAP_SEG6_LOCAL &&
	    found->n < DYNCAST_ENDPOINT_PART)
		found->sids[found->n++] = dyncast_addr_make(AF_INET6, sid);
}

/* No filter by protocol: with one a part may be a walk through the whole table,
 * 50 ms of 200,000 other routes. */
int dyncast_endpoint_list_begin(void)
{
	struct rtmsg route = {
		.rtm_family = AF_INET6,
		.rtm_table = RT_TABLE_MAIN,
	};
	struct dyncast_netlink request;

	dyncast_netlink_begin(&request, RTM_GETROUTE, 0, &route, sizeof(route));
	return dyncast_netlink_dump_begin(&request);
}

bool dyncast_endpoint_list_next(int fd, struct dyncast_addr *sids,
				unsigned int *n)
{
	struct found found = {.sids = sids + *n};
	bool more = dyncast_netlink_dump_next(fd, take, &found);

	*n += found.n;
	return more;
}
